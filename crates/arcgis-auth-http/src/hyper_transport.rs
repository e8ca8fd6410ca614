//! The transport over hyper.

use std::error::Error as StdError;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arcgis_auth_core::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, PROXY_AUTHORIZATION, USER_AGENT,
};
use arcgis_auth_core::http::{self, HeaderValue};
use arcgis_auth_core::{
    Bytes, Error, ExposeSecret, Outcome, Request, RequestBody, Response, SecretString, Transport,
    TransportError, TransportErrorKind,
};
use futures_util::future::{BoxFuture, FutureExt};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;

use crate::body;
use crate::dialer::{Dialer, Proxies, Timed};
use crate::failure::{self, Causes};
use crate::identity::ClientIdentity;
use crate::pour::{Poured, pour};
use crate::resolver::Overrides;
use crate::stats::Counters;
use crate::tls::{self, invalid};
use crate::wire_log;

const DEFAULT_USER_AGENT: &str = concat!("arcgis-rs/", env!("CARGO_PKG_VERSION"));

/// How much of one answer may be under way over HTTP/2: enough for 40 MB/s over a round trip of 0.1 s.
/// The adaptive window would measure that, by pings that some servers take for an attack.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;

/// The [`Transport`] over hyper: HTTP/1.1 and HTTP/2 (negotiated), kept-alive connections, TLS with the
/// machine's certificate authorities, gzip, proxies, time and size limits.
///
/// It sends each request once and follows no redirect: see [`Retry`](crate::Retry),
/// [`Redirect`](crate::Redirect) and the builder of [`ArcGisClient`](crate::ArcGisClient), which
/// puts all of them together. Clones share their connections. It must be used within a tokio runtime.
///
/// ```
/// use std::time::Duration;
/// use arcgis_auth_http::HyperTransport;
///
/// let transport = HyperTransport::builder().timeout(Duration::from_secs(120)).build()?;
/// # Ok::<(), arcgis_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct HyperTransport {
    client: Client<Timed<HttpsConnector<Dialer>>, RequestBody>,
    proxies: Proxies,
    user_agent: HeaderValue,
    timeout: Duration,
    max_body: u64,
    counters: Arc<Counters>,
}

impl HyperTransport {
    /// Starts with the defaults.
    #[must_use]
    pub fn builder() -> HyperTransportBuilder {
        HyperTransportBuilder::default()
    }

    async fn exchange(
        &self,
        request: &Request,
        mut http: http::Request<RequestBody>,
        limit: Duration,
    ) -> Result<Response, Error> {
        let authorization = self.proxies.authorization(http.uri());
        let uri = http.uri().clone();
        let headers = http.headers_mut();
        headers
            .entry(ACCEPT_ENCODING)
            .or_insert(HeaderValue::from_static("gzip"));
        headers
            .entry(USER_AGENT)
            .or_insert_with(|| self.user_agent.clone());
        if let Some(authorization) = authorization {
            headers.insert(PROXY_AUTHORIZATION, authorization);
        }
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let response = match tokio::time::timeout(limit, self.client.request(http)).await {
            Ok(Ok(response)) => response,
            Err(_) => return Err(self.late(request, &uri, limit)),
            Ok(Err(error)) => {
                let proxy = self.proxies.name_for(&uri);
                return Err(failed(request, &error, error.is_connect(), proxy));
            }
        };
        let (mut parts, incoming) = response.into_parts();
        let packed = parts.headers.contains_key(CONTENT_ENCODING);
        if let Some(sink) = request
            .sink()
            .filter(|_| parts.status.is_success() && !packed)
        {
            let judged = |head: &Bytes| {
                Response::judge(request, parts.status, parts.headers.clone(), head.clone())
            };
            let poured = pour(
                incoming,
                request.max_answer().unwrap_or(u64::MAX),
                &self.counters.bytes,
                limit,
                |head| judged(head).outcome() == Outcome::Ok,
                || sink.begin(parts.status, &parts.headers),
                |piece| sink.write(piece),
            );
            return match poured.await {
                Ok(Poured::Kept(body)) => Ok(judged(&body)),
                Ok(Poured::Streamed { head, bytes }) => Ok(judged(&head).with_streamed(bytes)),
                Err(error) => Err(failed(request, &error, false, self.proxies.name_for(&uri))),
            };
        }
        let body = body::read(
            incoming,
            &mut parts.headers,
            request
                .max_answer()
                .map_or(self.max_body, |most| most.min(self.max_body)),
            &self.counters.bytes,
        );
        let body = body
            .await
            .map_err(|error| failed(request, &error, false, self.proxies.name_for(&uri)))?;
        Ok(Response::judge(request, parts.status, parts.headers, body))
    }

