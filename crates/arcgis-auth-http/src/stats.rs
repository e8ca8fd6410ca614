//! What went over the wire, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arcgis_auth_core::{Error, Request, Response, Transport};
use futures_util::future::{BoxFuture, FutureExt};

/// What a client did so far, all its clones together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// HTTP requests sent: data, retries, redirects, discovery and minting.
    pub requests: u64,
    /// How many of them repeated one that had failed.
    pub retries: u64,
    /// Bytes of response bodies as they came over the wire, before decompression. A transport other
    /// than [`HyperTransport`](crate::HyperTransport) is counted after decompression.
    pub bytes: u64,
    /// Tokens minted.
    pub mints: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) mints: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            requests: self.requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            mints: self.mints.load(Ordering::Relaxed),
        }
    }
}

/// Counts what passes through a transport that does not count by itself.
#[derive(Debug)]
pub(crate) struct Metered {
    inner: Arc<dyn Transport>,
    counters: Arc<Counters>,
}

impl Metered {
    pub(crate) fn new(inner: Arc<dyn Transport>, counters: Arc<Counters>) -> Self {
        Self { inner, counters }
    }
}

impl Transport for Metered {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            self.counters.requests.fetch_add(1, Ordering::Relaxed);
            let response = self.inner.send(request).await?;
            let bytes = u64::try_from(response.len()).unwrap_or(u64::MAX);
            self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
            Ok(response)
        }
        .boxed()
    }
}
