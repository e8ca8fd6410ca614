use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::address::Addresses;
use crate::authority::CertificateAuthority;
use crate::catalog::{Catalog, Service};
use crate::error::{Error, Result};
use crate::fault::{Fault, Faults};
use crate::guard::Guard;
use crate::item::Item;
use crate::layer::Layer;
use crate::request::RequestLog;
use crate::security::{Issuer, Security};
use crate::server::{self, Shared};
use crate::testkit::Testkit;
use crate::tls::Tls;
use crate::web_tier::WebTier;

/// Puts a test service together. Made by [`Testkit::builder`].
#[derive(Debug)]
pub struct TestkitBuilder {
    services: Vec<Service>,
    items: Vec<Item>,
    demo: bool,
    security: Option<Security>,
    faults: Vec<Fault>,
    tls_names: Option<Vec<String>>,
    authority: Option<CertificateAuthority>,
    clients: Option<CertificateAuthority>,
    web_tier: WebTier,
    public_origin: Option<String>,
    server_path: String,
    portal_path: String,
    clock_skew: i64,
    port: u16,
    longest_url: usize,
    log_capacity: usize,
    latency: Duration,
}

impl TestkitBuilder {
    pub(crate) fn new() -> Self {
        Self {
            services: Vec::new(),
            items: Vec::new(),
            demo: false,
            security: None,
            faults: Vec::new(),
            tls_names: None,
            authority: None,
            clients: None,
            web_tier: WebTier::default(),
            public_origin: None,
            server_path: "arcgis".to_owned(),
            portal_path: "portal".to_owned(),
            clock_skew: 0,
            port: 0,
            longest_url: 8192,
            log_capacity: 65_536,
            latency: Duration::ZERO,
        }
    }

    /// Serves a layer in a service of its own, which is named as the layer is.
    #[must_use]
    pub fn layer(self, layer: Layer) -> Self {
        let name = layer.name.clone();
        self.service(Service::new(name).with_layer(layer))
    }

    /// Serves a service.
    #[must_use]
    pub fn service(mut self, service: Service) -> Self {
        self.services.push(service);
        self
    }

