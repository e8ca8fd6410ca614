//! Addresses that are too long for a server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arcgis_auth_core::http::{Method, StatusCode};
use arcgis_auth_core::{
    Access, Body, Error, Request, Response, ServiceError, Transport, server_root,
};
use futures_util::future::{BoxFuture, FutureExt};

/// A [`Transport`] around a transport that sends a GET again as a form in a POST when the server says
/// that its address (414) or its header (431) is too long.
///
/// How long was too long is remembered for the server, so that what is as long or longer is a form
/// from the start. Requests that have to be a GET ([`Body::None`]) and those that may change something
/// are left alone. Where the server takes no POST either (405), [`Error::Service`] says both.
///
/// Nothing usually comes to this: queries of more than 2,000 bytes are forms already. Some gateways take less.
#[derive(Debug, Clone)]
pub struct LongUrl {
    inner: Arc<dyn Transport>,
    /// The shortest address that was too long, by server.
    refused: Arc<Mutex<HashMap<String, usize>>>,
}

/// Whether `request` may travel as a form.
fn may_be_form(request: &Request) -> bool {
    request.access() == Access::Read && !matches!(request.body(), Body::None)
}

impl LongUrl {
    /// Watches the answers of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>) -> Self {
        Self {
            inner,
            refused: Arc::default(),
        }
    }

    fn is_too_long(&self, root: &str, length: usize) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.get(root).is_some_and(|least| length >= *least)
    }

    fn remember(&self, root: String, length: usize) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let least = refused.entry(root).or_insert(length);
        *least = length.min(*least);
    }
}

impl Transport for LongUrl {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let http = request.to_http()?;
            let get = http.method() == Method::GET && http.uri().query().is_some();
            if !get || !may_be_form(&request) {
                return self.inner.send(request).await;
            }
            let length = http.uri().to_string().len();
            let root = server_root(request.url());
            if self.is_too_long(&root, length) {
                return self.inner.send(request.with_body(Body::Form)).await;
            }
            let response = self.inner.send(request.clone()).await?;
            let status = response.status();
            if !matches!(
                status,
                StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            ) {
                return Ok(response);
            }
            let url = request.redacted_url();
            let status = status.as_u16();
            tracing::info!(
                target: "arcgis::http", url, status, "too long for a URL: sent as a form"
            );
            let response = self.inner.send(request.with_body(Body::Form)).await?;
            if response.status() == StatusCode::METHOD_NOT_ALLOWED {
                let message = format!(
                    "the address is too long for the server (HTTP {status}), and it takes no POST: \
                     ask for less"
                );
                let error = ServiceError::new(405, 405, message, url);
                return Err(Error::Service(error.with_attempts(2).into()));
            }
            self.remember(root, length);
            let attempts = response.attempts() + 1;
            Ok(response.with_attempts(attempts))
        }
        .boxed()
    }
}

#[cfg(test)]
#[path = "long_url_tests.rs"]
mod tests;
