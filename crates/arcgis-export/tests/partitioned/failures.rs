//! What goes wrong midway leaves nothing, or what was there before.

use std::time::{Duration, Instant};

use arcgis_export::{ExportEvent, Partitions, Resume};
use arcgis_layer::FetchOptions;
use arcgis_testkit::{Fault, FaultKind, Testkit};

use crate::bench::{Bench, files, rows, three, towns};

fn by_state() -> Partitions {
    Partitions::by_field("STATE")
}

fn refuses() -> Fault {
    Fault::on_query(
        3,
        FaultKind::ErrorBody {
            code: 403,
            message: "no".to_owned(),
            details: Vec::new(),
        },
    )
    .always()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_an_export_that_fails() {
    for partitions in [by_state(), Partitions::spatial()] {
        let server = Testkit::builder().layer(three(1_000)).fault(refuses());
        let bench = Bench::start(server).await;
        bench.cut(partitions).await.unwrap_err();
        assert!(bench.names().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_dataset_stays_as_it_was() {
    let bench = Bench::of(three(1_000)).await;
    bench.cut(by_state()).await.unwrap();
    let before = (files(&bench.path()), bench.index());
    bench.server.add_fault(refuses());
    let export = bench.export().await.with_partitions(Partitions::spatial());
    export
        .to(bench.folder().with_overwrite(true))
        .await
        .unwrap_err();
    assert_eq!((files(&bench.path()), bench.index()), before);
    assert_eq!(bench.names(), ["cities"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_given_up_leaves_nothing() {
    let slow = Fault::on_query(1, FaultKind::Delay(Duration::from_millis(200))).always();
    let server = Testkit::builder().layer(three(2_000)).fault(slow);
    let bench = Bench::start(server).await;
    let export = bench.export().await.with_partitions(by_state());
    let given_up = tokio::time::timeout(Duration::from_millis(300), export.to(bench.folder()));
    assert!(given_up.await.is_err());
    assert!(bench.names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn given_up_among_thousands_of_files_it_ends_at_once_and_leaves_nothing() {
    let texts: Vec<String> = (0..5_000).map(|n| format!("v{n}")).collect();
    let layer = towns(texts.iter().map(|text| Some(text.as_str()))).with_max_record_count(5_000);
    let bench = Bench::of(layer).await;
    let export = bench.export().await.with_partitions(by_state());
    let job = tokio::spawn(export.to(bench.folder()));
    // All rows are there by then, and one batch of them fills the files.
    while files(bench.place()).len() < 20 {
        assert!(!job.is_finished());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    job.abort();
    assert!(job.await.unwrap_err().is_cancelled());
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(bench.names().is_empty(), "{:?}", bench.names());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_broke_off_goes_on() {
    let bench = Bench::of(three(1_000)).await;
    let fault = bench.server.add_fault(
        Fault::on_query(
            4,
            FaultKind::ErrorBody {
                code: 403,
                message: "no".to_owned(),
                details: Vec::new(),
            },
        )
        .times(4),
    );
    let export = bench
        .export()
        .await
        .with_fetch(FetchOptions::default().with_concurrency(1.try_into().unwrap()))
        .with_resume(Resume::new());
    let first = export.clone().with_partitions(Partitions::by_field("KIND"));
    first.to(bench.folder()).await.unwrap_err();
    assert_eq!(bench.names(), [".cities.arcgis-spool"]);
    assert!(bench.server.faults_fired()[fault] > 0);
    // The rows are the same however they are cut.
    let resumed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = std::sync::Arc::clone(&resumed);
    let mut report = None;
    for _ in 0..5 {
        let seen = std::sync::Arc::clone(&seen);
        let export = export.clone().with_observer(move |event| {
            if matches!(event, ExportEvent::Resumed(_)) {
                seen.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        });
        if let Ok(done) = export.with_partitions(by_state()).to(bench.folder()).await {
            report = Some(done);
            break;
        }
    }
    let report = report.unwrap();
    assert!(resumed.load(std::sync::atomic::Ordering::SeqCst));
    assert!(report.resumed.unwrap().rows > 0);
    assert_eq!(bench.names(), ["cities"]);
    let files = bench.files();
    let one = bench.one_file().await;
    assert_eq!(
        rows(&files.values().collect::<Vec<_>>()).len(),
        one.num_rows()
    );
}
