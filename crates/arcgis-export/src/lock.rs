//! Files and folders that one process at a time is at work on.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Keeps other processes out while it is there: a file that the system locks, so that it is free again however this
/// process ends. Only those that ask for the lock too are kept out.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    file: Option<File>,
}

impl Lock {
    /// Takes the lock of a file: `.<name>.arcgis-lock` beside it.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`], and [`Error::Unwritable`] where no lock can be had.
    pub(crate) fn of_file(path: &Path) -> Result<Self, Error> {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or(OsStr::new("file")));
        name.push(".arcgis-lock");
        Self::take(path.with_file_name(name), path)
    }

    /// Takes the lock of a folder: `.arcgis-lock` in it.
    ///
    /// # Errors
    ///
    /// As [`Lock::of_file`].
    pub(crate) fn of_folder(path: &Path) -> Result<Self, Error> {
        Self::take(path.join(".arcgis-lock"), path)
    }

    fn take(path: PathBuf, of: &Path) -> Result<Self, Error> {
        let in_use = || Error::InUse {
            place: of.display().to_string(),
        };
        let failed = |source| Error::Unwritable {
            path: path.clone(),
            source,
        };
        // The process that has it may take the file away between two steps of this one.
        for _ in 0..10 {
            let mut options = OpenOptions::new();
            let file = options
                .create(true)
                .append(true)
                .open(&path)
                .map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(in_use()),
                // Some network file systems know no locks: then nobody is kept out, as before.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            if is_at(&file, &path) {
                return Ok(Self {
                    path,
                    file: Some(file),
                });
            }
        }
        Err(in_use())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Some systems do not remove what is open. Where it stays it is in nobody's way.
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
            self.file = None;
        } else {
            self.file = None;
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a file is the one that has the name now.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Whether a file is the one that has the name now.
#[cfg(not(unix))]
pub(crate) fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.parquet");
        let first = Lock::of_file(&file).unwrap();
        let whole = Lock::of_folder(folder.path()).unwrap();
        let error = Lock::of_file(&file).unwrap_err();
        assert!(matches!(error, Error::InUse { .. }), "{error}");
        assert!(error.to_string().contains("a.parquet"), "{error}");
        assert!(Lock::of_folder(folder.path()).is_err());
        drop((first, whole));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        // What a process left that was killed is free.
        fs::write(folder.path().join(".arcgis-lock"), "").unwrap();
        drop(Lock::of_folder(folder.path()).unwrap());
        let missing = Lock::of_folder(&folder.path().join("none"));
        assert!(matches!(missing, Err(Error::Unwritable { .. })));
    }
}
