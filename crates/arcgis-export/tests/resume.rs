//! Exports that go on where others ended: after errors, kills at any byte, changes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod generated;
mod pages;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arcgis_export::{
    Error, ExportEvent, LayerExport, LocalFile, Report, Resume, ResumeError, WriterOptions,
};
use arcgis_layer::{FetchOptions, Query};
use bytes::Bytes;
use generated::Generated;

const ROWS: i64 = 250;
const CAP: i64 = 40;

/// An export of a layer into `towns.parquet`, resumed and watched.
struct Export {
    server: Arc<Generated>,
    folder: tempfile::TempDir,
    events: Arc<Mutex<Vec<ExportEvent>>>,
}

impl Export {
    fn of(server: &Arc<Generated>) -> Self {
        Self {
            server: Arc::clone(server),
            folder: tempfile::tempdir().unwrap(),
            events: Arc::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("towns.parquet")
    }

    fn spool(&self) -> PathBuf {
        self.folder.path().join(".towns.parquet.arcgis-spool")
    }

    async fn layer_export(&self) -> LayerExport {
        let events = Arc::clone(&self.events);
        events.lock().unwrap().clear();
        LayerExport::new(self.server.open().await)
            .with_fetch(FetchOptions::default().with_concurrency(1.try_into().unwrap()))
            .with_writer(WriterOptions::default().with_row_group_rows(60.try_into().unwrap()))
            .with_lenient(true)
            .with_resume(Resume::new())
            .with_observer(move |event| events.lock().unwrap().push(event.clone()))
    }

    async fn run(&self) -> Result<Report, Error> {
        self.layer_export()
            .await
            .to(LocalFile::new(self.path()))
            .await
    }

    /// Breaks off behind so many pages, and leaves its spool.
    async fn broken_after(pages: i64) -> Self {
        let export = Self::of(&Generated::new(ROWS, CAP));
        export.server.break_after(pages);
        export.run().await.unwrap_err();
        export.server.break_after(i64::MAX);
        export
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn file(&self) -> Bytes {
        Bytes::from(fs::read(self.path()).unwrap())
    }

    fn kept(&self) -> Option<u64> {
        let events = self.events.lock().unwrap();
        let kept = events.iter().filter_map(|event| match event {
            ExportEvent::Kept { folder, rows } => {
                assert_eq!(folder, &self.spool());
                Some(*rows)
            }
            _ => None,
        });
        kept.max()
    }
}

/// The bytes of a file, as if it were retrieved at another moment: the only thing that may differ.
fn timeless(file: &Bytes) -> Vec<u8> {
    let retrieved = pages::footer(file, "arcgis:retrieved").unwrap();
    let mut bytes = file.to_vec();
    let places: Vec<usize> = bytes
        .windows(retrieved.len())
        .enumerate()
        .filter(|(_, window)| *window == retrieved.as_bytes())
        .map(|(place, _)| place)
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + retrieved.len()].fill(b'-');
    }
    bytes
}

/// What an export that nothing disturbs makes.
async fn undisturbed() -> (Vec<u8>, Report) {
    let export = Export::of(&Generated::new(ROWS, CAP));
    let report = export.run().await.unwrap();
    assert_eq!(export.names(), ["towns.parquet"]);
    assert_eq!(report.resumed, None);
    assert_eq!(export.kept(), None);
    (timeless(&export.file()), report)
}

