//! Pages of Esri JSON, against values written down or read by `serde_json`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod captures;
mod curves;
mod features;
mod geometry;
mod headers;
mod pages;
mod properties;
mod recorder;
