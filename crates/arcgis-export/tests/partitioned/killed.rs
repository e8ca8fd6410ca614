//! A process that is killed, and another one that goes on.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arcgis_export::{
    Error, ExportEvent, LayerExport, PartitionFolder, PartitionIndex, Partitions, Report, Resume,
    Sync, SyncReport,
};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use bytes::Bytes;

use crate::bench::{files, names};
use crate::generated::Generated;
use crate::pages;

const ROWS: i64 = 60_000;
/// Where the other process is to write.
const OUTPUT: &str = "ARCGIS_PARTITIONS_TEST_OUTPUT";

async fn export(path: &Path, slowly: bool) -> Result<Report, Error> {
    LayerExport::new(Generated::new(ROWS, 5_000).open().await)
        .with_lenient(true)
        .with_resume(Resume::new())
        .with_partitions(Partitions::spatial().with_file_rows(1_000.try_into().unwrap()))
        .with_observer(move |event| {
            // Row groups are told of behind each 16,384 rows that are written.
            if slowly && matches!(event, ExportEvent::Page { .. } | ExportEvent::RowGroup(_)) {
                std::thread::sleep(Duration::from_millis(20));
            }
        })
        .to(PartitionFolder::new(path).with_overwrite(true))
        .await
}

/// What the other process does; nothing where this file's tests are run as ever.
#[tokio::test]
async fn child() {
    if let Some(path) = std::env::var_os(OUTPUT) {
        export(Path::new(&path), true).await.unwrap();
    }
}

/// The dataset brought up to date: a row is gone.
async fn sync(path: &Path, slowly: bool) -> Result<SyncReport, Error> {
    let layer = Generated::new(ROWS, 5_000);
    layer.delete(30_000);
    let sync = Sync::new(layer.open().await, path).with_observer(move |event| {
        if slowly && matches!(event, ExportEvent::RowGroup(_)) {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    sync.run().await
}

/// The same for that.
#[tokio::test]
async fn child_that_syncs() {
    if let Some(path) = std::env::var_os(OUTPUT) {
        sync(Path::new(&path), true).await.unwrap();
    }
}

fn start(test: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(OUTPUT, path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The folder that files are written to before it has its name.
fn parts(folder: &Path) -> Vec<String> {
    let mut names = names(folder);
    names.retain(|name| name.ends_with(".part"));
    names
}

#[tokio::test]
async fn killed_at_any_moment_the_earlier_dataset_stays() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a");
    export(&path, false).await.unwrap();
    let before = files(&path);
    assert_eq!(before.len(), 61);
    let journal = place.path().join(".a.arcgis-spool").join("journal");
    let length = || fs::metadata(&journal).map_or(0, |file| file.len());
    // While pages come, and while files are written.
    for files_written in [0, 1, 17, 33] {
        let noted = length();
        let mut child = start("killed::child", &path);
        let began = Instant::now();
        loop {
            let parts = parts(place.path());
            let written = parts.iter().filter_map(|part| {
                // It may go away: one of a process that was killed before.
                let files = fs::read_dir(place.path().join(part)).ok()?;
                Some(files.count())
            });
            // Before that, nobody would know of the folder.
            if written.max() >= Some(files_written) && length() > noted {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "nothing comes");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        assert_eq!(files(&path), before);
        assert!(
            !parts(place.path()).is_empty(),
            "it had no time to clean up"
        );
    }
    let report = export(&path, false).await.unwrap();
    assert_eq!(report.rows, ROWS as u64);
    assert_eq!(names(place.path()), ["a"]);
    assert!(ids(&path).into_iter().eq((1..=ROWS).map(|n| n * 3)));
}

fn ids(path: &Path) -> Vec<i64> {
    let index = fs::read(path.join("_index.json")).unwrap();
    let index = PartitionIndex::from_json(&index).unwrap();
    let mut ids: Vec<i64> = Vec::new();
    for file in &index.files {
        let rows = pages::read(&Bytes::from(fs::read(path.join(&file.file)).unwrap()));
        let column = rows.column_by_name("OBJECTID").unwrap();
        ids.extend(column.as_primitive::<Int64Type>().values());
    }
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_dataset_stays_whole_when_a_sync_is_killed() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a");
    export(&path, false).await.unwrap();
    let content = || -> Vec<(String, Vec<u8>)> {
        let files = files(&path).into_iter();
        let read = files.map(|file| {
            let bytes = fs::read(path.join(&file)).unwrap();
            (file, bytes)
        });
        read.collect()
    };
    let before = content();
    for files_written in [1, 17, 33] {
        for part in parts(place.path()) {
            fs::remove_dir_all(place.path().join(part)).unwrap();
        }
        let mut child = start("killed::child_that_syncs", &path);
        let began = Instant::now();
        loop {
            let written = parts(place.path()).pop();
            let written = written.and_then(|part| fs::read_dir(place.path().join(part)).ok());
            if written.map_or(0, Iterator::count) >= files_written {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "nothing comes");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(content() == before);
    }
    let report = sync(&path, false).await.unwrap();
    assert_eq!((report.way.name(), report.written), ("full", true));
    assert_eq!(report.deleted_ids, [30_000]);
    let all = (1..=ROWS).map(|n| n * 3).filter(|id| *id != 30_000);
    assert!(ids(&path).into_iter().eq(all));
}