fn save(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn restore(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    save(from, to);
}

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
    for (name, step, bytes) in [("journal", 31, &journal), ("000001.arrows", 83, &segment)] {
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
async fn what_was_asked_before_has_to_be_asked_again() {
    let export = Export::broken_after(3).await;
    let to = |run: LayerExport| run.to(LocalFile::new(export.path()));
    let same = || async { export.layer_export().await };
    let runs: Vec<(&str, &str, LayerExport)> = vec![
        (
            "where",
            "1=1",
            same().await.with_query(Query::new().with_where("POP > 5")),
        ),
        (
            "limit",
            "none",
            same().await.with_query(Query::new().with_limit(90)),
        ),
        (
            "outFields",
            "OBJECTID,NAME,POP",
            same().await.with_query(Query::new().with_fields(["NAME"])),
        ),
        (
            "handling of values that do not fit",
            "lenient",
            same().await.with_lenient(false),
        ),
    ];
    for (expected, before, run) in runs {
        let error = to(run).await.unwrap_err();
        let Error::Resume(ResumeError::Differs { what, was, .. }) = &error else {
            panic!("{error:?}");
        };
        assert_eq!((what.as_str(), was.as_str()), (expected, before));
        assert_eq!(export.names(), [".towns.parquet.arcgis-spool"]);
    }
    // The layer has a column more.
    let changed = Export {
        server: Generated::with_extra_field(ROWS, CAP),
        folder: export.folder,
        events: Arc::default(),
    };
    let error = changed.run().await.unwrap_err();
    assert!(
        matches!(&error, Error::Resume(ResumeError::Differs { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("EXTRA"), "{error}");
    // Anew, with what is there thrown away.
    let report = changed
        .layer_export()
        .await
        .with_resume(Resume::new().with_anew(true))
        .to(LocalFile::new(changed.path()))
        .await
        .unwrap();
    assert_eq!((report.rows, report.resumed), (ROWS as u64, None));
}

#[tokio::test]
async fn two_exports_do_not_share_a_spool() {
    let export = Export::broken_after(3).await;
    let held = fs::OpenOptions::new()
        .append(true)
        .open(export.spool().join("lock"))
        .unwrap();
    held.lock().unwrap();
    let error = export.run().await.unwrap_err();
    assert!(
        matches!(&error, Error::Resume(ResumeError::InUse { .. })),
        "{error}"
    );
    drop(held);
    assert!(export.run().await.unwrap().resumed.is_some());
}

#[tokio::test]
async fn what_changes_between_two_runs_is_drift() {
    let export = Export::broken_after(4).await;
    // One row that came already, one that did not, and new ones.
    export.server.delete(3);
    export.server.delete(3 * ROWS);
    export.server.add_rows(2);
    let report = export.run().await.unwrap();
    let proof = report.proof.unwrap();
    assert_eq!(proof.deleted_ids, [3, 3 * ROWS]);
    assert_eq!(proof.inserted_ids, [3 * ROWS + 3, 3 * ROWS + 6]);
    // As without the break: what came stays, what went before it came does not.
    assert_eq!(report.rows, ROWS as u64 - 1);
    assert_eq!(report.resumed.unwrap().earlier_runs, 1);
}

#[tokio::test]
async fn rows_that_were_missing_are_asked_for_again() {
    let (file, _) = undisturbed().await;
    let export = Export::of(&Generated::new(ROWS, CAP));
    // In the third page.
    export.server.hide(3 * 100);
    let error = export.run().await.unwrap_err();
    assert!(
        matches!(&error, Error::Layer(arcgis_layer::Error::Incomplete(_))),
        "{error}"
    );
    assert_eq!(export.kept(), Some(ROWS as u64 - 1));
    export.server.hide(-1);
    let report = export.run().await.unwrap();
    assert_eq!(report.resumed.unwrap().rows, 2 * CAP as u64);
    assert!(timeless(&export.file()) == file);
}

#[tokio::test]
async fn rows_that_cannot_be_served_are_named_and_no_later_run_overlooks_them() {
    let export = Export::of(&Generated::new(ROWS, CAP));
    export.server.poison(3 * 100);
    let skipping = |refuse: bool| {
        let export = &export;
        async move {
            let fetch = FetchOptions::default()
                .with_concurrency(1.try_into().unwrap())
                .with_allow_skips(true);
            let to = LocalFile::new(export.path());
            let check = move |_: &Report| {
                if refuse {
                    Err("not yet".into())
                } else {
                    Ok(())
                }
            };
            let layer_export = export.layer_export().await.with_before_commit(check);
            layer_export.with_fetch(fetch).to(to).await
        }
    };
    // Not allowed at first: an error that names the row, and what came is kept.
    let error = export.run().await.unwrap_err();
    let Error::Layer(arcgis_layer::Error::Incomplete(incomplete)) = &error else {
        panic!("{error:?}");
    };
    assert!(incomplete.missing.contains(300));
    let kept = export.kept().unwrap();
    assert!(kept >= CAP as u64, "{kept}");
    // Then allowed, and broken off when all is there.
    skipping(true).await.unwrap_err();
    let error = export.run().await.unwrap_err();
    assert!(
        matches!(&error, Error::Resume(ResumeError::Differs { was, .. }) if was == "left out"),
        "{error}"
    );
    let report = skipping(false).await.unwrap();
    assert_eq!(report.resumed.as_ref().unwrap().rows, ROWS as u64 - 1);
    assert_eq!(report.rows, ROWS as u64 - 1);
    let proof = report.proof.as_ref().unwrap();
    assert_eq!((proof.skipped_rows, proof.skipped[0].object_id), (1, 300));
    assert!(proof.skipped[0].without_geometry);
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.to_string().contains("left out, object id 300"))
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["proof"]["skipped"][0]["object_id"], 300);
}

#[tokio::test]
async fn what_the_fetch_met_is_in_the_report() {
    let export = Export::of(&Generated::new(ROWS, CAP));
    let server = Arc::clone(&export.server);
    let budget = std::time::Duration::from_secs(90);
    let report = export
        .layer_export()
        .await
        .with_fetch(FetchOptions::default().with_time_budget(budget))
        .with_observer(move |event| {
            if let ExportEvent::Planned { .. } = event {
                server.edit();
            }
        })
        .to(LocalFile::new(export.path()))
        .await
        .unwrap();
    let fetch = report.fetch.as_ref().unwrap();
    assert_eq!(fetch.time_budget, Some(budget));
    assert_eq!(
        fetch.delivered.rows(arcgis_layer::Strategy::Offset),
        ROWS as u64
    );
    assert!(fetch.doubts.is_empty());
    assert!(report.proof.as_ref().unwrap().edited);
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.to_string().starts_with("the layer was edited"))
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["fetch"]["time_budget_seconds"], 90.0);
    assert_eq!(json["fetch"]["delivered"]["offset"], ROWS);
    assert_eq!(json["fetch"]["historic_moment"], serde_json::Value::Null);
    assert_eq!(json["proof"]["edited"], true);
}

#[tokio::test]
async fn an_export_without_time_left_can_go_on() {
    let export = Export::of(&Generated::new(ROWS, CAP));
    let fetch = FetchOptions::default()
        .with_concurrency(1.try_into().unwrap())
        .with_time_budget(std::time::Duration::from_millis(1_500));
    let error = export
        .layer_export()
        .await
        .with_fetch(fetch)
        .with_observer(|event| {
            if let ExportEvent::Page { .. } = event {
                std::thread::sleep(std::time::Duration::from_millis(500));
            }
        })
        .to(LocalFile::new(export.path()))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Layer(arcgis_layer::Error::OutOfTime { .. })),
        "{error:?}"
    );
    let report = export.run().await.unwrap();
    assert!(report.resumed.unwrap().rows > 0);
}

