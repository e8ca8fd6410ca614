//! A file that appears when it is whole, and is gone on with when it is not.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arcgis_layer::AttachmentSink;

use crate::error::Error;

/// A file that is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Got {
    pub(super) bytes: u64,
    /// Whether it was there before.
    pub(super) is_kept: bool,
}

/// A file on its way, under another name. Clones are the same file.
#[derive(Debug, Clone)]
pub(super) struct PartFile {
    part: PathBuf,
    target: PathBuf,
    file: Arc<Mutex<File>>,
}

/// The file that is there, or one to write to with what it has already.
type Opened = Result<Got, (PartFile, u64)>;

impl PartFile {
    /// Looks for the file, and for what came of it before.
    pub(super) fn open(target: PathBuf, size: Option<u64>) -> Result<Opened, Error> {
        let unwritable = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Unwritable { path, source }
        };
        match fs::metadata(&target) {
            Ok(there) if there.is_file() && Some(there.len()) == size => {
                return Ok(Ok(Got {
                    bytes: there.len(),
                    is_kept: true,
                }));
            }
            _ => {}
        }
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(unwritable(folder))?;
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".part");
        let part = target.with_file_name(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(&part);
        let mut file = file.map_err(unwritable(&part))?;
        // Of a file whose size nobody says, no part can be told from the whole.
        let there = match size {
            Some(_) => file.seek(SeekFrom::End(0)),
            None => file.set_len(0).map(|()| 0),
        };
        let there = there.map_err(unwritable(&part))?;
        let file = Arc::new(Mutex::new(file));
        Ok(Err((Self { part, target, file }, there)))
    }

    /// Gives the whole file its name.
    pub(super) fn finish(&self) -> Result<(), Error> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.sync_all()
            .and_then(|()| fs::rename(&self.part, &self.target))
            .map_err(|source| Error::Unwritable {
                path: self.target.clone(),
                source,
            })
    }

    /// Leaves what came for another time, or takes it away.
    pub(super) fn close(&self, keep: bool) {
        let is_empty = fs::metadata(&self.part).is_ok_and(|part| part.len() == 0);
        if !keep || is_empty {
            // It is in nobody's way.
            let _ = fs::remove_file(&self.part);
        }
    }
}

impl AttachmentSink for PartFile {
    fn restart(&mut self) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0)).map(drop)
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(piece)
    }
}
