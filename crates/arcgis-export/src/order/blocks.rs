//! Batches in a file that has no name: it goes with the process, however that ends.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};

use crate::batches::RowSizes;

/// The fastest level: a batch is read once.
const LEVEL: i32 = 1;

/// A file of batches, each an Arrow IPC stream of its own.
#[derive(Debug)]
pub(crate) struct Blocks {
    file: File,
    end: u64,
    schema: SchemaRef,
    /// The same without what is known of its columns, which would be written with every batch.
    plain: SchemaRef,
    buffer: Vec<u8>,
}

/// Where a batch lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    start: u64,
    length: usize,
    /// The bytes that it takes in memory.
    pub(crate) size: usize,
}

impl Blocks {
    pub(crate) fn new(folder: &Path, schema: &SchemaRef) -> io::Result<Self> {
        let fields = schema
            .fields()
            .iter()
            .map(|field| Field::new(field.name(), field.data_type().clone(), field.is_nullable()));
        Ok(Self {
            file: tempfile::tempfile_in(folder)?,
            end: 0,
            schema: Arc::clone(schema),
            plain: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            buffer: Vec::new(),
        })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Writes a batch behind those that are there.
    pub(crate) fn add(&mut self, rows: &RecordBatch) -> Result<Block, ArrowError> {
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::ZSTD))?
            .try_with_compression_level(Some(LEVEL))?;
        self.buffer.clear();
        let mut stream =
            StreamWriter::try_new_with_options(&mut self.buffer, &self.plain, options)?;
        stream.write(rows)?;
        stream.finish()?;
        drop(stream);
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&self.buffer)?;
        let block = Block {
            start: self.end,
            length: self.buffer.len(),
            size: RowSizes::whole(rows),
        };
        self.end += block.length as u64;
        Ok(block)
    }

    /// Reads a batch.
    pub(crate) fn read(&mut self, block: &Block) -> Result<RecordBatch, ArrowError> {
        self.buffer.clear();
        self.buffer.resize(block.length, 0);
        self.file.seek(SeekFrom::Start(block.start))?;
        self.file.read_exact(&mut self.buffer)?;
        let rows = StreamReader::try_new(Cursor::new(&self.buffer), None)?.next();
        let (_, columns, count) = rows
            .transpose()?
            .ok_or_else(|| ArrowError::IpcError("a block without rows".to_owned()))?
            .into_parts();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}
