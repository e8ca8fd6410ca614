//! From whatever people have of a layer to its address.

mod item;
mod place;

use std::sync::Arc;

use arcgis_auth_core::{Transport, Url};

use crate::address::{DirectoryAddress, LayerAddress, ResourceAddress, ServiceAddress};
use crate::error::Error;
use crate::layer::Layer;
use crate::metadata::{LayerKind, LayerReference};
use crate::service::ServiceInfo;
use place::Place;

pub use item::{ItemAddress, ItemInfo};

/// What an address, an item or a page stands for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Discovery {
    /// One layer or table.
    Layer(LayerAddress),
    /// A service with layers.
    Service(ServiceAddress),
    /// A folder of services, or all of them.
    Directory(DirectoryAddress),
    /// A map, which shows layers of any services.
    Map {
        /// The map's title.
        title: String,
        /// Its layers that have rows, in the map's order.
        layers: Vec<MapLayer>,
    },
}

/// A layer that a map shows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MapLayer {
    /// Its title in the map.
    pub title: String,
    /// Where it is: a layer, or a service, all layers of which are shown.
    pub address: ResourceAddress,
}

impl Discovery {
    /// Finds out what a text stands for: the address of a layer, service or folder, also with a layer's name in place of its
    /// number; an item's id; the page of an item, of a map in the viewer, or of a dataset on a hub site.
    ///
    /// An id alone is looked for at `portal` (such as `https://host/portal/sharing/rest`), ArcGIS Online by default; a page
    /// names its own. Nothing is sent for the address of a layer, service or folder.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for what stands for no layers, saying what to give instead; [`Error::Service`] and [`Error::Answer`]
    /// if the portal or service does not answer.
    ///
    /// ```no_run
    /// use arcgis_layer::Discovery;
    /// # async fn example(transport: &dyn arcgis_layer::arcgis_auth_core::Transport) -> Result<(), arcgis_layer::Error> {
    /// let page = "https://www.arcgis.com/home/item.html?id=0123456789abcdef0123456789abcdef&sublayer=2";
    /// let layer = Discovery::find(transport, page, None).await?.into_layer(transport, None).await?;
    /// println!("{layer}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn find(
        transport: &dyn Transport,
        text: &str,
        portal: Option<&Url>,
    ) -> Result<Self, Error> {
        match Place::parse(text, portal)? {
            Place::Resource(resource) => Ok(resource.into()),
            Place::Named(service, name) => {
                let info = ServiceInfo::fetch(transport, &service).await?;
                Ok(Self::Layer(one_of(&service, &info, Some(&name))?))
            }
            Place::Item(address) => item::resolve(transport, &address).await,
        }
    }

    /// The layer that is meant: the only one that there is, or that with a number or name. Names count whatever their case.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if there are several, or none, that fit, naming those that there are; else as [`Discovery::find`].
    pub async fn into_layer(
        self,
        transport: &dyn Transport,
        wanted: Option<&str>,
    ) -> Result<LayerAddress, Error> {
        let service = match self {
            Self::Layer(layer) => match wanted {
                None => return Ok(layer),
                Some(wanted) if wanted.trim().parse() == Ok(layer.id()) => return Ok(layer),
                Some(_) => layer.service().clone(),
            },
            Self::Service(service) => service,
            Self::Directory(directory) => {
                return ResourceAddress::Directory(directory).into_layer();
            }
            Self::Map { title, layers } => {
                let found = one_of_map(&title, layers, wanted)?;
                match found {
                    ResourceAddress::Layer(layer) => return Ok(layer),
                    ResourceAddress::Service(service) => {
                        let info = ServiceInfo::fetch(transport, &service).await?;
                        return one_of(&service, &info, None);
                    }
                    other => return other.into_layer(),
                }
            }
        };
        let info = ServiceInfo::fetch(transport, &service).await?;
        one_of(&service, &info, wanted)
    }
}

impl From<ResourceAddress> for Discovery {
    fn from(address: ResourceAddress) -> Self {
        match address {
            ResourceAddress::Layer(layer) => Self::Layer(layer),
            ResourceAddress::Service(service) => Self::Service(service),
            ResourceAddress::Directory(directory) => Self::Directory(directory),
        }
    }
}

