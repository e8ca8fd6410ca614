//! What was exported earlier: a file, or the files of a dataset.

use std::path::{Path, PathBuf};

use arcgis_layer::IdSet;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::SchemaRef;
use jiff::Timestamp;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::error::SyncError;
use super::file::EarlierFile;
use super::listed::ListedFiles;
use super::options::SavedOptions;
use super::place::{Place, SyncPlace};
#[cfg(feature = "object-store")]
use crate::destination::ObjectVersion;
use crate::error::Error;

/// An export of this library's, opened. A file stays the same, whatever takes its name; a dataset that is replaced is read
/// no further.
#[derive(Debug)]
pub(super) struct EarlierExport {
    path: PathBuf,
    /// The file, or the first of those of the dataset: what it says of the export, all of them say.
    head: EarlierFile,
    listed: Option<ListedFiles>,
}

impl EarlierExport {
    /// Opens a file, or all files of a folder one after the other, and reads their footers. `folder` is for what comes from
    /// elsewhere.
    pub(super) fn open(place: &SyncPlace, folder: Option<&Path>) -> Result<Self, SyncError> {
        let path = place.path();
        let (head, listed) = match &place.0 {
            #[cfg(feature = "object-store")]
            Place::StoredFolder(_) => {
                let (head, listed) = ListedFiles::open(&place.0, folder)?;
                (head, Some(listed))
            }
            Place::Local(path) if path.is_dir() => {
                let (head, listed) = ListedFiles::open(&place.0, folder)?;
                (head, Some(listed))
            }
            _ => (EarlierFile::open(place, folder)?, None),
        };
        Ok(Self { path, head, listed })
    }

    /// What the footer says under `arcgis:…`.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.head.value(name)
    }

    /// The same where nothing can be done without it.
    pub(super) fn needed(&self, name: &str) -> Result<&str, SyncError> {
        self.head.needed(name)
    }

    pub(super) fn options(&self) -> Result<SavedOptions, SyncError> {
        let options = SavedOptions::from_json(self.needed("options")?)
            .map_err(|problem| self.not_an_export(problem))?;
        match (&options.partitions, &self.listed) {
            (None, None) => {}
            (Some(partitions), Some(listed)) if partitions == listed.partitions() => {}
            // Its rows are not all that the query asks for.
            (Some(_), None) => {
                let problem = "it is one of several files of a partitioned dataset";
                return Err(self.not_an_export(problem.to_owned()));
            }
            (_, Some(_)) => {
                let problem = "its files were cut in another way than its index says";
                return Err(self.not_an_export(problem.to_owned()));
            }
        }
        Ok(options)
    }

    pub(super) fn moment(&self, name: &str) -> Option<Timestamp> {
        self.value(name)?.parse().ok()
    }

    /// The ids of rows that it lacks since the server could not serve them.
    pub(super) fn skipped(&self) -> Vec<i64> {
        let listed = self.value("skipped");
        listed
            .and_then(|ids| serde_json::from_str(ids).ok())
            .unwrap_or_default()
    }

    pub(super) fn generation(&self) -> Option<i64> {
        self.value("server_generation")?.parse().ok()
    }

    pub(super) fn not_an_export(&self, problem: String) -> SyncError {
        SyncError::NotAnExport {
            path: self.path.clone(),
            problem,
        }
    }

    pub(super) fn differs(
        &self,
        what: impl Into<String>,
        was: impl Into<String>,
        is: impl Into<String>,
    ) -> SyncError {
        SyncError::Differs {
            path: self.path.clone(),
            what: what.into(),
            was: was.into(),
            is: is.into(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a dataset in several files.
    pub(super) fn is_dataset(&self) -> bool {
        self.listed.is_some()
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        self.head.schema()
    }

    pub(super) fn rows(&self) -> u64 {
        match &self.listed {
            Some(listed) => listed.rows(),
            None => self.head.rows(),
        }
    }

    /// The rows in their order, file by file, or some of their columns.
    pub(super) fn read(&self, columns: Option<&[usize]>) -> Rows<'_> {
        Rows {
            export: self,
            columns: columns.map(<[usize]>::to_vec),
            next: 0,
            reader: None,
        }
    }

    /// One file after the other; none behind the last.
    fn reader(
        &self,
        number: usize,
        columns: Option<&[usize]>,
    ) -> Result<Option<ParquetRecordBatchReader>, Error> {
        match (&self.listed, number) {
            (None, 0) => self.head.read(columns).map(Some),
            (None, _) => Ok(None),
            (Some(listed), number) => match listed.file(number, &self.head)? {
                Some(file) => file.read(columns).map(Some),
                None => Ok(None),
            },
        }
    }

    /// The object ids; `None` where one stands in two rows.
    pub(super) fn object_ids(&self, column: usize) -> Result<Option<IdSet>, Error> {
        let mut ids = IdSet::new();
        for batch in self.read(Some(&[column])) {
            let batch = batch?;
            let Some(column) = batch.columns().first() else {
                return Ok(None);
            };
            let Some(column) = column.as_primitive_opt::<Int64Type>() else {
                return Ok(None);
            };
            ids.extend(column.values().iter().copied());
        }
        Ok((ids.len() == self.rows()).then_some(ids))
    }

    /// Which object it is, where it is one in a store; of a dataset there, which index.
    #[cfg(feature = "object-store")]
    pub(super) fn version(&self) -> Option<&ObjectVersion> {
        match &self.listed {
            Some(listed) => listed.version(),
            None => self.head.version(),
        }
    }

    /// Makes sure that it has its name still, where that can be seen on this machine.
    pub(super) fn check_in_place(&self) -> Result<(), Error> {
        match &self.listed {
            Some(listed) if listed.is_in_place()? => Ok(()),
            Some(_) => Err(Error::Replaced {
                path: self.path.clone(),
            }),
            None => self.head.check_in_place(),
        }
    }

    /// Whether something else was found under its name since.
    pub(super) fn was_replaced(&self) -> bool {
        match &self.listed {
            // A store that does not answer has replaced nothing.
            Some(listed) => matches!(listed.is_in_place(), Ok(false)),
            None => self.head.was_replaced(),
        }
    }
}

/// The rows of an earlier export. No more than one of its files is read at a time.
pub(super) struct Rows<'a> {
    export: &'a EarlierExport,
    columns: Option<Vec<usize>>,
    /// The file that comes next.
    next: usize,
    reader: Option<ParquetRecordBatchReader>,
}

impl Iterator for Rows<'_> {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.reader.as_mut().and_then(Iterator::next) {
                return Some(batch.map_err(Error::from));
            }
            match self.export.reader(self.next, self.columns.as_deref()) {
                Ok(reader) => self.reader = Some(reader?),
                Err(error) => return Some(Err(error)),
            }
            self.next += 1;
        }
    }
}
