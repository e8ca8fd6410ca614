//! The writer of Parquet files.

use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression as ParquetCompression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::error::Error;
use crate::geometry_summary::GeometrySummary;
use crate::options::{Compression, WriterOptions};
use crate::provenance::Provenance;
use crate::schema::ExportSchema;

use super::output::OutputColumns;
use super::page_store::{MakeFile, Pages};
use super::row_groups::RowGroups;

/// Writes batches as GeoParquet, or as plain Parquet where there is no geometry.
///
/// By default it is GeoParquet 1.1 with ISO WKB, polygons with counter-clockwise shells, in a plain BYTE_ARRAY
/// column whose Arrow field, for readers that go by it, is `geoarrow.wkb` with the CRS; beside it stands the
/// bounding box of each row as the spec's `covering`. The CRS is PROJJSON, or `null` where it is not known. Pages
/// have statistics, so that readers can skip. The same batches give the same bytes.
/// [`WriterOptions::geoparquet_version`] and [`WriterOptions::geometry_encoding`] give the other forms.
///
/// What is not finished is no file: without [`GeoParquetWriter::finish`] no reader will take it.
pub struct GeoParquetWriter<W: Write + Send> {
    groups: RowGroups<W>,
    columns: OutputColumns,
    schema: ExportSchema,
    rows: u64,
}

/// One row group that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowGroup {
    /// Rows.
    pub rows: u64,
    /// Bytes, compressed.
    pub bytes: u64,
}

impl<W: Write + Send> GeoParquetWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the options do not go together, or not with the layer's geometry;
    /// [`Error::Write`] if `out` does not take its first bytes.
    pub fn try_new(out: W, schema: &ExportSchema, options: &WriterOptions) -> Result<Self, Error> {
        let folder = options.sort_folder.clone();
        let folder = folder.unwrap_or_else(std::env::temp_dir);
        let make = move || tempfile::tempfile_in(&folder);
        Self::with_pages_in(Box::new(make), out, schema, options)
    }

    /// The same, with files of a caller's making for what memory should not hold.
    pub(crate) fn with_pages_in(
        make: Box<MakeFile>,
        out: W,
        schema: &ExportSchema,
        options: &WriterOptions,
    ) -> Result<Self, Error> {
        let columns = OutputColumns::new(schema, options)?;
        let parquet = columns.parquet_schema(schema).map_err(Error::write)?;
        let properties = properties(options, columns.unrepeated(schema, &parquet))?;
        let arrow = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_page_store_factory(Arc::new(Pages::new(make)))
            .with_parquet_schema(parquet);
        let begun = ArrowWriter::try_new_with_options(out, Arc::clone(columns.schema()), arrow)
            .map_err(Error::write)?;
        let groups = RowGroups::new(begun, Arc::clone(columns.schema())).map_err(Error::write)?;
        Ok(Self {
            groups,
            columns,
            schema: schema.clone(),
            rows: 0,
        })
    }

    /// Writes rows with the schema [`ExportSchema::file`].
    ///
    /// Where row groups end depends on the batches too, if bytes and not rows are what limits them.
    ///
    /// # Errors
    ///
    /// [`Error::Write`], also for a geometry that a native encoding does not hold.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let batch = self.columns.of(batch)?;
        self.groups.write(&batch)?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// How many rows were given to [`GeoParquetWriter::write`].
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The row groups that are written so far.
    pub fn row_groups(&self) -> impl ExactSizeIterator<Item = RowGroup> + '_ {
        self.groups.written().iter().map(|group| RowGroup {
            rows: u64::try_from(group.num_rows()).unwrap_or(0),
            bytes: u64::try_from(group.compressed_size()).unwrap_or(0),
        })
    }

    /// Writes what is left, and the footer.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn finish(
        mut self,
        geometry: &GeometrySummary,
        provenance: &Provenance,
    ) -> Result<(W, Vec<RowGroup>), Error> {
        self.groups.end()?;
        let groups = self.row_groups().collect();
        let geo = self.columns.geo(&self.schema, geometry);
        for (key, value) in geo.into_iter().chain(provenance.pairs(self.rows)) {
            self.groups.add_to_footer(KeyValue::new(key, value));
        }
        Ok((self.groups.finish()?, groups))
    }
}

impl<W: Write + Send> std::fmt::Debug for GeoParquetWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeoParquetWriter")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

fn properties(
    options: &WriterOptions,
    unrepeated: Vec<ColumnPath>,
) -> Result<WriterProperties, Error> {
    let compression = match options.compression.unwrap_or_default() {
        Compression::Zstd(level) => ParquetCompression::ZSTD(
            ZstdLevel::try_new(i32::from(level.get())).map_err(Error::write)?,
        ),
        Compression::Snappy => ParquetCompression::SNAPPY,
        Compression::None => ParquetCompression::UNCOMPRESSED,
    };
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("arcgis-export version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(compression)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(options.row_group_rows.get()))
        .set_max_row_group_bytes(Some(options.row_group_bytes.get()));
    for path in unrepeated {
        properties = properties.set_column_dictionary_enabled(path, false);
    }
    Ok(properties.build())
}
