//! Files on this machine.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{Committed, Destination, Output};
use crate::error::Error;

/// A file on this machine.
///
/// The rows go to a file of another name in the same folder, which takes the final name only when it
/// is whole and on disk. Until then an earlier file of that name stays as it is.
///
/// ```
/// use std::io::Write;
///
/// use arcgis_export::{Destination, LocalFile};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("places.parquet");
/// let mut output = LocalFile::new(&path).open()?;
/// output.write_all(b"PAR1")?;
/// assert!(!path.exists());
/// assert_eq!(output.commit()?.bytes, 4);
/// assert!(path.exists());
/// assert!(LocalFile::new(&path).open().is_err());
/// assert!(LocalFile::new(&path).with_overwrite(true).open().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LocalFile {
    path: PathBuf,
    overwrite: bool,
}

impl LocalFile {
    /// A file at `path`, which must not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            overwrite: false,
        }
    }

    /// Whether an earlier file may be replaced. Default: no.
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
        Error::Unwritable {
            path: self.path.clone(),
            source,
        }
    }

    /// The file to replace: where a link stands under the name, what it points to.
    fn target(&self) -> Result<(PathBuf, Option<fs::Permissions>), Error> {
        let link = match fs::symlink_metadata(&self.path) {
            Ok(metadata) => metadata.is_symlink(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((self.path.clone(), None));
            }
            Err(error) => return Err(self.unwritable(error)),
        };
        let metadata = fs::metadata(&self.path).map_err(|error| self.unwritable(error))?;
        if !metadata.is_file() {
            let problem = if metadata.is_dir() {
                io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")
            } else {
                io::Error::other("it is no ordinary file")
            };
            return Err(self.unwritable(problem));
        }
        if !self.overwrite {
            return Err(Error::Exists {
                path: self.path.clone(),
            });
        }
        if metadata.permissions().readonly() {
            return Err(self.unwritable(io::ErrorKind::PermissionDenied.into()));
        }
        let path = if link {
            fs::canonicalize(&self.path).map_err(|error| self.unwritable(error))?
        } else {
            self.path.clone()
        };
        Ok((path, Some(metadata.permissions())))
    }
}

impl Destination for LocalFile {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn open(&self) -> Result<Box<dyn Output>, Error> {
        let (target, permissions) = self.target()?;
        let Some(name) = target.file_name() else {
            return Err(self.unwritable(io::Error::other("the path names no file")));
        };
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        if !folder.is_dir() {
            let problem = format!("there is no folder {}", folder.display());
            return Err(self.unwritable(io::Error::new(io::ErrorKind::NotFound, problem)));
        }
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let temporary =
            create(&prefix, &folder, permissions).map_err(|error| self.unwritable(error))?;
        Ok(Box::new(LocalOutput {
            // Parquet writes many small pieces.
            file: BufWriter::with_capacity(1024 * 1024, temporary),
            target,
            folder,
            destination: self.clone(),
        }))
    }

    fn spool_folder(&self) -> Option<PathBuf> {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name()?);
        name.push(".arcgis-spool");
        Some(self.path.with_file_name(name))
    }
}

#[cfg(unix)]
fn create(
    prefix: &std::ffi::OsStr,
    folder: &Path,
    permissions: Option<fs::Permissions>,
) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;

    // As any new file, less what the umask takes away; or as the file that it replaces.
    let file = tempfile::Builder::new()
        .prefix(prefix)
        .suffix(".part")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn create(
    prefix: &std::ffi::OsStr,
    folder: &Path,
    _permissions: Option<fs::Permissions>,
) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(prefix)
        .suffix(".part")
        .tempfile_in(folder)
}

/// A temporary file, which goes away by itself unless it is committed.
#[derive(Debug)]
struct LocalOutput {
    file: BufWriter<NamedTempFile>,
    target: PathBuf,
    folder: PathBuf,
    destination: LocalFile,
}

impl Write for LocalOutput {
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

impl Output for LocalOutput {
    fn settle(&mut self) -> Result<(), Error> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().as_file().sync_all())
            .map_err(|error| self.destination.unwritable(error))
    }

    fn temporary(&self) -> Option<&Path> {
        Some(self.file.get_ref().path())
    }

    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        let Self {
            file,
            target,
            folder,
            destination,
        } = *self;
        let unwritable = |error| destination.unwritable(error);
        let file = file
            .into_inner()
            .map_err(|error| unwritable(error.into_error()))?;
        file.as_file().sync_all().map_err(unwritable)?;
        let bytes = file.as_file().metadata().map_err(unwritable)?.len();
        if destination.overwrite {
            file.persist(&target)
                .map_err(|error| unwritable(error.error))?;
        } else {
            file.persist_noclobber(&target).map_err(|error| {
                if error.error.kind() == io::ErrorKind::AlreadyExists {
                    Error::Exists {
                        path: destination.path.clone(),
                    }
                } else {
                    unwritable(error.error)
                }
            })?;
        }
        sync_folder(&folder);
        Ok(Committed::new(destination.name(), bytes))
    }
}

/// Brings the new name to disk too. The file is whole under its name already, so a file system that
/// cannot do this spoils nothing.
pub(crate) fn sync_folder(folder: &Path) {
    if cfg!(unix)
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_left_of_an_output_that_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        fs::write(&path, "earlier").unwrap();
        let mut output = LocalFile::new(&path).with_overwrite(true).open().unwrap();
        output.write_all(b"half").unwrap();
        output.flush().unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        assert_eq!(fs::read_to_string(&path).unwrap(), "earlier");
        drop(output);
        assert_eq!(names(folder.path()), ["a.parquet"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "earlier");
    }

    #[test]
    fn a_whole_output_replaces_the_earlier_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        fs::write(&path, "earlier").unwrap();
        let mut output = LocalFile::new(&path).with_overwrite(true).open().unwrap();
        output.write_all(b"whole").unwrap();
        let committed = output.commit().unwrap();
        assert_eq!(committed.bytes, 5);
        assert_eq!(names(folder.path()), ["a.parquet"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
    }

    #[test]
    fn a_file_that_came_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let mut output = LocalFile::new(&path).open().unwrap();
        output.write_all(b"ours").unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(output.commit(), Err(Error::Exists { .. })));
        assert_eq!(names(folder.path()), ["a.parquet"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }

    #[test]
    fn places_that_cannot_be_written_are_known_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [
            folder.path().join("missing").join("a.parquet"),
            file.join("a.parquet"),
            folder.path().to_owned(),
            PathBuf::new(),
        ] {
            let error = LocalFile::new(&path)
                .with_overwrite(true)
                .open()
                .err()
                .unwrap();
            assert!(matches!(error, Error::Unwritable { .. }), "{error}");
        }
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_files_keep_their_mode() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        fs::write(&file, "earlier").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        let mut output = LocalFile::new(&link).with_overwrite(true).open().unwrap();
        output.write_all(b"whole").unwrap();
        output.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "whole");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
}
