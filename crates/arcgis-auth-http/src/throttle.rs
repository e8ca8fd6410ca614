//! Not more at once than a server can take, and nothing while it asks for a pause.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arcgis_auth_core::{
    Clock, Error, Outcome, Request, Response, SystemClock, TokenProvider, TokenSession, Transport,
    TransportErrorKind, server_root,
};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::Semaphore;

use crate::quota::Quota;
use crate::server::{Health, Seat, Server};
use crate::stats::Counters;
use crate::telemetry;
use crate::turn::{Patient, Turn};

/// The pause after a "too many requests" that names none.
const UNNAMED_PAUSE: Duration = Duration::from_secs(2);

/// No server stops everything for longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A [`Transport`] around a transport that limits how many requests are under way at each server, and
/// finds out how many that should be.
///
/// A server is what [`server_root`] cuts out of the URL. All clones share what is known of it.
///
/// - The limit begins at the concurrency that was asked for and never goes above it. It is halved when
///   the server answers [`Outcome::Busy`], and goes down by three tenths when it fails (a status of
///   500 and above that is not about a page's size, no answer in time, a broken connection). It goes
///   down by two tenths, but not below two, when a page takes more than 2 seconds and four times what the
///   quickest one took for as many bytes. What was under way at that moment counts once. As many good
///   answers in a row as the limit is high raise it by one. It never falls below one.
/// - After [`Outcome::Busy`], no further request starts until the wait that the server named is over
///   (2 seconds if it named none, 5 minutes at most).
/// - With a [rate](Throttle::with_rate), requests start that far apart.
/// - ArcGIS Online says in `x-esri-org-request-units-per-min` how much of the organisation's quota is
///   used up. From 80 % on requests are spaced, by up to a second; at 100 % nothing starts for 10 seconds.
///
/// It stands outside [`TokenSession`], so that a token does not grow old in the queue, and inside
/// [`Retry`](crate::Retry), so that back-off holds no permit. Nor does a request whose token has to
/// be made or replaced first, where the session is known ([`Throttle::around`]): it gives its turn up,
/// waits for the token, then for another turn, and those that have their token go on meanwhile.
#[derive(Clone)]
pub struct Throttle {
    inner: Inner,
    concurrency: usize,
    spacing: Duration,
    clock: Arc<dyn Clock>,
    servers: Arc<Mutex<HashMap<String, Arc<Server>>>>,
    counters: Arc<Counters>,
}

#[derive(Clone)]
enum Inner {
    Any(Arc<dyn Transport>),
    SignedIn(TokenSession, Arc<dyn TokenProvider>),
}

