//! The file `_index.json`: which files are a dataset, and what is in each.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::options::Partitions;
use crate::index_file::{self, is_within};
use crate::service::IndexError;

/// What the file says it is.
const KIND: &str = "arcgis-partitions";

/// The version that is written.
const VERSION: u32 = 1;

/// The name of the file. Readers of whole folders pass over names that begin so.
pub(super) const NAME: &str = "_index.json";

/// What a dataset in several files is: the file `_index.json` in its folder.
///
/// It is written last, so that a dataset with an index is whole. Names that are not known or do not apply are left out.
/// Readers should pass over names that they do not know: the version changes only where an earlier reader would
/// misunderstand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartitionIndex {
    /// What the file is: `arcgis-partitions`.
    pub kind: String,
    /// The version of its layout: 1.
    pub version: u32,
    /// The library that wrote it, and its version.
    pub tool: String,
    /// The layer's address, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The layer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// The address that asks for the rows, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How rows are cut into files.
    pub partitions: Partitions,
    /// The columns whose values decide; none where rows are partitioned spatially.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Rows in all files.
    pub rows: u64,
    /// The size of all files in bytes.
    pub bytes: u64,
    /// The reference system of the coordinates, such as `EPSG:4326`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crs: Option<String>,
    /// Least x and y, greatest x and y.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<[f64; 4]>,
    /// How it is known that the rows are all: [`ProofReport::level`](crate::ProofReport::level).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// The hash of the columns, as in the footer of each file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_hash: Option<String>,
    /// When the layer had been edited last, by what it said before its first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_edit: Option<Timestamp>,
    /// The layer's generation before its first row, where it tracks changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_generation: Option<i64>,
    /// When the export began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When the last file was whole.
    pub finished: Timestamp,
    /// The files, in the order of their rows.
    pub files: Vec<PartitionFile>,
}

/// A file in a [`PartitionIndex`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartitionFile {
    /// Its path from the index, with `/` between its parts.
    pub file: String,
    /// Its rows.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Least x and y, greatest x and y.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<[f64; 4]>,
    /// The values that all its rows have in the columns that they are partitioned by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Json>,
}

impl PartitionIndex {
    pub(super) fn new(partitions: Partitions, files: Vec<PartitionFile>) -> Self {
        Self {
            kind: KIND.to_owned(),
            version: VERSION,
            tool: crate::provenance::TOOL.to_owned(),
            source: None,
            layer: None,
            query: None,
            partitions,
            columns: Vec::new(),
            rows: files.iter().map(|file| file.rows).sum(),
            bytes: files.iter().map(|file| file.bytes).sum(),
            crs: None,
            extent: None,
            proof: None,
            schema_hash: None,
            last_edit: None,
            server_generation: None,
            started: None,
            finished: Timestamp::now(),
            files,
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// [`IndexError`] for whatever is no such index, is one of a later version, or names files outside its folder.
    pub fn from_json(json: &[u8]) -> Result<Self, IndexError> {
        let index: Self = index_file::read(json, KIND, VERSION)?;
        let mut files = HashSet::new();
        for PartitionFile { file, .. } in &index.files {
            if !is_within(file) || !files.insert(file) {
                return Err(IndexError::File(file.clone()));
            }
        }
        Ok(index)
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        index_file::to_json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> PartitionIndex {
        let file = PartitionFile {
            file: "s=06/part-00000.parquet".to_owned(),
            rows: 3,
            bytes: 900,
            extent: Some([0.1, -0.0, 1e300, f64::MIN_POSITIVE]),
            values: [("s".to_owned(), "06".into()), ("n".to_owned(), Json::Null)].into(),
        };
        PartitionIndex::new(Partitions::by_field("s"), vec![file])
    }

    #[test]
    fn what_is_written_is_read() {
        let index = index();
        let json = index.to_json().unwrap();
        assert_eq!(PartitionIndex::from_json(&json).unwrap(), index);
        assert_eq!((index.rows, index.bytes), (3, 900));
        let mut value: Json = serde_json::from_slice(&json).unwrap();
        value["files"][0]["news"] = serde_json::json!([1, {"a": null}]);
        assert!(PartitionIndex::from_json(value.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let refused = |json: &[u8]| PartitionIndex::from_json(json).unwrap_err().to_string();
        assert!(refused(b"").contains("is no index"));
        assert!(refused(br#"{"kind": "arcgis-index", "version": 1}"#).contains("arcgis-index"));
        assert!(refused(br#"{"kind": "arcgis-partitions", "version": 2}"#).contains("version 2"));
        for file in ["../x", "/x", "a//b", "C:x", "a\\..\\b", ""] {
            let mut index = index();
            index.files[0].file = file.to_owned();
            assert!(
                refused(&index.to_json().unwrap()).contains("outside"),
                "{file}"
            );
        }
        let mut twice = index();
        twice.files.push(twice.files[0].clone());
        assert!(refused(&twice.to_json().unwrap()).contains("twice"));
    }
}
