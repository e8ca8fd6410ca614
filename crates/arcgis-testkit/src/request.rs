use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::parameters::Parameters;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestKind {
    /// `/rest/info`, of the server or of the portal.
    Info,
    /// A token: `generateToken`, or `oauth2/token`.
    Token,
    /// The sign-in page, `oauth2/authorize`.
    Authorize,
    /// `oauth2/revokeToken`.
    Revoke,
    /// An item of a portal, its data, or a search for items.
    Item,
    /// What a portal says about itself and its user: `community/self`, `portals/self` and what is under it.
    Portal,
    /// The directory of services, or of a folder.
    Directory,
    /// A service's description.
    Service,
    /// A layer's metadata.
    Layer,
    /// A page of features.
    Features,
    /// A count.
    Count,
    /// Object ids.
    Ids,
    /// An extent.
    Extent,
    /// Statistics.
    Statistics,
    /// Related records.
    Related,
    /// What has changed: `extractChanges`, and the jobs that gather it.
    Changes,
    /// A list of attachments, of some rows or of one.
    Attachments,
    /// The contents of an attachment.
    Attachment,
    /// Anything else.
    Other,
}

/// One request as it came, and what was answered.
#[derive(Clone)]
pub struct Request {
    pub(crate) number: u64,
    pub(crate) at: Duration,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) url: String,
    pub(crate) body: Bytes,
    pub(crate) parameters: Parameters,
    pub(crate) headers: HeaderMap,
    pub(crate) kind: RequestKind,
    pub(crate) layer: Option<String>,
    pub(crate) unknown: Vec<String>,
    pub(crate) answered: Option<Answered>,
}

/// What a request was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// The HTTP status; 0 where the connection was reset, or no answer came.
    pub status: u16,
    /// The rows in the page of features or statistics.
    pub rows: Option<usize>,
    /// The code in the error body.
    pub error: Option<i64>,
    /// The bytes of the body, before compression.
    pub bytes: usize,
    /// The bytes of the body as they go over the wire, compressed where the client takes that; a fault may cut them off.
    pub wire_bytes: usize,
    /// Which faults had a hand in it, by their position.
    pub faults: Vec<usize>,
}

impl Request {
    /// The number of the request, counted from 1 over all of them.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it came, since the service started.
    #[must_use]
    pub fn at(&self) -> Duration {
        self.at
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path of the URL.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL as it came: path and query, and before them scheme and host where the request line had them (HTTP/2).
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn path_and_query(&self) -> String {
        match self.url.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or_else(
                || self.path.clone(),
                |at| rest.get(at..).unwrap_or_default().to_owned(),
            ),
            None => self.url.clone(),
        }
    }

    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The parameters of query and form.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What was asked for.
    #[must_use]
    pub fn kind(&self) -> RequestKind {
        self.kind
    }

    /// The name of the layer that was asked.
    #[must_use]
    pub fn layer(&self) -> Option<&str> {
        self.layer.as_deref()
    }

    /// Parameters that a query carried and that mean nothing to the service.
    #[must_use]
    pub fn unknown_parameters(&self) -> &[String] {
        &self.unknown
    }

    /// What was answered; None while the answer is being made.
    #[must_use]
    pub fn answered(&self) -> Option<&Answered> {
        self.answered.as_ref()
    }
}

/// Tokens and passwords are left out.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("number", &self.number)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("parameters", &self.parameters)
            .field("kind", &self.kind)
            .field("answered", &self.answered)
            .finish_non_exhaustive()
    }
}

/// The last requests, at most so many.
#[derive(Debug)]
pub(crate) struct RequestLog {
    capacity: usize,
    requests: Mutex<VecDeque<Arc<Mutex<Request>>>>,
}

impl RequestLog {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            requests: Mutex::default(),
        }
    }

    /// Enters a request; its answer is filled in later.
    pub(crate) fn enter(&self, request: Request) -> Arc<Mutex<Request>> {
        let entry = Arc::new(Mutex::new(request));
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push_back(Arc::clone(&entry));
        while requests.len() > self.capacity {
            requests.pop_front();
        }
        entry
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests
            .iter()
            .map(|request| {
                request
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone()
            })
            .collect()
    }

    pub(crate) fn clear(&self) {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
