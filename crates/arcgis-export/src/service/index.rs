//! The file `index.json`: what an export of several layers wrote, and what is still to be done.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::IndexError;
use super::selection::LayerSelection;
use crate::attachments::AttachmentReport;
use crate::index_file::{self, is_within};
use crate::source::SourceKey;

/// What the file says it is.
const KIND: &str = "arcgis-index";

/// The version that is written.
const VERSION: u32 = 1;

/// The name of the file.
pub(super) const NAME: &str = "index.json";

/// What an export of several layers wrote: the file `index.json` in its folder.
///
/// It is written when it is known what is to be done, and again after each layer, so that it is true whenever the
/// export ends. Names that are not known or do not apply are left out. Readers should pass over names that they do not
/// know: the version changes only where an earlier reader would misunderstand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceIndex {
    /// What the file is: `arcgis-index`.
    pub kind: String,
    /// The version of its layout: 1.
    pub version: u32,
    /// The library that wrote it, and its version.
    pub tool: String,
    /// The address of the service, folder or server, without secrets.
    pub source: String,
    /// Which layers were wanted; none for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<LayerSelection>,
    /// When the export began; that of an earlier process, if it was gone on with.
    pub started: Timestamp,
    /// When it came to its end, whether or not all layers could be had; none before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// The layers and tables, in the server's order, those among them that were left out or failed.
    pub layers: Vec<IndexedLayer>,
    /// Folders and services that could not be read, so that nobody knows which layers they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// A layer or table in a [`ServiceIndex`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IndexedLayer {
    /// The service with its folder, such as `Water/Wells`.
    pub service: String,
    /// The number in the service.
    pub id: u32,
    /// The name.
    pub name: String,
    /// What it is, such as `Feature Layer` or `Table`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The address, without secrets.
    pub url: String,
    /// What became of it.
    pub status: LayerStatus,
    /// Why it was left out or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The layer that it was taken along with ([`LayerSelection::with_related`](crate::LayerSelection::with_related)), if
    /// no pattern stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_to: Option<String>,
    /// The file, as a path from the index with `/` between its parts. It is there once the status is `done`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The format of the file, by its [name](crate::FileFormat::name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The size of the file in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Rows in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The kind of geometry, such as `esriGeometryPoint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometry_type: Option<String>,
    /// The reference system of the coordinates, such as `EPSG:4326`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crs: Option<String>,
    /// Least x and y, greatest x and y.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<[f64; 4]>,
    /// How it is known that the rows are all: [`ProofReport::level`](crate::ProofReport::level).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// The hash of the columns, as in the footer of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_hash: Option<String>,
    /// A hash of what was asked for and how it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options_hash: Option<String>,
    /// How a GeoParquet file was exported, as in its footer (`arcgis:options`): what new layers are exported by when the
    /// folder is [brought up to date](crate::ServiceSync).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<serde_json::Value>,
    /// When the layer had been edited last, by what it said before its first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_edit: Option<Timestamp>,
    /// The layer's generation before its first row, where it tracks changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_generation: Option<i64>,
    /// When its export began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When its file was complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// The attachments of its rows, if they were wanted and there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<IndexedAttachments>,
    /// How its rows belong to those of other layers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relationships: Vec<IndexedRelationship>,
}

impl IndexedLayer {
    /// Whether there is a whole file, of this export or of an earlier one.
    #[must_use]
    pub fn has_file(&self) -> bool {
        let is_whole = match self.status {
            LayerStatus::Done | LayerStatus::Gone => true,
            LayerStatus::Failed => self.bytes.is_some(),
            LayerStatus::Pending | LayerStatus::Skipped => false,
        };
        is_whole && self.file.is_some()
    }
}

/// The attachments of a layer's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IndexedAttachments {
    /// The folder that they are in.
    pub folder: String,
    /// How many files there are.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many could not be had.
    pub failed: u64,
}

impl IndexedAttachments {
    pub(super) fn of(report: &AttachmentReport) -> Self {
        Self {
            folder: report.folder.clone(),
            files: report.files,
            bytes: report.bytes,
            failed: report.failed,
        }
    }
}

/// What became of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LayerStatus {
    /// It has not had its turn.
    #[default]
    Pending,
    /// Its file is there, with every row.
    Done,
    /// It could not be exported, and there is no file of this export; or the file is there, with its size, and some
    /// attachments are not, or it could not be brought up to date and is as it was.
    Failed,
    /// It was left out on purpose, since it has no rows that could be had.
    Skipped,
    /// The service does not have it any more: its file is as it was then.
    Gone,
}

/// A relationship of a layer in a [`ServiceIndex`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IndexedRelationship {
    /// The number of the relationship.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The number of the other layer or table in the same service.
    pub related_id: u32,
    /// The file of the other one, if it is exported too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_file: Option<String>,
    /// How many rows belong to how many: `one-to-one`, `one-to-many` or `many-to-many`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cardinality: Option<String>,
    /// Whether this layer is the one that the relationship starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_origin: Option<bool>,
    /// The column of this layer that rows are joined by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_field: Option<String>,
    /// The column of the other layer, where that names one for the same relationship.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_key_field: Option<String>,
}

