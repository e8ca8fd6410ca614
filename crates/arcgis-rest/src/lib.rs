#![doc = include_str!("../README.md")]

/// Tokens, credentials, requests and answers: the crate `arcgis-auth-core`.
pub use arcgis_auth_core as auth;
/// The HTTP client and the token providers that speak HTTP: the crate `arcgis-auth-http`.
#[cfg(any(feature = "http", feature = "reqwest", feature = "tower"))]
pub use arcgis_auth_http as http;
/// Record batches, GeoParquet and export jobs: the crate `arcgis-export`.
#[cfg(feature = "export")]
pub use arcgis_export as export;
/// Addresses, metadata, queries and pages: the crate `arcgis-layer`.
pub use arcgis_layer as layer;

pub use arcgis_auth_core::{Credentials, Portal, Request, TokenSession, Transport};
#[cfg(feature = "reqwest")]
pub use arcgis_auth_http::ReqwestTransport;
#[cfg(any(feature = "http", feature = "reqwest", feature = "tower"))]
pub use arcgis_auth_http::{ArcGisClient, BasicAuth, telemetry};
#[cfg(feature = "http")]
pub use arcgis_auth_http::{ClientIdentity, HyperTransport};
#[cfg(feature = "tower")]
pub use arcgis_auth_http::{TowerTransport, TransportService};
#[cfg(feature = "export")]
pub use arcgis_export::{
    LayerExport, LocalFile, Report, ServiceExport, ServiceSync, Sync, SyncReport, Table,
};
pub use arcgis_layer::{Feature, Layer, LayerAddress, Query};
