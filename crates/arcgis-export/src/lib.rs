#![doc = include_str!("../README.md")]

mod calendar;
mod columns;
mod crs;
mod geometry_summary;
mod page;
mod schema;
mod wkb;

pub use crs::{
    Authority, CrsKind, ResolvedCrs, SpatialReferenceCodes, UnknownCrs, crs_table_versions,
    projjson, resolve_crs,
};
pub use geometry_summary::GeometrySummary;
pub use page::{ArrowPage, ArrowSink, Misfits, PageBatch};
pub use schema::{DateZone, ExportSchema};
pub use wkb::GeometryError;
