//! The files that the index of a dataset lists.

use std::io;
use std::path::{Path, PathBuf};
#[cfg(feature = "object-store")]
use std::sync::OnceLock;

use parquet::file::reader::Length;

use super::error::SyncError;
use super::file::EarlierFile;
use super::place::{Place, SyncPlace};
use super::reader::FileReader;
#[cfg(feature = "object-store")]
use super::remote::{KeptBytes, RemoteFile};
#[cfg(feature = "object-store")]
use crate::destination::{ObjectVersion, StoredObject};
use crate::error::Error;
use crate::partition::{Dataset, PartitionFile, Partitions, side_by_side};

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
/// process can have open. What came of those in a store is kept.
#[derive(Debug)]
pub(super) struct ListedFiles {
    dataset: Dataset,
    #[cfg(feature = "object-store")]
    remote: Option<RemoteFiles>,
}

impl ListedFiles {
    /// Makes sure that each file of a folder is there as the index lists it, and of one export. The footer of the first is
    /// given with them. `scratch` is for what comes from elsewhere.
    pub(super) fn open(
        place: &Place,
        scratch: Option<&Path>,
    ) -> Result<(EarlierFile, Self), SyncError> {
        #[cfg(not(feature = "object-store"))]
        let _ = scratch;
        let path = SyncPlace(place.clone()).path();
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::Other => SyncError::NotAnExport {
                path: path.clone(),
                problem: error.to_string(),
            },
            _ => SyncError::Unreadable {
                path: path.clone(),
                source: error.into(),
            },
        };
        let listed = match place {
            Place::Local(path) => Self {
                dataset: Dataset::open(path).map_err(unreadable)?,
                #[cfg(feature = "object-store")]
                remote: None,
            },
            #[cfg(feature = "object-store")]
            Place::StoredFolder(folder) => {
                let dataset = Dataset::open_stored(folder).map_err(unreadable)?;
                let remote = RemoteFiles::new(&dataset, scratch).map_err(unreadable)?;
                Self {
                    dataset,
                    remote: Some(remote),
                }
            }
            #[cfg(feature = "object-store")]
            Place::Stored(_) => return Err(unreadable(io::Error::other("it is one file"))),
        };
        let dataset = &listed.dataset;
        if dataset.index().files.is_empty() {
            return Err(not_as_listed(
                dataset.index_path(),
                "it lists none".to_owned(),
            ));
        }
        let head = listed.opened(0)?.closed();
        check_index(dataset, &head)?;
        let others: Vec<usize> = (1..dataset.index().files.len()).collect();
        side_by_side(&others, |number| {
            listed.file(*number, &head)?;
            Ok(())
        })
        .map_err(|error| match error {
            Error::Sync(error) => error,
            error => SyncError::Unreadable {
                path: path.clone(),
                source: error.into(),
            },
        })?;
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
        if number >= self.dataset.index().files.len() {
            return Ok(None);
        }
        let file = self.opened(number)?;
        for name in OF_EXPORT {
            if file.value(name) != head.value(name) {
                let problem = format!("its arcgis:{name} is that of another export");
                return Err(not_as_listed(file.path().to_owned(), problem));
            }
        }
        Ok(Some(file))
    }

    /// Opens a file that has its size and its rows.
    fn opened(&self, number: usize) -> Result<EarlierFile, SyncError> {
        let Some(listed) = self.dataset.index().files.get(number) else {
            let problem = "it lists fewer files".to_owned();
            return Err(not_as_listed(self.dataset.index_path(), problem));
        };
        let place = self.place(listed)?;
        let path = place.path();
        let reader = match self.reader(number, &place) {
            Ok(reader) => reader,
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
        let bytes = Length::len(&reader);
        if bytes != listed.bytes {
            let problem = format!("{bytes} bytes, and not {}", listed.bytes);
            return Err(not_as_listed(path, problem));
        }
        let file = EarlierFile::of(path.clone(), reader)?;
        if file.rows() != listed.rows {
            let problem = format!("{} rows, and not {}", file.rows(), listed.rows);
            return Err(not_as_listed(path, problem));
        }
        Ok(file)
    }

    fn place(&self, listed: &PartitionFile) -> Result<SyncPlace, SyncError> {
        let place = self.dataset.place(&listed.file);
        place.map_err(|error| SyncError::Unreadable {
            path: listed.file.clone().into(),
            source: error.into(),
        })
    }

    fn reader(&self, number: usize, place: &SyncPlace) -> io::Result<FileReader> {
        #[cfg(feature = "object-store")]
        if let (Some(remote), Place::Stored(object)) = (&self.remote, &place.0) {
            return remote.open(number, object).map(FileReader::Remote);
        }
        #[cfg(not(feature = "object-store"))]
        let _ = number;
        FileReader::open(place, None)
    }

    /// Which index it is, where it is in a store.
    #[cfg(feature = "object-store")]
    pub(super) fn version(&self) -> Option<&ObjectVersion> {
        self.dataset.version()
    }

    pub(super) fn is_in_place(&self) -> Result<bool, Error> {
        self.dataset.is_in_place()
    }
}

/// The files of a dataset in a store: each byte of them comes at most once.
#[cfg(feature = "object-store")]
#[derive(Debug)]
struct RemoteFiles {
    kept: KeptBytes,
    /// Where each begins in what is kept, and the file itself once it was opened.
    files: Vec<(u64, OnceLock<RemoteFile>)>,
}

#[cfg(feature = "object-store")]
impl RemoteFiles {
    fn new(dataset: &Dataset, scratch: Option<&Path>) -> io::Result<Self> {
        let mut start = 0_u64;
        let files = dataset.index().files.iter().map(|file| {
            let begins = start;
            start = start.saturating_add(file.bytes);
            (begins, OnceLock::new())
        });
        Ok(Self {
            files: files.collect(),
            kept: KeptBytes::new(scratch)?,
        })
    }

    fn open(&self, number: usize, object: &StoredObject) -> io::Result<RemoteFile> {
        let Some((start, opened)) = self.files.get(number) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Some(file) = opened.get() {
            return Ok(file.clone());
        }
        let file = RemoteFile::open(object, &self.kept, *start)?;
        Ok(opened.get_or_init(|| file).clone())
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

fn not_as_listed(path: PathBuf, problem: String) -> SyncError {
    SyncError::NotAsListed { path, problem }
}
