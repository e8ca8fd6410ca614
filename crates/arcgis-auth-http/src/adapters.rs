//! Other HTTP stacks as a transport.

use std::fmt;
use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use arcgis_auth_core::http;
use arcgis_auth_core::{Error, Request, RequestBody, Response, TransportError, TransportErrorKind};

use crate::body::{self, BoxError};
use crate::failure::{self, Causes};
use crate::wire_log;

#[cfg(feature = "reqwest")]
pub(crate) mod reqwest;
#[cfg(feature = "tower")]
pub(crate) mod tower;

/// What holds for every exchange over a foreign stack.
#[derive(Debug, Clone, Copy)]
struct Limits {
    timeout: Duration,
    max_body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            max_body: 512 * 1024 * 1024,
        }
    }
}

/// What a foreign stack failed of.
struct Failed {
    kind: TransportErrorKind,
    cause: BoxError,
}

/// The time limit passed.
#[derive(Debug, thiserror::Error)]
#[error("the limit is {0:?}")]
struct Late(Duration);

impl Limits {
    /// One exchange: `call` sends and gives the answer, whose body is read here.
    async fn exchange<F, B>(
        self,
        request: Request,
        call: impl FnOnce(http::Request<RequestBody>) -> F + Send,
    ) -> Result<Response, Error>
    where
        F: Future<Output = Result<http::Response<B>, Failed>> + Send,
        B: http_body::Body + Send,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let mut http = request.to_http()?;
        http.headers_mut()
            .entry(http::header::ACCEPT_ENCODING)
            .or_insert(http::HeaderValue::from_static("gzip"));
        let method = http.method().clone();
        let started = Instant::now();
        let limit = request.timeout().unwrap_or(self.timeout);
        let whole = async {
            let (mut parts, body) = call(http)
                .await
                .map_err(|failed| described(&request, failed.kind, &*failed.cause))?
                .into_parts();
            let unread = AtomicU64::new(0);
            let most = request.max_answer();
            let most = most.map_or(self.max_body, |most| most.min(self.max_body));
            let body = body::read(body, &mut parts.headers, most, &unread)
                .await
                .map_err(|error| described(&request, failure::kind(&error, false), &error))?;
            Ok(Response::judge(&request, parts.status, parts.headers, body))
        };
        let result = match tokio::time::timeout(limit, whole).await {
            Ok(result) => result,
            Err(_) => {
                let late = TransportError::new(TransportErrorKind::Timeout, request.redacted_url());
                Err(Error::transport(late.with_source(Late(limit))))
            }
        };
        wire_log::tell(&request, &method, started, &result);
        result
    }
}

fn described(
    request: &Request,
    kind: TransportErrorKind,
    cause: &(dyn std::error::Error + 'static),
) -> Error {
    let error = TransportError::new(kind, request.redacted_url());
    Error::transport(error.with_source(Causes::of(cause)))
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}
