//! Not more at once than a server can take, and nothing while it asks for a pause.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arcgis_auth_core::{
    Clock, Error, Outcome, Request, Response, SystemClock, TokenProvider, TokenSession, Transport,
    server_root,
};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::turn::{Patient, Turn};

/// The pause after a "too many requests" that names none.
const UNNAMED_PAUSE: Duration = Duration::from_secs(2);

/// No server stops everything for longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A [`Transport`] around a transport that limits how many requests are under way at each server.
///
/// A server is what [`server_root`] cuts out of the URL. When one answers [`Outcome::Busy`], no
/// further request starts there until the wait that it named is over (2 seconds if it named none, 5
/// minutes at most). All clones share permits and pauses.
///
/// It stands outside [`TokenSession`], so that a token does not grow old in the queue, and inside
/// [`Retry`](crate::Retry), so that back-off holds no permit. Nor does a request whose token has to
/// be made or replaced first, where the session is known ([`Throttle::around`]): it gives its turn up,
/// waits for the token, then for another turn, and those that have their token go on meanwhile.
#[derive(Clone)]
pub struct Throttle {
    inner: Inner,
    concurrency: usize,
    clock: Arc<dyn Clock>,
    servers: Arc<Mutex<HashMap<String, Arc<Server>>>>,
}

#[derive(Clone)]
enum Inner {
    Any(Arc<dyn Transport>),
    SignedIn(TokenSession, Arc<dyn TokenProvider>),
}

pub(crate) struct Server {
    permits: Arc<Semaphore>,
    /// On the monotonic clock.
    paused_until: Mutex<Duration>,
}

impl Server {
    fn pause_left(&self, now: Duration) -> Option<Duration> {
        let until = *self
            .paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.checked_sub(now).filter(|left| !left.is_zero())
    }

    fn pause_until(&self, moment: Duration) {
        let mut until = self
            .paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *until = moment.max(*until);
    }
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
            clock: Arc::new(SystemClock::new()),
            servers: Arc::default(),
        }
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn server(&self, root: String) -> Arc<Server> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let server = servers.entry(root).or_insert_with(|| {
            Arc::new(Server {
                permits: Arc::new(Semaphore::new(self.concurrency)),
                paused_until: Mutex::new(Duration::ZERO),
            })
        });
        Arc::clone(server)
    }

    pub(crate) async fn admitted(&self, server: &Server) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Some(left) = server.pause_left(self.clock.monotonic()) {
                self.clock.sleep(left).await;
                continue;
            }
            // Never closed, so that there always is a permit in the end.
            let permit = Arc::clone(&server.permits).acquire_owned().await.ok();
            if server.pause_left(self.clock.monotonic()).is_none() {
                return permit;
            }
        }
    }
}

impl Transport for Throttle {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let server = self.server(server_root(request.url()));
            let turn = Arc::new(Turn::at(self.clone(), Arc::clone(&server)).await);
            let response = match &self.inner {
                Inner::Any(inner) => inner.send(request).await?,
                Inner::SignedIn(session, provider) => {
                    let patient = Patient {
                        provider: Arc::clone(provider),
                        turn: Arc::clone(&turn),
                    };
                    let session = session.clone().with_provider(Arc::new(patient));
                    session.send(request).await?
                }
            };
            if let Outcome::Busy { after } = response.outcome() {
                let pause = after.unwrap_or(UNNAMED_PAUSE).min(LONGEST_PAUSE);
                server.pause_until(self.clock.monotonic() + pause);
            }
            Ok(response)
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
