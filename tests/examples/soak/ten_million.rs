//! Ten million rows, computed page by page by a process of its own: the memory of this one stays under
//! 150 MB from start to end, in the order that files have by default and in that of the ids.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{LayerExport, LocalFile, RowOrder, WriterOptions};
use arcgis_layer::{FetchOptions, FormatChoice, Layer, LayerAddress};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::child;

const ROWS: u64 = 10_000_000;
const MOST_MB: u64 = 150;

pub(crate) fn run() {
    let (_service, url) = child::serve(ROWS, 0);
    for (format, order) in [
        ("pbf", RowOrder::Hilbert),
        ("json", RowOrder::Hilbert),
        ("pbf", RowOrder::Id),
    ] {
        // Each in a process of its own: what an earlier one left to the allocator is not its memory.
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--ten-million", &url, format, order.name()])
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
    }
}

/// What that process does.
pub(crate) fn work(arguments: &[String]) {
    let [url, format, order] = arguments else {
        panic!("not a URL, a format and an order: {arguments:?}");
    };
    let format = match format.as_str() {
        "pbf" => FormatChoice::Pbf,
        _ => FormatChoice::Json,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(export(url, format, order.parse().unwrap()));
}

async fn export(url: &str, format: FormatChoice, order: RowOrder) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("points.parquet");
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(url).unwrap();
    let layer = Layer::open(Arc::new(client), address).await.unwrap();
    let fetch = FetchOptions::default()
        .with_format(format)
        .with_concurrency(NonZeroUsize::new(4).unwrap());
    let most = Arc::new(AtomicU64::new(0));
    let watching = tokio::spawn(watch(Arc::clone(&most)));
    let began = Instant::now();
    let report = LayerExport::new(layer)
        .with_fetch(fetch)
        .with_writer(WriterOptions::default().with_order(order))
        .to(LocalFile::new(&path))
        .await
        .unwrap();
    let took = began.elapsed().as_secs_f64();
    watching.abort();
    let most = most.load(Ordering::Relaxed);
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!(
        "  {format:?}, order {order}: {} rows in {took:.0} s ({:.0} a second), {} MB, at most {most} MB resident",
        report.rows,
        report.rows as f64 / took,
        bytes / 1_000_000,
    );
    assert_eq!(report.rows, ROWS);
    assert_eq!(sum_of_ids(&path), (ROWS * (ROWS + 1) / 2) as i64);
    assert_eq!(report.proof.unwrap().level, "object-ids");
    assert!(most > 10 && most < MOST_MB, "{most} MB");
}

/// Keeps the largest resident set, in MB.
async fn watch(most: Arc<AtomicU64>) {
    loop {
        most.fetch_max(resident(), Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The resident set of this process in MB, as Linux tells it.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap();
    kilobytes.parse::<u64>().unwrap() / 1000
}

fn sum_of_ids(path: &Path) -> i64 {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let columns = ProjectionMask::columns(reader.parquet_schema(), ["OBJECTID"]);
    let reader = reader.with_projection(columns).build().unwrap();
    reader
        .map(|batch| {
            let batch = batch.unwrap();
            let ids = batch.column(0).as_primitive::<Int64Type>();
            ids.values().iter().sum::<i64>()
        })
        .sum()
}
