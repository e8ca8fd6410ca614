//! Arrow IPC, as file and as stream.

use std::io::BufWriter;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{
    DictionaryHandling, FileWriter as IpcFileWriter, IpcWriteOptions, StreamWriter,
};
use arrow_schema::{ArrowError, Schema, SchemaRef};

use crate::arrow_columns::ArrowColumns;
use crate::error::Error;
use crate::geometry_summary::GeometrySummary;
use crate::options::{Compression, WriterOptions};
use crate::provenance::Provenance;

use super::{Counted, FileWriter, NewFile, Written};

/// Headers and padding are small pieces.
const BUFFER: usize = 256 * 1024;

/// The columns of a table: the bounding boxes of a file are there for Parquet's statistics alone.
struct Columns {
    columns: ArrowColumns,
    schema: SchemaRef,
    rows: u64,
}

impl Columns {
    fn new(new: &NewFile<'_>) -> Self {
        let table = new.schema.table();
        let known = new.provenance.known_at_start();
        Self {
            columns: ArrowColumns::new(new.schema),
            schema: Arc::new(Schema::clone(table).with_metadata(known.collect())),
            rows: 0,
        }
    }

    fn of(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        self.rows += batch.num_rows() as u64;
        let batch = self.columns.of(batch)?;
        batch.with_schema(Arc::clone(&self.schema))
    }
}

fn options(options: &WriterOptions) -> Result<IpcWriteOptions, ArrowError> {
    // Dictionaries only grow, and a file takes none in place of another.
    let ipc = IpcWriteOptions::default().with_dictionary_handling(DictionaryHandling::Delta);
    match options.compression {
        Some(Compression::Zstd(level)) => ipc
            .try_with_compression(Some(CompressionType::ZSTD))?
            .try_with_compression_level(Some(level.get().into())),
        _ => Ok(ipc),
    }
}

/// A file, which readers can enter anywhere.
pub(crate) struct ArrowFile {
    inner: IpcFileWriter<BufWriter<Counted>>,
    columns: Columns,
}

impl ArrowFile {
    pub(crate) fn begin(new: NewFile<'_>) -> Result<Self, Error> {
        let columns = Columns::new(&new);
        let options = options(new.options).map_err(Error::write)?;
        let output = BufWriter::with_capacity(BUFFER, new.output);
        let inner = IpcFileWriter::try_new_with_options(output, &columns.schema, options)
            .map_err(Error::write)?;
        Ok(Self { inner, columns })
    }
}

impl FileWriter for ArrowFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let batch = self.columns.of(batch).map_err(Error::write)?;
        self.inner.write(&batch).map_err(Error::write)
    }

    fn rows(&self) -> u64 {
        self.columns.rows
    }

    fn finish(
        mut self: Box<Self>,
        _geometry: &GeometrySummary,
        provenance: &Provenance,
    ) -> Result<Written, Error> {
        for (key, value) in provenance.pairs(self.columns.rows) {
            self.inner.write_metadata(key, value);
        }
        let output = self.inner.into_inner().map_err(Error::write)?;
        whole(output)
    }
}

/// A stream, which readers take from its beginning.
pub(crate) struct ArrowStream {
    inner: StreamWriter<BufWriter<Counted>>,
    columns: Columns,
}

impl ArrowStream {
    pub(crate) fn begin(new: NewFile<'_>) -> Result<Self, Error> {
        let columns = Columns::new(&new);
        let options = options(new.options).map_err(Error::write)?;
        let output = BufWriter::with_capacity(BUFFER, new.output);
        let mut inner = StreamWriter::try_new_with_options(output, &columns.schema, options)
            .map_err(Error::write)?;
        // Who reads along learns the columns before the first rows come.
        inner.flush().map_err(Error::write)?;
        Ok(Self { inner, columns })
    }
}

impl FileWriter for ArrowStream {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let batch = self.columns.of(batch).map_err(Error::write)?;
        self.inner.write(&batch).map_err(Error::write)?;
        self.inner.flush().map_err(Error::write)
    }

    fn rows(&self) -> u64 {
        self.columns.rows
    }

    fn finish(
        self: Box<Self>,
        _geometry: &GeometrySummary,
        _provenance: &Provenance,
    ) -> Result<Written, Error> {
        whole(self.inner.into_inner().map_err(Error::write)?)
    }
}

fn whole(output: BufWriter<Counted>) -> Result<Written, Error> {
    let output = output
        .into_inner()
        .map_err(|error| Error::write(error.into_error()))?;
    Ok(Written::new(output))
}
