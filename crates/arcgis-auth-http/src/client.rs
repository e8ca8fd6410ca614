//! The whole stack as one transport.

use std::fmt;
use std::sync::Arc;

use arcgis_auth_core::{Error, Request, Response, TokenProvider, Transport};
use futures_util::future::BoxFuture;

use crate::client_builder::ArcGisClientBuilder;
use crate::stats::{Counters, Stats};

/// A [`Transport`] that does all that a request to ArcGIS needs: it waits its turn, attaches a token
/// that looks after itself, follows redirects, and tries again where that helps.
///
/// Clones share connections, tokens, permits and pauses. It must be used within a tokio runtime.
///
/// ```no_run
/// use arcgis_auth_core::{Credentials, Portal, Request, Transport};
/// use arcgis_auth_http::ArcGisClient;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let portal = Portal::parse("https://gis.example.com/portal")?;
/// let client = ArcGisClient::builder()
///     .credentials(Credentials::user_password("me", "secret", portal)?)
///     .build()?;
/// let layer = "https://gis.example.com/server/rest/services/Roads/FeatureServer/0".parse()?;
/// let answer = client.send(Request::read(layer).with_param("f", "json")).await?.into_ok()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ArcGisClient {
    stack: Arc<dyn Transport>,
    provider: Option<Arc<dyn TokenProvider>>,
    counters: Arc<Counters>,
}

impl ArcGisClient {
    /// Starts with the defaults: anonymous, 4 retries, 8 requests at a time to each server.
    #[must_use]
    pub fn builder() -> ArcGisClientBuilder {
        ArcGisClientBuilder::default()
    }

    pub(crate) fn new(
        stack: Arc<dyn Transport>,
        provider: Option<Arc<dyn TokenProvider>>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            stack,
            provider,
            counters,
        }
    }

    /// Where the tokens come from; none for anonymous access. `warm_up` on it signs in ahead of the
    /// first request.
    #[must_use]
    pub fn provider(&self) -> Option<&Arc<dyn TokenProvider>> {
        self.provider.as_ref()
    }

    /// What was sent and received so far, by all clones together.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.counters.read()
    }
}

impl Transport for ArcGisClient {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        self.stack.send(request)
    }
}

impl fmt::Debug for ArcGisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArcGisClient")
            .field("stack", &self.stack)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