    /// Adds an item to the portal.
    #[must_use]
    pub fn item(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    /// Serves the demo data as the service `demo`: the layers `places`, `rivers` and `countries`.
    #[must_use]
    pub fn demo_layers(mut self) -> Self {
        self.demo = true;
        self
    }

    /// Asks for tokens. Without it the service is open.
    #[must_use]
    pub fn security(mut self, security: Security) -> Self {
        self.security = Some(security);
        self
    }

    /// Makes something go wrong.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Serves HTTPS (HTTP/1.1 and HTTP/2) with a certificate for 127.0.0.1 and localhost, signed by [`Testkit::ca_pem`].
    #[must_use]
    pub fn tls(self) -> Self {
        self.tls_for(["127.0.0.1", "localhost"])
    }

    /// Serves HTTPS with a certificate for these names and addresses.
    #[must_use]
    pub fn tls_for<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.tls_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Has this authority sign the certificate of HTTPS, so that one PEM serves several services. Without it the service makes one of its own.
    #[must_use]
    pub fn signed_by(mut self, authority: &CertificateAuthority) -> Self {
        self.authority = Some(authority.clone());
        self
    }

    /// Demands a certificate that this authority has signed from every client. Counts with HTTPS only.
    #[must_use]
    pub fn require_client_certificate(mut self, authority: &CertificateAuthority) -> Self {
        self.clients = Some(authority.clone());
        self
    }

    /// Demands HTTP basic authentication for everything, as a web server in front of ArcGIS does.
    #[must_use]
    pub fn basic_auth(mut self, user: &str, password: &str) -> Self {
        self.web_tier = WebTier::basic(user, password);
        self
    }

    /// Names the service by this origin (`https://gis.example.com`) wherever it tells an address. Clients then have to be led to
    /// [`Testkit::address`] by a resolver of their own. Without it the origin is that of the socket.
    #[must_use]
    pub fn public_origin(mut self, origin: impl Into<String>) -> Self {
        self.public_origin = Some(origin.into().trim_end_matches('/').to_owned());
        self
    }

    /// Sets the path of the server's root, `arcgis` unless set. Hosted services of ArcGIS Online have the organisation's id before it.
    #[must_use]
    pub fn server_path(mut self, path: impl Into<String>) -> Self {
        self.server_path = path.into();
        self
    }

    /// Sets the path of the portal, `portal` unless set. It is empty at ArcGIS Online: `https://www.arcgis.com/sharing/rest`.
    #[must_use]
    pub fn portal_path(mut self, path: impl Into<String>) -> Self {
        self.portal_path = path.into();
        self
    }

    /// Sets the service's clock ahead by so many seconds, or behind by a negative number: it shows in the `Date` header, in `expires` and in the
    /// dates of edits.
    #[must_use]
    pub fn clock_skew(mut self, seconds: i64) -> Self {
        self.clock_skew = seconds;
        self
    }

    /// Listens on this port of 127.0.0.1. Without it the system chooses a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Refuses URLs (path and query) of more bytes with status 414. 8,192 unless set.
    #[must_use]
    pub fn longest_url(mut self, bytes: usize) -> Self {
        self.longest_url = bytes;
        self
    }

    /// Remembers this many requests at most, the latest ones. 65,536 unless set; 0 for a service that runs long.
    #[must_use]
    pub fn log_capacity(mut self, requests: usize) -> Self {
        self.log_capacity = requests;
        self
    }

    /// Answers every request this much later.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Starts the service on a thread of its own.
    ///
    /// # Errors
    /// The port is taken, or a layer does not fit together; see [`Error`].
    pub async fn start(self) -> Result<Testkit> {
        let mut services = self.services;
        if self.demo {
            services.push(crate::demo::service()?);
        }
        let catalog = Catalog::new(services, self.clock_skew)?;
        let tls = match self.tls_names {
            None => None,
            Some(names) => Some(Tls {
                names,
                authority: self.authority.map_or_else(CertificateAuthority::new, Ok)?,
                clients: self.clients,
            }),
        };
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let refused = |source| Error::Bind {
            address: wanted,
            source,
        };
        let listener = std::net::TcpListener::bind(wanted).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let origin = self
            .public_origin
            .unwrap_or_else(|| format!("{scheme}://{address}"));
        let addresses = Addresses::new(origin, &self.server_path, &self.portal_path);
        let ca_pem = tls.as_ref().map(|tls| tls.authority.pem().to_owned());
        let acceptor = tls.map(Tls::acceptor).transpose()?;
        let guard = match self.security {
            None => None,
            Some(security) if matches!(security.issuer, Issuer::OpenPortal) => {
                return Err(Error::OpenPortal);
            }
            Some(security) => {
                let guard = Guard::new(security, addresses.clone(), self.clock_skew);
                guard.federate();
                Some(Arc::new(guard))
            }
        };
        let shared = Arc::new(Shared {
            guard,
            addresses,
            web_tier: self.web_tier,
            clock_skew: self.clock_skew,
            catalog,
            items: self.items,
            faults: Faults::new(self.faults),
            log: RequestLog::new(self.log_capacity),
            longest_url: self.longest_url,
            latency: self.latency,
            started: Instant::now(),
            requests: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            connections: AtomicU64::new(0),
        });

        // A runtime of its own: the service neither blocks the caller's nor follows its paused clock, and answers blocking clients too.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("arcgis-testkit")
            .enable_all()
            .build()
            .map_err(Error::Start)?;
        let (stop, stopping) = watch::channel(false);
        let (ended, end) = oneshot::channel();
        let serving = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("arcgis-testkit".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                        server::serve(listener, acceptor, serving, stopping).await;
                    }
                });
                runtime.shutdown_background();
                let _ = ended.send(());
            })
            .map_err(Error::Start)?;
        Ok(Testkit::running(shared, address, ca_pem, stop, end))
    }
}
