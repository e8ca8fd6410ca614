//! A dataset that is there already.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::index::{NAME, PartitionIndex};
#[cfg(feature = "object-store")]
use crate::destination::{ObjectVersion, StoredFolder};
use crate::error::Error;
use crate::index_file::MOST_BYTES;
#[cfg(feature = "object-store")]
use crate::service::Folder as _;
use crate::sync::SyncPlace;

/// A folder with the files that its index lists, on this machine or in a store.
#[derive(Debug)]
pub(crate) struct Dataset {
    at: At,
    index: PartitionIndex,
    /// That of the index itself.
    size: u64,
}

/// Where a dataset is.
#[derive(Debug)]
enum At {
    Folder(PathBuf),
    /// With the version of the index: whoever replaces the dataset replaces that.
    #[cfg(feature = "object-store")]
    Store(Box<StoredFolder>, ObjectVersion),
}

impl Dataset {
    /// Reads the index of a folder.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Other`] if there is none, or none that can be used.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let file = match File::open(folder.join(NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_index()),
            Err(error) => return Err(error),
        };
        let mut json = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut json)?;
        Self::of(At::Folder(folder.to_owned()), &json)
    }

    /// The same in a store. Whatever the store says is [`io::ErrorKind::NotConnected`].
    #[cfg(feature = "object-store")]
    pub(crate) fn open_stored(folder: &StoredFolder) -> io::Result<Self> {
        let read = folder.read_version(NAME, MOST_BYTES);
        let read = read.map_err(|error| io::Error::new(io::ErrorKind::NotConnected, error))?;
        let (json, version) = read.ok_or_else(no_index)?;
        Self::of(At::Store(Box::new(folder.clone()), version), &json)
    }

    fn of(at: At, json: &[u8]) -> io::Result<Self> {
        let index = PartitionIndex::from_json(json)
            .map_err(|error| io::Error::other(format!("its {NAME} cannot be used: {error}")))?;
        Ok(Self {
            at,
            index,
            size: json.len() as u64,
        })
    }

    pub(crate) fn index(&self) -> &PartitionIndex {
        &self.index
    }

    /// Where the index is, for people.
    pub(crate) fn index_path(&self) -> PathBuf {
        match &self.at {
            At::Folder(folder) => folder.join(NAME),
            #[cfg(feature = "object-store")]
            At::Store(folder, _) => format!("{}/{NAME}", folder.name()).into(),
        }
    }

    /// Where a file of the index is.
    pub(crate) fn place(&self, file: &str) -> Result<SyncPlace, Error> {
        match &self.at {
            At::Folder(folder) => Ok(folder.join(local(file)).into()),
            #[cfg(feature = "object-store")]
            At::Store(folder, _) => Ok(folder.object(file)?.into()),
        }
    }

    /// Which index it is, where it is in a store.
    #[cfg(feature = "object-store")]
    pub(crate) fn version(&self) -> Option<&ObjectVersion> {
        match &self.at {
            At::Folder(_) => None,
            At::Store(_, version) => Some(version),
        }
    }

    /// Whether the folder still has the index that was read. Nothing in it is kept open: some systems move no folder then.
    ///
    /// # Errors
    ///
    /// If a store does not say: that is no reason to think that it was replaced.
    pub(crate) fn is_in_place(&self) -> Result<bool, Error> {
        match &self.at {
            At::Folder(folder) => Ok(Self::open(folder).is_ok_and(|now| now.index == self.index)),
            #[cfg(feature = "object-store")]
            At::Store(folder, version) => {
                let now = folder.read_version(NAME, MOST_BYTES);
                now.map(|now| now.is_some_and(|(_, now)| now == *version))
            }
        }
    }

    /// The size of all files in bytes, as the index has it, and its own.
    pub(crate) fn bytes(&self) -> u64 {
        let files = self.index.files.iter().map(|file| file.bytes);
        files.sum::<u64>() + self.size
    }

    /// The files of a folder on this machine by their paths from it, the index first.
    ///
    /// # Errors
    ///
    /// If there is anything else in the folder.
    pub(super) fn files(&self) -> io::Result<Vec<PathBuf>> {
        let folder = match &self.at {
            At::Folder(folder) => folder.as_path(),
            #[cfg(feature = "object-store")]
            At::Store(..) => return Err(io::ErrorKind::Unsupported.into()),
        };
        let mut files = vec![PathBuf::from(NAME)];
        files.extend(self.index.files.iter().map(|file| local(&file.file)));
        let ours: BTreeSet<&Path> = files.iter().map(PathBuf::as_path).collect();
        let mut folders: BTreeSet<&Path> = BTreeSet::new();
        for file in &ours {
            folders.extend(file.ancestors().skip(1));
        }
        let mut to_look_at = vec![folder.to_owned()];
        while let Some(next) = to_look_at.pop() {
            for entry in fs::read_dir(next)? {
                let (path, kind) = {
                    let entry = entry?;
                    (entry.path(), entry.file_type()?)
                };
                let within = path.strip_prefix(folder).unwrap_or(&path);
                let is_ours = if kind.is_dir() {
                    folders.contains(within)
                } else {
                    kind.is_file() && ours.contains(within)
                };
                if !is_ours {
                    return Err(io::Error::other(format!(
                        "{} is not one of the files that its {NAME} lists, and only those are replaced",
                        within.display()
                    )));
                }
                if kind.is_dir() {
                    to_look_at.push(path);
                }
            }
        }
        Ok(files)
    }
}

fn no_index() -> io::Error {
    io::Error::other(format!(
        "it has no {NAME}, as a dataset in several files has"
    ))
}

/// A path of the index as this system has it.
pub(super) fn local(file: &str) -> PathBuf {
    file.split('/').collect()
}
