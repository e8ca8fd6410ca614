//! What went over the wire, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arcgis_auth_core::{Error, Outcome, Request, Response, Transport};
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
    /// How the requests ended.
    pub outcomes: Outcomes,
    /// How long requests stood in line before they were sent: for their turn at a server, a
    /// [rate](crate::Throttle::with_rate), a quota, or a pause that the server asked for. Those of requests that
    /// waited at once add up.
    pub queued: Duration,
    /// How long requests waited to be sent again after they had failed: as long as the server named, or as the
    /// [policy](crate::RetryPolicy) says. It adds up too, and does not count in `queued`.
    pub backed_off: Duration,
}

/// How many requests had which [`Outcome`]; requests that were given up by whoever sent them are in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Outcomes {
    /// Answered ([`Outcome::Ok`]), redirects among them.
    pub ok: u64,
    /// The token was refused ([`Outcome::TokenRefused`]).
    pub token_refused: u64,
    /// The server asked for patience ([`Outcome::Busy`]).
    pub busy: u64,
    /// The server broke down over the request's size ([`Outcome::TooBig`]).
    pub too_big: u64,
    /// The server failed for the moment ([`Outcome::Transient`]).
    pub transient: u64,
    /// The server said no ([`Outcome::Terminal`]).
    pub terminal: u64,
    /// There was no whole answer: not connected, out of time, broken off.
    pub unanswered: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) mints: AtomicU64,
    ok: AtomicU64,
    token_refused: AtomicU64,
    busy: AtomicU64,
    too_big: AtomicU64,
    transient: AtomicU64,
    terminal: AtomicU64,
    unanswered: AtomicU64,
    queued_micros: AtomicU64,
    backed_off_micros: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            requests: read(&self.requests),
            retries: read(&self.retries),
            bytes: read(&self.bytes),
            mints: read(&self.mints),
            outcomes: Outcomes {
                ok: read(&self.ok),
                token_refused: read(&self.token_refused),
                busy: read(&self.busy),
                too_big: read(&self.too_big),
                transient: read(&self.transient),
                terminal: read(&self.terminal),
                unanswered: read(&self.unanswered),
            },
            queued: Duration::from_micros(read(&self.queued_micros)),
            backed_off: Duration::from_micros(read(&self.backed_off_micros)),
        }
    }

    /// Counts how one exchange ended.
    pub(crate) fn ended(&self, answer: &Result<Response, Error>) {
        let counter = match answer.as_ref().map(Response::outcome) {
            Ok(Outcome::Ok) => &self.ok,
            Ok(Outcome::TokenRefused(_)) => &self.token_refused,
            Ok(Outcome::Busy { .. }) => &self.busy,
            Ok(Outcome::TooBig) => &self.too_big,
            Ok(Outcome::Transient) => &self.transient,
            // What later versions tell apart is no success either.
            Ok(_) => &self.terminal,
            Err(_) => &self.unanswered,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the time that a request stood in line.
    pub(crate) fn queued(&self, waited: Duration) {
        add(&self.queued_micros, waited);
    }

    /// Counts the time that a request waited to be sent again.
    pub(crate) fn backed_off(&self, waited: Duration) {
        add(&self.backed_off_micros, waited);
    }
}

fn add(counter: &AtomicU64, time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    counter.fetch_add(micros, Ordering::Relaxed);
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
            let answer = self.inner.send(request).await;
            self.counters.ended(&answer);
            let response = answer?;
            let bytes = u64::try_from(response.len()).unwrap_or(u64::MAX);
            self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
            Ok(response)
        }
        .boxed()
    }
}
