//! A file in a folder that is not on this machine: small ones are put whole, others sent while they come.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use arcgis_layer::AttachmentSink;

use super::file::Got;
use crate::destination::{Destination, Output};
use crate::error::Error;
use crate::service::Folder;

/// Files up to this size are put in one request.
const SMALL: u64 = 8 * 1024 * 1024;

/// A file on its way. Clones are the same file. Dropped, it leaves nothing.
#[derive(Clone)]
pub(super) struct SentFile(Arc<Mutex<Sent>>);

struct Sent {
    folder: Arc<dyn Folder>,
    path: String,
    way: Way,
}

enum Way {
    Whole(Vec<u8>),
    Pieces {
        place: Box<dyn Destination>,
        output: Option<Box<dyn Output>>,
    },
}

impl SentFile {
    /// Looks for the file, and begins it where it is not there with its size.
    pub(super) fn open(
        folder: Arc<dyn Folder>,
        path: String,
        size: Option<u64>,
    ) -> Result<Result<Got, Self>, Error> {
        if let Some(bytes) = folder.size(&path)?
            && Some(bytes) == size
        {
            return Ok(Ok(Got {
                bytes,
                is_kept: true,
            }));
        }
        let way = if size.is_some_and(|size| size <= SMALL) {
            Way::Whole(Vec::new())
        } else {
            let place = folder.file(&path, true)?;
            let output = Some(place.open()?);
            Way::Pieces { place, output }
        };
        let sent = Sent { folder, path, way };
        Ok(Err(Self(Arc::new(Mutex::new(sent)))))
    }

    /// Gives the whole file its name.
    pub(super) fn finish(&self) -> Result<(), Error> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Sent { folder, path, way } = &mut *sent;
        match way {
            Way::Whole(bytes) => folder.put(path, std::mem::take(bytes)),
            Way::Pieces { output, .. } => {
                let mut output = output.take().ok_or(Error::WriterStopped)?;
                output.settle()?;
                output.commit().map(drop)
            }
        }
    }
}

impl AttachmentSink for SentFile {
    fn restart(&mut self) -> io::Result<()> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut sent.way {
            Way::Whole(bytes) => bytes.clear(),
            Way::Pieces { place, output } => {
                *output = None;
                *output = Some(place.open().map_err(io::Error::other)?);
            }
        }
        Ok(())
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut sent.way {
            Way::Whole(bytes) => bytes.extend_from_slice(piece),
            Way::Pieces { output, .. } => match output {
                Some(output) => output.write_all(piece)?,
                None => return Err(io::Error::other("the file was given up")),
            },
        }
        Ok(())
    }
}

impl fmt::Debug for SentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentFile").finish_non_exhaustive()
    }
}
