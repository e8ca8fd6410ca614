//! Options into a query. What does not fit the layer is found when the query meets its metadata.

use std::path::Path;

use anyhow::Result;
use arcgis_rest::export::{self, FileFormat};
use arcgis_rest::layer::{Query, SpatialFilter, SpatialReference};

use crate::args::{ColumnArgs, FilterArgs, OutSr};
use crate::exit::Failure;

impl FilterArgs {
    /// A query for these rows, with all columns.
    pub(crate) fn query(&self) -> Result<Query> {
        let mut query = Query::new();
        if let Some(condition) = &self.where_clause {
            query = query.with_where(condition);
        }
        if let Some(format) = self.sql_format {
            query = query.with_sql_format(format);
        }
        if let Some(bbox) = self.bbox {
            query = query.with_bbox(bbox);
        }
        if !self.object_ids.is_empty() {
            query = query.with_object_ids(self.object_ids.iter().copied());
        }
        if let Some(path) = &self.clip {
            let mut filter = geometry_in(path)?;
            if let Some(relation) = &self.relation {
                filter = filter.with_relation(relation.clone());
            }
            if let Some(distance) = self.distance {
                filter = filter.with_distance(distance.0, distance.1);
            }
            query = query.with_spatial_filter(filter);
        }
        if let Some(time) = self.time {
            query = query.with_time(time);
        }
        if let Some(moment) = self.historic_moment {
            query = query.with_historic_moment(moment);
        }
        if let Some(version) = &self.gdb_version {
            query = query.with_gdb_version(version);
        }
        for param in &self.params {
            // Not quoted back: what has no name may be a secret.
            let Some((name, value)) = param.split_once('=') else {
                return Err(Failure::usage(
                    "--param: a name and a value are needed, with = between them",
                )
                .with_hint("--param gdbVersion=sde.DEFAULT")
                .into());
            };
            query = query.with_param(name.trim(), value);
        }
        Ok(query)
    }
}

/// The geometry in a file: GeoJSON has a `type`, and Esri JSON has none.
fn geometry_in(path: &Path) -> Result<SpatialFilter> {
    let refused = |problem: String| {
        Failure::usage(format!("--clip: {}: {problem}", path.display()))
            .with_hint("a GeoJSON geometry, feature or collection of features in longitude and latitude is needed")
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    // Some editors put a mark in front.
    let text = text.trim_start_matches('\u{feff}');
    let document: serde_json::Value =
        serde_json::from_str(text).map_err(|error| refused(format!("it is no JSON: {error}")))?;
    let filter = if document.get("type").is_some() {
        SpatialFilter::from_geojson(text)
    } else {
        SpatialFilter::from_esri_json(text)
    };
    Ok(filter.map_err(|error| refused(error.to_string()))?)
}

impl ColumnArgs {
    /// Makes sure that the format holds the coordinates that are asked for, as far as that can be said without the
    /// layer.
    pub(crate) fn check_format(&self, format: FileFormat) -> Result<()> {
        let Some(OutSr::Wkid(wkid)) = self.out_sr else {
            return Ok(());
        };
        if self.no_geometry || !format.is_in_degrees() || wkid == 4326 {
            return Ok(());
        }
        let found = format!("the reference system {wkid}");
        Err(export::Error::NotInDegrees { format, found }.into())
    }

    /// The same query with these columns.
    pub(crate) fn shape(&self, mut query: Query) -> Query {
        if !self.fields.is_empty() {
            query = query.with_fields(&self.fields);
        }
        if !self.exclude_fields.is_empty() {
            query = query.with_excluded_fields(&self.exclude_fields);
        }
        if self.no_geometry {
            query = query.without_geometry();
        }
        if let Some(rows) = self.limit {
            query = query.with_limit(rows.get());
        }
        if let Some(OutSr::Wkid(wkid)) = self.out_sr {
            query = query.with_out_sr(SpatialReference::from_wkid(i64::from(wkid)));
        }
        if let Some(distance) = self.max_allowable_offset {
            query = query.with_max_allowable_offset(distance);
        }
        if let Some(transformation) = &self.datum_transformation {
            query = query.with_datum_transformation(transformation);
        }
        if self.multipatch_footprint {
            query = query.with_multipatch_footprint();
        }
        if let Some(digits) = self.geometry_precision {
            query = query.with_geometry_precision(digits);
        }
        query
    }
}
