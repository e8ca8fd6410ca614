//! Where rows go: a file, or standard output.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use arcgis_rest::export::{self, Committed, Destination, LocalFile, Output};

/// What stands for standard output.
pub(crate) const STANDARD_OUTPUT: &str = "-";

/// Where rows go.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    File(LocalFile),
    StandardOutput,
}

impl Place {
    pub(crate) fn new(out: &Path, overwrite: bool) -> Self {
        if out == Path::new(STANDARD_OUTPUT) {
            return Self::StandardOutput;
        }
        Self::File(LocalFile::new(out).with_overwrite(overwrite))
    }
}

impl Destination for Place {
    fn name(&self) -> String {
        match self {
            Self::File(file) => file.name(),
            Self::StandardOutput => "standard output".to_owned(),
        }
    }

    fn open(&self) -> Result<Box<dyn Output>, export::Error> {
        match self {
            Self::File(file) => file.open(),
            Self::StandardOutput => Ok(Box::new(Stream::default())),
        }
    }

    fn spool_folder(&self) -> Option<PathBuf> {
        match self {
            Self::File(file) => file.spool_folder(),
            Self::StandardOutput => None,
        }
    }
}

/// Standard output. What went there cannot be taken back: whether it is all, the exit code says.
#[derive(Debug, Default)]
struct Stream {
    bytes: u64,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = io::stdout().write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

impl Output for Stream {
    fn settle(&mut self) -> Result<(), export::Error> {
        self.flush()
            .map_err(|source| export::Error::Write(source.into()))
    }

    fn commit(self: Box<Self>) -> Result<Committed, export::Error> {
        Ok(Committed::new("standard output", self.bytes))
    }
}
