//! The writer of Parquet files.

use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, encode_arrow_schema};
use parquet::basic::{Compression as ParquetCompression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

use crate::error::Error;
use crate::geometry_summary::GeometrySummary;
use crate::options::{Compression, WriterOptions};
use crate::provenance::Provenance;
use crate::schema::ExportSchema;

use super::output::OutputColumns;
use super::packer::Packer;
use super::page_store::MakeFile;
use super::pages::Pages;
use super::repetition::unrepeated;
use super::row_groups::RowGroups;

/// Writes batches as GeoParquet, or as plain Parquet where there is no geometry.
///
/// By default it is GeoParquet 1.1 with ISO WKB, polygons with counter-clockwise shells, in a plain BYTE_ARRAY
/// column whose Arrow field, for readers that go by it, is `geoarrow.wkb` with the CRS; beside it stands the
/// bounding box of each row as the spec's `covering`. The CRS is PROJJSON, or `null` where it is not known. Pages
/// have statistics, so that readers can skip. Columns whose values mostly come once, as the first batch has them, have no
/// dictionary, and whole numbers among them are written as differences. The same batches give the same bytes.
/// [`WriterOptions::geoparquet_version`] and [`WriterOptions::geometry_encoding`] give the other forms.
///
/// What is not finished is no file: without [`GeoParquetWriter::finish`] no reader will take it.
pub struct GeoParquetWriter<W: Write + Send> {
    file: File<W>,
    columns: OutputColumns,
    schema: ExportSchema,
    rows: u64,
}

/// The first rows decide how columns are encoded, so that nothing is written before them.
enum File<W: Write + Send> {
    Waiting(Box<Beginning<W>>),
    Begun(Box<RowGroups<W>>),
    /// It could not be begun.
    Failed,
}

struct Beginning<W> {
    out: W,
    make: Box<MakeFile>,
    parquet: SchemaDescriptor,
    options: WriterOptions,
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
    /// [`Error::Unsupported`] if the options do not go together, or not with the layer's geometry.
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
        Ok(Self {
            file: File::Waiting(Box::new(Beginning {
                out,
                make,
                parquet,
                options: options.clone(),
            })),
            columns,
            schema: schema.clone(),
            rows: 0,
        })
    }

    /// The row groups, begun with the first rows.
    fn groups(&mut self, first: Option<&RecordBatch>) -> Result<&mut RowGroups<W>, Error> {
        if let File::Waiting(_) = &self.file
            && let File::Waiting(beginning) = std::mem::replace(&mut self.file, File::Failed)
        {
            self.file = File::Begun(Box::new(beginning.begin(
                &self.columns,
                &self.schema,
                first,
            )?));
        }
        match &mut self.file {
            File::Begun(groups) => Ok(groups),
            File::Waiting(_) | File::Failed => Err(Error::WriterStopped),
        }
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
        self.groups(Some(&batch))?.write(&batch)?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// How many rows were given to [`GeoParquetWriter::write`].
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// About how many bytes the rows take so far, encoded.
    pub(crate) fn size(&self) -> u64 {
        match &self.file {
            File::Begun(groups) => groups.size(),
            File::Waiting(_) | File::Failed => 0,
        }
    }

    /// The row groups that are written so far.
    pub fn row_groups(&self) -> impl ExactSizeIterator<Item = RowGroup> + '_ {
        let written = match &self.file {
            File::Begun(groups) => groups.written(),
            File::Waiting(_) | File::Failed => &[],
        };
        written.iter().map(|group| RowGroup {
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
        self.groups(None)?.end()?;
        let row_groups = self.row_groups().collect();
        let geo = self.columns.geo(&self.schema, geometry);
        let pairs = provenance.pairs(self.rows);
        let File::Begun(mut groups) = self.file else {
            return Err(Error::WriterStopped);
        };
        // Arrow's C++ library takes the metadata of a schema from here alone, and GeoPandas that of folders from there.
        let described = self.columns.schema().as_ref().clone();
        let described = described.with_metadata(geo.iter().cloned().collect());
        let arrow = encode_arrow_schema(&described);
        groups.add_to_footer(KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), arrow));
        for (key, value) in geo.into_iter().chain(pairs) {
            groups.add_to_footer(KeyValue::new(key, value));
        }
        Ok((groups.finish()?, row_groups))
    }
}

impl<W: Write + Send> Beginning<W> {
    fn begin(
        self,
        columns: &OutputColumns,
        schema: &ExportSchema,
        first: Option<&RecordBatch>,
    ) -> Result<RowGroups<W>, Error> {
        let compression = compression(&self.options)?;
        let mut properties = properties(&self.options, compression);
        let mut without_dictionary = columns.unrepeated(schema, &self.parquet);
        let rows = self.options.row_group_rows.get();
        for column in first.map_or_else(Vec::new, |first| unrepeated(first, rows)) {
            let path = ColumnPath::from(column.column);
            properties = properties.set_column_encoding(path.clone(), column.encoding);
            without_dictionary.push(path);
        }
        for path in &without_dictionary {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
        }
        // Their pages follow each other as they are made, and are compressed side by side.
        let mut packed = Vec::new();
        let mut level = ZstdLevel::default();
        if let ParquetCompression::ZSTD(asked) = compression {
            level = asked;
            for (leaf, column) in self.parquet.columns().iter().enumerate() {
                if without_dictionary.contains(column.path()) {
                    packed.push(leaf);
                    properties = properties.set_column_compression(
                        column.path().clone(),
                        ParquetCompression::UNCOMPRESSED,
                    );
                }
            }
        }
        let pages = Arc::new(Pages::new(self.make, Packer::new(level), packed));
        let arrow = ArrowWriterOptions::new()
            .with_properties(properties.build())
            .with_page_store_factory(Arc::clone(&pages) as _)
            .with_parquet_schema(self.parquet)
            // It is written when all is known that stands in it.
            .with_skip_arrow_metadata(true);
        let schema = columns.schema();
        let begun = ArrowWriter::try_new_with_options(self.out, Arc::clone(schema), arrow)
            .map_err(Error::write)?;
        RowGroups::new(begun, Arc::clone(schema), pages).map_err(Error::write)
    }
}

impl<W: Write + Send> std::fmt::Debug for GeoParquetWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeoParquetWriter")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

fn compression(options: &WriterOptions) -> Result<ParquetCompression, Error> {
    Ok(match options.compression.unwrap_or_default() {
        Compression::Zstd(level) => ParquetCompression::ZSTD(
            ZstdLevel::try_new(i32::from(level.get())).map_err(Error::write)?,
        ),
        Compression::Snappy => ParquetCompression::SNAPPY,
        Compression::None => ParquetCompression::UNCOMPRESSED,
    })
}

fn properties(options: &WriterOptions, compression: ParquetCompression) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_created_by(concat!("arcgis-export version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(compression)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(options.row_group_rows.get()))
        .set_max_row_group_bytes(Some(options.row_group_bytes.get()))
}
