//! Memory does not grow with the layer in any format. A program of its own, since it counts what all threads take;
//! what SQLite takes it does not see, and that is bounded by its cache.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod generated;

use arcgis_export::{FileFormat, LayerExport, LocalFile, RowOrder, WriterOptions};
use generated::Generated;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most bytes that an export takes beyond what was taken before it.
async fn peak(rows: i64, format: FileFormat) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let server = Generated::new(rows, 2_000);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let report = LayerExport::new(server.open().await)
        .with_lenient(true)
        .with_format(format)
        .with_writer(WriterOptions::default().with_order(RowOrder::None))
        .to(LocalFile::new(folder.path().join("a")))
        .await
        .unwrap();
    assert_eq!(report.rows, rows as u64);
    let peak = MEMORY.peak_usage().saturating_sub(before);
    println!("{format}, {rows} rows: {} KiB", peak / 1024);
    peak
}

#[tokio::test]
async fn no_format_takes_more_memory_for_more_rows() {
    // The first export pays for what is made once, such as the table of reference systems.
    peak(2_000, FileFormat::Csv).await;
    // Parquet holds a row group; its own test says so.
    for format in FileFormat::all().filter(|format| !format.has_row_groups()) {
        let (short, long) = (peak(40_000, format).await, peak(120_000, format).await);
        // The list of ids is as long as the layer, a few bytes for each row, and pages wait where writing is slow.
        assert!(
            long < short + short / 4 + 3 * 1024 * 1024,
            "{format}: {long} bytes for 120,000 rows, {short} for 40,000"
        );
    }
}
