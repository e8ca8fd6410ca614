//! Exports that go on where an earlier one ended.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arcgis_export::{
    Error, ExportEvent, LayerOutcome, LayerStatus, PlannedAction, Resume, ServiceEvent,
    ServiceExport, WriterOptions,
};
use arcgis_layer::FetchOptions;
use arcgis_testkit::{Fault, FaultKind, Geometry, RequestKind, Row};
use tokio::sync::Notify;

use crate::bench::{Bench, server};

fn resumed(bench: &Bench) -> ServiceExport {
    bench
        .export_of(&bench.server.service_url("Land/Towns"))
        .with_resume(Resume::new())
        .with_layers_at_once(1.try_into().unwrap())
        .with_each_layer(|export| {
            export.with_fetch(FetchOptions::default().with_concurrency(1.try_into().unwrap()))
        })
}

fn outcomes(outcomes: &[LayerOutcome]) -> String {
    let letter = |outcome: &LayerOutcome| match outcome {
        LayerOutcome::Exported(_) => 'e',
        LayerOutcome::Kept => 'k',
        LayerOutcome::LeftOut => '-',
        LayerOutcome::Failed(_) => 'f',
        LayerOutcome::NotTried => '?',
        _ => panic!("{outcome:?}"),
    };
    outcomes.iter().map(letter).collect()
}

