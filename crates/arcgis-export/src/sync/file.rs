//! A file of an earlier export.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

use super::error::SyncError;
use super::place::SyncPlace;
use super::reader::FileReader;
#[cfg(feature = "object-store")]
use crate::destination::ObjectVersion;
use crate::error::Error;

/// About how many bytes of rows are read at once.
const ENOUGH: i64 = 8 * 1024 * 1024;

/// Most rows that are read at once.
const MOST_ROWS: i64 = 16_384;

/// A file of this library's, opened: it stays the same, whatever takes its name.
#[derive(Debug)]
pub(super) struct EarlierFile {
    path: PathBuf,
    /// None for one that is opened again when it is read.
    file: Option<FileReader>,
    metadata: ArrowReaderMetadata,
    values: BTreeMap<String, String>,
}

impl EarlierFile {
    /// Opens a file and reads its footer. `folder` is for what comes from elsewhere.
    pub(super) fn open(place: &SyncPlace, folder: Option<&Path>) -> Result<Self, SyncError> {
        let path = place.path();
        match FileReader::open(place, folder) {
            Ok(file) => Self::of(path, file),
            Err(error) => Err(SyncError::Unreadable {
                path,
                source: error.into(),
            }),
        }
    }

    /// Reads the footer of a file.
    pub(super) fn of(path: PathBuf, file: FileReader) -> Result<Self, SyncError> {
        let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| SyncError::Unreadable {
            path: path.clone(),
            source,
        };
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
            .map_err(|error| unreadable(error.into()))?;
        let pairs = metadata.metadata().file_metadata().key_value_metadata();
        let pairs = pairs.into_iter().flatten();
        let values = pairs
            .filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)))
            .collect();
        Ok(Self {
            path,
            file: Some(file),
            metadata,
            values,
        })
    }

    /// What its footer says, without the file.
    pub(super) fn closed(self) -> Self {
        Self { file: None, ..self }
    }

    /// What the footer says under `arcgis:…`.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let value = self.values.get(&format!("arcgis:{name}"));
        value.map(String::as_str)
    }

    /// The same where the file is of no use without it.
    pub(super) fn needed(&self, name: &str) -> Result<&str, SyncError> {
        self.value(name)
            .ok_or_else(|| self.not_an_export(format!("its footer has no arcgis:{name}")))
    }

    pub(super) fn not_an_export(&self, problem: String) -> SyncError {
        SyncError::NotAnExport {
            path: self.path.clone(),
            problem,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    pub(super) fn rows(&self) -> u64 {
        let rows = self.metadata.metadata().file_metadata().num_rows();
        u64::try_from(rows).unwrap_or(0)
    }

    /// The rows in their order, or some of their columns.
    pub(super) fn read(
        &self,
        columns: Option<&[usize]>,
    ) -> Result<ParquetRecordBatchReader, Error> {
        let file = match &self.file {
            Some(file) => file.try_clone(),
            None => FileReader::open(&SyncPlace::from(&self.path), None),
        };
        let file = file.map_err(|error| self.broken(error))?;
        let mut reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_batch_size(self.batch_rows());
        if let Some(columns) = columns {
            let parquet = reader.parquet_schema();
            let mask = ProjectionMask::roots(parquet, columns.iter().copied());
            reader = reader.with_projection(mask);
        }
        reader.build().map_err(|error| self.broken(error))
    }

    /// Few enough rows that the widest of them are no burden.
    fn batch_rows(&self) -> usize {
        let groups = self.metadata.metadata().row_groups().iter();
        let widest = groups.map(|group| group.total_byte_size() / group.num_rows().max(1));
        let rows = (ENOUGH / widest.max().unwrap_or(0).max(1)).clamp(16, MOST_ROWS);
        usize::try_from(rows).unwrap_or(16)
    }

    /// Which object it is, where it is one in a store.
    #[cfg(feature = "object-store")]
    pub(super) fn version(&self) -> Option<&ObjectVersion> {
        match &self.file {
            Some(FileReader::Remote(file)) => Some(file.version()),
            _ => None,
        }
    }

    /// Makes sure that the file has its name still, where that can be seen on this machine.
    pub(super) fn check_in_place(&self) -> Result<(), Error> {
        match &self.file {
            Some(FileReader::Local(file)) if !crate::lock::is_at(file, &self.path) => {
                Err(Error::Replaced {
                    path: self.path.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether another object was found under its name since.
    pub(super) fn was_replaced(&self) -> bool {
        #[cfg(feature = "object-store")]
        if let Some(FileReader::Remote(file)) = &self.file {
            return file.was_replaced();
        }
        false
    }

    fn broken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Sync(SyncError::Unreadable {
            path: self.path.clone(),
            source: source.into(),
        })
    }
}
