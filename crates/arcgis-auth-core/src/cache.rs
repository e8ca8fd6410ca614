//! A token that looks after itself: kept while it lives, renewed once for everybody.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};

use crate::clock::{Clock, SystemClock};
use crate::credential_kind::CredentialKind;
use crate::error::Error;
use crate::provider::{Refresh, TokenProvider};
use crate::token::Token;
use crate::trust::TrustPolicy;

/// Tokens are renewed this long before they expire, or at a tenth of their life if that is less.
const EARLIEST_REFRESH: Duration = Duration::from_secs(300);

/// After a failed renewal of a token that still lives, the next attempt waits this long.
const RENEWAL_PAUSE: Duration = Duration::from_secs(5);

/// Makes new tokens; a [`TokenCache`] decides when.
pub trait TokenSource: fmt::Debug + Send + Sync + 'static {
    /// Where these tokens may be sent.
    fn trust(&self) -> &TrustPolicy;

    /// What kind of credential the tokens come from; [`CredentialKind::Other`] by default.
    fn kind(&self) -> CredentialKind {
        CredentialKind::Other
    }

    /// Gets a new token from the server.
    fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>>;

    /// Releases what the source holds. Does nothing by default.
    fn close(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

type Mint = Shared<BoxFuture<'static, Result<Token, Error>>>;

/// Keeps the token of a [`TokenSource`] and renews it: single flight, before it expires, and when a
/// server refuses it. Share one cache (in an `Arc`) among everything that uses the credential.
///
/// - The first caller inside the refresh window (5 minutes or a tenth of the token's life, whichever
///   is less) drives the renewal; the others go on with the token that still lives.
/// - A caller that is dropped half-way loses nothing: the next one goes on with the same mint.
/// - A refusal of a token that has been replaced already costs nothing.
/// - A failed mint reaches everyone who waits for it and does not stand in the way of the next try.
///   Wrong credentials are the exception: they are remembered and not sent again until
///   [`Refresh::Forced`], so that no account gets locked.
pub struct TokenCache<S> {
    source: Arc<S>,
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    in_flight: Option<Mint>,
    refused: Option<Error>,
    paused_until: Option<Duration>,
}

struct Current {
    token: Token,
    /// On the monotonic clock, so that a wall clock that is set back keeps no token alive.
    deadline: Option<Duration>,
    window: Duration,
}

impl State {
    fn store(&mut self, token: &Token, clock: &dyn Clock) {
        let by_wall_clock = || {
            let ends = token.expires_at()?;
            Some(ends.duration_since(clock.now()).unwrap_or_default())
        };
        let life = token.life().or_else(by_wall_clock);
        self.current = Some(Current {
            token: token.clone(),
            deadline: life.map(|life| clock.monotonic() + life),
            window: life.map_or(Duration::ZERO, |life| EARLIEST_REFRESH.min(life / 10)),
        });
        self.refused = None;
        self.paused_until = None;
    }
}

impl<S: TokenSource> TokenCache<S> {
    /// A cache over `source`, on the machine's clocks. Nothing is minted before the first use.
    #[must_use]
    pub fn new(source: S) -> Self {
        Self::with_clock(source, Arc::new(SystemClock::new()))
    }

    /// A cache over `source` with a clock of the caller's.
    #[must_use]
    pub fn with_clock(source: S, clock: Arc<dyn Clock>) -> Self {
        Self {
            source: Arc::new(source),
            state: Arc::default(),
            clock,
        }
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &S {
        &self.source
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mint that is under way, or a new one.
    fn join(&self, state: &mut State) -> Mint {
        if let Some(mint) = &state.in_flight {
            return mint.clone();
        }
        let source = Arc::clone(&self.source);
        // Weak, because the state holds the future.
        let weak: Weak<Mutex<State>> = Arc::downgrade(&self.state);
        let clock = Arc::clone(&self.clock);
        let mint = async move {
            let result = source.mint().await;
            if let Some(shared) = weak.upgrade() {
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                state.in_flight = None;
                match &result {
                    Ok(token) => state.store(token, &*clock),
                    Err(error) => {
                        state.paused_until = Some(clock.monotonic() + RENEWAL_PAUSE);
                        if matches!(error, Error::InvalidCredentials { .. }) {
                            state.refused = Some(error.clone());
                        }
                    }
                }
            }
            result
        }
        .boxed()
        .shared();
        state.in_flight = Some(mint.clone());
        mint
    }

    /// What to do for a caller who needs a token now.
    fn next(&self) -> Next {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let alive = state.current.as_ref().and_then(|current| {
            let left = match current.deadline {
                None => return Some((current.token.clone(), false)),
                Some(deadline) => deadline.checked_sub(now).filter(|left| !left.is_zero())?,
            };
            Some((current.token.clone(), left <= current.window))
        });
        match alive {
            Some((token, false)) => Next::Use(token),
            Some((token, true)) => {
                // Someone drives the renewal already, unless its driver was dropped.
                let driven = state
                    .in_flight
                    .as_ref()
                    .is_some_and(|mint| mint.strong_count().unwrap_or(1) > 1);
                let paused = state.paused_until.is_some_and(|until| now < until);
                if driven || paused || state.refused.is_some() {
                    Next::Use(token)
                } else {
                    Next::Renew(self.join(&mut state), token)
                }
            }
            None => match &state.refused {
                Some(error) => Next::Fail(error.clone()),
                None => Next::Wait(self.join(&mut state)),
            },
        }
    }
}

enum Next {
    Use(Token),
    Renew(Mint, Token),
    Wait(Mint),
    Fail(Error),
}

impl<S: TokenSource> TokenProvider for TokenCache<S> {
    fn trust(&self) -> &TrustPolicy {
        self.source.trust()
    }

    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
        async move {
            match self.next() {
                Next::Use(token) => Ok(Some(token)),
                // The old token still lives: a failed renewal is no failure yet.
                Next::Renew(mint, token) => Ok(Some(mint.await.unwrap_or(token))),
                Next::Wait(mint) => mint.await.map(Some),
                Next::Fail(error) => Err(error),
            }
        }
        .boxed()
    }

    fn refresh<'a>(&'a self, why: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        async move {
            let mint = {
                let mut state = self.lock();
                match why {
                    Refresh::Rejected(refused) => {
                        match &state.current {
                            Some(current) if !current.token.is_same(refused) => {
                                return Ok(Some(current.token.clone()));
                            }
                            _ => state.current = None,
                        }
                        if let Some(error) = &state.refused {
                            return Err(error.clone());
                        }
                    }
                    Refresh::Forced => state.refused = None,
                }
                self.join(&mut state)
            };
            mint.await.map(Some)
        }
        .boxed()
    }

    fn kind(&self) -> CredentialKind {
        self.source.kind()
    }

    fn warm_up(&self) -> BoxFuture<'_, Result<(), Error>> {
        async move { self.token().await.map(drop) }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        {
            let mut state = self.lock();
            state.in_flight = None;
            state.current = None;
        }
        self.source.close()
    }
}

impl<S: TokenSource> fmt::Debug for TokenCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
