//! Where the files of several layers go.

use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::destination::{Destination, LocalFile};
use crate::error::Error;

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

    /// A file in it, which an export can be written to: the folders on the way to it are made.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`].
    fn file(&self, path: &str, overwrite: bool) -> Result<Box<dyn Destination>, Error>;

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
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

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
