//! Exports that go on where others ended.

use std::fs;
use std::sync::{Arc, Mutex};

use arcgis_export::{
    Error, ExportEvent, LayerExport, LocalFile, Resume, ResumeError, WriterOptions,
};

use crate::bench::{CAP, Export, ROWS, timeless, undisturbed};
use crate::generated::Generated;
use crate::pages;

#[tokio::test]
async fn a_spool_changes_nothing_in_the_file() {
    let (file, _) = undisturbed().await;
    let plain = Export::of(&Generated::new(ROWS, CAP));
    LayerExport::new(plain.server.open().await)
        .with_writer(WriterOptions::default().with_row_group_rows(60.try_into().unwrap()))
        .with_lenient(true)
        .to(LocalFile::new(plain.path()))
        .await
        .unwrap();
    assert!(timeless(&plain.file()) == file);
    let groups = pages::metadata(&plain.file());
    assert_eq!(groups.num_row_groups(), 5);
}

#[tokio::test]
async fn an_export_goes_on_behind_its_last_page() {
    let (file, whole) = undisturbed().await;
    for pages in 1..=6 {
        let export = Export::broken_after(pages).await;
        assert_eq!(export.names(), [".towns.parquet.arcgis-spool"]);
        let kept = export.kept().unwrap();
        assert_eq!(kept, (pages * CAP) as u64);

        let asked = export.server.asked();
        let report = export.run().await.unwrap();
        assert_eq!(
            export.server.asked() - asked,
            (ROWS as u64 - kept).div_ceil(CAP as u64)
        );
        assert_eq!(export.names(), ["towns.parquet"]);
        assert!(timeless(&export.file()) == file, "after {pages} pages");

        let resumed = report.resumed.clone().unwrap();
        assert_eq!((resumed.rows, resumed.earlier_runs), (kept, 1));
        assert_eq!(resumed.pages, kept / CAP as u64);
        assert!(resumed.bytes > 1_000 && resumed.started < report.started);
        assert_eq!(
            pages::footer(&export.file(), "arcgis:retrieved").unwrap()[..19],
            resumed.started.to_string()[..19]
        );
        // All that is known of all rows is known of those that were there already too.
        assert_eq!(report.rows, whole.rows);
        assert_eq!(report.geometry, whole.geometry);
        assert_eq!(report.misfits, whole.misfits);
        assert_eq!(report.notes, whole.notes);
        assert_eq!(report.proof, whole.proof);
        assert_eq!(report.row_groups, whole.row_groups);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["resumed"]["rows"], kept);
        let events = export.events.lock().unwrap();
        assert!(
            events
                .iter()
                .any(|event| matches!(event, ExportEvent::Resumed(told) if *told == resumed))
        );
    }
}

#[tokio::test]
async fn it_can_be_broken_off_again_and_again() {
    let (file, _) = undisturbed().await;
    let export = Export::broken_after(2).await;
    for pages in 3..=5 {
        export.server.break_after(1);
        export.run().await.unwrap_err();
        assert_eq!(export.kept(), Some(pages * CAP as u64));
    }
    export.server.break_after(i64::MAX);
    let report = export.run().await.unwrap();
    assert_eq!(report.resumed.unwrap().earlier_runs, 4);
    assert!(timeless(&export.file()) == file);
    assert_eq!(export.names(), ["towns.parquet"]);
}

#[tokio::test]
async fn a_future_that_is_dropped_leaves_what_came() {
    let (file, _) = undisturbed().await;
    let export = Export::of(&Generated::new(ROWS, CAP));
    let (enough, seen) = (tokio::sync::Notify::new(), Arc::new(Mutex::new(0)));
    let enough = Arc::new(enough);
    let (notify, count) = (Arc::clone(&enough), Arc::clone(&seen));
    let running = export
        .layer_export()
        .await
        .with_observer(move |event| {
            if let ExportEvent::Page { .. } = event {
                let mut count = count.lock().unwrap();
                *count += 1;
                if *count == 3 {
                    notify.notify_one();
                }
            }
        })
        .to(LocalFile::new(export.path()));
    tokio::select! {
        biased;
        () = enough.notified() => {}
        result = running => panic!("{result:?}"),
    }
    // The thread that writes is waited for: nothing goes on behind our back.
    assert_eq!(export.names(), [".towns.parquet.arcgis-spool"]);
    let report = export.run().await.unwrap();
    assert!(report.resumed.unwrap().pages >= 1);
    assert!(timeless(&export.file()) == file);
}

#[tokio::test]
async fn pages_can_be_kept_elsewhere() {
    let (file, _) = undisturbed().await;
    let export = Export::of(&Generated::new(ROWS, CAP));
    let spill = tempfile::tempdir().unwrap();
    let run = || async {
        export
            .layer_export()
            .await
            .with_resume(Resume::in_folder(spill.path()))
            .to(LocalFile::new(export.path()))
            .await
    };
    export.server.break_after(3);
    run().await.unwrap_err();
    assert!(export.names().is_empty());
    assert_eq!(fs::read_dir(spill.path()).unwrap().count(), 1);
    export.server.break_after(i64::MAX);
    assert!(run().await.unwrap().resumed.is_some());
    assert!(timeless(&export.file()) == file);
    assert_eq!(fs::read_dir(spill.path()).unwrap().count(), 0);

    let missing = export
        .layer_export()
        .await
        .with_resume(Resume::in_folder(spill.path().join("none")))
        .to(LocalFile::new(export.path()).with_overwrite(true))
        .await
        .unwrap_err();
    assert!(
        matches!(missing, Error::Resume(ResumeError::Unusable { .. })),
        "{missing}"
    );
}

#[tokio::test]
async fn a_table_in_memory_goes_on_too() {
    let export = Export::of(&Generated::new(ROWS, CAP));
    let spill = tempfile::tempdir().unwrap();
    let run = || async {
        export
            .layer_export()
            .await
            .with_resume(Resume::in_folder(spill.path()))
            .into_table()
            .await
    };
    let error = export.layer_export().await.into_table().await.unwrap_err();
    assert!(
        matches!(error, Error::Resume(ResumeError::NoPlace { .. })),
        "{error}"
    );
    export.server.break_after(3);
    run().await.unwrap_err();
    export.server.break_after(i64::MAX);
    let table = run().await.unwrap();
    assert!(table.report.resumed.as_ref().unwrap().rows > 0);
    assert_eq!(fs::read_dir(spill.path()).unwrap().count(), 0);
    let plain = LayerExport::new(export.server.open().await)
        .with_lenient(true)
        .into_table()
        .await
        .unwrap();
    assert_eq!(table.batch.columns(), plain.batch.columns());
}