/// Lets an export run until an event, and drops it there, as if its process were killed.
async fn killed_at(bench: &Bench, at: impl Fn(&ServiceEvent<'_>) -> bool + Send + Sync + 'static) {
    let notify = Arc::new(Notify::new());
    let told = Arc::clone(&notify);
    let export = resumed(bench).with_observer(move |event| {
        if at(event) {
            told.notify_one();
        }
    });
    tokio::select! {
        biased;
        () = notify.notified() => {}
        ended = export.to(bench.folder()) => panic!("{ended:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_layers_it_goes_on_with_the_next() {
    let slow = FaultKind::Delay(Duration::from_millis(100));
    let slow = Fault::on(RequestKind::Layer, 1, slow)
        .always()
        .for_layer("TOWNS");
    let bench = Bench::start(server().fault(slow)).await;
    killed_at(&bench, |event| {
        matches!(event, ServiceEvent::Began { place: 2, .. })
    })
    .await;
    let index = bench.index();
    assert_eq!(index.finished, None);
    let done: Vec<_> = index
        .of_status(LayerStatus::Done)
        .map(|layer| layer.id)
        .collect();
    assert_eq!(done, [1]);
    let pending: Vec<_> = index
        .of_status(LayerStatus::Pending)
        .map(|layer| layer.id)
        .collect();
    assert_eq!(pending, [2, 5]);
    bench.server.clear_requests();

    let plan = resumed(&bench)
        .plan(Some(Arc::new(bench.folder())))
        .await
        .unwrap();
    let actions: Vec<_> = plan.layers.iter().map(|layer| layer.action).collect();
    use PlannedAction::{Export, Keep, Skip};
    assert_eq!(actions, [Skip, Keep, Export, Skip, Skip, Export]);

    let report = resumed(&bench).to(bench.folder()).await.unwrap();
    assert_eq!(outcomes(&report.outcomes), "-ke--e");
    assert_eq!(report.index.started, index.started);
    assert_eq!(report.index.layers[1].rows, Some(25));
    assert_eq!(
        report.index.layers[1].relationships[0]
            .related_file
            .as_deref(),
        Some("Notes_old_new.parquet")
    );
    assert!(report.index.is_complete());
    let pages = bench.server.requests_of(RequestKind::Features);
    assert!(pages.iter().all(|page| page.layer() != Some("Towns")));
    assert_eq!(
        bench.files(),
        [
            "Notes_old_new.parquet",
            "TOWNS-2.parquet",
            "Towns.parquet",
            "index.json"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_within_a_layer_it_goes_on_behind_its_pages() {
    let bench = Bench::start(server()).await;
    let pages = Mutex::new(0);
    killed_at(&bench, move |event| {
        let is_page = matches!(
            event,
            ServiceEvent::Layer {
                place: 1,
                event: ExportEvent::Page { .. }
            }
        );
        let mut pages = pages.lock().unwrap();
        *pages += usize::from(is_page);
        is_page && *pages == 2
    })
    .await;
    assert!(!bench.path().join("Towns.parquet").exists());
    let report = resumed(&bench).to(bench.folder()).await.unwrap();
    let LayerOutcome::Exported(towns) = &report.outcomes[1] else {
        panic!("{report:?}")
    };
    let earlier = towns.resumed.as_ref().unwrap();
    assert!((10..=20).contains(&earlier.rows), "{earlier:?}");
    assert_eq!(bench.rows("Towns.parquet"), 25);
    assert_eq!(
        bench.files(),
        [
            "Notes_old_new.parquet",
            "TOWNS-2.parquet",
            "Towns.parquet",
            "index.json"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_index_was_written_a_file_is_its_own_to_replace() {
    let bench = Bench::start(server()).await;
    killed_at(&bench, |event| {
        matches!(event, ServiceEvent::Began { place: 2, .. })
    })
    .await;
    assert!(bench.path().join("Towns.parquet").exists());
    // As it was when the file had its name and the index did not know.
    let index = bench.path().join("index.json");
    let mut known: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&index).unwrap()).unwrap();
    known["layers"][1]["status"] = "pending".into();
    std::fs::write(&index, known.to_string()).unwrap();
    let report = resumed(&bench).to(bench.folder()).await.unwrap();
    assert_eq!(outcomes(&report.outcomes), "-ee--e");
    // A file that somebody else put there is not.
    let bench = Bench::start(server()).await;
    std::fs::create_dir(bench.path()).unwrap();
    std::fs::write(bench.path().join("Towns.parquet"), "theirs").unwrap();
    let report = resumed(&bench).to(bench.folder()).await.unwrap();
    assert_eq!(outcomes(&report.outcomes), "-fe--e");
    let (_, error) = report.failures().next().unwrap();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let theirs = std::fs::read_to_string(bench.path().join("Towns.parquet")).unwrap();
    assert_eq!(theirs, "theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_or_changed_is_exported_again_and_nothing_else() {
    let refused = Fault::on_query(1, FaultKind::Status(403)).for_layer("TOWNS");
    let bench = Bench::start(server().fault(refused)).await;
    let report = resumed(&bench).to(bench.folder()).await.unwrap();
    assert_eq!(outcomes(&report.outcomes), "-ef--e");
    let report = resumed(&bench).to(bench.folder()).await.unwrap();
    assert_eq!(outcomes(&report.outcomes), "-ke--k");
    assert!(report.index.is_complete());
    let report = resumed(&bench).to(bench.folder()).await.unwrap();
    assert_eq!(outcomes(&report.outcomes), "-kk--k");

    let towns = bench.server.layer("Towns").unwrap();
    towns
        .insert(
            Row::new()
                .with("NAME", "new")
                .at(Geometry::point((5.0, 5.0))),
        )
        .unwrap();
    let report = resumed(&bench).to(bench.folder()).await.unwrap();
    assert_eq!(outcomes(&report.outcomes), "-ek--k");
    assert_eq!(bench.rows("Towns.parquet"), 26);

    // Other options are other files.
    let report = resumed(&bench)
        .with_each_layer(|export| {
            export.with_writer(WriterOptions::default().with_row_group_rows(7.try_into().unwrap()))
        })
        .to(bench.folder())
        .await
        .unwrap();
    assert_eq!(outcomes(&report.outcomes), "-ee--e");

    // A file that is gone, or shorter than it was, is written anew.
    std::fs::remove_file(bench.path().join("Towns.parquet")).unwrap();
    std::fs::write(bench.path().join("TOWNS-2.parquet"), "short").unwrap();
    let report = resumed(&bench)
        .with_each_layer(|export| {
            export.with_writer(WriterOptions::default().with_row_group_rows(7.try_into().unwrap()))
        })
        .to(bench.folder())
        .await
        .unwrap();
    assert_eq!(outcomes(&report.outcomes), "-ee--k");
    assert_eq!(bench.rows("TOWNS-2.parquet"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_without_an_edit_date_are_kept_until_all_is_well() {
    let bench = Bench::start(server()).await;
    let url = bench.server.services_url() + "/Land/Towns/MapServer";
    let refused = Fault::on_query(1, FaultKind::Status(403)).for_layer("TOWNS");
    bench.server.add_fault(refused);
    let export = || bench.export_of(&url).with_resume(Resume::new());
    let report = export().to(bench.folder()).await.unwrap();
    assert_eq!(report.index.layers[1].last_edit, None);
    assert_eq!(outcomes(&report.outcomes), "-ef--e");
    let report = export().to(bench.folder()).await.unwrap();
    assert_eq!(outcomes(&report.outcomes), "-ke--k");
    let report = export().to(bench.folder()).await.unwrap();
    assert_eq!(outcomes(&report.outcomes), "-ee--e");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_an_index_is_refused_unless_something_else_is_said() {
    let bench = Bench::start(server()).await;
    let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
    bench.export().to(bench.folder()).await.unwrap();
    bench.server.clear_requests();
    let error = bench.export().to(bench.folder()).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let export = || bench.export().with_resume(Resume::new());
    let index = bench.path().join("index.json");
    let earlier = std::fs::read_to_string(&index).unwrap();
    for damaged in [
        "{}",
        "",
        &earlier.replace("Land/Towns/Towns.parquet", "../../Towns.parquet"),
        &earlier.replace("\"version\": 1", "\"version\": 9"),
    ] {
        write(&index, damaged);
        let error = export().to(bench.folder()).await.unwrap_err();
        assert!(matches!(error, Error::Index { .. }), "{error}");
    }
    assert!(bench.server.requests().is_empty());
    let report = bench
        .export()
        .with_overwrite(true)
        .to(bench.folder())
        .await
        .unwrap();
    assert!(report.index.is_complete());
    assert!(!outcomes(&report.outcomes).contains('k'));
}
