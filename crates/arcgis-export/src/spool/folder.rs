//! The folder of a spool, held by one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::lock::is_at;
use crate::resume::ResumeError;

const LOCK: &str = "lock";
const JOURNAL: &str = "journal";
const PLAN: &str = "plan";
const SEGMENT: &str = "arrows";

/// A folder that no other process has. The lock is the system's: it goes with the process, however that ends.
#[derive(Debug)]
pub(crate) struct SpoolFolder {
    path: PathBuf,
    lock: Option<File>,
}

impl SpoolFolder {
    /// Takes the folder, and makes it if it is not there.
    pub(crate) fn take(path: PathBuf) -> Result<Self, ResumeError> {
        let failed = |source| ResumeError::Unusable {
            folder: path.clone(),
            source,
        };
        // Another process may remove the folder between two steps of this one.
        for _ in 0..10 {
            match fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed(error));
                }
                _ => {}
            }
            let lock = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path.join(LOCK));
            let lock = match lock {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                lock => lock.map_err(failed)?,
            };
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(ResumeError::InUse { folder: path });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            if is_at(&lock, &path.join(LOCK)) {
                return Ok(Self {
                    path,
                    lock: Some(lock),
                });
            }
        }
        Err(ResumeError::InUse { folder: path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    pub(crate) fn plan(&self) -> PathBuf {
        self.path.join(PLAN)
    }

    pub(crate) fn segment(&self, number: u32) -> PathBuf {
        self.path.join(format!("{number:06}.{SEGMENT}"))
    }

    /// Brings the names in the folder, and its own, to disk. Not every system can.
    pub(crate) fn sync(&self) {
        for folder in [Some(self.path.as_path()), self.path.parent()] {
            if cfg!(unix)
                && let Some(folder) = folder
                && let Ok(folder) = File::open(folder)
            {
                let _ = folder.sync_all();
            }
        }
    }

    /// Removes segments from a number on: no line of the journal speaks of them.
    pub(crate) fn remove_segments(&self, from: u32) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let number = path
                .extension()
                .filter(|extension| *extension == SEGMENT)
                .and_then(|_| path.file_stem()?.to_str()?.parse::<u32>().ok());
            if number.is_some_and(|number| number >= from) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Removes what a spool consists of, the journal first: without it the rest is nothing.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for path in [self.journal(), self.plan()] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.remove_segments(0)
    }

    /// Removes the folder and what is ours in it. Other files stay, and the folder with them.
    pub(crate) fn remove(mut self) -> io::Result<()> {
        self.clear()?;
        // Some systems do not remove what is open.
        self.lock = None;
        fs::remove_file(self.path.join(LOCK))?;
        fs::remove_dir(&self.path)
    }
}

impl Drop for SpoolFolder {
    /// A folder without a journal holds nothing that anybody could go on with.
    fn drop(&mut self) {
        if self.lock.take().is_some() && !self.journal().exists() {
            let _ = fs::remove_file(self.path.join(LOCK));
            let _ = fs::remove_dir(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_at_a_time_and_goes_with_its_files() {
        let outside = tempfile::tempdir().unwrap();
        let path = outside.path().join(".a.arcgis-spool");
        let first = SpoolFolder::take(path.clone()).unwrap();
        let second = SpoolFolder::take(path.clone());
        assert!(
            matches!(second, Err(ResumeError::InUse { .. })),
            "{second:?}"
        );
        drop(first);
        let third = SpoolFolder::take(path.clone()).unwrap();
        for file in [third.journal(), third.plan(), third.segment(1)] {
            fs::write(file, "x").unwrap();
        }
        third.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_not_ours_stays() {
        let outside = tempfile::tempdir().unwrap();
        let path = outside.path().join("mine");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("letters.arrows"), "mine").unwrap();
        let folder = SpoolFolder::take(path.clone()).unwrap();
        fs::write(folder.segment(3), "x").unwrap();
        assert!(folder.remove().is_err());
        let left: Vec<_> = fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["letters.arrows"]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_of_its_own() {
        let outside = tempfile::tempdir().unwrap();
        let missing = SpoolFolder::take(outside.path().join("none").join("a"));
        assert!(
            matches!(missing, Err(ResumeError::Unusable { .. })),
            "{missing:?}"
        );
    }
}
