//! A `tower` service as a transport, and a transport as a `tower` service.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use arcgis_auth_core::http;
use arcgis_auth_core::{Error, Request, RequestBody, Response, Transport};
use futures_util::future::{BoxFuture, FutureExt};
use tower_service::Service;

use super::{Failed, Limits};
use crate::body::BoxError;
use crate::failure;

/// A [`Transport`] over any [`tower` service](https://docs.rs/tower) that takes HTTP requests: hyper with
/// layers of one's own, a mock, a recording.
///
/// The service should send each request once and follow no redirect:
/// [`Redirect`](crate::Redirect) follows them without letting a token along. Secret headers are marked
/// sensitive, for its layers. Answers that come in gzip are unpacked. It must be used within a tokio runtime.
///
/// ```
/// use std::convert::Infallible;
/// use std::sync::Arc;
/// use arcgis_auth_core::{Request, RequestBody, Transport, http};
/// use arcgis_auth_http::{ArcGisClient, TowerTransport};
/// use tower::{ServiceBuilder, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = ServiceBuilder::new()
///     .concurrency_limit(4)
///     .service(service_fn(|request: http::Request<RequestBody>| async move {
///         let body = format!(r#"{{"asked":"{}"}}"#, request.uri().path());
///         Ok::<_, Infallible>(http::Response::new(body))
///     }));
/// let client = ArcGisClient::builder()
///     .transport(Arc::new(TowerTransport::new(service)))
///     .build()?;
/// let answer = client.send(Request::read("https://host/arcgis/rest/services?f=json".parse()?)).await?;
/// assert_eq!(answer.into_ok()?, r#"{"asked":"/arcgis/rest/services"}"#);
/// # Ok(())
/// # }
/// ```
pub struct TowerTransport<S> {
    /// In a lock, since a service need not be `Sync`; each request has a clone of its own.
    service: Mutex<S>,
    limits: Limits,
}

impl<S> TowerTransport<S> {
    /// Sends over `service`, within 60 seconds for one exchange and up to 512 MiB for an answer.
    #[must_use]
    pub fn new(service: S) -> Self {
        Self {
            service: Mutex::new(service),
            limits: Limits::default(),
        }
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
}

impl<S, B> Transport for TowerTransport<S>
where
    S: Service<http::Request<RequestBody>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        let mut service = service.clone();
        let call = |request| async move {
            let failed = |cause: S::Error| {
                let cause = cause.into();
                Failed {
                    kind: failure::foreign_kind(&*cause),
                    cause,
                }
            };
            std::future::poll_fn(|context| service.poll_ready(context))
                .await
                .map_err(failed)?;
            service.call(request).await.map_err(failed)
        };
        self.limits.exchange(request, call).boxed()
    }
}

impl<S> fmt::Debug for TowerTransport<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerTransport")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Any [`Transport`] as a `tower` service of ArcGIS requests, to put layers of one's own around it.
///
/// ```no_run
/// use std::time::Duration;
/// use arcgis_auth_core::Request;
/// use arcgis_auth_http::{ArcGisClient, TransportService};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let client = ArcGisClient::builder().build()?;
/// let service = ServiceBuilder::new()
///     .timeout(Duration::from_secs(300))
///     .service(TransportService::new(client));
/// let layer = "https://host/arcgis/rest/services/Roads/FeatureServer/0?f=json".parse()?;
/// let answer = service.oneshot(Request::read(layer)).await?.into_ok()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TransportService {
    transport: Arc<dyn Transport>,
}

impl TransportService {
    /// The service that sends over `transport`. It is always ready.
    #[must_use]
    pub fn new(transport: impl Transport + 'static) -> Self {
        Self {
            transport: Arc::new(transport),
        }
    }
}

impl Service<Request> for TransportService {
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let transport = Arc::clone(&self.transport);
        async move { transport.send(request).await }.boxed()
    }
}
