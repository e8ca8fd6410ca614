//! Memory does not grow with the layer. A program of its own, since it counts what all threads take.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::num::NonZeroUsize;

use arcgis_export::WriterOptions;
use arcgis_layer::FetchOptions;
use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer, Row, Testkit};
use arcgis_tests::{Bench, Noise};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn layer(rows: i64) -> Layer {
    let mut noise = Noise::new(1);
    let row = |n: i64| {
        let at = n as f64 / 1000.0;
        // Long texts: the rows weigh far more than the list of their ids.
        let text: String = (0..12)
            .map(|_| format!("{:016x} ", noise.next_u64()))
            .collect();
        Row::new()
            .with("OBJECTID", n)
            .with("TEXT", text)
            .with("VALUE", n as f64 / 3.0)
            .at(Geometry::polyline([[
                (at, 0.0),
                (at, 1.0),
                (at + 1.0, 1.0),
                (at + 1.0, 0.0),
            ]]))
    };
    Layer::new("t", GeometryType::Polygon)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("TEXT", FieldType::String))
        .with_field(Field::new("VALUE", FieldType::Double))
        .with_max_record_count(1000)
        .with_rows((1..=rows).map(row))
}

/// The most bytes that an export takes beyond what was taken before it, server and client together.
async fn peak(rows: i64) -> usize {
    let bench = Bench::start(Testkit::builder().layer(layer(rows))).await;
    let writer = WriterOptions::default()
        .with_row_group_rows(NonZeroUsize::new(4_000).unwrap())
        .with_sort_memory(NonZeroUsize::new(2 * 1024 * 1024).unwrap());
    let fetch = FetchOptions::default().with_concurrency(NonZeroUsize::new(3).unwrap());
    let export = bench
        .export("t")
        .await
        .with_writer(writer)
        .with_fetch(fetch);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let report = export
        .to(arcgis_export::LocalFile::new(bench.path()))
        .await
        .unwrap();
    let peak = MEMORY.peak_usage() - before;
    assert_eq!(report.rows, rows as u64);
    peak
}

#[tokio::test]
async fn a_layer_five_times_as_long_takes_no_more_memory() {
    // The first export pays for what is made once, such as the table of reference systems.
    peak(2_000).await;
    let (short, long) = (peak(20_000).await, peak(100_000).await);
    println!(
        "peaks: {} KiB for 20,000 rows, {} KiB for 100,000",
        short / 1024,
        long / 1024
    );
    // The list of ids is as long as the layer, a few bytes for each row on its way in; the rows are not.
    let allowed = short + short / 2;
    assert!(
        long < allowed,
        "{long} bytes for 100,000 rows, {short} for 20,000"
    );
}
