//! A layer on a server, and what can be asked of it beside its rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arcgis_auth_core::{Request, Transport};
use serde_json::Value;

use crate::address::LayerAddress;
use crate::decode::DecodeError;
use crate::error::{Error, QueryError};
use crate::metadata::document::{Document, Members, integer};
use crate::metadata::{Extent, LayerInfo, LayerKind};
use crate::query::ResolvedQuery;
use crate::second_chance;
use crate::service;
use crate::spatial_reference::SpatialReference;
use crate::statistics::{Statistic, StatisticType};

/// A layer or table that can be queried: an address, its metadata and the way to it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Layer {
    transport: Arc<dyn Transport>,
    address: LayerAddress,
    info: Arc<LayerInfo>,
    ids_in_ranges: Arc<AtomicBool>,
}

impl LayerInfo {
    /// Asks for the metadata of a layer of any kind.
    ///
    /// # Errors
    ///
    /// [`Error::Service`] if the server does not answer or answers with an error, [`Error::Address`] if
    /// the answer is that of a service or folder or of another layer, [`Error::Answer`] if it is no object.
    pub async fn fetch(transport: &dyn Transport, address: &LayerAddress) -> Result<Self, Error> {
        let (_, mut document) = service::fetch(transport, address.url()).await?;
        let top = document.members();
        let is_layer = top.has("fields") || top.has("type") || top.has("geometryType");
        let problem = if is_layer {
            None
        } else if top.has("layers") || top.has("tables") {
            Some("the server answers for a whole service; add the number of one of its layers")
        } else if top.has("services") || top.has("folders") {
            Some("the server answers for a list of services; give a layer of one")
        } else {
            Some("the answer describes no layer")
        };
        if let Some(problem) = problem {
            return Err(Error::Address {
                address: address.to_string(),
                problem: problem.to_owned(),
            });
        }
        let mut info = Self::from_members(top);
        info.service = Some(address.service().kind());
        let has_rows = matches!(info.kind, LayerKind::FeatureLayer | LayerKind::Table);
        if has_rows && info.fields.is_empty() && info.supports_query() {
            let answer = one_row(transport, address, &info, "false").await?;
            document.take_fields_of(&answer);
            info = Self::from_members(document.members());
            info.service = Some(address.service().kind());
        }
        if info.geometry_type.is_some()
            && info.spatial_reference.is_empty()
            && info.supports_query()
        {
            info.spatial_reference = answered_reference(transport, address, &info).await;
        }
        let top = document.members();
        match top.integer("id") {
            Some(id) if id == i64::from(address.id()) => {}
            // Koop calls every layer 0, whatever number it was asked for.
            Some(0) => {
                tracing::warn!(%address, "the server answers for layer 0");
            }
            Some(id) => {
                return Err(Error::Address {
                    address: address.to_string(),
                    problem: format!("the server answers for layer {id}"),
                });
            }
            None => info.id = i64::from(address.id()),
        }
        Ok(info)
    }

    /// Checks that rows can be asked for.
    ///
    /// # Errors
    ///
    /// [`Error::NotQueryable`] for groups, rasters, and layers without fields or the capability `Query`.
    pub fn check_queryable(&self) -> Result<(), Error> {
        let problem = match &self.kind {
            LayerKind::GroupLayer => {
                let listed: Vec<String> = self
                    .sub_layers
                    .iter()
                    .map(|layer| format!("{} ({})", layer.id, layer.name))
                    .collect();
                if listed.is_empty() {
                    "it is a group of layers without rows of its own".to_owned()
                } else {
                    format!(
                        "it is a group of layers without rows of its own; take one of its layers: {}",
                        listed.join(", ")
                    )
                }
            }
            LayerKind::RasterLayer => {
                "it is a raster layer, which has pixels and no rows".to_owned()
            }
            LayerKind::Other(kind) if self.fields.is_empty() => {
                format!("it has no fields and so no rows (it is a {kind})")
            }
            _ if !self.supports_query() => format!(
                "its owner does not allow queries: its capabilities are {}, without Query",
                self.capabilities.join(", ")
            ),
            _ if self.fields.is_empty() => "the server names none of its fields".to_owned(),
            _ => return Ok(()),
        };
        Err(Error::NotQueryable {
            layer: self.name.clone(),
            problem,
        })
    }
}

/// The answer to a query for one row: it declares fields and reference too, for servers whose metadata do not.
async fn one_row(
    transport: &dyn Transport,
    address: &LayerAddress,
    info: &LayerInfo,
    geometry: &str,
) -> Result<Document, Error> {
    let mut request = Request::read(address.query_url())
        .with_param("f", "json")
        .with_param("where", "1=1")
        .with_param("outFields", "*")
        .with_param("returnGeometry", geometry);
    if info.advanced.pagination != Some(false) {
        request = request.with_param("resultRecordCount", "1");
    }
    second_chance::document(transport, request).await
}

/// The reference that an answer declares; empty where it declares none either, or there is no answer.
async fn answered_reference(
    transport: &dyn Transport,
    address: &LayerAddress,
    info: &LayerInfo,
) -> SpatialReference {
    let answer = match one_row(transport, address, info, "true").await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(%address, %error, "the layer's spatial reference stays unknown");
            return SpatialReference::default();
        }
    };
    let reference = answer.members().get("spatialReference");
    reference
        .map(SpatialReference::from_json)
        .unwrap_or_default()
}

