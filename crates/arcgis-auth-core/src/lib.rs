#![doc = include_str!("../README.md")]

mod app_login;
mod body_sink;
mod cache;
mod clock;
mod credential_kind;
mod credentials;
mod dotenv;
mod envelope;
mod environment;
mod error;
mod failures;
mod multipart;
mod origin;
mod outcome;
mod part;
mod portal;
mod provider;
mod redact;
mod refusals;
mod refusers;
mod request;
mod request_body;
mod request_kind;
mod response;
mod server_info;
mod session;
mod sign_in;
mod store;
mod stored_login;
mod token;
mod transport;
mod trust;
mod user_login;

pub use app_login::AppLogin;
pub use body_sink::BodySink;
pub use cache::{TokenCache, TokenSource};
pub use clock::{Clock, ManualClock, SystemClock};
pub use credential_kind::{ApiKeyKind, CredentialKind};
pub use credentials::{ClientBinding, Credentials, UserPassword};
pub use dotenv::Dotenv;
pub use envelope::ServiceError;
pub use error::{
    Cause, ConfigError, Error, TransportError, TransportErrorKind, Unauthorized, UnauthorizedReason,
};
pub use origin::Origin;
pub use outcome::{Outcome, Refusal, Verdict};
pub use part::{Part, PartSource};
pub use portal::{ARCGIS_ONLINE, Portal};
pub use provider::{Refresh, StaticToken, TokenProvider};
pub use redact::{is_secret_parameter, redact_url};
pub use request::Request;
pub use request_body::RequestBody;
pub use request_kind::{Accept, Access, Body, TokenPlacement};
pub use response::Response;
pub use server_info::ServerInfo;
pub use session::{TokenSession, server_root};
pub use store::{CredentialStore, StoreError, StoreKey};
pub use stored_login::StoredLogin;
pub use token::Token;
pub use transport::Transport;
pub use trust::TrustPolicy;
pub use user_login::UserLogin;

// Types of other crates that stand in this crate's signatures.
pub use bytes::Bytes;
pub use http;
pub use secrecy::{ExposeSecret, SecretString};
pub use url::{self, Url};
