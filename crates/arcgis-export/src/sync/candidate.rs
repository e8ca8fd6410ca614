//! A new file, or a new dataset, that takes the place of the old one only if it is to.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "object-store")]
use tempfile::TempDir;

use super::earlier::EarlierExport;
use super::place::{Place, SyncPlace};
use crate::destination::{Committed, Destination, LocalFile, Output};
#[cfg(feature = "object-store")]
use crate::destination::{StoredFolder, StoredObject, write_file};
use crate::error::Error;
#[cfg(feature = "object-store")]
use crate::partition::StoredPartitions;
use crate::partition::{Dataset, PartitionFolder};
use crate::writer_thread::GivenUp;

/// Files up to this size are put in one request, with a condition that the store itself looks at.
#[cfg(feature = "object-store")]
const SMALL: u64 = 8 * 1024 * 1024;

/// The place of the old file, where the new one waits: beside it, or on this machine where the old one is elsewhere.
#[derive(Clone)]
pub(super) struct Candidate {
    here: Arc<dyn Destination>,
    name: String,
    whole: Arc<Mutex<Option<Box<dyn Output>>>>,
    #[cfg(feature = "object-store")]
    to: Option<Sent>,
}

/// Where a file, or a dataset, goes that waits on this machine, and the folder that it waits in.
#[cfg(feature = "object-store")]
#[derive(Clone)]
struct Sent {
    to: Away,
    _folder: Arc<TempDir>,
}

#[cfg(feature = "object-store")]
#[derive(Clone)]
enum Away {
    Object(Box<StoredObject>),
    Partitions(Box<StoredPartitions>),
}

/// A new file that is whole. Dropped, it goes away.
pub(super) struct WholeCandidate {
    output: Box<dyn Output>,
    pub(super) path: PathBuf,
    #[cfg(feature = "object-store")]
    to: Option<Sent>,
}

impl Candidate {
    /// `folder` is for what goes elsewhere.
    pub(super) fn new(
        place: &SyncPlace,
        old: &EarlierExport,
        folder: Option<&Path>,
    ) -> Result<Self, Error> {
        #[cfg(not(feature = "object-store"))]
        let _ = folder;
        let name = place.name();
        match &place.0 {
            Place::Local(path) => Ok(Self {
                here: match old.is_dataset() {
                    true => Arc::new(PartitionFolder::new(path).with_overwrite(true)),
                    false => Arc::new(LocalFile::new(path).with_overwrite(true)),
                },
                name,
                whole: Arc::default(),
                #[cfg(feature = "object-store")]
                to: None,
            }),
            #[cfg(feature = "object-store")]
            Place::Stored(object) => {
                let scratch = scratch(folder)?;
                let object = StoredObject::clone(object);
                Ok(Self {
                    here: Arc::new(LocalFile::new(scratch.path().join("new.parquet"))),
                    name,
                    whole: Arc::default(),
                    to: Some(Sent {
                        to: Away::Object(Box::new(match old.version() {
                            Some(version) => object.replacing(version.clone()),
                            None => object.with_overwrite(true),
                        })),
                        _folder: Arc::new(scratch),
                    }),
                })
            }
            #[cfg(feature = "object-store")]
            Place::StoredFolder(stored) => {
                let scratch = scratch(folder)?;
                Ok(Self {
                    here: Arc::new(PartitionFolder::new(scratch.path().join("new"))),
                    name,
                    whole: Arc::default(),
                    to: Some(Sent {
                        to: Away::Partitions(Box::new(replacing(stored, old))),
                        _folder: Arc::new(scratch),
                    }),
                })
            }
        }
    }

    /// Makes sure that a dataset can be replaced, before anything is asked for; a file is looked at when it is.
    pub(super) fn try_place(place: &SyncPlace, old: &EarlierExport) -> Result<(), Error> {
        match &place.0 {
            Place::Local(path) if old.is_dataset() => {
                drop(PartitionFolder::new(path).with_overwrite(true).open()?);
            }
            #[cfg(feature = "object-store")]
            Place::StoredFolder(stored) => drop(replacing(stored, old).open()?),
            _ => {}
        }
        Ok(())
    }

