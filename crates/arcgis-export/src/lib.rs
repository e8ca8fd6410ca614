#![doc = include_str!("../README.md")]

mod batches;
mod calendar;
mod columns;
mod crs;
mod destination;
mod error;
mod geometry_summary;
mod geoparquet;
mod options;
mod page;
mod provenance;
mod schema;
mod spool;
mod wkb;

pub use crs::{
    Authority, CrsKind, ResolvedCrs, SpatialReferenceCodes, UnknownCrs, crs_table_versions,
    projjson, resolve_crs,
};
pub use destination::{Committed, Destination, LocalFile, Output};
pub use error::Error;
pub use geometry_summary::GeometrySummary;
pub use geoparquet::{GeoParquetWriter, RowGroup};
pub use options::{Compression, ParseCompressionError, WriterOptions, ZstdLevel};
pub use page::{ArrowPage, ArrowSink, Misfits, PageBatch};
pub use provenance::Provenance;
pub use schema::{DateZone, ExportSchema};
pub use spool::{DirectSpool, Spool};
pub use wkb::GeometryError;
