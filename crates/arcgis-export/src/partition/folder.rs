//! A folder for the files of one dataset, which appears when all of them are whole.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;

use super::side_by_side::side_by_side;
use super::swap::{Earlier, put_in_place};
use crate::destination::{Committed, Destination, Output, sync_folder};
use crate::error::Error;

/// Files of so many bytes go to disk by themselves, smaller ones all together: for thousands of those that takes a fifth of
/// the time.
const LARGE: u64 = 8 * 1024 * 1024;

/// A folder on this machine for the files of one dataset: see [`Partitions`](crate::Partitions).
///
/// The files go to a folder of another name beside it, which takes the final name only when all of them are whole and on
/// disk. Until then an earlier dataset of that name stays as it is; it is replaced in one step where the system can do
/// that, as Linux and macOS do. A folder is replaced only if everything in it is what its `_index.json` lists.
#[derive(Debug, Clone)]
pub struct PartitionFolder {
    path: PathBuf,
    overwrite: bool,
}

impl PartitionFolder {
    /// The folder at `path`, which must be empty or not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            overwrite: false,
        }
    }

    /// Whether an earlier dataset may be replaced. Default: no.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn unwritable(&self, source: io::Error) -> Error {
        unwritable(&self.path, source)
    }

    /// The folder to make or replace, and what is in it: where a link stands under the name, what it points to.
    fn target(&self) -> Result<(PathBuf, Earlier), Error> {
        let unwritable = |error| self.unwritable(error);
        let is_link = match fs::symlink_metadata(&self.path) {
            Ok(metadata) => metadata.is_symlink(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((self.path.clone(), Earlier::Nothing));
            }
            Err(error) => return Err(unwritable(error)),
        };
        if !fs::metadata(&self.path).map_err(unwritable)?.is_dir() {
            return Err(unwritable(io::Error::other("it is no folder")));
        }
        let target = if is_link {
            fs::canonicalize(&self.path).map_err(unwritable)?
        } else {
            self.path.clone()
        };
        let is_empty = fs::read_dir(&target).map_err(unwritable)?.next().is_none();
        if is_empty {
            return Ok((target, Earlier::Empty));
        }
        if !self.overwrite {
            return Err(Error::Exists {
                path: self.path.clone(),
            });
        }
        Earlier::files(&target).map_err(unwritable)?;
        Ok((target, Earlier::Dataset))
    }
}

impl Destination for PartitionFolder {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn is_folder(&self) -> bool {
        true
    }

    fn open(&self) -> Result<Box<dyn Output>, Error> {
        let (target, earlier) = self.target()?;
        let Some(name) = target.file_name() else {
            return Err(self.unwritable(io::Error::other("the path names no folder")));
        };
        let beside = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        if !beside.is_dir() {
            let problem = format!("there is no folder {}", beside.display());
            return Err(self.unwritable(io::Error::new(io::ErrorKind::NotFound, problem)));
        }
        if is_mounted(&target, &beside) {
            let problem = "another file system is mounted there: name a folder in it";
            return Err(self.unwritable(io::Error::other(problem)));
        }
        let mut prefix = OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let staging = stage(&prefix, &beside, &target).map_err(|error| self.unwritable(error))?;
        Ok(Box::new(FolderOutput {
            staging,
            target,
            beside,
            earlier,
            folders: BTreeSet::new(),
            shared: Arc::default(),
            destination: self.clone(),
        }))
    }

    fn spool_folder(&self) -> Option<PathBuf> {
        let mut name = OsString::from(".");
        name.push(self.path.file_name()?);
        name.push(".arcgis-spool");
        Some(self.path.with_file_name(name))
    }
}

/// Makes the folder that files go to, as any new one, less what the umask takes away; or as the one that it replaces.
fn stage(prefix: &std::ffi::OsStr, beside: &Path, target: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    let staging = builder.tempdir_in(beside)?;
    if let Ok(metadata) = fs::metadata(target) {
        fs::set_permissions(staging.path(), metadata.permissions())?;
    }
    Ok(staging)
}

