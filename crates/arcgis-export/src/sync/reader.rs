//! The bytes of an earlier file, wherever it is.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
#[cfg(feature = "object-store")]
use parquet::errors::ParquetError;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};

use super::place::{Place, SyncPlace};
#[cfg(feature = "object-store")]
use super::remote::{KeptBytes, RemoteFile};

/// A file that stays the same, whatever takes its name.
#[derive(Debug)]
pub(super) enum FileReader {
    Local(File),
    #[cfg(feature = "object-store")]
    Remote(RemoteFile),
}

impl FileReader {
    /// `folder` is for what comes from elsewhere.
    pub(super) fn open(place: &SyncPlace, folder: Option<&Path>) -> std::io::Result<Self> {
        #[cfg(not(feature = "object-store"))]
        let _ = folder;
        match &place.0 {
            Place::Local(path) => File::open(path).map(Self::Local),
            #[cfg(feature = "object-store")]
            Place::Stored(object) => {
                let kept = KeptBytes::new(folder)?;
                RemoteFile::open(object, &kept, 0).map(Self::Remote)
            }
            #[cfg(feature = "object-store")]
            Place::StoredFolder(_) => Err(std::io::Error::other("it is a folder")),
        }
    }

    pub(super) fn try_clone(&self) -> std::io::Result<Self> {
        Ok(match self {
            Self::Local(file) => Self::Local(file.try_clone()?),
            #[cfg(feature = "object-store")]
            Self::Remote(file) => Self::Remote(file.clone()),
        })
    }
}

impl Length for FileReader {
    fn len(&self) -> u64 {
        match self {
            Self::Local(file) => Length::len(file),
            #[cfg(feature = "object-store")]
            Self::Remote(file) => file.size(),
        }
    }
}

impl ChunkReader for FileReader {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(match self {
            Self::Local(file) => Box::new(file.get_read(start)?),
            #[cfg(feature = "object-store")]
            Self::Remote(file) => Box::new(file.reader(start)),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        match self {
            Self::Local(file) => file.get_bytes(start, length),
            #[cfg(feature = "object-store")]
            Self::Remote(file) => {
                let bytes = file.bytes(start, length).map_err(ParquetError::from)?;
                if bytes.len() == length {
                    return Ok(bytes);
                }
                Err(ParquetError::EOF(format!(
                    "{} bytes are there of {length} at {start}",
                    bytes.len()
                )))
            }
        }
    }
}