    fn late(&self, request: &Request, uri: &http::Uri, limit: Duration) -> Error {
        let late = TransportError::new(TransportErrorKind::Timeout, request.redacted_url());
        let cause = Late {
            limit,
            proxy: self.proxies.name_for(uri),
        };
        Error::transport(late.with_source(cause))
    }
}

fn failed(
    request: &Request,
    error: &(dyn StdError + 'static),
    connecting: bool,
    proxy: Option<String>,
) -> Error {
    let kind = failure::kind(error, connecting);
    let described = TransportError::new(kind, request.redacted_url());
    let causes = Causes::of(error).by_way_of(proxy);
    Error::transport(described.with_source(causes))
}

/// The time limit passed.
#[derive(Debug)]
struct Late {
    limit: Duration,
    proxy: Option<String>,
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(proxy) = &self.proxy {
            write!(f, "by way of the proxy {proxy}: ")?;
        }
        write!(f, "the limit is {:?}", self.limit)
    }
}

impl StdError for Late {}

impl Transport for HyperTransport {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let http = request.to_http()?;
            let (method, uri) = (http.method().clone(), http.uri().clone());
            let started = Instant::now();
            let limit = request.timeout().unwrap_or(self.timeout);
            let exchange = self.exchange(&request, http, limit);
            // What goes to a sink may take its time, as long as something comes.
            let result = if request.sink().is_some() {
                exchange.await
            } else {
                let ended = tokio::time::timeout(limit, exchange).await;
                ended.unwrap_or_else(|_| Err(self.late(&request, &uri, limit)))
            };
            self.counters.ended(&result);
            wire_log::tell(&request, &method, started, &result);
            result
        }
        .boxed()
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperTransport")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// What a [`HyperTransport`] is made with. Values are checked by [`build`](Self::build).
#[derive(Clone)]
pub struct HyperTransportBuilder {
    timeout: Duration,
    connect_timeout: Duration,
    max_body: u64,
    user_agent: String,
    authorities: Vec<Authority>,
    insecure: bool,
    identity: Option<ClientIdentity>,
    addresses: Vec<(String, SocketAddr)>,
    proxy: Option<SecretString>,
    counters: Arc<Counters>,
}

#[derive(Clone)]
enum Authority {
    File(PathBuf),
    Pem(Vec<u8>),
}

impl Default for HyperTransportBuilder {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(15),
            max_body: 512 * 1024 * 1024,
            user_agent: DEFAULT_USER_AGENT.to_owned(),
            authorities: Vec::new(),
            insecure: false,
            identity: None,
            addresses: Vec::new(),
            proxy: None,
            counters: Arc::default(),
        }
    }
}

impl HyperTransportBuilder {
    /// Limits the time for one whole exchange, from connecting to the last byte; 60 seconds by
    /// default. A request's own limit ([`Request::with_timeout`]) wins.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Limits the time for making a connection, proxy and TLS included; 15 seconds by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Limits the size of an answer in bytes, after decompression; 512 MiB by default. A longer one is
    /// [`TransportErrorKind::TooLarge`].
    #[must_use]
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets the `User-Agent`; `arcgis-rs/` and the version by default.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Believes the certificate authorities in this PEM file too, beside the machine's. May be repeated.
    #[must_use]
    pub fn cacert(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities.push(Authority::File(path.into()));
        self
    }

