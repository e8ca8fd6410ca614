//! What a service lists, and what a folder of services lists.

use std::collections::BTreeMap;

use arcgis_auth_core::{Request, Transport, Url};

use crate::address::{DirectoryAddress, ServiceAddress, ServiceKind};
use crate::decode::DecodeError;
use crate::error::Error;
use crate::metadata::document::{Document, Members};
use crate::metadata::{Extent, LayerReference, read};
use crate::second_chance;
use crate::spatial_reference::SpatialReference;

/// Asks for the document at `url`.
pub(crate) async fn fetch(
    transport: &dyn Transport,
    url: &Url,
) -> Result<(String, Document), Error> {
    let request = Request::read(url.clone()).with_param("f", "json");
    let url = request.redacted_url();
    Ok((url, second_chance::document(transport, request).await?))
}

/// The metadata of a service (`…/FeatureServer?f=json`): its layers and tables. Read with the same
/// tolerance as [`LayerInfo`](crate::LayerInfo).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ServiceInfo {
    /// The title of the document, or the name of the map.
    pub title: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Copyright.
    pub copyright_text: Option<String>,
    /// The server's version, such as 11.3.
    pub current_version: Option<f64>,
    /// The layers, in the server's order; groups are among them.
    pub layers: Vec<LayerReference>,
    /// The tables.
    pub tables: Vec<LayerReference>,
    /// Most rows in one answer, as declared.
    pub max_record_count: Option<u32>,
    /// The operations, such as `Query`.
    pub capabilities: Vec<String>,
    /// The formats that `query` answers in, lower case.
    pub query_formats: Vec<String>,
    /// The reference of the map.
    pub spatial_reference: SpatialReference,
    /// The generation that each layer is at, by its number, where changes are tracked
    /// (`changeTrackingInfo.layerServerGens`): what changed since then, `extractChanges` tells.
    pub layer_generations: BTreeMap<i64, i64>,
    /// The earliest generation of each layer since which changes can be told
    /// (`changeTrackingInfo.layerServerGens.minServerGen`).
    pub earliest_generations: BTreeMap<i64, i64>,
    /// Whether `extractChanges` gives the ids of changed rows alone
    /// (`extractChangesCapabilities.supportsReturnIdsOnly`); `None` where the service does not say.
    pub changes_as_ids: Option<bool>,
    /// Where all of its data is.
    pub full_extent: Option<Extent>,
}

impl ServiceInfo {
    /// Asks a service.
    ///
    /// # Errors
    ///
    /// [`Error::Service`] if it does not answer or answers with an error, [`Error::Answer`] if the
    /// answer is no service.
    pub async fn fetch(transport: &dyn Transport, address: &ServiceAddress) -> Result<Self, Error> {
        let (url, document) = fetch(transport, address.url()).await?;
        Self::from_members(document.members()).ok_or_else(|| no_service(&url))
    }

    /// Reads the document that a server gives for a service with `f=json`.
    ///
    /// # Errors
    ///
    /// As [`LayerInfo::from_json`](crate::LayerInfo::from_json), and [`Error::Answer`] if it lists
    /// neither layers nor tables.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let source = "the service's metadata";
        let document =
            Document::parse(source, json).map_err(|error| Error::of_answer(source, error))?;
        Self::from_members(document.members()).ok_or_else(|| no_service(source))
    }

    fn from_members(top: Members<'_>) -> Option<Self> {
        if !top.has("layers") && !top.has("tables") {
            return None;
        }
        let text = |names: [&str; 2]| names.into_iter().find_map(|name| top.string(name));
        Some(Self {
            title: top
                .object("documentInfo")
                .and_then(|info| info.string("Title"))
                .or_else(|| top.string("mapName")),
            description: text(["serviceDescription", "description"]),
            copyright_text: top.string("copyrightText"),
            current_version: top.float("currentVersion"),
            layers: LayerReference::list(top.list("layers")),
            tables: LayerReference::list(top.list("tables")),
            max_record_count: read::max_record_count(top),
            capabilities: top.words("capabilities"),
            query_formats: read::query_formats(top),
            spatial_reference: top
                .get("spatialReference")
                .map(SpatialReference::from_json)
                .unwrap_or_default(),
            layer_generations: generations(top, "serverGen"),
            earliest_generations: generations(top, "minServerGen"),
            changes_as_ids: top
                .object("extractChangesCapabilities")
                .and_then(|changes| changes.flag("supportsReturnIdsOnly")),
            full_extent: ["fullExtent", "initialExtent"]
                .into_iter()
                .find_map(|name| Extent::from_json(top.get(name)?)),
        })
    }

    /// All layers and tables.
    pub fn layers_and_tables(&self) -> impl Iterator<Item = &LayerReference> {
        self.layers.iter().chain(&self.tables)
    }
}

