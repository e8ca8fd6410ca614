//! A process that is killed, and another one that goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod generated;
mod pages;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use arcgis_export::{ExportEvent, LayerExport, LocalFile, Report, Resume};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use bytes::Bytes;
use generated::Generated;

const ROWS: i64 = 20_000;
/// Where the other process is to write.
const OUTPUT: &str = "ARCGIS_EXPORT_TEST_OUTPUT";

async fn export(path: &Path, slowly: bool) -> Report {
    LayerExport::new(Generated::new(ROWS, 500).open().await)
        .with_lenient(true)
        .with_resume(Resume::new())
        .with_observer(move |event| {
            if slowly && matches!(event, ExportEvent::Page { .. }) {
                std::thread::sleep(Duration::from_millis(10));
            }
        })
        .to(LocalFile::new(path))
        .await
        .unwrap()
}

/// What the other process does; nothing where this file's tests are run as ever.
#[tokio::test]
async fn child() {
    if let Some(path) = std::env::var_os(OUTPUT) {
        export(Path::new(&path), true).await;
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let journal = folder
        .path()
        .join(".a.parquet.arcgis-spool")
        .join("journal");
    let length = || fs::metadata(&journal).map_or(0, |file| file.len());
    let mut kills = 0;
    // Each process gets a few pages further than the one before it.
    while kills < 5 {
        let before = length();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child"])
            .env(OUTPUT, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while length() < before + 1_500 {
            assert!(began.elapsed() < Duration::from_secs(60), "nothing comes");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(7 * kills)).await;
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(!path.exists());
        kills += 1;
    }
    let parts = |folder: &Path| {
        fs::read_dir(folder)
            .unwrap()
            .filter(|entry| {
                let path = entry.as_ref().unwrap().path();
                path.extension()
                    .is_some_and(|extension| extension == "part")
            })
            .count()
    };
    assert!(parts(folder.path()) > 0, "they had no time to clean up");

    let report = export(&path, false).await;
    let resumed = report.resumed.unwrap();
    assert_eq!(resumed.earlier_runs, kills as u32);
    assert!(resumed.rows > 0 && resumed.rows < ROWS as u64);
    assert_eq!(report.rows, ROWS as u64);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");

    let rows = pages::read(&Bytes::from(fs::read(&path).unwrap()));
    let ids = rows.column_by_name("OBJECTID").unwrap();
    let mut ids = ids.as_primitive::<Int64Type>().values().to_vec();
    ids.sort_unstable();
    assert!(ids.into_iter().eq((1..=ROWS).map(|n| n * 3)));
}
