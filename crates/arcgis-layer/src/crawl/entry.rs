//! What a crawl finds, as records that serialise to JSON.

use arcgis_auth_core::Url;
use serde::Serialize;

use crate::address::{DirectoryAddress, LayerAddress};
use crate::metadata::{LayerInfo, LayerReference};

/// One thing that a crawl found. In JSON its `entry` is `folder`, `service` or `layer`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "entry", rename_all = "lowercase")]
#[non_exhaustive]
pub enum CrawlEntry {
    /// A folder of services, or the root of all.
    Folder(FolderEntry),
    /// A service.
    Service(ServiceListing),
    /// A layer or table.
    Layer(LayerEntry),
}

impl CrawlEntry {
    /// What went wrong with it.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Folder(folder) => folder.error.as_deref(),
            Self::Service(service) => service.error.as_deref(),
            Self::Layer(layer) => layer.error.as_deref(),
        }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Folder(folder) => &folder.url,
            Self::Service(service) => &service.url,
            Self::Layer(layer) => &layer.url,
        }
    }
}

/// A folder of services.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FolderEntry {
    /// The name; none for the root.
    pub name: Option<String>,
    /// The address.
    pub url: String,
    /// How many services it lists.
    pub services: usize,
    /// Why it could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ServiceListing {
    /// The name with the folder, such as `Water/Wells`.
    pub name: String,
    /// The kind, such as `FeatureServer` or `GPServer`. Only the first and `MapServer` have layers with rows.
    pub kind: String,
    /// The address.
    pub url: String,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many layers it lists, groups among them.
    pub layers: usize,
    /// How many tables it lists.
    pub tables: usize,
    /// Why its layers could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A layer or table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LayerEntry {
    /// The name of its service.
    pub service: String,
    /// The number.
    pub id: u32,
    /// The name.
    pub name: String,
    /// What it is, such as `Feature Layer`, `Table` or `Group Layer`; empty where nobody says.
    pub kind: String,
    /// The address.
    pub url: String,
    /// The kind of geometry, such as `esriGeometryPoint`.
    pub geometry_type: Option<String>,
    /// The code of the coordinates' reference.
    pub wkid: Option<i64>,
    /// How many fields there are, if that is known.
    pub fields: Option<usize>,
    /// Whether rows may be asked for, if that is known.
    pub queryable: Option<bool>,
    /// The numbers of those in the same service whose rows belong to its own, and of the tables between them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<u32>,
    /// How many rows there are, if they were counted.
    pub count: Option<u64>,
    /// Why its description or count is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Everything that a crawl found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CrawlReport {
    /// Where it began.
    pub root: String,
    /// What it found, in the server's order.
    pub entries: Vec<CrawlEntry>,
}

impl CrawlReport {
    /// The layers and tables.
    pub fn layers(&self) -> impl Iterator<Item = &LayerEntry> {
        self.entries.iter().filter_map(|entry| match entry {
            CrawlEntry::Layer(layer) => Some(layer),
            _ => None,
        })
    }

    /// The services.
    pub fn services(&self) -> impl Iterator<Item = &ServiceListing> {
        self.entries.iter().filter_map(|entry| match entry {
            CrawlEntry::Service(service) => Some(service),
            _ => None,
        })
    }

    /// What went wrong, each with the entry where it did.
    pub fn errors(&self) -> impl Iterator<Item = (&CrawlEntry, &str)> {
        self.entries
            .iter()
            .filter_map(|entry| Some((entry, entry.error()?)))
    }
}

impl FolderEntry {
    pub(super) fn of(address: &DirectoryAddress) -> Self {
        Self {
            name: address.folder().map(str::to_owned),
            url: address.to_string(),
            services: 0,
            error: None,
        }
    }
}

impl ServiceListing {
    pub(super) fn of(name: String, kind: String, url: &Url) -> Self {
        Self {
            name,
            kind,
            url: url.to_string(),
            title: None,
            description: None,
            layers: 0,
            tables: 0,
            error: None,
        }
    }
}

impl LayerEntry {
    pub(super) fn of(address: &LayerAddress, listed: Option<&LayerReference>) -> Self {
        Self {
            service: address.service().name().to_owned(),
            id: address.id(),
            name: listed.map(|listed| listed.name.clone()).unwrap_or_default(),
            kind: listed.map(|listed| listed.kind.clone()).unwrap_or_default(),
            url: address.to_string(),
            geometry_type: listed
                .and_then(|listed| listed.geometry_type)
                .map(|kind| kind.esri_name().to_owned()),
            wkid: None,
            fields: None,
            queryable: None,
            related: Vec::new(),
            count: None,
            error: None,
        }
    }

    pub(super) fn describe(&mut self, info: &LayerInfo) {
        if !info.name.is_empty() {
            self.name.clone_from(&info.name);
        }
        self.kind = info.kind.name().to_owned();
        self.geometry_type = info
            .geometry_type
            .map(|kind| kind.esri_name().to_owned())
            .or_else(|| info.unknown_geometry_type.clone());
        self.wkid = info.spatial_reference.code();
        self.fields = Some(info.fields.len());
        self.queryable = Some(info.check_queryable().is_ok());
        let relationships = info.relationships.iter();
        self.related = relationships
            .flat_map(|to| [Some(to.related_table_id), to.relationship_table_id])
            .flatten()
            .collect();
        self.related.sort_unstable();
        self.related.dedup();
    }
}
