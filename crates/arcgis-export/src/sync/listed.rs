//! The files that the index of a dataset lists.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::SyncError;
use super::file::EarlierFile;
use super::place::SyncPlace;
use crate::partition::{Dataset, PartitionFile, Partitions};

/// What the footers of all files of one export have in common.
const OF_EXPORT: [&str; 7] = [
    "source",
    "query",
    "options",
    "schema_hash",
    "retrieved",
    "last_edit",
    "server_generation",
];

/// The files of a dataset. They are opened when their turn comes, and looked at each time: there may be more of them than a
/// process can have open.
#[derive(Debug)]
pub(super) struct ListedFiles {
    dataset: Dataset,
}

impl ListedFiles {
    /// Makes sure that each file is there as the index lists it, and of one export. The footer of the first is
    /// given with them.
    pub(super) fn open(folder: &Path) -> Result<(EarlierFile, Self), SyncError> {
        let dataset = Dataset::open(folder).map_err(|error| match error.kind() {
            io::ErrorKind::Other => SyncError::NotAnExport {
                path: folder.to_owned(),
                problem: error.to_string(),
            },
            _ => SyncError::Unreadable {
                path: folder.to_owned(),
                source: error.into(),
            },
        })?;
        let files = &dataset.index().files;
        let Some(first) = files.first() else {
            return Err(not_as_listed(
                dataset.index_path(),
                "it lists none".to_owned(),
            ));
        };
        let head = open(&dataset, first)?.closed();
        check_index(&dataset, &head)?;
        let listed = Self { dataset };
        for number in 1.. {
            if listed.file(number, &head)?.is_none() {
                break;
            }
        }
        Ok((head, listed))
    }

    pub(super) fn partitions(&self) -> &Partitions {
        &self.dataset.index().partitions
    }

    pub(super) fn rows(&self) -> u64 {
        self.dataset.index().rows
    }

    /// Opens a file by its number; none behind the last.
    pub(super) fn file(
        &self,
        number: usize,
        head: &EarlierFile,
    ) -> Result<Option<EarlierFile>, SyncError> {
        let Some(listed) = self.dataset.index().files.get(number) else {
            return Ok(None);
        };
        let file = open(&self.dataset, listed)?;
        for name in OF_EXPORT {
            if file.value(name) != head.value(name) {
                let problem = format!("its arcgis:{name} is that of another export");
                return Err(not_as_listed(file.path().to_owned(), problem));
            }
        }
        Ok(Some(file))
    }

    pub(super) fn is_in_place(&self) -> bool {
        self.dataset.is_in_place()
    }
}

/// The index and the files have to be of one export.
fn check_index(dataset: &Dataset, head: &EarlierFile) -> Result<(), SyncError> {
    let index = dataset.index();
    let text = |moment: jiff::Timestamp| moment.to_string();
    let differs = [
        ("source", index.source.clone()),
        ("query", index.query.clone()),
        ("schema_hash", index.schema_hash.clone()),
        ("retrieved", index.started.map(text)),
        ("last_edit", index.last_edit.map(text)),
        (
            "server_generation",
            index.server_generation.map(|number| number.to_string()),
        ),
    ]
    .into_iter()
    .find(|(name, value)| value.as_deref() != head.value(name));
    if let Some((name, _)) = differs {
        let problem = format!("its arcgis:{name} is that of another export");
        return Err(not_as_listed(head.path().to_owned(), problem));
    }
    let rows = index.files.iter().map(|file| file.rows);
    if rows.sum::<u64>() != index.rows {
        let problem = "its files have other rows than all of them".to_owned();
        return Err(not_as_listed(dataset.index_path(), problem));
    }
    Ok(())
}

/// Opens a file that has its size and its rows.
fn open(dataset: &Dataset, listed: &PartitionFile) -> Result<EarlierFile, SyncError> {
    let path = dataset.path(&listed.file);
    let bytes = match fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(not_as_listed(path, "it is not there".to_owned()));
        }
        Err(error) => {
            return Err(SyncError::Unreadable {
                path,
                source: error.into(),
            });
        }
    };
    if bytes != listed.bytes {
        let problem = format!("{bytes} bytes, and not {}", listed.bytes);
        return Err(not_as_listed(path, problem));
    }
    let file = EarlierFile::open(&SyncPlace::from(&path), None)?;
    if file.rows() != listed.rows {
        let problem = format!("{} rows, and not {}", file.rows(), listed.rows);
        return Err(not_as_listed(path, problem));
    }
    Ok(file)
}

fn not_as_listed(path: PathBuf, problem: String) -> SyncError {
    SyncError::NotAsListed { path, problem }
}
