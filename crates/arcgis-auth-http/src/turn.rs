//! A request's turn at a server, which it gives up while its token is made.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arcgis_auth_core::{CredentialKind, Error, Refresh, Token, TokenProvider, TrustPolicy, Url};
use futures_util::future::{BoxFuture, FutureExt};

use crate::server::{Seat, Server};
use crate::throttle::Throttle;

/// How often a token may end while its request waits for another turn.
const TURNS: usize = 3;

/// The seat of one request, while it has one.
pub(crate) struct Turn {
    throttle: Throttle,
    server: Arc<Server>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    seat: Option<Seat>,
    /// Of this seat, or of the last.
    epoch: u64,
    since: Duration,
}

impl Turn {
    /// Waits for a turn at `server`.
    pub(crate) async fn at(throttle: Throttle, server: Arc<Server>) -> Self {
        let turn = Self {
            throttle,
            server,
            held: Mutex::default(),
        };
        turn.take().await;
        turn
    }

    pub(crate) async fn take(&self) {
        let seat = self.throttle.admitted(&self.server).await;
        let mut held = self.held();
        (held.epoch, held.since) = (seat.epoch, seat.since);
        held.seat = Some(seat);
    }

    pub(crate) fn give_up(&self) {
        self.held().seat = None;
    }

    /// How often the server's limit had been lowered when the last seat was taken, and when that was.
    pub(crate) fn started(&self) -> (u64, Duration) {
        let held = self.held();
        (held.epoch, held.since)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A provider for one request: whatever it has to wait for, it waits for without a permit, so that
/// requests that have their token go on. The token is asked for again with the permit in hand, since
/// it may have grown old in the queue.
pub(crate) struct Patient {
    pub(crate) provider: Arc<dyn TokenProvider>,
    pub(crate) turn: Arc<Turn>,
}

impl Patient {
    async fn fresh(&self) -> Result<Option<Token>, Error> {
        for _ in 0..TURNS {
            let mut asked = self.provider.token();
            if let Some(token) = (&mut asked).now_or_never() {
                return token;
            }
            self.turn.give_up();
            asked.await?;
            self.turn.take().await;
        }
        // A provider that never answers at once.
        self.provider.token().await
    }
}

impl TokenProvider for Patient {
    fn trust(&self) -> &TrustPolicy {
        self.provider.trust()
    }

    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
        self.fresh().boxed()
    }

    fn refresh<'a>(&'a self, why: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        async move {
            let mut asked = self.provider.refresh(why);
            if let Some(token) = (&mut asked).now_or_never() {
                return token;
            }
            self.turn.give_up();
            let Some(token) = asked.await? else {
                return Ok(None);
            };
            self.turn.take().await;
            Ok(self.fresh().await?.or(Some(token)))
        }
        .boxed()
    }

    fn reject(&self, token: &Token) {
        self.provider.reject(token);
    }

    /// Finding out who serves an address can take requests too, and so can that provider's tokens.
    fn delegate<'a>(
        &'a self,
        url: &'a Url,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn TokenProvider>>, Error>> {
        async move {
            let mut asked = self.provider.delegate(url);
            let found = match (&mut asked).now_or_never() {
                Some(found) => found?,
                None => {
                    self.turn.give_up();
                    let found = asked.await?;
                    self.turn.take().await;
                    found
                }
            };
            Ok(found.map(|provider| {
                let turn = Arc::clone(&self.turn);
                Arc::new(Self { provider, turn }) as Arc<dyn TokenProvider>
            }))
        }
        .boxed()
    }

    fn kind(&self) -> CredentialKind {
        self.provider.kind()
    }
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.provider.fmt(f)
    }
}
