//! Headers that the user wants on every request.

use std::fmt;
use std::sync::Arc;

use arcgis_auth_core::http::{HeaderMap, HeaderName, HeaderValue};
use arcgis_auth_core::{ConfigError, Error, Request, Response, Transport};
use futures_util::future::{BoxFuture, FutureExt};

/// Headers that belong to the connection or to the transport, not to the user.
const RESERVED: [&str; 9] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// A [`Transport`] around a transport that adds the user's headers. One that the request has already wins.
///
/// It stands outside [`Redirect`](crate::Redirect), which takes all headers off before a request
/// goes to another origin: the values may be secrets of a gateway.
#[derive(Clone)]
pub struct ExtraHeaders {
    inner: Arc<dyn Transport>,
    headers: HeaderMap,
}

impl ExtraHeaders {
    /// Adds `headers` to each request before `inner` gets it.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a header that belongs to the connection, such as `Host`.
    pub fn new(inner: Arc<dyn Transport>, headers: HeaderMap) -> Result<Self, Error> {
        for name in headers.keys() {
            if RESERVED.contains(&name.as_str()) {
                return Err(invalid(format!("{name} is set by the connection itself")));
            }
        }
        Ok(Self { inner, headers })
    }
}

/// Reads one header as a user gives it. The error never holds the value.
pub(crate) fn parse(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let name = HeaderName::from_bytes(name.trim().as_bytes())
        .map_err(|_| invalid("the name cannot stand in HTTP".to_owned()))?;
    let mut value = HeaderValue::from_str(value.trim())
        .map_err(|_| invalid(format!("the value of {name} cannot stand in HTTP")))?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn invalid(problem: String) -> Error {
    ConfigError::InvalidOption {
        option: "header",
        problem,
    }
    .into()
}

impl Transport for ExtraHeaders {
    fn send(&self, mut request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            for (name, value) in &self.headers {
                if !request.headers().contains_key(name) {
                    request = request.with_header(name.clone(), value.clone());
                }
            }
            self.inner.send(request).await
        }
        .boxed()
    }
}

impl fmt::Debug for ExtraHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtraHeaders")
            .field("names", &self.headers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