#[tokio::test]
async fn a_plan_can_be_had_beforehand() {
    let export = Export::of(&Generated::new(ROWS, CAP));
    let plan = export.layer_export().await.plan().await.unwrap();
    assert_eq!((plan.rows(), plan.page_size()), (ROWS as u64, CAP as u32));
    assert_eq!(export.server.asked(), 0);
    assert!(export.names().is_empty());
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

#[tokio::test]
async fn what_goes_with_the_file_is_done_before_it_appears() {
    for refuse in [false, true] {
        let export = Export::of(&Generated::new(ROWS, CAP));
        let path = export.path();
        let seen = Arc::new(Mutex::new(None));
        let see = Arc::clone(&seen);
        let result = export
            .layer_export()
            .await
            .with_before_commit(move |report| {
                // The report is complete, and the file has no name yet.
                assert!(!path.exists());
                *see.lock().unwrap() = Some(report.clone());
                if refuse {
                    return Err("no room for the report".into());
                }
                Ok(())
            })
            .to(LocalFile::new(export.path()))
            .await;
        let seen = seen.lock().unwrap().clone().unwrap();
        if refuse {
            let Err(Error::BeforeCommit(source)) = result else {
                panic!("{result:?}");
            };
            assert_eq!(source.to_string(), "no room for the report");
            assert_eq!(export.names(), [".towns.parquet.arcgis-spool"]);
            // All pages are there: only the file has to be written once more.
            let asked = export.server.asked();
            assert_eq!(export.run().await.unwrap().resumed.unwrap().pages, 7);
            assert_eq!(export.server.asked(), asked);
        } else {
            let report = result.unwrap();
            assert_eq!(
                serde_json::to_value(&seen).unwrap(),
                serde_json::to_value(&report).unwrap()
            );
            assert_eq!(seen.file_bytes, Some(export.file().len() as u64));
            assert_eq!(seen.output.as_deref(), export.path().to_str());
        }
    }
}

#[tokio::test]
async fn nothing_is_left_where_nothing_came() {
    let export = Export::of(&Generated::new(ROWS, CAP));
    export.server.break_after(0);
    export.run().await.unwrap_err();
    assert!(export.names().is_empty(), "{:?}", export.names());
    assert_eq!(export.kept(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_can_be_spawned() {
    let export = Export::of(&Generated::new(ROWS, CAP));
    let layer_export = export.layer_export().await;
    let file = tokio::spawn(layer_export.clone().to(LocalFile::new(export.path())));
    assert_eq!(file.await.unwrap().unwrap().rows, ROWS as u64);
    let spill = export.folder.path().to_owned();
    let table = layer_export.with_resume(Resume::in_folder(spill));
    let table = tokio::spawn(table.into_table()).await.unwrap().unwrap();
    assert_eq!(table.batch.num_rows(), ROWS as usize);
}

/// A runtime with one thread for blocking work has enough of them.
#[test]
fn one_blocking_thread_is_enough() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let export = Export::of(&Generated::new(ROWS, CAP));
    let report = runtime.block_on(async {
        tokio::time::timeout(std::time::Duration::from_secs(60), export.run())
            .await
            .expect("the export hangs")
    });
    assert_eq!(report.unwrap().rows, ROWS as u64);
}
