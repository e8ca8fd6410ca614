#![cfg_attr(feature = "hyper", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "hyper"),
    doc = "HTTP for ArcGIS REST services over a transport of one's own."
)]

mod basic_auth;
mod client;
mod client_builder;
mod discovery;
mod extra_headers;
mod generate_token;
mod redirect;
mod retry;
mod stats;
#[cfg(any(feature = "store-file", feature = "store-keyring"))]
mod store;
mod throttle;
mod turn;
mod twin;

#[cfg(feature = "hyper")]
mod body;
#[cfg(feature = "hyper")]
mod dialer;
#[cfg(feature = "hyper")]
mod failure;
#[cfg(feature = "hyper")]
mod hyper_transport;
#[cfg(feature = "hyper")]
mod identity;
#[cfg(feature = "hyper")]
mod resolver;
#[cfg(feature = "hyper")]
mod tls;
#[cfg(feature = "hyper")]
mod wire_log;

#[cfg(test)]
mod scripted;

pub use basic_auth::BasicAuth;
pub use client::ArcGisClient;
pub use client_builder::ArcGisClientBuilder;
pub use discovery::TokenEndpoint;
pub use extra_headers::ExtraHeaders;
pub use generate_token::GenerateToken;
#[cfg(feature = "hyper")]
pub use hyper_transport::{HyperTransport, HyperTransportBuilder};
#[cfg(feature = "hyper")]
pub use identity::ClientIdentity;
pub use redirect::Redirect;
pub use retry::{Retry, RetryPolicy};
pub use stats::Stats;
#[cfg(feature = "store-keyring")]
pub use store::KeyringStore;
#[cfg(feature = "store-file")]
pub use store::{FileStore, config_folder};
#[cfg(all(feature = "store-file", feature = "store-keyring"))]
pub use store::{StoreChoice, StoreKind, UnknownStore};
pub use throttle::Throttle;

pub use arcgis_auth_core;
