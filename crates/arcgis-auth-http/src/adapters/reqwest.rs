//! A `reqwest` client as a transport.

use std::time::Duration;

use arcgis_auth_core::http;
use arcgis_auth_core::{
    ConfigError, Error, Request, RequestBody, Response, Transport, TransportErrorKind,
};
use futures_util::future::{BoxFuture, FutureExt};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, ClientBuilder};

use super::{Failed, Limits};
use crate::failure;

/// A [`Transport`] over [`reqwest`](https://docs.rs/reqwest) 0.13, for programs that have their
/// connections, proxies, certificates and user agent set up there.
///
/// It takes a builder, not a client, because a client of one's own follows redirects and lets
/// `X-Esri-Authorization` along to other hosts (it takes off `Authorization` and cookies only).
/// Redirects are off here, and [`Redirect`](crate::Redirect) follows them; so is reqwest's own decompression.
/// This crate enables none of reqwest's features: choose its TLS in your own manifest.
///
/// ```no_run
/// use std::sync::Arc;
/// use arcgis_auth_http::{ArcGisClient, ReqwestTransport};
///
/// let ours = reqwest::Client::builder().user_agent("surveyor/1.0");
/// let client = ArcGisClient::builder()
///     .transport(Arc::new(ReqwestTransport::new(ours)?))
///     .build()?;
/// # Ok::<(), arcgis_auth_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: Client,
    limits: Limits,
}

impl ReqwestTransport {
    /// Sends over the client that `builder` makes, within 60 seconds for one exchange and up to 512 MiB
    /// for an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where reqwest cannot make a client, with its reason.
    pub fn new(builder: ClientBuilder) -> Result<Self, Error> {
        let client = builder
            .redirect(Policy::none())
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .build()
            .map_err(|error| ConfigError::InvalidOption {
                option: "reqwest",
                problem: failure::Causes::of(&error.without_url()).to_string(),
            })?;
        Ok(Self {
            client,
            limits: Limits::default(),
        })
    }

    /// Limits the time for one whole exchange. A request's own limit wins.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// Limits the size of an answer in bytes, after decompression.
    #[must_use]
    pub fn with_max_body(mut self, bytes: u64) -> Self {
        self.limits.max_body = bytes;
        self
    }

    async fn call(
        &self,
        request: http::Request<RequestBody>,
    ) -> Result<http::Response<Body>, Failed> {
        let request = request.map(|body| match body.bytes() {
            Some(bytes) => Body::from(bytes),
            None => Body::wrap(body),
        });
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        Ok(self.client.execute(request).await.map_err(failed)?.into())
    }
}

fn failed(error: reqwest::Error) -> Failed {
    // Its text names the URL, query and all.
    let error = error.without_url();
    let kind = match failure::foreign_kind(&error) {
        TransportErrorKind::Interrupted if error.is_timeout() => TransportErrorKind::Timeout,
        TransportErrorKind::Interrupted if error.is_connect() => TransportErrorKind::Connect,
        kind => kind,
    };
    Failed {
        kind,
        cause: Box::new(error),
    }
}

impl Transport for ReqwestTransport {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        self.limits
            .exchange(request, |request| self.call(request))
            .boxed()
    }
}