    /// The new one, once it is whole.
    pub(super) fn take(&self) -> Option<WholeCandidate> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let output = whole.take()?;
        Some(WholeCandidate {
            path: output.temporary()?.to_owned(),
            output,
            #[cfg(feature = "object-store")]
            to: self.to.clone(),
        })
    }
}

impl WholeCandidate {
    /// Lets it take the place of the old one.
    pub(super) fn commit(self, given_up: &GivenUp) -> Result<(), Error> {
        given_up.check()?;
        #[cfg(feature = "object-store")]
        if let Some(Sent { to, _folder }) = self.to {
            return match to {
                Away::Object(object) => send(&object, &self.path, given_up),
                Away::Partitions(stored) => {
                    let dataset =
                        Dataset::open(&self.path).map_err(|source| Error::Unreadable {
                            path: self.path.clone(),
                            source,
                        })?;
                    stored.send(&self.path, dataset.index(), given_up)
                }
            };
        }
        self.output.commit().map(drop)
    }
}

/// Sends a file in place of an object.
#[cfg(feature = "object-store")]
fn send(object: &StoredObject, path: &Path, given_up: &GivenUp) -> Result<(), Error> {
    use std::io::Read as _;

    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size <= SMALL {
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(unreadable)?;
        given_up.check()?;
        if object.replace_at_once(content)? {
            return Ok(());
        }
    }
    let mut output = object.open()?;
    given_up.ends(output.as_mut());
    write_file(path, output.as_mut(), &|| given_up.check())?;
    output.settle()?;
    output.commit().map(drop)
}

/// The dataset that takes the place of the earlier one, and of no other.
#[cfg(feature = "object-store")]
fn replacing(folder: &StoredFolder, old: &EarlierExport) -> StoredPartitions {
    let stored = StoredPartitions::new(folder.clone());
    match old.version() {
        Some(version) => stored.replacing(version.clone()),
        None => stored,
    }
}

/// A folder on this machine for what is sent elsewhere.
#[cfg(feature = "object-store")]
fn scratch(folder: Option<&Path>) -> Result<TempDir, Error> {
    let mut scratch = tempfile::Builder::new();
    scratch.prefix(".arcgis-sync.");
    let scratch = match folder {
        Some(folder) => scratch.tempdir_in(folder),
        None => scratch.tempdir(),
    };
    scratch.map_err(|source| Error::Unwritable {
        path: folder.map_or_else(std::env::temp_dir, Path::to_owned),
        source,
    })
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Candidate").field(&self.name).finish()
    }
}

impl Destination for Candidate {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn open(&self) -> Result<Box<dyn Output>, Error> {
        Ok(Box::new(Waiting {
            output: self.here.open()?,
            is_folder: self.is_folder(),
            name: self.name.clone(),
            whole: Arc::clone(&self.whole),
        }))
    }

    fn is_folder(&self) -> bool {
        self.here.is_folder()
    }
}

/// The new file on its way.
struct Waiting {
    output: Box<dyn Output>,
    is_folder: bool,
    name: String,
    whole: Arc<Mutex<Option<Box<dyn Output>>>>,
}

impl Write for Waiting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl Output for Waiting {
    fn file(&mut self, path: &str) -> Result<Box<dyn Output>, Error> {
        self.output.file(path)
    }

    fn settle(&mut self) -> Result<(), Error> {
        self.output.settle()
    }

    fn temporary(&self) -> Option<&Path> {
        self.output.temporary()
    }

    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        let size = |path| match self.is_folder {
            true => Dataset::open(path).map(|dataset| dataset.bytes()),
            false => std::fs::metadata(path).map(|file| file.len()),
        };
        let bytes = self.output.temporary().map(size);
        let bytes = bytes.and_then(Result::ok).unwrap_or(0);
        *self.whole.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.output);
        Ok(Committed::new(self.name, bytes))
    }
}