/// A folder or service that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Unread {
    /// Its address, without secrets.
    pub url: String,
    /// Why not.
    pub problem: String,
}

impl Unread {
    pub(super) fn new(url: &str, problem: &str) -> Self {
        Self {
            url: url.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

impl ServiceIndex {
    pub(super) fn new(source: String, started: Timestamp, layers: Vec<IndexedLayer>) -> Self {
        Self {
            kind: KIND.to_owned(),
            version: VERSION,
            tool: crate::provenance::TOOL.to_owned(),
            source,
            selection: None,
            started,
            finished: None,
            layers,
            unread: Vec::new(),
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// [`IndexError`] for whatever is no index, is one of a later version, or names files outside its folder.
    pub fn from_json(json: &[u8]) -> Result<Self, IndexError> {
        let index: Self = index_file::read(json, KIND, VERSION)?;
        let mut files = std::collections::HashSet::new();
        for file in index
            .layers
            .iter()
            .filter_map(|layer| layer.file.as_deref())
        {
            if !is_within(file) || !files.insert(file.to_lowercase()) {
                return Err(IndexError::File(file.to_owned()));
            }
        }
        Ok(index)
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        index_file::to_json(self)
    }

    /// Whether the export has ended and every layer with rows has its file.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        use LayerStatus::{Done, Gone, Skipped};
        let has_its_file = |layer: &IndexedLayer| matches!(layer.status, Done | Skipped | Gone);
        self.finished.is_some() && self.unread.is_empty() && self.layers.iter().all(has_its_file)
    }

    /// The layers of a status.
    pub fn of_status(&self, status: LayerStatus) -> impl Iterator<Item = &IndexedLayer> {
        self.layers
            .iter()
            .filter(move |layer| layer.status == status)
    }
}

/// The index of an earlier export, whose layers are found by their addresses, however these are written.
#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) index: ServiceIndex,
    places: HashMap<SourceKey, usize>,
}

impl Earlier {
    pub(super) fn new(index: ServiceIndex) -> Self {
        let layers = index.layers.iter().enumerate();
        let places = layers.map(|(place, layer)| (SourceKey::of(&layer.url), place));
        Self {
            places: places.collect(),
            index,
        }
    }

    /// The layer of an address.
    pub(super) fn layer(&self, url: &str) -> Option<&IndexedLayer> {
        let place = self.places.get(&SourceKey::of(url))?;
        self.index.layers.get(*place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index() -> ServiceIndex {
        let layer = IndexedLayer {
            service: "Water/Wells".to_owned(),
            id: 3,
            name: "Deep wells".to_owned(),
            kind: "Feature Layer".to_owned(),
            url: "https://host/rest/services/Water/Wells/FeatureServer/3".to_owned(),
            status: LayerStatus::Done,
            file: Some("Water/Wells/Deep_wells.parquet".to_owned()),
            rows: Some(u64::MAX),
            extent: Some([0.1, -0.0, 1e300, f64::MIN_POSITIVE]),
            last_edit: Some(Timestamp::UNIX_EPOCH),
            ..IndexedLayer::default()
        };
        ServiceIndex::new(
            "https://host".to_owned(),
            Timestamp::UNIX_EPOCH,
            vec![layer],
        )
    }

    #[test]
    fn what_is_written_is_read() {
        let mut index = index();
        index.unread.push(Unread::new("https://host/x", "gone"));
        let json = index.to_json().unwrap();
        assert_eq!(ServiceIndex::from_json(&json).unwrap(), index);
        assert!(!index.is_complete());
        index.finished = Some(Timestamp::UNIX_EPOCH);
        assert!(!index.is_complete());
        index.unread.clear();
        assert!(index.is_complete());
        // Names of a later writer are passed over.
        let mut value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        value["layers"][0]["news"] = serde_json::json!([1, {"a": null}]);
        assert!(ServiceIndex::from_json(value.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let refused = |json: &str| {
            ServiceIndex::from_json(json.as_bytes())
                .unwrap_err()
                .to_string()
        };
        assert!(refused("").contains("is no index"));
        assert!(refused("{}").contains("is no index"));
        assert!(
            refused(r#"{"kind": "FeatureCollection", "version": 1}"#).contains("FeatureCollection")
        );
        assert!(refused(r#"{"kind": "arcgis-index", "version": 2}"#).contains("version 2"));
        for file in [
            "../x", "/x", "a//b", "C:x", "a\\..\\b", "a/./b", "", "a/b.", "a/..", "\0",
        ] {
            let mut index = index();
            index.layers[0].file = Some(file.to_owned());
            let json = String::from_utf8(index.to_json().unwrap()).unwrap();
            assert!(refused(&json).contains("outside"), "{file}");
        }
        let mut twice = index();
        twice.layers.push(twice.layers[0].clone());
        assert!(ServiceIndex::from_json(&twice.to_json().unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut json = index().to_json().unwrap();
            let at = at.index(json.len());
            json[at] = byte;
            let _ = ServiceIndex::from_json(&json);
            let _ = ServiceIndex::from_json(&json[..at]);
        }
    }
}
