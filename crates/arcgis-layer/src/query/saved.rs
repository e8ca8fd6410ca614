//! A query as a file keeps it, so that the same rows can be asked for again.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Query, ResolvedQuery};
use crate::error::QueryError;
use crate::metadata::LayerInfo;
use crate::spatial_reference::SpatialReference;

/// What a [`Query`] asked of its layer, in a form that can be kept: [`SavedQuery::of`] makes it and
/// [`SavedQuery::query`] gives the query again.
///
/// A geometry too large for one request is not kept, only that there was one: then the query has to be given again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SavedQuery {
    /// The condition; `1=1` for every row.
    #[serde(rename = "where")]
    pub condition: String,
    /// What else selects rows, as it was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<(String, String)>,
    /// A hash of a geometry in several parts, which stands nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<String>,
    /// The fields that were chosen; `None` for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    /// The fields that were left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_fields: Vec<String>,
    /// Whether geometry was asked for.
    pub geometry: bool,
    /// The most rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The reference system that was asked for; `None` for the layer's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_sr: Option<String>,
    /// By how much lines and polygons may be simplified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_allowable_offset: Option<f64>,
    /// To how many digits positions may be rounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geometry_precision: Option<u8>,
    /// The way to the other datum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datum_transformation: Option<String>,
    /// Whether multipatches come as their footprints.
    #[serde(skip_serializing_if = "is_false")]
    pub multipatch_footprint: bool,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Sent to layers with dates of no known zone, whatever the query.
const UNKNOWN_ZONE: &str = "timeReferenceUnknownClient";

impl SavedQuery {
    /// What a query asks of a layer.
    ///
    /// # Errors
    ///
    /// As [`Query::resolve`].
    pub fn of(query: &Query, info: &LayerInfo) -> Result<Self, QueryError> {
        let resolved = query.resolve(info)?;
        // What was given as a parameter is kept as what it is.
        let query = query.typed()?;
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let filter = resolved.filter_params().map(owned);
        Ok(Self {
            condition: resolved.where_clause().to_owned(),
            filter: filter.filter(|(name, _)| name != UNKNOWN_ZONE).collect(),
            parts: parts(&resolved),
            fields: query.fields.clone(),
            excluded_fields: query.excluded_fields.clone(),
            geometry: !query.without_geometry,
            limit: query.limit,
            out_sr: query
                .out_sr
                .as_ref()
                .map(|asked| asked.to_json().to_string()),
            max_allowable_offset: query.max_allowable_offset,
            geometry_precision: query.geometry_precision,
            datum_transformation: query.datum_transformation.clone(),
            multipatch_footprint: query.multipatch_footprint,
        })
    }

    /// The query again.
    ///
    /// # Errors
    ///
    /// [`QueryError::Unsupported`] where a geometry was not kept, or what was kept is of no use.
    pub fn query(&self) -> Result<Query, QueryError> {
        if self.parts.is_some() {
            return Err(QueryError::Unsupported {
                option: "spatial_filter",
                problem: "its geometry is too large to be kept with the rows; give it again"
                    .to_owned(),
            });
        }
        let out_sr = match &self.out_sr {
            None => None,
            Some(text) => {
                Some(
                    serde_json::from_str(text).map_err(|_| QueryError::Unsupported {
                        option: "out_sr",
                        problem: "what was kept names no reference system".to_owned(),
                    })?,
                )
            }
        };
        Ok(Query {
            fields: self.fields.clone(),
            excluded_fields: self.excluded_fields.clone(),
            without_geometry: !self.geometry,
            limit: self.limit,
            out_sr: out_sr.as_ref().map(SpatialReference::from_json),
            max_allowable_offset: self.max_allowable_offset,
            geometry_precision: self.geometry_precision,
            datum_transformation: self.datum_transformation.clone(),
            multipatch_footprint: self.multipatch_footprint,
            sent: self.filter.clone(),
            ..Query::new().with_where(self.condition.as_str())
        })
    }

    /// The first thing in which `now` asks for something else: what it is, how it was, how it is.
    #[must_use]
    pub fn difference(&self, now: &Self) -> Option<(String, String, String)> {
        let [was, is] = [self, now].map(|query| serde_json::to_value(query).unwrap_or_default());
        let empty = serde_json::Map::new();
        let [was, is] = [&was, &is].map(|query| query.as_object().unwrap_or(&empty));
        let names = was.keys().chain(is.keys());
        names
            .map(|name| (name, was.get(name), is.get(name)))
            .find(|(_, was, is)| was != is)
            .map(|(name, was, is)| {
                let [was, is] = [was, is]
                    .map(|value| value.map_or_else(|| "nothing".to_owned(), ToString::to_string));
                (name.clone(), was, is)
            })
    }
}

/// A hash of the parts of a geometry, in their order.
fn parts(query: &ResolvedQuery) -> Option<String> {
    if query.parts() == 1 {
        return None;
    }
    let all: Vec<u8> = query
        .each_part()
        .flat_map(|part| {
            let params: Vec<u8> = part
                .filter_params()
                .flat_map(|(name, value)| format!("{name}={value}\n").into_bytes())
                .collect();
            params
        })
        .collect();
    Some(format!("{:016x}", xxh3_64(&all)))
}
