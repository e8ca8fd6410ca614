//! A Parquet file as readers see it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;
use serde_json::Value as Json;

use crate::wkb::Wkb;

/// A file that was read whole.
#[derive(Debug, Clone)]
pub struct ParquetFile {
    /// Where it is.
    pub path: PathBuf,
    /// All rows; its schema has the fields' metadata and not the file's.
    pub batch: RecordBatch,
    /// The footer.
    pub metadata: ParquetMetaData,
}

impl ParquetFile {
    /// Reads a file.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        let metadata = ParquetMetaData::clone(reader.metadata());
        let schema = reader.schema().clone();
        let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
        let batch = concat_batches(&schema, &batches).unwrap();
        // The footer's keys are in `metadata`: two files with the same rows differ in them.
        let schema = Schema::new(schema.fields().clone());
        Self {
            path: path.to_owned(),
            batch: RecordBatch::try_new(Arc::new(schema), batch.columns().to_vec()).unwrap(),
            metadata,
        }
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// The names of the columns.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let schema = self.batch.schema();
        let names = schema.fields().iter().map(|field| field.name().clone());
        names.collect()
    }

    /// A column's description.
    #[must_use]
    pub fn field(&self, name: &str) -> Field {
        self.batch.schema().field_with_name(name).unwrap().clone()
    }

    /// A column.
    #[must_use]
    pub fn column(&self, name: &str) -> &ArrayRef {
        self.batch
            .column_by_name(name)
            .unwrap_or_else(|| panic!("no column {name} in {:?}", self.names()))
    }

    /// A column of numbers or moments.
    #[must_use]
    pub fn numbers<T: ArrowPrimitiveType>(&self, name: &str) -> Vec<Option<T::Native>> {
        self.column(name).as_primitive::<T>().iter().collect()
    }

    /// A column of text.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<Option<&str>> {
        self.column(name).as_string::<i32>().iter().collect()
    }

    /// A column of bytes.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Vec<Option<&[u8]>> {
        self.column(name).as_binary::<i32>().iter().collect()
    }

    /// The geometries of the column `geometry`.
    #[must_use]
    pub fn geometries(&self) -> Vec<Option<Wkb>> {
        let wkb = self.bytes("geometry").into_iter();
        wkb.map(|wkb| wkb.map(Wkb::parse)).collect()
    }

    /// The bounding boxes of the column `bbox`.
    #[must_use]
    pub fn boxes(&self) -> Vec<Option<[f64; 4]>> {
        let boxes = self.column("bbox").as_struct();
        let sides = ["xmin", "ymin", "xmax", "ymax"].map(|side| {
            let side = boxes.column_by_name(side).unwrap();
            side.as_primitive::<Float64Type>().clone()
        });
        (0..boxes.len())
            .map(|row| {
                boxes
                    .is_valid(row)
                    .then(|| sides.each_ref().map(|side| side.value(row)))
            })
            .collect()
    }

    /// A key of the footer.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<&str> {
        let pairs = self.metadata.file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    /// What the footer says of the geometry; null for a table.
    #[must_use]
    pub fn geo(&self) -> Json {
        self.key("geo")
            .map_or(Json::Null, |geo| serde_json::from_str(geo).unwrap())
    }

    /// What the footer says of the column `geometry`.
    #[must_use]
    pub fn geo_column(&self) -> Json {
        let geo = self.geo();
        assert_eq!(geo["version"], "1.1.0");
        assert_eq!(geo["primary_column"], "geometry");
        geo["columns"]["geometry"].clone()
    }
}
