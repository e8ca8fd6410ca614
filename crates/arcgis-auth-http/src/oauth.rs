//! OAuth 2 as ArcGIS portals speak it.

mod authorization_code;
mod client_credentials;
mod endpoint;
mod error;
#[cfg(feature = "hyper")]
mod loopback;
mod pkce;
mod refresh_grant;
mod reply;

pub use authorization_code::{AuthorizationCode, AuthorizationCodeBuilder, SignedIn};
pub use client_credentials::ClientCredentials;
pub(crate) use endpoint::OAuthEndpoint;
pub use error::OAuthError;
#[cfg(feature = "hyper")]
pub use loopback::LoopbackRedirect;
pub use refresh_grant::RefreshGrant;
