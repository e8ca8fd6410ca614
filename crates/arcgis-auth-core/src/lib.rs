#![doc = include_str!("../README.md")]

mod cache;
mod clock;
mod credentials;
mod dotenv;
mod envelope;
mod environment;
mod error;
mod origin;
mod outcome;
mod portal;
mod provider;
mod redact;
mod request;
mod response;
mod session;
mod token;
mod transport;
mod trust;

pub use cache::{TokenCache, TokenSource};
pub use clock::{Clock, ManualClock, SystemClock};
pub use credentials::{ClientBinding, Credentials, UserPassword};
pub use envelope::ServiceError;
pub use error::{
    Cause, ConfigError, Error, TransportError, TransportErrorKind, Unauthorized, UnauthorizedReason,
};
pub use origin::Origin;
pub use outcome::{Outcome, Refusal, Verdict};
pub use portal::{ARCGIS_ONLINE, Portal};
pub use provider::{Refresh, StaticToken, TokenProvider};
pub use redact::{is_secret_parameter, redact_url};
pub use request::{Accept, Access, Body, Request, TokenPlacement};
pub use response::Response;
pub use session::{TokenSession, server_root};
pub use token::Token;
pub use transport::Transport;
pub use trust::TrustPolicy;

// Types of other crates that stand in this crate's signatures.
pub use bytes::Bytes;
pub use http;
pub use secrecy::{ExposeSecret, SecretString};
pub use url::{self, Url};
