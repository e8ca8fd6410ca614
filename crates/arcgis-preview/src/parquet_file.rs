//! Parquet files with geometry: GeoParquet of every version and encoding, and plain Parquet with its own types for it.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use crate::column::Column;
use crate::error::Error;
use crate::geometry_column::GeometryColumn;
use crate::preview::{Preview, PreviewBuilder, PreviewOptions};

/// Bytes of a batch, about, as the file's own description of itself has it.
const BATCH_BYTES: u64 = 16 << 20;

/// Rows of a batch, at most.
const BATCH_ROWS: u64 = 8192;

/// A Parquet file, opened; its rows have not been read.
#[derive(Debug)]
pub struct ParquetFile {
    builder: ParquetRecordBatchReaderBuilder<File>,
    geometry: Option<GeometryColumn>,
}

impl ParquetFile {
    /// Opens a file and reads its footer.
    ///
    /// The geometry is what the key `geo` describes (GeoParquet 1.0 and 1.1, WKB and native encodings), else the first
    /// column of the type GEOMETRY or GEOGRAPHY, else the first whose Arrow extension is one of GeoArrow's.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`], [`Error::File`] if it is no Parquet file, [`Error::Footer`] if the key `geo` describes
    /// something else.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::Unreadable)?;
        let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new(file))?;
        let footer = builder
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .and_then(|pairs| pairs.iter().find(|pair| pair.key == "geo"))
            .and_then(|pair| pair.value.as_deref());
        let geometry = match footer {
            Some(footer) => Some(GeometryColumn::of_footer(footer, builder.schema())?),
            None => GeometryColumn::of_schema(builder.schema()),
        };
        Ok(Self { builder, geometry })
    }

    /// The columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        self.builder.schema()
    }

    /// The geometry column, if there is one.
    #[must_use]
    pub fn geometry(&self) -> Option<&GeometryColumn> {
        self.geometry.as_ref()
    }

    /// How many rows the file says it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let rows = self.builder.metadata().file_metadata().num_rows();
        u64::try_from(rows).unwrap_or(0)
    }

    /// Reads all rows and looks at them: without [`PreviewOptions::with_table`] at their geometry alone, which is
    /// then all that is read of the file. Over some damaged files the crate `parquet` panics: the message goes where
    /// those of panics go, and is an error here all the same.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if rows cannot be read, [`Error::Geometry`] if a geometry is damaged.
    pub fn preview(self, options: PreviewOptions) -> Result<Preview, Error> {
        let with_table = options.table.is_some();
        let all: Vec<Column> = self
            .schema()
            .fields()
            .iter()
            .filter(|field| !self.geometry.as_ref().is_some_and(|one| one.covers(field)))
            .map(|field| Column::of(field))
            .collect();
        let rows = self.rows();
        let geometry = self.geometry.clone();
        if !with_table && geometry.is_none() {
            // Nothing of the rows is wanted.
            let mut preview =
                PreviewBuilder::new(self.schema().clone(), None, options)?.finish()?;
            preview.rows = rows;
            return Ok(preview);
        }
        let reader = self.batches(with_table)?;
        let mut builder = PreviewBuilder::new(reader.schema(), geometry, options)?;
        for batch in reader {
            builder.push(&batch?)?;
        }
        let mut preview = builder.finish()?;
        if !with_table {
            preview.columns = all;
        }
        Ok(preview)
    }

    /// All rows; with or without what is not geometry.
    fn batches(self, with_table: bool) -> Result<Batches, Error> {
        let metadata = self.builder.metadata();
        let rows = self.rows().max(1);
        let bytes: u64 = metadata
            .row_groups()
            .iter()
            .map(|group| u64::try_from(group.total_byte_size()).unwrap_or(0))
            .sum();
        let batch = (BATCH_BYTES / (bytes / rows).max(1)).clamp(16, BATCH_ROWS);
        let mut builder = self
            .builder
            .with_batch_size(usize::try_from(batch).unwrap_or(16));
        if let (false, Some(geometry)) = (with_table, &self.geometry) {
            let place = builder
                .schema()
                .index_of(geometry.name())
                .map_err(Error::Schema)?;
            let mask = ProjectionMask::roots(builder.parquet_schema(), [place]);
            builder = builder.with_projection(mask);
        }
        Ok(Batches(guarded(|| builder.build())?))
    }
}

/// Rows with the errors of this crate.
struct Batches(ParquetRecordBatchReader);

impl Batches {
    fn schema(&self) -> SchemaRef {
        arrow_array::RecordBatchReader::schema(&self.0)
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = guarded(|| match self.0.next() {
            Some(Err(error)) => Err(ParquetError::External(Box::new(error))),
            Some(Ok(batch)) => Ok(Some(batch)),
            None => Ok(None),
        });
        next.transpose()
    }
}

/// Reads with the crate `parquet`, which panics over some damaged files where it should give an error.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Error> {
    // What was being read is not looked at again after a panic.
    let result = catch_unwind(AssertUnwindSafe(read)).map_err(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        ParquetError::General(message.unwrap_or("it cannot be decoded").to_owned())
    });
    result.and_then(|read| read).map_err(Error::File)
}
