//! What is not as it was written is fetched again.

use std::fs;
use std::path::PathBuf;

use arcgis_export::{Error, ExportEvent, LocalFile, Resume, ResumeError};

use crate::bench::{CAP, Export, ROWS, restore, save, timeless, undisturbed};
use crate::generated::Generated;

#[tokio::test]
async fn whatever_is_torn_off_the_rows_are_the_same() {
    let (file, _) = undisturbed().await;
    let export = Export::broken_after(4).await;
    let saved = export.folder.path().join("saved");
    save(&export.spool(), &saved);
    let journal = fs::read(saved.join("journal")).unwrap();
    let segment = fs::read(saved.join("000001.arrows")).unwrap();
    assert!(journal.len() > 1_000 && segment.len() > 1_000);

    let mut resumed_rows = std::collections::BTreeSet::new();
    // Prime steps meet all places of a line; tests of the journal alone try each byte.
    let torn_at = |step: usize, length: usize| (0..length).step_by(step).chain([length - 1]);
    for (name, step, bytes) in [("journal", 47, &journal), ("000001.arrows", 131, &segment)] {
        for (number, cut) in torn_at(step, bytes.len()).enumerate() {
            restore(&saved, &export.spool());
            let mut torn = bytes.clone();
            let how = ["cut", "zeros", "changed"][number % 3];
            match how {
                "cut" => torn.truncate(cut),
                "zeros" => torn[cut..].fill(0),
                _ => torn[cut] ^= 0x20,
            }
            fs::write(export.spool().join(name), torn).unwrap();
            let report = export.run().await;
            let report = report.unwrap_or_else(|error| panic!("{name} {how} {cut}: {error}"));
            assert!(timeless(&export.file()) == file, "{name} {how} {cut}");
            assert_eq!(export.names(), ["saved", "towns.parquet"]);
            resumed_rows.insert(report.resumed.map(|resumed| resumed.rows));
            fs::remove_file(export.path()).unwrap();
        }
    }
    // Torn at the header there is nothing to go on with, elsewhere as many pages as are whole.
    assert!(resumed_rows.contains(&None) && resumed_rows.contains(&Some(0)));
    assert!(resumed_rows.contains(&Some(CAP as u64)), "{resumed_rows:?}");
}

#[tokio::test]
async fn rows_in_many_files_are_found_again() {
    let (file, _) = undisturbed().await;
    let export = Export::of(&Generated::new(ROWS, CAP));
    let run = || async {
        let a_page_each = Resume::new().with_segment_bytes(1.try_into().unwrap());
        let to = LocalFile::new(export.path());
        export
            .layer_export()
            .await
            .with_resume(a_page_each)
            .to(to)
            .await
    };
    let segment = |number: u32| export.spool().join(format!("{number:06}.arrows"));
    export.server.break_after(4);
    run().await.unwrap_err();
    assert!(segment(4).exists() && !segment(5).exists());
    // One that is gone takes those behind it with it.
    fs::remove_file(segment(3)).unwrap();
    export.server.break_after(1);
    run().await.unwrap_err();
    assert_eq!(export.kept(), Some(3 * CAP as u64));
    assert!(segment(3).exists() && !segment(4).exists());
    export.server.break_after(i64::MAX);

    // A page that cannot be written ends the export, and those before it stay.
    fs::create_dir(segment(4)).unwrap();
    fs::write(segment(4).join("not ours"), "").unwrap();
    for _ in 0..2 {
        let error = run().await.unwrap_err();
        assert!(matches!(&error, Error::Spool(_)), "{error}");
        assert_eq!(export.names(), [".towns.parquet.arcgis-spool"]);
    }
    fs::remove_dir_all(segment(4)).unwrap();
    // One that comes in the way while the export is running.
    let blocked = segment(5);
    let error = export
        .layer_export()
        .await
        .with_resume(Resume::new().with_segment_bytes(1.try_into().unwrap()))
        .with_observer(move |event| {
            if let ExportEvent::Resumed(_) = event {
                fs::create_dir(&blocked).unwrap();
            }
        })
        .to(LocalFile::new(export.path()))
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::Spool(_)), "{error}");
    fs::remove_dir(segment(5)).unwrap();
    let report = run().await.unwrap();
    assert_eq!(report.resumed.unwrap().rows, 4 * CAP as u64);
    assert!(timeless(&export.file()) == file);
    assert_eq!(export.names(), ["towns.parquet"]);
}

#[tokio::test]
async fn a_plan_that_is_damaged_is_told() {
    let export = Export::broken_after(3).await;
    let plan = export.spool().join("plan");
    let mut bytes = fs::read(&plan).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&plan, bytes).unwrap();
    let error = export.run().await.unwrap_err();
    assert!(
        matches!(&error, Error::Resume(ResumeError::Unreadable { .. })),
        "{error}"
    );
    // It says how to go on, and that does it.
    assert!(error.to_string().contains("remove the folder"), "{error}");
    fs::remove_dir_all(export.spool()).unwrap();
    assert_eq!(export.run().await.unwrap().resumed, None);
}

#[tokio::test]
async fn a_part_that_a_killed_process_left_is_removed() {
    let export = Export::broken_after(3).await;
    let journal = export.spool().join("journal");
    let text = fs::read_to_string(&journal).unwrap();
    let header: serde_json::Value =
        serde_json::from_str(&text.lines().next().unwrap()[17..]).unwrap();
    let part = PathBuf::from(header["export"]["part"].as_str().unwrap());
    assert_eq!(part.parent(), Some(export.folder.path()));
    fs::write(&part, "PAR1").unwrap();
    export.run().await.unwrap();
    assert_eq!(export.names(), ["towns.parquet"]);
}
