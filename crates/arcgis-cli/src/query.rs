//! Options into a query. What does not fit the layer is found when the query meets its metadata.

use anyhow::Result;
use arcgis_rest::layer::{Query, SpatialReference};

use crate::args::{ColumnArgs, FilterArgs, OutSr};
use crate::exit::Failure;

impl FilterArgs {
    /// A query for these rows, with all columns.
    pub(crate) fn query(&self) -> Result<Query> {
        let mut query = Query::new();
        if let Some(condition) = &self.where_clause {
            query = query.with_where(condition);
        }
        if let Some(bbox) = self.bbox {
            query = query.with_bbox(bbox);
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

impl ColumnArgs {
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
        if let OutSr::Wkid(wkid) = self.out_sr {
            query = query.with_out_sr(SpatialReference::from_wkid(i64::from(wkid)));
        }
        if let Some(distance) = self.max_allowable_offset {
            query = query.with_max_allowable_offset(distance);
        }
        query
    }
}