/// Whether a folder is not of the file system that it stands in, so that none can take its place.
#[cfg(unix)]
fn is_mounted(folder: &Path, beside: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let devices = [folder, beside].map(|path| fs::metadata(path).ok().map(|data| data.dev()));
    matches!(devices, [Some(own), Some(other)] if own != other)
}

#[cfg(not(unix))]
fn is_mounted(_folder: &Path, _beside: &Path) -> bool {
    false
}

/// A folder that goes away by itself with all its files unless it is committed.
struct FolderOutput {
    staging: TempDir,
    target: PathBuf,
    beside: PathBuf,
    earlier: Earlier,
    /// Those in it.
    folders: BTreeSet<PathBuf>,
    shared: Arc<Shared>,
    destination: PartitionFolder,
}

/// What is known of all files.
#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicU64,
    /// Those that are written and not known to be on disk.
    unsynced: Mutex<Vec<PathBuf>>,
}

impl Write for FolderOutput {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("a folder holds files, and no bytes"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for FolderOutput {
    fn file(&mut self, path: &str) -> Result<Box<dyn Output>, Error> {
        let mut whole = self.staging.path().to_owned();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            whole.push(part);
            if parts.peek().is_some() && self.folders.insert(whole.clone()) {
                fs::create_dir(&whole).map_err(|source| unwritable(&whole, source))?;
            }
        }
        let file = File::create_new(&whole).map_err(|source| unwritable(&whole, source))?;
        Ok(Box::new(StagedFile {
            // Parquet writes many small pieces, and most files here are small.
            file: BufWriter::with_capacity(256 * 1024, file),
            path: whole,
            shared: Arc::clone(&self.shared),
        }))
    }

    fn settle(&mut self) -> Result<(), Error> {
        let unsynced = &self.shared.unsynced;
        let files = std::mem::take(&mut *unsynced.lock().unwrap_or_else(PoisonError::into_inner));
        side_by_side(&files, |file| {
            let synced = File::open(file).and_then(|open| open.sync_all());
            synced.map_err(|source| unwritable(file, source))
        })?;
        let folders: Vec<PathBuf> = self.folders.iter().cloned().collect();
        side_by_side(&folders, |folder| {
            sync_folder(folder);
            Ok(())
        })?;
        sync_folder(self.staging.path());
        Ok(())
    }

    fn temporary(&self) -> Option<&Path> {
        Some(self.staging.path())
    }

    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        let Self {
            staging,
            target,
            beside,
            earlier,
            destination,
            shared,
            ..
        } = *self;
        if let Err(error) = put_in_place(staging.path(), &target, earlier) {
            if matches!(
                error.kind(),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
            ) {
                return Err(Error::Exists {
                    path: destination.path,
                });
            }
            return Err(destination.unwritable(error));
        }
        // It has another name now, so there is nothing to take away.
        let _ = staging.keep();
        sync_folder(&beside);
        Ok(Committed::new(
            destination.name(),
            shared.bytes.load(Ordering::Relaxed),
        ))
    }
}

/// A file in a folder that has not got its name yet.
struct StagedFile {
    file: BufWriter<File>,
    path: PathBuf,
    shared: Arc<Shared>,
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Output for StagedFile {
    fn settle(&mut self) -> Result<(), Error> {
        let unwritable = |source| unwritable(&self.path, source);
        self.file.flush().map_err(unwritable)?;
        let file = self.file.get_ref();
        if file.metadata().map_err(unwritable)?.len() >= LARGE {
            return file.sync_all().map_err(unwritable);
        }
        let unsynced = &self.shared.unsynced;
        let mut unsynced = unsynced.lock().unwrap_or_else(PoisonError::into_inner);
        unsynced.push(self.path.clone());
        Ok(())
    }

    fn temporary(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        let metadata = self.file.get_ref().metadata();
        let bytes = metadata
            .map_err(|source| unwritable(&self.path, source))?
            .len();
        self.shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(Committed::new(self.path.display().to_string(), bytes))
    }
}

fn unwritable(path: &Path, source: io::Error) -> Error {
    Error::Unwritable {
        path: path.to_owned(),
        source,
    }
}
