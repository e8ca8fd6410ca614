//! What changes between two runs: other questions, other rows, other allowances.

use std::fs;
use std::sync::Arc;

use arcgis_export::{Error, LayerExport, LocalFile, Report, Resume, ResumeError};
use arcgis_layer::{FetchOptions, Query};

use crate::bench::{CAP, Export, ROWS, timeless, undisturbed};
use crate::generated::Generated;

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