impl Layer {
    /// Opens the layer that a text stands for; see [`Discovery::find`]. Of several layers, `wanted` says which: a number or a
    /// name.
    ///
    /// # Errors
    ///
    /// As [`Discovery::find`], [`Discovery::into_layer`] and [`Layer::open`].
    pub async fn find(
        transport: Arc<dyn Transport>,
        text: &str,
        portal: Option<&Url>,
        wanted: Option<&str>,
    ) -> Result<Self, Error> {
        let found = Discovery::find(&*transport, text, portal).await?;
        let address = found.into_layer(&*transport, wanted).await?;
        Self::open(transport, address).await
    }
}

impl LayerReference {
    /// Whether it may have rows: groups and rasters have none.
    #[must_use]
    pub fn may_have_rows(&self) -> bool {
        !matches!(
            LayerKind::parse(&self.kind),
            LayerKind::GroupLayer | LayerKind::RasterLayer
        )
    }
}

/// The layer of a service that is meant.
fn one_of(
    service: &ServiceAddress,
    info: &ServiceInfo,
    wanted: Option<&str>,
) -> Result<LayerAddress, Error> {
    let refuse = |problem: String| {
        Err(Error::Address {
            address: service.to_string(),
            problem,
        })
    };
    let listed = |layers: &[&LayerReference]| {
        let names: Vec<String> = layers
            .iter()
            .map(|layer| format!("{} ({})", layer.id, layer.name))
            .collect();
        names.join(", ")
    };
    let all: Vec<&LayerReference> = info.layers_and_tables().collect();
    let fit: Vec<&LayerReference> = match wanted.map(str::trim) {
        None => all
            .iter()
            .copied()
            .filter(|layer| layer.may_have_rows())
            .collect(),
        Some(wanted) => {
            let by_number = wanted
                .parse::<i64>()
                .ok()
                .map(|id| all.iter().copied().filter(|layer| layer.id == id).collect());
            by_number
                .filter(|fit: &Vec<&LayerReference>| !fit.is_empty())
                .unwrap_or_else(|| named(&all, wanted))
        }
    };
    match (fit.as_slice(), wanted) {
        ([one], _) => match u32::try_from(one.id) {
            Ok(id) => Ok(service.layer(id)),
            Err(_) => refuse(format!("{} is no number of a layer", one.id)),
        },
        ([], None) => refuse("the service has no layers with rows".to_owned()),
        ([], Some(wanted)) => refuse(format!(
            "the service has no layer {wanted}; it has {}",
            listed(&all)
        )),
        (several, None) => refuse(format!(
            "the service has several layers; say which: {}",
            listed(several)
        )),
        (several, Some(wanted)) => refuse(format!(
            "several layers are named {wanted}; give a number: {}",
            listed(several)
        )),
    }
}

/// The layers of that very name, else those whose names differ in case alone.
fn named<'a>(all: &[&'a LayerReference], wanted: &str) -> Vec<&'a LayerReference> {
    let exact: Vec<&LayerReference> = all
        .iter()
        .copied()
        .filter(|layer| layer.name == wanted)
        .collect();
    if !exact.is_empty() {
        return exact;
    }
    let wanted = wanted.to_lowercase();
    all.iter()
        .copied()
        .filter(|layer| layer.name.to_lowercase() == wanted)
        .collect()
}

fn one_of_map(
    title: &str,
    layers: Vec<MapLayer>,
    wanted: Option<&str>,
) -> Result<ResourceAddress, Error> {
    let names: Vec<String> = layers
        .iter()
        .map(|layer| format!("{} ({})", layer.title, layer.address))
        .collect();
    let mut fit: Vec<MapLayer> = match wanted.map(str::trim) {
        None => layers,
        Some(wanted) => layers
            .into_iter()
            .filter(|layer| layer.title.to_lowercase() == wanted.to_lowercase())
            .collect(),
    };
    if fit.len() == 1 {
        if let Some(one) = fit.pop() {
            return Ok(one.address);
        }
    }
    Err(Error::Address {
        address: format!("the map {title}"),
        problem: match (wanted, names.is_empty()) {
            (_, true) => "it shows no layers with rows".to_owned(),
            (None, _) => format!(
                "it shows several layers; take one of them: {}",
                names.join(", ")
            ),
            (Some(wanted), _) => format!(
                "not exactly one of its layers is named {wanted}; it shows {}",
                names.join(", ")
            ),
        },
    })
}
