//! What writes a file, whatever its format.

use std::collections::BTreeMap;
use std::io::{self, Write};

use arrow_array::RecordBatch;

use crate::destination::Output;
use crate::error::Error;
use crate::geometry_summary::GeometrySummary;
use crate::geoparquet::{GeoParquetWriter, RowGroup};
use crate::options::WriterOptions;
use crate::partition::{PartitionReport, PartitionedWriter, Scheme};
use crate::provenance::Provenance;
use crate::schema::ExportSchema;
use crate::writer_thread::GivenUp;

use super::FileFormat;
use super::arrow::{ArrowFile, ArrowStream};
use super::csv::CsvWriter;
use super::flatgeobuf::FlatGeobufWriter;
use super::geojson::GeoJsonWriter;
#[cfg(feature = "geopackage")]
use super::geopackage::GeoPackageWriter;
use super::scratch::Scratch;

/// A file that rows are written to, with the schema [`ExportSchema::file`]. What is not finished is no file.
pub(crate) trait FileWriter: Send {
    /// All that is known of the rows' origin, told before the first of them where none is written until all are there.
    fn proven(&mut self, provenance: &Provenance) {
        let _ = provenance;
    }

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
    /// Values that the format has no place for and that became null, by column.
    pub(crate) misfits: BTreeMap<String, u64>,
    /// `None` where all is in one file.
    pub(crate) partitions: Option<PartitionReport>,
}

impl Written {
    pub(crate) fn new(output: Counted) -> Self {
        Self {
            output,
            row_groups: None,
            misfits: BTreeMap::new(),
            partitions: None,
        }
    }
}

/// What a file begins with.
pub(crate) struct NewFile<'a> {
    pub(crate) format: FileFormat,
    pub(crate) output: Counted,
    pub(crate) schema: &'a ExportSchema,
    pub(crate) options: &'a WriterOptions,
    /// As far as it is known before the rows are.
    pub(crate) provenance: &'a Provenance,
    /// Whether a value that the format has no place for becomes null, in place of an error.
    pub(crate) lenient: bool,
    /// How rows are cut into files, where they are: then the output is a folder.
    pub(crate) partitions: Option<Scheme>,
    /// Asked between files, of which one batch may fill thousands.
    pub(crate) given_up: GivenUp,
}

/// Begins a file.
pub(crate) fn begin(mut new: NewFile<'_>) -> Result<Box<dyn FileWriter>, Error> {
    if let Some(scheme) = new.partitions.take() {
        return Ok(Box::new(PartitionedWriter::begin(new, scheme)));
    }
    Ok(match new.format {
        FileFormat::GeoParquet => {
            let scratch = Scratch::of(new.options, &new.output);
            let make = Box::new(move || scratch.file());
            Box::new(GeoParquetWriter::with_pages_in(
                make,
                new.output,
                new.schema,
                new.options,
            )?)
        }
        FileFormat::ArrowFile => Box::new(ArrowFile::begin(new)?),
        FileFormat::ArrowStream => Box::new(ArrowStream::begin(new)?),
        FileFormat::GeoJson | FileFormat::GeoJsonLines => Box::new(GeoJsonWriter::begin(new)?),
        FileFormat::Csv => Box::new(CsvWriter::begin(new)?),
        FileFormat::FlatGeobuf => Box::new(FlatGeobufWriter::begin(new)?),
        #[cfg(feature = "geopackage")]
        FileFormat::GeoPackage => Box::new(GeoPackageWriter::begin(new)?),
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
