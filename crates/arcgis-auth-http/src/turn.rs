//! A request's turn at a server, which it gives up while its token is made.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arcgis_auth_core::{Error, Refresh, Token, TokenProvider, TrustPolicy};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::OwnedSemaphorePermit;

use crate::throttle::{Server, Throttle};

/// How often a token may end while its request waits for another turn.
const TURNS: usize = 3;

/// The permit of one request, while it has one.
pub(crate) struct Turn {
    throttle: Throttle,
    server: Arc<Server>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Turn {
    /// Waits for a turn at `server`.
    pub(crate) async fn at(throttle: Throttle, server: Arc<Server>) -> Self {
        let turn = Self {
            throttle,
            server,
            permit: Mutex::default(),
        };
        turn.take().await;
        turn
    }

    pub(crate) async fn take(&self) {
        let permit = self.throttle.admitted(&self.server).await;
        self.hold(permit);
    }

    pub(crate) fn give_up(&self) {
        self.hold(None);
    }

    fn hold(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.permit.lock().unwrap_or_else(PoisonError::into_inner) = permit;
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
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.provider.fmt(f)
    }
}