    /// As [`cacert`](Self::cacert), of a PEM text.
    #[must_use]
    pub fn cacert_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities.push(Authority::Pem(pem.into()));
        self
    }

    /// Believes every certificate. Whoever sits on the way can then read and change everything,
    /// passwords and tokens included.
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.insecure = insecure;
        self
    }

    /// Shows this client certificate to servers that ask for one. A proxy does not get to see it.
    #[must_use]
    pub fn client_identity(mut self, identity: ClientIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Connects to `address` for URLs with this host (`gis.example.com`, or `gis.example.com:6443`
    /// for one port alone), as curl's `--resolve` does: for names that this network does not know or
    /// that lead elsewhere in it (split DNS). Port 0 stands for the port of the URL. No proxy stands
    /// in the way of such a name, and TLS, tokens and redirects go by the name, not by the address.
    /// May be repeated.
    ///
    /// ```
    /// use arcgis_auth_http::HyperTransport;
    ///
    /// let inside = HyperTransport::builder()
    ///     .resolve("gis.example.com", "10.1.2.3:0".parse()?)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn resolve(mut self, host: impl Into<String>, address: SocketAddr) -> Self {
        self.addresses.push((host.into(), address));
        self
    }

    /// Sends everything through this proxy: `http://[user:password@]host:port`, or `https://` to speak TLS
    /// to the proxy itself. By default `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` decide,
    /// and this machine is always reached directly.
    #[must_use]
    pub fn proxy(mut self, proxy: impl Into<SecretString>) -> Self {
        self.proxy = Some(proxy.into());
        self
    }

    pub(crate) fn counters(mut self, counters: Arc<Counters>) -> Self {
        self.counters = counters;
        self
    }

    /// Checks the values and makes the transport. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a certificate file that cannot be read, a limit of zero, a proxy, a host or
    /// a user agent that cannot be used.
    pub fn build(self) -> Result<HyperTransport, Error> {
        for (option, zero) in [
            ("timeout", self.timeout.is_zero()),
            ("connect_timeout", self.connect_timeout.is_zero()),
            ("max_body", self.max_body == 0),
        ] {
            if zero {
                return Err(invalid(option, "must be more than zero"));
            }
        }
        let user_agent = HeaderValue::from_str(self.user_agent.trim())
            .ok()
            .filter(|value| !value.is_empty())
            .ok_or_else(|| invalid("user_agent", "cannot stand in an HTTP header"))?;
        let proxies = match &self.proxy {
            Some(proxy) => Proxies::all(proxy.expose_secret())?,
            None => Proxies::from_env(),
        };
        let mut overrides = Overrides::default();
        for (host, address) in &self.addresses {
            overrides.insert(host, *address)?;
        }
        let proxies = proxies.with_overrides(overrides);
        let mut authorities: Vec<CertificateDer<'static>> = Vec::new();
        for authority in &self.authorities {
            authorities.extend(match authority {
                Authority::File(path) => tls::read_pem_file(path)?,
                Authority::Pem(pem) => tls::read_pem(pem).map_err(|why| invalid("cacert", why))?,
            });
        }
        let to_proxy = tls::client_config(authorities.clone(), self.insecure, None)?;
        let tls = tls::client_config(authorities, self.insecure, self.identity.as_ref())?;
        let dialer = Dialer::new(proxies.clone(), to_proxy);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(dialer);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(4 * STREAM_WINDOW)
            .build(Timed::new(connector, self.connect_timeout));
        Ok(HyperTransport {
            client,
            proxies,
            user_agent,
            timeout: self.timeout,
            max_body: self.max_body,
            counters: self.counters,
        })
    }
}

impl fmt::Debug for HyperTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperTransportBuilder")
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_body", &self.max_body)
            .field("insecure", &self.insecure)
            .finish_non_exhaustive()
    }
}
