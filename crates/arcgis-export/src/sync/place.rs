//! Where a file or a dataset is that is brought up to date.

use std::path::{Path, PathBuf};

#[cfg(feature = "object-store")]
use crate::destination::{StoredFolder, StoredObject};
use crate::error::Error;
use crate::lock::Lock;

/// Where a file is that is brought up to date: on this machine, or in a store. Made of a path or of a
/// [`StoredObject`]. A folder on this machine, or a [`StoredFolder`], is that of a dataset in several files.
#[derive(Debug, Clone)]
pub struct SyncPlace(pub(super) Place);

#[derive(Debug, Clone)]
pub(super) enum Place {
    Local(PathBuf),
    #[cfg(feature = "object-store")]
    Stored(Box<StoredObject>),
    #[cfg(feature = "object-store")]
    StoredFolder(Box<StoredFolder>),
}

impl SyncPlace {
    /// The place, for people.
    #[must_use]
    pub fn name(&self) -> String {
        self.path().display().to_string()
    }

    /// The same as errors have it.
    pub(crate) fn path(&self) -> PathBuf {
        match &self.0 {
            Place::Local(path) => path.clone(),
            #[cfg(feature = "object-store")]
            Place::Stored(object) => {
                use crate::destination::Destination as _;
                object.name().into()
            }
            #[cfg(feature = "object-store")]
            Place::StoredFolder(folder) => {
                use crate::service::Folder as _;
                format!("{}/", folder.name()).into()
            }
        }
    }

    /// Keeps other processes from it. Where nothing is there is nothing to keep them from.
    pub(super) fn lock(&self) -> Result<Option<Lock>, Error> {
        match &self.0 {
            Place::Local(path) if path.is_file() => Lock::of_file(path).map(Some),
            Place::Local(path) if path.is_dir() => {
                // By whatever name it is called: `.`, or that of a link.
                let folder = path.canonicalize().map_err(|source| Error::Unwritable {
                    path: path.clone(),
                    source,
                })?;
                Lock::of_file(&folder).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl From<PathBuf> for SyncPlace {
    fn from(path: PathBuf) -> Self {
        Self(Place::Local(path))
    }
}

impl From<String> for SyncPlace {
    fn from(path: String) -> Self {
        PathBuf::from(path).into()
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for SyncPlace {
    fn from(path: &P) -> Self {
        path.as_ref().to_owned().into()
    }
}

#[cfg(feature = "object-store")]
impl From<StoredObject> for SyncPlace {
    fn from(object: StoredObject) -> Self {
        Self(Place::Stored(Box::new(object)))
    }
}

#[cfg(feature = "object-store")]
impl From<StoredFolder> for SyncPlace {
    fn from(folder: StoredFolder) -> Self {
        Self(Place::StoredFolder(Box::new(folder)))
    }
}
