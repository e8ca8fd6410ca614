//! A new file that takes the place of the old one only if it is to.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::destination::{Committed, Destination, LocalFile, Output};
use crate::error::Error;

/// The place of the old file, where the new one waits beside it.
#[derive(Clone)]
pub(super) struct Candidate {
    file: LocalFile,
    whole: Arc<Mutex<Option<Box<dyn Output>>>>,
}

impl Candidate {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            file: LocalFile::new(path).with_overwrite(true),
            whole: Arc::default(),
        }
    }

    /// The new file, once it is whole, and where it is.
    pub(super) fn take(&self) -> Option<(Box<dyn Output>, PathBuf)> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let output = whole.take()?;
        let path = output.temporary()?.to_owned();
        Some((output, path))
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Candidate").field(&self.file).finish()
    }
}

impl Destination for Candidate {
    fn name(&self) -> String {
        self.file.name()
    }

    fn open(&self) -> Result<Box<dyn Output>, Error> {
        Ok(Box::new(Waiting {
            output: self.file.open()?,
            name: self.file.name(),
            whole: Arc::clone(&self.whole),
        }))
    }
}

/// The new file on its way.
struct Waiting {
    output: Box<dyn Output>,
    name: String,
    whole: Arc<Mutex<Option<Box<dyn Output>>>>,
}

impl Write for Waiting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl Output for Waiting {
    fn settle(&mut self) -> Result<(), Error> {
        self.output.settle()
    }

    fn temporary(&self) -> Option<&Path> {
        self.output.temporary()
    }

    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        let bytes = self.output.temporary().map(std::fs::metadata);
        let bytes = bytes.and_then(Result::ok).map_or(0, |file| file.len());
        *self.whole.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.output);
        Ok(Committed::new(self.name, bytes))
    }
}
