//! An export that is killed twenty times at random moments, and goes on each time: rows, order and row
//! groups are those of one that nobody disturbed.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{LayerExport, LocalFile, Report, Resume};
use arcgis_layer::{FetchOptions, Layer, LayerAddress};
use arcgis_tests::Noise;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::child::{self, Running};

const ROWS: u64 = 1_000_000;
const KILLS: usize = 20;
/// So that an export takes several times as long as it lives.
const LATENCY_MILLIS: u64 = 150;

pub(crate) fn run() {
    let (_service, url) = child::serve(ROWS, LATENCY_MILLIS);
    let folder = tempfile::tempdir().unwrap();
    let (straight, killed) = (
        folder.path().join("a.parquet"),
        folder.path().join("b.parquet"),
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(export(&url, &straight));
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    println!("  seed {seed}");
    let mut noise = Noise::new(seed);
    let mut kills = 0;
    while kills < KILLS {
        let program = std::env::current_exe().unwrap();
        let child = Command::new(program)
            .args(["--export", &url, &killed.display().to_string()])
            .spawn()
            .unwrap();
        let mut child = Running(child);
        // The first one plans, which the others take over.
        let planning = if kills == 0 { 4000 } else { 300 };
        std::thread::sleep(Duration::from_millis(planning + noise.below(900)));
        if child.0.try_wait().unwrap().is_some() {
            println!(
                "  it ended before it was killed for the {}th time",
                kills + 1
            );
            break;
        }
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        kills += 1;
        assert!(!killed.exists(), "nothing has the final name");
    }
    let report = runtime.block_on(export(&url, &killed));
    let resumed = report.resumed.expect("it began anew");
    println!(
        "  killed {kills} times; {} of {} rows were there at last",
        resumed.rows, report.rows
    );
    assert!(kills == KILLS, "the export is too short for {KILLS} kills");
    assert!(resumed.rows > 0);
    assert_same(&straight, &killed);
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

async fn export(url: &str, path: &Path) -> Report {
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(url).unwrap();
    let layer = Layer::open(Arc::new(client), address).await.unwrap();
    let fetch = FetchOptions::default().with_concurrency(NonZeroUsize::new(4).unwrap());
    LayerExport::new(layer)
        .with_fetch(fetch)
        .with_resume(Resume::new())
        .to(LocalFile::new(path))
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What the process does that is killed.
pub(crate) fn work(arguments: &[String]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(export(&arguments[0], Path::new(&arguments[1])));
}

fn assert_same(one: &Path, other: &Path) {
    let open = |path: &Path| ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap());
    let (one, other) = (open(one).unwrap(), open(other).unwrap());
    let groups = |reader: &ParquetRecordBatchReaderBuilder<File>| {
        let groups = reader.metadata().row_groups().iter();
        groups.map(|group| group.num_rows()).collect::<Vec<_>>()
    };
    assert_eq!(groups(&one), groups(&other), "other row groups");
    let (mut one, mut other) = (one.build().unwrap(), other.build().unwrap());
    let mut rows = 0;
    loop {
        match (one.next(), other.next()) {
            (None, None) => break,
            (Some(one), Some(other)) => {
                let (one, other) = (one.unwrap(), other.unwrap());
                assert_eq!(one.columns(), other.columns(), "other rows behind {rows}");
                rows += one.num_rows() as u64;
            }
            _ => panic!("one ends at {rows} rows"),
        }
    }
    assert_eq!(rows, ROWS);
    println!("  {rows} rows equal, in the same order and row groups");
}
