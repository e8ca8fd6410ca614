//! The rows of a spool: Arrow IPC streams without an end, one record batch for each page.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow_schema::{ArrowError, SchemaRef};
use xxhash_rust::xxh3::Xxh3;

use super::journal::Place;

const BUFFERED: usize = 256 * 1024;
/// The fastest level: rows are read once at most.
const LEVEL: i32 = 1;

/// Writes a segment.
pub(crate) struct SegmentWriter {
    file: BufWriter<File>,
    encoder: StreamEncoder,
    number: u32,
    end: u64,
}

impl SegmentWriter {
    pub(crate) fn create(path: &Path, number: u32, schema: &SchemaRef) -> Result<Self, ArrowError> {
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::ZSTD))?
            .try_with_compression_level(Some(LEVEL))?;
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self {
            file: BufWriter::with_capacity(BUFFERED, file),
            encoder: StreamEncoder::try_new_with_options(schema, options)?,
            number,
            end: 0,
        })
    }

    /// Writes the rows of a page, which outlive this process from now on, though not the machine.
    pub(crate) fn add(&mut self, rows: &RecordBatch) -> Result<Place, ArrowError> {
        let mut hash = Xxh3::new();
        for piece in self.encoder.encode(rows)? {
            hash.update(&piece);
            self.file.write_all(&piece)?;
            self.end += piece.len() as u64;
        }
        self.file.flush()?;
        Ok(Place {
            segment: self.number,
            end: self.end,
            checksum: hash.digest(),
        })
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.get_ref().sync_data()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.end
    }
}

/// Looks whether the bytes of pages are those that were written.
pub(crate) struct SegmentCheck {
    file: BufReader<File>,
    number: u32,
    at: u64,
}

impl SegmentCheck {
    pub(crate) fn open(path: &Path, number: u32) -> io::Result<Self> {
        Ok(Self {
            file: BufReader::with_capacity(BUFFERED, File::open(path)?),
            number,
            at: 0,
        })
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Whether the next page is whole.
    pub(crate) fn next(&mut self, place: &Place) -> io::Result<bool> {
        let Some(length) = place.end.checked_sub(self.at) else {
            return Ok(false);
        };
        let mut hash = Xxh3::new();
        let mut page = (&mut self.file).take(length);
        let mut piece = [0; 16 * 1024];
        loop {
            let read = page.read(&mut piece)?;
            let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else {
                break;
            };
            hash.update(read);
            self.at += read.len() as u64;
        }
        Ok(length > 0 && self.at == place.end && hash.digest() == place.checksum)
    }
}

/// Reads the pages of a segment that was found to be whole.
pub(crate) struct SegmentReader {
    reader: StreamReader<BufReader<File>>,
    number: u32,
}

impl SegmentReader {
    pub(crate) fn open(path: &Path, number: u32) -> Result<Self, ArrowError> {
        let file = BufReader::with_capacity(BUFFERED, File::open(path)?);
        Ok(Self {
            reader: StreamReader::try_new(file, None)?,
            number,
        })
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The rows of the next page.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        self.reader.next().transpose()
    }
}
