//! An export that can be broken off and taken up again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arcgis_export::{Error, ExportEvent, LayerExport, LocalFile, Report, Resume, WriterOptions};
use arcgis_layer::FetchOptions;
use bytes::Bytes;

use crate::generated::Generated;
use crate::pages;

pub(crate) const ROWS: i64 = 250;
pub(crate) const CAP: i64 = 40;

/// An export of a layer into `towns.parquet`, resumed and watched.
pub(crate) struct Export {
    pub(crate) server: Arc<Generated>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) events: Arc<Mutex<Vec<ExportEvent>>>,
}

impl Export {
    pub(crate) fn of(server: &Arc<Generated>) -> Self {
        Self {
            server: Arc::clone(server),
            folder: tempfile::tempdir().unwrap(),
            events: Arc::default(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("towns.parquet")
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.path().join(".towns.parquet.arcgis-spool")
    }

    pub(crate) async fn layer_export(&self) -> LayerExport {
        let events = Arc::clone(&self.events);
        events.lock().unwrap().clear();
        LayerExport::new(self.server.open().await)
            .with_fetch(FetchOptions::default().with_concurrency(1.try_into().unwrap()))
            .with_writer(WriterOptions::default().with_row_group_rows(60.try_into().unwrap()))
            .with_lenient(true)
            .with_resume(Resume::new())
            .with_observer(move |event| events.lock().unwrap().push(event.clone()))
    }

    pub(crate) async fn run(&self) -> Result<Report, Error> {
        self.layer_export()
            .await
            .to(LocalFile::new(self.path()))
            .await
    }

    /// Breaks off behind so many pages, and leaves its spool.
    pub(crate) async fn broken_after(pages: i64) -> Self {
        let export = Self::of(&Generated::new(ROWS, CAP));
        export.server.break_after(pages);
        export.run().await.unwrap_err();
        export.server.break_after(i64::MAX);
        export
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn file(&self) -> Bytes {
        Bytes::from(fs::read(self.path()).unwrap())
    }

    pub(crate) fn kept(&self) -> Option<u64> {
        let events = self.events.lock().unwrap();
        let kept = events.iter().filter_map(|event| match event {
            ExportEvent::Kept { folder, rows } => {
                assert_eq!(folder, &self.spool());
                Some(*rows)
            }
            _ => None,
        });
        kept.max()
    }
}

/// The bytes of a file, as if it were retrieved at another moment: the only thing that may differ.
pub(crate) fn timeless(file: &Bytes) -> Vec<u8> {
    let retrieved = pages::footer(file, "arcgis:retrieved").unwrap();
    let mut bytes = file.to_vec();
    let places: Vec<usize> = bytes
        .windows(retrieved.len())
        .enumerate()
        .filter(|(_, window)| *window == retrieved.as_bytes())
        .map(|(place, _)| place)
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + retrieved.len()].fill(b'-');
    }
    bytes
}

/// What an export that nothing disturbs makes.
pub(crate) async fn undisturbed() -> (Vec<u8>, Report) {
    let export = Export::of(&Generated::new(ROWS, CAP));
    let report = export.run().await.unwrap();
    assert_eq!(export.names(), ["towns.parquet"]);
    assert_eq!(report.resumed, None);
    assert_eq!(export.kept(), None);
    (timeless(&export.file()), report)
}

pub(crate) fn save(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

pub(crate) fn restore(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    save(from, to);
}
