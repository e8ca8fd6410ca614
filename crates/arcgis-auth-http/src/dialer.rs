//! Connections: straight to the server, or by way of a proxy.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arcgis_auth_core::Error;
use arcgis_auth_core::http::HeaderValue;
use arcgis_auth_core::http::uri::{Scheme, Uri};
use futures_util::future::{BoxFuture, FutureExt};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::ClientConfig;
use tower_service::Service;

use crate::body::BoxError;
use crate::resolver::Overrides;
use crate::tls::invalid;

/// Which proxy stands in the way to an address, and where names lead that need none.
#[derive(Debug, Clone)]
pub(crate) struct Proxies {
    matcher: Arc<Matcher>,
    from_environment: bool,
    overrides: Arc<Overrides>,
}

impl Proxies {
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    pub(crate) fn from_env() -> Self {
        Self {
            matcher: Arc::new(Matcher::from_env()),
            from_environment: true,
            overrides: Arc::default(),
        }
    }

    /// One for everything.
    pub(crate) fn all(proxy: &str) -> Result<Self, Error> {
        // The URL may hold a password, so that it is not quoted.
        let wrong = || invalid("proxy", "not an http or https URL with a host");
        let uri: Uri = proxy.trim().parse().map_err(|_| wrong())?;
        let scheme = uri.scheme();
        let spoken =
            scheme.is_none() || scheme == Some(&Scheme::HTTP) || scheme == Some(&Scheme::HTTPS);
        if !spoken || uri.host().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        Ok(Self {
            matcher: Arc::new(Matcher::builder().all(proxy.trim()).build()),
            from_environment: false,
            overrides: Arc::default(),
        })
    }

    /// Names with an address of their own are reached there, past every proxy.
    pub(crate) fn with_overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = Arc::new(overrides);
        self
    }

    fn intercept(&self, destination: &Uri) -> Option<Intercept> {
        // A proxy that is meant for the network cannot reach this machine.
        if self.from_environment && is_loopback(destination.host()?) {
            return None;
        }
        if self.overrides.address(destination).is_some() {
            return None;
        }
        self.matcher.intercept(destination)
    }

    /// The proxy on the way to an address, without its user name and password.
    pub(crate) fn name_for(&self, destination: &Uri) -> Option<String> {
        let proxy = self.intercept(destination)?;
        let (uri, host) = (proxy.uri(), proxy.uri().host()?);
        let port = uri.port_u16().map(|port| format!(":{port}"));
        Some(format!(
            "{}://{host}{}",
            uri.scheme_str().unwrap_or("http"),
            port.unwrap_or_default()
        ))
    }

    /// The `Proxy-Authorization` for a plain-http request, which the proxy reads itself.
    pub(crate) fn authorization(&self, destination: &Uri) -> Option<HeaderValue> {
        if destination.scheme() != Some(&Scheme::HTTP) {
            return None;
        }
        let mut value = self.intercept(destination)?.basic_auth()?.clone();
        value.set_sensitive(true);
        Some(value)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Opens a connection to an address or to the proxy in the way.
#[derive(Clone)]
pub(crate) struct Dialer {
    direct: HttpConnector,
    to_proxy: HttpsConnector<HttpConnector>,
    proxies: Proxies,
}

impl Dialer {
    pub(crate) fn new(proxies: Proxies, tls: ClientConfig) -> Self {
        let mut direct = HttpConnector::new();
        direct.enforce_http(false);
        direct.set_nodelay(true);
        direct.set_keepalive(Some(Duration::from_secs(60)));
        Self {
            to_proxy: HttpsConnector::from((direct.clone(), tls)),
            direct,
            proxies,
        }
    }
}

impl Service<Uri> for Dialer {
    type Response = Wire;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Wire, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // Connectors over TCP are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.intercept(&destination) else {
            // TLS is spoken above this, and with the name in the URL.
            let address = self.proxies.overrides.address(&destination);
            let destination = match address.map(|address| format!("http://{address}").parse()) {
                Some(Ok(address)) => address,
                _ => destination,
            };
            let connecting = self.direct.call(destination);
            return async move { Ok(Wire::new(connecting.await?, false)) }.boxed();
        };
        if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
            let unsupported =
                io::Error::other("the environment names a SOCKS proxy, which is not supported");
            return async move { Err(unsupported.into()) }.boxed();
        }
        if destination.scheme() == Some(&Scheme::HTTPS) {
            let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
            if let Some(authorization) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(authorization.clone());
            }
            let connecting = tunnel.call(destination);
            return async move { Ok(Wire::new(connecting.await?, false)) }.boxed();
        }
        let connecting = self.to_proxy.call(proxy.uri().clone());
        async move { Ok(Wire::new(connecting.await?, true)) }.boxed()
    }
}

trait Stream: Read + Write + Connection + Send + Unpin {}

impl<T: Read + Write + Connection + Send + Unpin> Stream for T {}

/// A connection, whatever it is made of.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    /// It leads to a proxy that wants requests with their whole address.
    forwarded: bool,
}

impl Wire {
    fn new(stream: impl Stream + 'static, forwarded: bool) -> Self {
        Self {
            stream: Box::new(stream),
            forwarded,
        }
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.forwarded)
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write_vectored(context, bytes)
    }
}

/// No connection within the time limit, TLS included.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {0:?}")]
pub(crate) struct NotInTime(Duration);

/// A connector that gives up in time.
#[derive(Clone)]
pub(crate) struct Timed<C> {
    inner: C,
    limit: Duration,
}

impl<C> Timed<C> {
    pub(crate) fn new(inner: C, limit: Duration) -> Self {
        Self { inner, limit }
    }
}

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
    C::Response: Send,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<C::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let limit = self.limit;
        let connecting = self.inner.call(destination);
        async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(NotInTime(limit).into()),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let proxies = Proxies::all("http://me:CANARY@proxy.example:3128").unwrap();
        let destination = "https://gis.example/x".parse().unwrap();
        assert_eq!(
            proxies.name_for(&destination).as_deref(),
            Some("http://proxy.example:3128")
        );
    }

    #[test]
    fn a_name_with_an_address_of_its_own_needs_no_proxy() {
        let mut overrides = Overrides::default();
        let address = "10.1.2.3:443".parse().unwrap();
        overrides.insert("gis.example", address).unwrap();
        let proxies = Proxies::all("http://me:CANARY@proxy.example:3128")
            .unwrap()
            .with_overrides(overrides);
        for (destination, direct) in [
            ("http://gis.example/x", true),
            ("http://other.example/x", false),
        ] {
            let destination = destination.parse().unwrap();
            assert_eq!(proxies.name_for(&destination).is_none(), direct);
            assert_eq!(proxies.authorization(&destination).is_none(), direct);
        }
    }
}
