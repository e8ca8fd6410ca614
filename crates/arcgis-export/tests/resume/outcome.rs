//! What is told, and what an export leaves in the end.

use std::sync::{Arc, Mutex};

use arcgis_export::{Error, ExportEvent, LocalFile, Resume};
use arcgis_layer::FetchOptions;

use crate::bench::{CAP, Export, ROWS};
use crate::generated::Generated;

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