/// A number of each layer's tracking of changes, by the layer's own.
fn generations(top: Members<'_>, name: &str) -> BTreeMap<i64, i64> {
    let tracking = top.object("changeTrackingInfo");
    let layers = tracking.map(|tracking| tracking.list("layerServerGens"));
    let layers = layers.into_iter().flatten().filter_map(Members::of);
    layers
        .filter_map(|layer| Some((layer.integer("id")?, layer.integer(name)?)))
        .collect()
}

fn no_service(url: &str) -> Error {
    Error::of_answer(
        url,
        DecodeError::Malformed {
            offset: 0,
            problem: "it lists neither layers nor tables, as a service does".to_owned(),
        },
    )
}

/// A folder of services, or the root of all (`…/rest/services?f=json`).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Directory {
    /// The folders below it.
    pub folders: Vec<DirectoryAddress>,
    /// Its services, of whatever kind.
    pub services: Vec<ServiceEntry>,
}

/// A service as a directory lists it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ServiceEntry {
    /// The name with the folder, such as `Water/Wells`.
    pub name: String,
    /// The kind in the server's words, such as `FeatureServer` or `GPServer`.
    pub kind: String,
    /// Its address, below the directory that lists it: what servers call their own address is often
    /// one that only they can reach.
    pub url: Url,
    /// The same for the two kinds that have layers with rows.
    pub address: Option<ServiceAddress>,
}

impl Directory {
    /// Asks for a directory.
    ///
    /// # Errors
    ///
    /// [`Error::Service`] if the server does not answer or answers with an error, [`Error::Answer`] if
    /// the answer lists neither folders nor services.
    pub async fn fetch(
        transport: &dyn Transport,
        address: &DirectoryAddress,
    ) -> Result<Self, Error> {
        let (url, document) = fetch(transport, address.url()).await?;
        let top = document.members();
        if !top.has("folders") && !top.has("services") {
            return Err(Error::of_answer(
                &url,
                DecodeError::Malformed {
                    offset: 0,
                    problem: "it lists neither folders nor services".to_owned(),
                },
            ));
        }
        let listed = top.list("services").iter().filter_map(Members::of);
        Ok(Self {
            folders: top
                .texts("folders")
                .iter()
                // The root lists itself on some servers.
                .filter(|name| !name.is_empty() && *name != "/")
                .map(|name| address.in_folder(name))
                .collect(),
            services: listed
                .filter_map(|entry| ServiceEntry::read(entry, address))
                .collect(),
        })
    }
}

impl ServiceEntry {
    fn read(entry: Members<'_>, directory: &DirectoryAddress) -> Option<Self> {
        let listed = entry.text("name")?;
        let kind = entry.string("type")?;
        // Names inside a folder hold the folder; where one does not, it is added.
        let folder = directory
            .url()
            .path_segments()
            .and_then(|mut segments| segments.next_back())
            .filter(|_| directory.folder().is_some())
            .map(decoded)
            .filter(|_| !listed.contains('/'));
        let name = match folder {
            Some(folder) => format!("{folder}/{listed}"),
            None => listed.to_owned(),
        };
        Some(Self {
            url: directory.resource(&name, &kind),
            address: ServiceKind::parse(&kind).map(|kind| directory.service(&name, kind)),
            name,
            kind,
        })
    }
}

/// A path segment as text.
fn decoded(segment: &str) -> String {
    // The query syntax has no other encoding than a plus for a blank, which a path leaves alone.
    arcgis_auth_core::url::form_urlencoded::parse(segment.replace('+', "%2B").as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}
