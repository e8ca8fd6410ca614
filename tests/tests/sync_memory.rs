//! Keeping a file or a dataset fresh takes no more memory where the layer is longer. A program of its own, since it counts what all
//! threads take.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::num::{NonZeroU64, NonZeroUsize};

use arcgis_export::{LocalFile, PartitionFolder, Partitions, Sync, SyncWay, WriterOptions};
use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer, Row, Testkit};
use arcgis_tests::{Bench, Noise};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn layer(rows: i64) -> Layer {
    let mut noise = Noise::new(1);
    let row = |n: i64| {
        // Long texts: the rows weigh far more than the list of their ids.
        let text = (0..12).map(|_| format!("{:016x} ", noise.next_u64()));
        Row::new()
            .with("OBJECTID", n)
            .with("TEXT", text.collect::<String>())
            .at(Geometry::point((n as f64 / 1000.0, 0.5)))
    };
    Layer::new("t", GeometryType::Point)
        .with_capabilities("Query,ChangeTracking")
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("TEXT", FieldType::String))
        .with_max_record_count(1000)
        .with_rows((1..=rows).map(row))
}

/// The most bytes that bringing a file up to date takes beyond what was taken before, server and client together.
async fn peak(rows: i64, full: bool, in_files: bool) -> usize {
    let bench = Bench::start(Testkit::builder().layer(layer(rows))).await;
    let small = NonZeroUsize::new(2 * 1024 * 1024).unwrap();
    let writer = WriterOptions::default()
        .with_row_group_rows(NonZeroUsize::new(4_000).unwrap())
        .with_sort_memory(small);
    let export = bench.export("t").await.with_writer(writer.clone());
    let cut = Partitions::spatial().with_file_rows(NonZeroU64::new(500).unwrap());
    if in_files {
        let folder = PartitionFolder::new(bench.path());
        export.with_partitions(cut).to(folder).await.unwrap();
    } else {
        export.to(LocalFile::new(bench.path())).await.unwrap();
    }
    let served = bench.service.layer("t").unwrap();
    for n in 1..=9 {
        let row = Row::new().with("TEXT", format!("changed {n}"));
        served.update(rows * n / 10, row).unwrap();
    }
    let sync = Sync::new(bench.open("t").await.unwrap(), bench.path())
        .with_sorting(writer)
        .with_full(full);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let report = sync.run().await.unwrap();
    let peak = MEMORY.peak_usage() - before;
    assert_eq!((report.rows, report.changed_rows), (rows as u64, 9));
    let way = if full {
        SyncWay::Full
    } else {
        SyncWay::Changes
    };
    assert_eq!(report.way, way);
    peak
}

/// Rows three times as many, in a file or in three times as many files.
#[tokio::test]
async fn what_is_three_times_as_long_takes_no_more_memory() {
    // The first one pays for what is made once, such as the table of reference systems.
    peak(2_000, false, false).await;
    for (full, in_files) in [(false, false), (true, false), (false, true), (true, true)] {
        let short = peak(20_000, full, in_files).await;
        let long = peak(60_000, full, in_files).await;
        println!(
            "peaks (everything again: {full}, in files: {in_files}): {} KiB for 20,000 rows, {} KiB for 60,000",
            short / 1024,
            long / 1024
        );
        // Ids are as many as rows, a few bytes for each; two hashes of each row where all are compared.
        let allowed = short + short / 2 + if full { 60_000 * 40 } else { 0 };
        assert!(
            long < allowed,
            "{long} bytes for 60,000 rows, {short} for 20,000"
        );
    }
}