impl Throttle {
    /// At most `concurrency` requests (at least 1) at a time to each server, on the machine's clock.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>, concurrency: usize) -> Self {
        Self::over(Inner::Any(inner), concurrency)
    }

    /// As [`Throttle::new`], around a session: no permit is held while a token is made or replaced.
    #[must_use]
    pub fn around(session: TokenSession, concurrency: usize) -> Self {
        let inner = match session.provider().cloned() {
            Some(provider) => Inner::SignedIn(session, provider),
            None => Inner::Any(Arc::new(session)),
        };
        Self::over(inner, concurrency)
    }

    fn over(inner: Inner, concurrency: usize) -> Self {
        Self {
            inner,
            concurrency: concurrency.clamp(1, Semaphore::MAX_PERMITS),
            spacing: Duration::ZERO,
            clock: Arc::new(SystemClock::new()),
            servers: Arc::default(),
            counters: Arc::default(),
        }
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Starts at most so many requests per second at each server, evenly spaced: 0.5 for one every 2
    /// seconds. Retries count, redirects do not. What is not above 0, less than one in a day, or more than a
    /// clock can tell sets no rate. There is none by default.
    #[must_use]
    pub fn with_rate(mut self, per_second: f64) -> Self {
        self.spacing = spacing(per_second).unwrap_or_default();
        self
    }

    pub(crate) fn server(&self, root: String) -> Arc<Server> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = servers.get(&root) {
            return Arc::clone(server);
        }
        let server = Arc::new(Server::new(root.clone(), self.concurrency, self.spacing));
        servers.insert(root, Arc::clone(&server));
        server
    }

    pub(crate) fn with_counters(mut self, counters: Arc<Counters>) -> Self {
        self.counters = counters;
        self
    }

    pub(crate) async fn admitted(&self, server: &Arc<Server>) -> Seat {
        let asked = self.clock.monotonic();
        let seat = server.admit(&*self.clock).await;
        let waited = self.clock.monotonic().saturating_sub(asked);
        self.counters.queued(waited);
        seat
    }

    /// Takes in what an answer says about the server's health.
    fn learn(&self, server: &Server, turn: &Turn, rows: Option<u32>, answer: &Answer) {
        let now = self.clock.monotonic();
        let (epoch, since) = turn.started();
        let took = now.saturating_sub(since);
        server.learn(epoch, health(answer, rows, took));
        let Ok(response) = answer else { return };
        if let Outcome::Busy { after } = response.outcome() {
            let pause = after.unwrap_or(UNNAMED_PAUSE).min(LONGEST_PAUSE);
            telemetry::paused(server.root(), "busy", after, pause);
            server.pause_until(now + pause);
        }
        match Quota::of(response.headers()) {
            Some(Quota::Space(spacing)) => server.space(spacing),
            Some(Quota::Pause(pause)) => {
                telemetry::paused(server.root(), "quota", None, pause);
                server.pause_until(now + pause);
            }
            None => {}
        }
    }
}

type Answer = Result<Response, Error>;

/// The time between two starts at a rate, if it is one.
pub(crate) fn spacing(per_second: f64) -> Option<Duration> {
    let spacing = Duration::try_from_secs_f64(per_second.recip()).ok()?;
    let day = Duration::from_secs(24 * 60 * 60);
    (per_second > 0.0 && !spacing.is_zero() && spacing <= day).then_some(spacing)
}

fn health(answer: &Answer, rows: Option<u32>, took: Duration) -> Health {
    match answer {
        Ok(response) => {
            let status = response.status().as_u16();
            match response.outcome() {
                Outcome::Busy { .. } => Health::Busy,
                Outcome::Ok if rows.is_some_and(|rows| rows > 1) => Health::Page {
                    took,
                    bytes: response.len(),
                },
                Outcome::Ok => Health::Well,
                Outcome::Transient if said(response) >= 500 => Health::Failed,
                // A gateway that waited in vain, or has no server behind it.
                Outcome::TooBig if matches!(status, 502..=504) => Health::Failed,
                _ => Health::Silent,
            }
        }
        Err(Error::Transport(error)) => match error.kind() {
            TransportErrorKind::Connect
            | TransportErrorKind::Timeout
            | TransportErrorKind::Interrupted => Health::Failed,
            _ => Health::Silent,
        },
        Err(_) => Health::Silent,
    }
}

/// The code that an error names, in the body or else in the status.
fn said(response: &Response) -> i64 {
    let status = i64::from(response.status().as_u16());
    let code = response.verdict().error().map(|error| error.code());
    code.unwrap_or(status).max(status)
}

impl Transport for Throttle {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let server = self.server(server_root(request.url()));
            let rows = request.rows();
            let turn = Arc::new(Turn::at(self.clone(), Arc::clone(&server)).await);
            let answer = match &self.inner {
                Inner::Any(inner) => inner.send(request).await,
                Inner::SignedIn(session, provider) => {
                    let patient = Patient {
                        provider: Arc::clone(provider),
                        turn: Arc::clone(&turn),
                    };
                    let session = session.clone().with_provider(Arc::new(patient));
                    session.send(request).await
                }
            };
            self.learn(&server, &turn, rows, &answer);
            answer
        }
        .boxed()
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "throttle_tests.rs"]
mod tests;
