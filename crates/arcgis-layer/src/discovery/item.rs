//! Items of a portal, and the services behind them.

use std::fmt;

use arcgis_auth_core::{Transport, Url};
use serde_json::Value;

use super::{Discovery, MapLayer};
use crate::address::ResourceAddress;
use crate::error::Error;
use crate::metadata::document::{Document, Members};
use crate::service;

/// An item of a portal, perhaps with the number of a layer in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ItemAddress {
    /// The portal's REST root, such as `https://www.arcgis.com/sharing/rest`.
    pub portal: Url,
    /// The item's id.
    pub id: String,
    /// The number of the layer that is meant, if one was named.
    pub layer: Option<u32>,
}

/// What a portal says of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemInfo {
    /// The title.
    pub title: String,
    /// What it is, in the portal's words, such as `Feature Service`.
    pub kind: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// Where its service is.
    pub url: Option<String>,
}

impl ItemAddress {
    /// The address of the item's description.
    #[must_use]
    pub fn url(&self) -> Url {
        let mut url = self.portal.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(["content", "items", &self.id]);
        }
        url
    }
}

impl fmt::Display for ItemAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url().as_str())
    }
}

impl ItemInfo {
    /// Asks a portal for an item.
    ///
    /// # Errors
    ///
    /// [`Error::Service`] if the portal does not answer, does not know the item, or does not show it to everyone;
    /// [`Error::Answer`] if the answer is no object.
    pub async fn fetch(transport: &dyn Transport, address: &ItemAddress) -> Result<Self, Error> {
        let (_, document) = service::fetch(transport, &address.url()).await?;
        let top = document.members();
        Ok(Self {
            title: top.string("title").unwrap_or_else(|| address.id.clone()),
            kind: top.string("type").unwrap_or_default(),
            owner: top.string("owner"),
            url: top.string("url"),
        })
    }
}

/// What is behind an item.
pub(super) async fn resolve(
    transport: &dyn Transport,
    address: &ItemAddress,
) -> Result<Discovery, Error> {
    let info = ItemInfo::fetch(transport, address).await?;
    let refuse = |problem: String| {
        Err(Error::Address {
            address: format!("item {}", address.id),
            problem,
        })
    };
    let kind = info.kind.to_ascii_lowercase();
    if kind == "web map" || (kind == "group layer" && info.url.is_none()) {
        let document = data(transport, address).await?;
        let mut layers = Vec::new();
        for list in ["operationalLayers", "tables", "layers"] {
            collect(document.members().list(list), &mut layers);
        }
        return Ok(Discovery::Map {
            title: info.title,
            layers,
        });
    }
    let Some(url) = &info.url else {
        return refuse(match kind.as_str() {
            "feature collection" => {
                "its rows are part of the item itself, and not of a service".to_owned()
            }
            _ => format!(
                "{} is of the kind {}, behind which there is no service with layers",
                info.title, info.kind
            ),
        });
    };
    let Ok(resource) = ResourceAddress::parse(url) else {
        return refuse(format!(
            "{} is of the kind {}, which has no layers with rows",
            info.title, info.kind
        ));
    };
    Ok(match (resource, address.layer) {
        (ResourceAddress::Service(service), Some(layer)) => Discovery::Layer(service.layer(layer)),
        (resource, _) => resource.into(),
    })
}

async fn data(transport: &dyn Transport, address: &ItemAddress) -> Result<Document, Error> {
    let mut url = address.url();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push("data");
    }
    Ok(service::fetch(transport, &url).await?.1)
}

/// The layers with an address of rows, those in groups too.
fn collect(entries: &[Value], layers: &mut Vec<MapLayer>) {
    // Groups nest a few levels; a document that nests without end is cut by the JSON reader.
    let mut open: Vec<&Value> = entries.iter().rev().collect();
    while let Some(entry) = open.pop() {
        let Some(entry) = Members::of(entry) else {
            continue;
        };
        open.extend(entry.list("layers").iter().rev());
        let Some(Ok(address)) = entry.text("url").map(ResourceAddress::parse) else {
            continue;
        };
        layers.push(MapLayer {
            title: entry
                .string("title")
                .or_else(|| entry.string("name"))
                .unwrap_or_default(),
            address,
        });
    }
}
