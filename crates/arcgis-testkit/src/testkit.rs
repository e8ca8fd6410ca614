use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::address::Addresses;
use crate::authority::CertificateAuthority;
use crate::catalog::{Catalog, Service};
use crate::error::{Error, Result};
use crate::fault::{Fault, Faults};
use crate::grants::Grants;
use crate::guard::Guard;
use crate::layer::Layer;
use crate::request::{Request, RequestKind, RequestLog};
use crate::row::Row;
use crate::security::{Issuer, Security};
use crate::server::{self, Shared};
use crate::table::Table;
use crate::tls::Tls;
use crate::web_tier::WebTier;

/// Puts a test service together. Made by [`Testkit::builder`].
#[derive(Debug)]
pub struct TestkitBuilder {
    services: Vec<Service>,
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

    /// Sets the service's clock ahead by so many seconds, or behind by a negative number: it shows in the `Date` header and in `expires`.
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
        let catalog = Catalog::new(services)?;
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
        Ok(Testkit {
            shared,
            address,
            ca_pem,
            stop,
            end: Some(end),
        })
    }
}

/// A running test service. It stops when this handle is dropped.
#[derive(Debug)]
pub struct Testkit {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: Option<String>,
    stop: watch::Sender<bool>,
    end: Option<oneshot::Receiver<()>>,
}

impl Testkit {
    /// A service without layers, open to all, on a free port.
    #[must_use]
    pub fn builder() -> TestkitBuilder {
        TestkitBuilder {
            services: Vec::new(),
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

    /// The address that is listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT` or `https://…`, or the [public origin](TestkitBuilder::public_origin).
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.shared.addresses.origin
    }

    /// The server's root, `…/arcgis`.
    #[must_use]
    pub fn root_url(&self) -> String {
        self.shared.addresses.server_root()
    }

    /// The directory of services, `…/arcgis/rest/services`.
    #[must_use]
    pub fn services_url(&self) -> String {
        format!("{}/rest/services", self.root_url())
    }

    /// The portal that goes with the server, `…/portal`.
    #[must_use]
    pub fn portal_url(&self) -> String {
        self.shared.addresses.portal_url()
    }

    /// The server's token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/tokens/generateToken", self.root_url())
    }

    /// A service as a feature service, whether or not it is there.
    #[must_use]
    pub fn service_url(&self, service: &str) -> String {
        format!("{}/{service}/FeatureServer", self.services_url())
    }

    /// The address of the first layer of this name, or of `service/layer`, in its feature service. A name that no layer has gives the address that such a layer would have;
    /// the server says that nothing is there.
    #[must_use]
    pub fn layer_url(&self, layer: &str) -> String {
        match self.shared.catalog.layer(layer) {
            Some((service, table)) => format!("{}/{}", self.service_url(&service.name), table.id),
            None => format!("{}/0", self.service_url(layer)),
        }
    }

    /// As [`Testkit::layer_url`], in its map service.
    #[must_use]
    pub fn map_layer_url(&self, layer: &str) -> String {
        self.layer_url(layer)
            .replace("/FeatureServer/", "/MapServer/")
    }

    /// The rows of a layer, to be changed while the service runs: the first layer of this name, or `service/layer` to be exact.
    ///
    /// # Errors
    /// No layer has this name.
    pub fn layer(&self, name: &str) -> Result<LayerRows> {
        let (_, table) = self
            .shared
            .catalog
            .layer(name)
            .ok_or_else(|| Error::UnknownLayer(name.to_owned()))?;
        Ok(LayerRows {
            table: Arc::clone(table),
        })
    }

    /// The requests so far, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log.all()
    }

    /// The requests of one kind.
    #[must_use]
    pub fn requests_of(&self, kind: RequestKind) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.kind() == kind);
        requests
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.log.clear();
    }

    /// How many requests were being answered at the same time, at most.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.shared.most_in_flight.load(Ordering::SeqCst)
    }

    /// How many requests are being answered now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// How many connections were opened.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Adds a fault to the running service, and gives its position in [`Testkit::faults_fired`].
    pub fn add_fault(&self, fault: Fault) -> usize {
        self.shared.faults.add(fault)
    }

    /// How often each fault has fired, in the order in which they were given.
    #[must_use]
    pub fn faults_fired(&self) -> Vec<u64> {
        self.shared.faults.fired()
    }

    /// How many access tokens clients have minted, in whatever way; at a federated server those that its portal issued for it.
    #[must_use]
    pub fn mints(&self) -> u64 {
        self.shared.guard.as_deref().map_or(0, Guard::mints)
    }

    /// What was granted, by kind. At a federated server nothing: its portal grants.
    #[must_use]
    pub fn grants(&self) -> Grants {
        self.shared
            .guard
            .as_deref()
            .map_or_else(Grants::default, Guard::grants)
    }

    /// A valid token, which counts as no mint. None on an open service.
    #[must_use]
    pub fn issue_token(&self) -> Option<String> {
        self.shared.guard.as_deref().map(Guard::issue)
    }

    /// Makes all access tokens invalid that count here; refresh tokens stay.
    pub fn revoke_tokens(&self) {
        if let Some(guard) = &self.shared.guard {
            guard.revoke_access();
        }
    }

    /// Makes all refresh tokens invalid; at a federated server those of its portal.
    pub fn revoke_refresh_tokens(&self) {
        if let Some(guard) = &self.shared.guard {
            guard.revoke_refresh();
        }
    }

    pub(crate) fn guard(&self) -> Option<Arc<Guard>> {
        self.shared.guard.clone()
    }

    /// The certificate authority's certificate as PEM, on a service with TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Stops the service, and returns once its port is closed. Open connections end at once.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        if let Some(end) = self.end.take() {
            let _ = end.await;
        }
    }
}

/// The rows of a served layer. Every change moves the layer's `lastEditDate`.
#[derive(Debug, Clone)]
pub struct LayerRows {
    table: Arc<Table>,
}

impl LayerRows {
    /// Adds a row, and gives its object id if the layer has any.
    ///
    /// # Errors
    /// A field is unknown, or the object id is taken.
    pub fn insert(&self, row: Row) -> Result<Option<i64>> {
        self.table.insert(row)
    }

    /// Removes a row. False if there is none with this object id.
    ///
    /// # Errors
    /// The layer has no object ids.
    pub fn delete(&self, object_id: i64) -> Result<bool> {
        self.table.delete(object_id)
    }

    /// Sets the attributes, and the geometry if there is one, that `change` names. False if no row has this object id.
    ///
    /// # Errors
    /// A field is unknown or holds the object id, or the layer has no object ids.
    pub fn update(&self, object_id: i64, change: Row) -> Result<bool> {
        self.table.update(object_id, change)
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.read().rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The object ids, in the order in which the rows are held.
    #[must_use]
    pub fn object_ids(&self) -> Vec<i64> {
        self.table
            .read()
            .rows
            .iter()
            .filter_map(|row| self.table.object_id_of(row))
            .collect()
    }

    /// The rows with all their attributes, in the order in which they are held.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let fields = &self.table.layer.fields;
        let named = |values: &[crate::value::Value]| {
            fields
                .iter()
                .zip(values)
                .map(|(field, value)| (field.name().to_owned().into(), value.clone()))
                .collect()
        };
        let rows = self.table.read();
        rows.rows
            .iter()
            .map(|row| Row {
                attributes: named(&row.values),
                geometry: row.geometry.clone(),
            })
            .collect()
    }
}
