//! Where the files of several layers go.

use std::any::Any;
use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::destination::{Destination, LocalFile};
use crate::error::Error;
use crate::lock::Lock;
use crate::sync::SyncPlace;

/// A place for several files, each under a path with `/` between its parts. What it does may block.
pub trait Folder: fmt::Debug + Send + Sync + 'static {
    /// The place, for people.
    fn name(&self) -> String;

    /// Makes sure that files can be written there. Called before anything is fetched.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`].
    fn open(&self) -> Result<(), Error>;

    /// Keeps other processes from writing there while what it gives is held. Called once, behind [`Folder::open`].
    /// Default: nobody is kept out.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`].
    fn lock(&self) -> Result<FolderLock, Error> {
        Ok(FolderLock::none())
    }

    /// A file in it, which an export can be written to: the folders on the way to it are made.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`].
    fn file(&self, path: &str, overwrite: bool) -> Result<Box<dyn Destination>, Error>;

    /// Writes a small file, whole or not at all, also over an earlier one. Default: as [`Folder::file`].
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`] and [`Error::Write`].
    fn put(&self, path: &str, content: Vec<u8>) -> Result<(), Error> {
        let mut output = self.file(path, true)?.open()?;
        output.write_all(&content).map_err(Error::write)?;
        output.settle()?;
        output.commit().map(drop)
    }

    /// What stands in a small file; `None` where there is none of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`], also for a file of more than `most` bytes.
    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Error>;

    /// How many bytes a file has; `None` where there is none of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    fn size(&self, path: &str) -> Result<Option<u64>, Error>;

    /// Where a file is, or would be, on this machine. Default: nowhere.
    fn local_path(&self, _path: &str) -> Option<PathBuf> {
        None
    }

    /// A file in it that can be brought up to date ([`Sync`](crate::Sync)). Default: none, and then no folder of the kind
    /// can be.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`] and [`Error::Unwritable`].
    fn place(&self, _path: &str) -> Result<Option<SyncPlace>, Error> {
        Ok(None)
    }
}

impl Folder for Arc<dyn Folder> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn open(&self) -> Result<(), Error> {
        (**self).open()
    }

    fn lock(&self) -> Result<FolderLock, Error> {
        (**self).lock()
    }

    fn file(&self, path: &str, overwrite: bool) -> Result<Box<dyn Destination>, Error> {
        (**self).file(path, overwrite)
    }

    fn put(&self, path: &str, content: Vec<u8>) -> Result<(), Error> {
        (**self).put(path, content)
    }

    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        (**self).read(path, most)
    }

    fn size(&self, path: &str) -> Result<Option<u64>, Error> {
        (**self).size(path)
    }

    fn local_path(&self, path: &str) -> Option<PathBuf> {
        (**self).local_path(path)
    }

    fn place(&self, path: &str) -> Result<Option<SyncPlace>, Error> {
        (**self).place(path)
    }
}

/// Keeps other processes out of a [`Folder`] until it is dropped.
pub struct FolderLock(Option<Box<dyn Any + Send + Sync>>);

impl FolderLock {
    /// Whatever keeps others out until it is dropped.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(held)))
    }

    /// Nobody is kept out.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }
}

impl fmt::Debug for FolderLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "held" } else { "none" })
    }
}

/// A folder on this machine. It is made where there is none.
#[derive(Debug, Clone)]
pub struct LocalFolder {
    path: PathBuf,
}

impl LocalFolder {
    /// The folder at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn at(&self, path: &str) -> PathBuf {
        path.split('/')
            .fold(self.path.clone(), |path, part| path.join(part))
    }
}

impl Folder for LocalFolder {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn open(&self) -> Result<(), Error> {
        let unwritable = |source| Error::Unwritable {
            path: self.path.clone(),
            source,
        };
        fs::create_dir_all(&self.path).map_err(unwritable)?;
        // Whether files can be made, nothing else tells.
        drop(tempfile::tempfile_in(&self.path).map_err(unwritable)?);
        Ok(())
    }

    fn lock(&self) -> Result<FolderLock, Error> {
        Lock::of_folder(&self.path).map(FolderLock::new)
    }

    fn file(&self, path: &str, overwrite: bool) -> Result<Box<dyn Destination>, Error> {
        let path = self.at(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| Error::Unwritable {
                path: folder.to_owned(),
                source,
            })?;
        }
        Ok(Box::new(LocalFile::new(path).with_overwrite(overwrite)))
    }

    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.at(path);
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Unreadable { path, source }),
        };
        let mut bytes = Vec::new();
        let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
        let read = read.and_then(|_| {
            if bytes.len() as u64 > most {
                return Err(io::Error::other(format!("it has more than {most} bytes")));
            }
            Ok(Some(bytes))
        });
        read.map_err(|source| Error::Unreadable { path, source })
    }

    fn size(&self, path: &str) -> Result<Option<u64>, Error> {
        let path = self.at(path);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Unreadable { path, source }),
        }
    }

    fn local_path(&self, path: &str) -> Option<PathBuf> {
        Some(self.at(path))
    }

    fn place(&self, path: &str) -> Result<Option<SyncPlace>, Error> {
        Ok(Some(self.at(path).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_where_their_paths_say() {
        let place = tempfile::tempdir().unwrap();
        let folder = LocalFolder::new(place.path().join("new/one"));
        folder.open().unwrap();
        assert_eq!(folder.read("a/b.txt", 10).unwrap(), None);
        assert_eq!(folder.size("a/b.txt").unwrap(), None);
        let mut output = folder.file("a/b.txt", false).unwrap().open().unwrap();
        output.write_all(b"text").unwrap();
        output.commit().unwrap();
        assert_eq!(folder.read("a/b.txt", 4).unwrap().unwrap(), b"text");
        assert!(folder.read("a/b.txt", 3).is_err());
        assert_eq!(folder.size("a/b.txt").unwrap(), Some(4));
        assert_eq!(folder.size("a").unwrap(), None);
        assert!(folder.file("a/b.txt", false).unwrap().open().is_err());
        assert!(folder.file("a/b.txt", true).unwrap().open().is_ok());
        // A file where a folder should be.
        let below = LocalFolder::new(place.path().join("new/one/a/b.txt"));
        assert!(matches!(below.open(), Err(Error::Unwritable { .. })));
    }
}