impl Layer {
    /// Reads the layer's metadata and checks that it can be queried.
    ///
    /// # Errors
    ///
    /// As [`LayerInfo::fetch`] and [`LayerInfo::check_queryable`].
    pub async fn open(transport: Arc<dyn Transport>, address: LayerAddress) -> Result<Self, Error> {
        let info = LayerInfo::fetch(&*transport, &address).await?;
        Self::from_info(transport, address, info)
    }

    /// The layer at `address`, whose metadata are at hand already. Nothing is sent.
    ///
    /// # Errors
    ///
    /// As [`LayerInfo::check_queryable`].
    pub fn from_info(
        transport: Arc<dyn Transport>,
        address: LayerAddress,
        info: LayerInfo,
    ) -> Result<Self, Error> {
        info.check_queryable()?;
        Ok(Self {
            transport,
            address,
            info: Arc::new(info),
            ids_in_ranges: Arc::default(),
        })
    }

    /// Where requests go.
    #[must_use]
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &LayerAddress {
        &self.address
    }

    /// The metadata, as of when the layer was opened.
    #[must_use]
    pub fn info(&self) -> &Arc<LayerInfo> {
        &self.info
    }

    /// Reads the metadata again.
    ///
    /// # Errors
    ///
    /// As [`LayerInfo::fetch`].
    pub async fn fetch_info(&self) -> Result<LayerInfo, Error> {
        LayerInfo::fetch(&*self.transport, &self.address).await
    }

    /// How many rows the query selects, whatever its limit.
    ///
    /// # Errors
    ///
    /// [`Error::Service`] if the server does not answer or answers with an error, [`Error::Answer`] if
    /// the answer holds no count.
    pub async fn count(&self, query: &ResolvedQuery) -> Result<u64, Error> {
        if query.parts() > 1 {
            return Ok(self.ids_of_parts(query).await?.len());
        }
        let request = query
            .filter_request(&self.address)
            .with_param("returnCountOnly", "true");
        self.ask(request, |top| {
            let count = top
                .integer("count")
                .and_then(|count| u64::try_from(count).ok());
            count.ok_or_else(|| missing(top, "count", "a number"))
        })
        .await
    }

    /// Where the selected rows are, in the reference system that the query asks for; `None` if there
    /// are none, or no geometry is asked for.
    ///
    /// # Errors
    ///
    /// As [`Layer::count`]; [`Error::Query`] if the layer says that it cannot.
    pub async fn extent(&self, query: &ResolvedQuery) -> Result<Option<Extent>, Error> {
        if query.layout().geometry.is_none() {
            return Ok(None);
        }
        if self.info.advanced.extent == Some(false) {
            return Err(unsupported("extent", "the layer does not compute it"));
        }
        if query.parts() > 1 {
            return Box::pin(self.extent_of_parts(query)).await;
        }
        let mut request = query
            .filter_request(&self.address)
            .with_param("returnExtentOnly", "true");
        if let Some(reference) = query.out_sr() {
            request = request.with_param("outSR", reference);
        }
        self.ask(request, |top| {
            if top.has("extent") {
                Ok(top.get("extent").and_then(Extent::from_json))
            } else {
                Err(missing(top, "extent", "a rectangle"))
            }
        })
        .await
    }

    /// The least and the greatest object id of the rows that the query selects; `None` if there are no
    /// rows.
    ///
    /// # Errors
    ///
    /// As [`Layer::statistics`]; [`Error::Answer`] if what comes back are no whole numbers.
    pub async fn object_id_bounds(
        &self,
        query: &ResolvedQuery,
    ) -> Result<Option<(i64, i64)>, Error> {
        let Some(field) = query.object_id() else {
            return Err(unsupported("object ids", "the layer has none"));
        };
        let bounds =
            [StatisticType::Min, StatisticType::Max].map(|kind| Statistic::new(kind, field));
        let values = self.statistics(query, &bounds).await?;
        match values.as_slice() {
            [Value::Null, Value::Null] => Ok(None),
            [min, max] => match (integer(min), integer(max)) {
                (Some(min), Some(max)) if min <= max => Ok(Some((min, max))),
                _ => Err(self.unusable(format!("object ids from {min} to {max}"))),
            },
            _ => Err(self.unusable("no statistics".to_owned())),
        }
    }

    pub(crate) fn unusable(&self, problem: String) -> Error {
        let error = DecodeError::Malformed { offset: 0, problem };
        Error::of_answer(self.address.query_url().as_str(), error)
    }

    /// Asks for a small document and reads it.
    pub(crate) async fn ask<T>(
        &self,
        request: Request,
        read: impl Fn(Members<'_>) -> Result<T, DecodeError>,
    ) -> Result<T, Error> {
        second_chance::ask(&*self.transport, request, read).await
    }

    /// Whether the server has broken down over the list of all ids.
    pub(crate) fn lists_ids_in_ranges(&self) -> bool {
        self.ids_in_ranges.load(Ordering::Relaxed)
    }

    pub(crate) fn list_ids_in_ranges(&self) {
        self.ids_in_ranges.store(true, Ordering::Relaxed);
    }
}

pub(crate) fn missing(top: Members<'_>, name: &str, expected: &str) -> DecodeError {
    let problem = match top.get(name) {
        Some(value) => {
            let shown: String = value.to_string().chars().take(60).collect();
            format!("{name} is {shown} where {expected} should be")
        }
        None => format!("there is no {name} in it"),
    };
    DecodeError::Malformed { offset: 0, problem }
}

pub(crate) fn unsupported(option: &'static str, problem: impl Into<String>) -> Error {
    Error::Query(QueryError::Unsupported {
        option,
        problem: problem.into(),
    })
}
