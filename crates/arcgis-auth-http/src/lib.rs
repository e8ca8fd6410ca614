#![cfg_attr(feature = "hyper", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "hyper"),
    doc = "HTTP for ArcGIS REST services over a transport of one's own."
)]

#[cfg(any(feature = "reqwest", feature = "tower"))]
mod adapters;
mod basic_auth;
mod client;
mod client_builder;
mod discovery;
mod extra_headers;
mod federation;
mod generate_token;
mod generated_token;
mod long_url;
mod minted;
mod oauth;
mod provider;
mod quota;
mod redirect;
mod retry;
mod server;
mod sign_out;
mod stats;
#[cfg(any(feature = "store-file", feature = "store-keyring"))]
mod store;
pub mod telemetry;
mod throttle;
mod turn;
mod twin;
mod who_am_i;

#[cfg(any(feature = "hyper", feature = "reqwest", feature = "tower"))]
mod body;
#[cfg(feature = "hyper")]
mod dialer;
#[cfg(any(feature = "hyper", feature = "reqwest", feature = "tower"))]
mod failure;
#[cfg(feature = "hyper")]
mod hyper_transport;
#[cfg(feature = "hyper")]
mod identity;
#[cfg(feature = "hyper")]
mod pour;
#[cfg(feature = "hyper")]
mod resolver;
#[cfg(feature = "hyper")]
mod tls;
#[cfg(any(feature = "hyper", feature = "reqwest", feature = "tower"))]
mod wire_log;

#[cfg(test)]
mod scripted;

#[cfg(feature = "reqwest")]
pub use adapters::reqwest::ReqwestTransport;
#[cfg(feature = "tower")]
pub use adapters::tower::{TowerTransport, TransportService};
pub use basic_auth::BasicAuth;
pub use client::ArcGisClient;
pub use client_builder::ArcGisClientBuilder;
pub use discovery::TokenEndpoint;
pub use extra_headers::ExtraHeaders;
pub use federation::{Federation, Membership, is_same_portal, owning_portal};
pub use generate_token::GenerateToken;
#[cfg(feature = "hyper")]
pub use hyper_transport::{HyperTransport, HyperTransportBuilder};
#[cfg(feature = "hyper")]
pub use identity::ClientIdentity;
pub use long_url::LongUrl;
#[cfg(feature = "hyper")]
pub use oauth::LoopbackRedirect;
pub use oauth::{
    AuthorizationCode, AuthorizationCodeBuilder, ClientCredentials, OAuthError, RefreshGrant,
    SignedIn,
};
pub use redirect::Redirect;
pub use retry::{Retry, RetryPolicy};
pub use sign_out::sign_out;
pub use stats::{Outcomes, Stats};
#[cfg(feature = "store-keyring")]
pub use store::KeyringStore;
#[cfg(feature = "store-file")]
pub use store::{FileStore, config_folder};
#[cfg(all(feature = "store-file", feature = "store-keyring"))]
pub use store::{StoreChoice, StoreKind, UnknownStore};
pub use throttle::Throttle;
pub use who_am_i::{Identity, who_am_i};

pub use arcgis_auth_core;
