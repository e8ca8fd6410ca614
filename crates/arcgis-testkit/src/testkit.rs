use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{oneshot, watch};

use crate::builder::TestkitBuilder;
use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::grants::Grants;
use crate::guard::Guard;
use crate::layer_rows::LayerRows;
use crate::request::{Request, RequestKind};
use crate::server::Shared;

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
    pub(crate) fn running(
        shared: Arc<Shared>,
        address: SocketAddr,
        ca_pem: Option<String>,
        stop: watch::Sender<bool>,
        end: oneshot::Receiver<()>,
    ) -> Self {
        Self {
            shared,
            address,
            ca_pem,
            stop,
            end: Some(end),
        }
    }

    /// A service without layers, open to all, on a free port.
    #[must_use]
    pub fn builder() -> TestkitBuilder {
        TestkitBuilder::new()
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
