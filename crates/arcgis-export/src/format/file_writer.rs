//! What writes a file, whatever its format.

use std::io::{self, Write};

use arrow_array::RecordBatch;

use crate::destination::Output;
use crate::error::Error;
use crate::geometry_summary::GeometrySummary;
use crate::geoparquet::{GeoParquetWriter, RowGroup};
use crate::options::WriterOptions;
use crate::provenance::Provenance;
use crate::schema::ExportSchema;

use super::FileFormat;

/// A file that rows are written to, with the schema [`ExportSchema::file`]. What is not finished is no file.
pub(crate) trait FileWriter: Send {
    /// Writes rows.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error>;

    /// How many rows were written.
    fn rows(&self) -> u64;

    /// The row groups that are written so far, without the first `known`.
    fn row_groups(&self, known: usize) -> Vec<RowGroup> {
        let _ = known;
        Vec::new()
    }

    /// Writes what is left.
    fn finish(
        self: Box<Self>,
        geometry: &GeometrySummary,
        provenance: &Provenance,
    ) -> Result<Written, Error>;
}

/// A file that is whole.
pub(crate) struct Written {
    pub(crate) output: Counted,
    /// `None` where the format has none.
    pub(crate) row_groups: Option<Vec<RowGroup>>,
}

/// Begins a file.
pub(crate) fn begin(
    format: FileFormat,
    output: Counted,
    schema: &ExportSchema,
    options: &WriterOptions,
) -> Result<Box<dyn FileWriter>, Error> {
    Ok(match format {
        FileFormat::GeoParquet => Box::new(GeoParquetWriter::try_new(output, schema, options)?),
    })
}

/// An output and how many bytes went there.
pub(crate) struct Counted {
    pub(crate) output: Box<dyn Output>,
    pub(crate) bytes: u64,
}

impl Counted {
    pub(crate) fn new(output: Box<dyn Output>) -> Self {
        Self { output, bytes: 0 }
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
