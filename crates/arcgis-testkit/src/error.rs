use std::net::SocketAddr;

/// What can go wrong while a test service is put together or changed.
///
/// Nothing here concerns answers to clients: what a client does wrong becomes an ArcGIS error body, as on a real server.
/// A message does not repeat that of its source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address could not be listened on: choose another port, or port 0 for a free one.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// Why the system refused it.
        source: std::io::Error,
    },
    /// The service's thread or its runtime could not be started.
    #[error("cannot start the service's thread")]
    Start(#[source] std::io::Error),
    /// The certificates of a TLS service could not be made, for example for a name that is no host name.
    #[error("cannot make the TLS certificates")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A server cannot be federated with a portal that is open to all: give the portal a security.
    #[error("the portal of a federated server issues no tokens")]
    OpenPortal,
    /// Two services would have the same address.
    #[error("there are two services named {0:?}")]
    DuplicateService(String),
    /// Two layers of a service would have the same address.
    #[error("service {service:?} has two layers with the id {id}")]
    DuplicateLayer {
        /// The service.
        service: String,
        /// The id.
        id: u32,
    },
    /// No layer of the running service has this name.
    #[error("no layer is named {0:?}")]
    UnknownLayer(String),
    /// A row names a field that its layer does not have.
    #[error("layer {layer:?} has no field {field:?}")]
    UnknownField {
        /// The layer.
        layer: String,
        /// The field that was named.
        field: String,
    },
    /// The layer has no object ids, but the operation addresses a row by its object id.
    #[error("layer {0:?} has no object ids")]
    NoObjectIds(String),
    /// The layer's rows are computed, so that none can be added, changed or removed.
    #[error("the rows of layer {0:?} are computed and cannot be edited")]
    Generated(String),
    /// A row's object id is not a whole number, or another row has it already.
    #[error("layer {layer:?}: the object id {value} is not a whole number or is taken")]
    ObjectId {
        /// The layer.
        layer: String,
        /// The value found.
        value: String,
    },
    /// A layer definition or a row could not be read.
    #[error("layer {layer:?}, line {line} is not the JSON that was expected")]
    Json {
        /// The layer being read.
        layer: String,
        /// The line, counted from 1.
        line: usize,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// A layer definition is JSON, but a member is missing or not what it must be.
    #[error("layer {layer:?}, line {line}: `{member}` is missing or not understood")]
    Definition {
        /// The layer being read.
        layer: String,
        /// The line, counted from 1.
        line: usize,
        /// The member at fault.
        member: &'static str,
    },
    /// Compressed layer data could not be unpacked.
    #[error("cannot unpack layer data")]
    Unpack(#[source] std::io::Error),
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
