#![doc = include_str!("../README.md")]

mod crs;

pub use crs::{
    Authority, CrsKind, ResolvedCrs, SpatialReferenceCodes, UnknownCrs, crs_table_versions,
    projjson, resolve_crs,
};
