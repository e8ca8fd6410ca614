//! A token that looks after itself: kept while it lives, renewed once for everybody.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use tracing::Instrument as _;

use crate::clock::{Clock, SystemClock};
use crate::credential_kind::CredentialKind;
use crate::error::Error;
use crate::failures::Failures;
use crate::origin::Origin;
use crate::provider::{Refresh, TokenProvider};
use crate::refusals::Refusals;
use crate::token::Token;
use crate::trust::TrustPolicy;

/// Tokens are renewed this long before they expire, or at a tenth of their life if that is less.
const EARLIEST_REFRESH: Duration = Duration::from_secs(300);

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

    /// Whether trying again is of no use after `error`, in which a mint of this source ended: a login
    /// that has ended, an application that the portal does not know. Such an error is given to all
    /// callers of the next minute without another try. `false` by default; of wrong credentials,
    /// certificates and configuration the cache knows it by itself.
    fn lasts(&self, error: &Error) -> bool {
        let _ = error;
        false
    }

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
/// - A refusal of a token that has been replaced already costs nothing. A token that was refused is
///   not given out again.
/// - A failed mint reaches everyone who waits for it and does not stand in the way of the next try.
///   From the second failure in a row on the next try waits, 2 seconds at first, a minute at most. A
///   failure that waiting does not mend, such as a certificate that nobody vouches for or a login that
///   has ended ([`TokenSource::lasts`]), is given to all callers of the next minute without another try.
/// - Wrong credentials are remembered and not sent again until [`Refresh::Forced`], so that no
///   account gets locked.
///
/// Life is counted on the monotonic clock, from [`Token::life`] where that is known, else from
/// [`Token::expires_at`].
pub struct TokenCache<S> {
    source: Arc<S>,
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    in_flight: Option<Flight>,
    flights: u64,
    refused: Refusals,
    failures: Failures,
}

struct Current {
    token: Token,
    /// On the monotonic clock, so that a wall clock that is set back keeps no token alive.
    deadline: Option<Duration>,
    window: Duration,
}

#[derive(Clone)]
struct Flight {
    number: u64,
    mint: Mint,
}

impl State {
    /// Takes over what a mint brought. A token that cannot be used counts as a failed mint.
    fn land(
        &mut self,
        result: Result<Token, Error>,
        lasts: bool,
        landing: &Landing,
    ) -> Result<Token, Error> {
        let now = landing.clock.monotonic();
        let unusable = |problem| Err(Error::mint(landing.origin.clone(), problem));
        let result = match result {
            Ok(token) if self.refused.contains(&token) => unusable(Unusable::Refused),
            Ok(token) if life(&token, &*landing.clock) == Some(Duration::ZERO) => {
                unusable(Unusable::Expired)
            }
            result => result,
        };
        match &result {
            Ok(token) => {
                let life = life(token, &*landing.clock);
                self.current = Some(Current {
                    token: token.clone(),
                    deadline: life.map(|life| now.saturating_add(life)),
                    window: life.map_or(Duration::ZERO, |life| EARLIEST_REFRESH.min(life / 10)),
                });
                self.failures.forget();
            }
            Err(error) => self.failures.add(error, lasts, now),
        }
        result
    }

    /// Why there is no token that lives.
    fn why(&self) -> &'static str {
        match (&self.current, self.refused.is_empty()) {
            (Some(_), _) => "expired",
            (None, false) => "refused",
            (None, true) => "first",
        }
    }

    fn reject(&mut self, token: &Token) {
        self.refused.add(token);
        self.current.take_if(|current| current.token.is_same(token));
    }

    /// The token that lives, and whether it is time to renew it.
    fn alive(&self, now: Duration) -> Option<(Token, bool)> {
        let current = self.current.as_ref()?;
        let Some(deadline) = current.deadline else {
            return Some((current.token.clone(), false));
        };
        let left = deadline.checked_sub(now).filter(|left| !left.is_zero())?;
        Some((current.token.clone(), left <= current.window))
    }
}

/// How long `token` lives from now on, if it was minted just now.
fn life(token: &Token, clock: &dyn Clock) -> Option<Duration> {
    let by_wall_clock = || {
        let ends = token.expires_at()?;
        Some(ends.duration_since(clock.now()).unwrap_or_default())
    };
    token.life().or_else(by_wall_clock)
}

/// What a mint can bring besides a token or an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Unusable {
    #[error("the new token is the one that a server has just refused")]
    Refused,
    #[error("the new token has expired already")]
    Expired,
}

impl Unusable {
    fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Mint { source, .. } => source.downcast_ref().copied(),
            _ => None,
        }
    }
}

/// Where a mint ends: it frees the place of its flight however it ends, a panic included.
struct Landing {
    number: u64,
    /// Weak, because the state holds the future.
    state: Weak<Mutex<State>>,
    clock: Arc<dyn Clock>,
    origin: Origin,
}

impl Landing {
    fn begins(&self, reason: &'static str, wait: Duration) {
        let wait_millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(target: "arcgis::refresh", origin = %self.origin, reason, wait_millis, "token wanted");
    }

    fn tells(&self, result: &Result<Token, Error>, in_a_row: u32) {
        match result {
            Ok(token) => {
                let life_seconds = life(token, &*self.clock).map(|life| life.as_secs());
                tracing::debug!(target: "arcgis::refresh", origin = %self.origin, life_seconds, "token taken over");
            }
            Err(error) => {
                tracing::warn!(target: "arcgis::refresh", origin = %self.origin, in_a_row, %error, "no token");
            }
        }
    }

    fn free(&self, state: &mut State) -> Option<Flight> {
        let mine = |flight: &Flight| flight.number == self.number;
        state.in_flight.take_if(|flight| mine(flight))
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if let Some(shared) = self.state.upgrade() {
            let freed = self.free(&mut lock(&shared));
            // Outside the lock: a future may run code of the source's when it goes.
            drop(freed);
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// The mint that is under way, or a new one that begins after `wait`.
    fn join(&self, state: &mut State, why: &'static str, wait: Duration) -> Mint {
        if let Some(flight) = &state.in_flight {
            return flight.mint.clone();
        }
        state.flights += 1;
        let landing = Landing {
            number: state.flights,
            state: Arc::downgrade(&self.state),
            clock: Arc::clone(&self.clock),
            origin: self.source.trust().origin().clone(),
        };
        let source = Arc::clone(&self.source);
        let origin = &landing.origin;
        let span = tracing::debug_span!(target: "arcgis::mint", "mint", %origin, reason = why);
        let mint = async move {
            landing.begins(why, wait);
            if !wait.is_zero() {
                landing.clock.sleep(wait).await;
            }
            let result = Arc::clone(&source).mint().await;
            // A source's own code runs outside the lock.
            let lasts = result.as_ref().is_err_and(|error| source.lasts(error));
            let Some(shared) = landing.state.upgrade() else {
                return result;
            };
            let mut state = lock(&shared);
            let freed = landing.free(&mut state);
            // A flight that was given up brings nothing.
            let result = match &freed {
                Some(_) => state.land(result, lasts, &landing),
                None => result,
            };
            let in_a_row = state.failures.in_a_row();
            drop(state);
            landing.tells(&result, in_a_row);
            result
        }
        .instrument(span)
        .boxed()
        .shared();
        state.in_flight = Some(Flight {
            number: state.flights,
            mint: mint.clone(),
        });
        mint
    }

    /// What to do for a caller who needs a token now.
    fn next(&self) -> Next {
        let now = self.clock.monotonic();
        let mut state = lock(&self.state);
        // Someone drives the mint already, unless its driver was dropped.
        let driven = state
            .in_flight
            .as_ref()
            .map(|flight| flight.mint.strong_count().unwrap_or(1) > 1);
        let left_alone = driven == Some(false);
        match state.alive(now) {
            Some((token, false)) => Next::Use(token),
            Some((token, true)) => {
                if driven == Some(true) || state.failures.hold_renewals(now) {
                    Next::Use(token)
                } else {
                    let mint = self.join(&mut state, "due", Duration::ZERO);
                    Next::Join { mint, left_alone }
                }
            }
            None => match state.failures.standing(now) {
                Some(error) => Next::Fail(error.clone()),
                None => {
                    let wait = state.failures.wait(now);
                    let why = state.why();
                    let mint = self.join(&mut state, why, wait);
                    Next::Join { mint, left_alone }
                }
            },
        }
    }

    async fn usable(&self) -> Result<Token, Error> {
        let mut may_begin_anew = true;
        loop {
            let (mint, left_alone) = match self.next() {
                Next::Use(token) => return Ok(token),
                Next::Fail(error) => return Err(error),
                Next::Join { mint, left_alone } => (mint, left_alone),
            };
            match mint.await {
                // It may have been refused while this caller waited for its turn.
                Ok(token) if lock(&self.state).refused.contains(&token) => {}
                Ok(token) => return Ok(token),
                // While the old token lives, a failed renewal is no failure yet.
                Err(error) => {
                    if let Some((token, _)) = lock(&self.state).alive(self.clock.monotonic()) {
                        return Ok(token);
                    }
                    // A mint that nobody drove for a while may have failed over nothing but that.
                    if !(left_alone && may_begin_anew) {
                        return Err(error);
                    }
                    may_begin_anew = false;
                }
            }
        }
    }
}

enum Next {
    Use(Token),
    Join {
        mint: Mint,
        /// Whoever began it was dropped.
        left_alone: bool,
    },
    Fail(Error),
}

impl<S: TokenSource> TokenProvider for TokenCache<S> {
    fn trust(&self) -> &TrustPolicy {
        self.source.trust()
    }

    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
        async move { self.usable().await.map(Some) }.boxed()
    }

    fn refresh<'a>(&'a self, why: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        async move {
            let forced = {
                let mut state = lock(&self.state);
                match why {
                    Refresh::Rejected(refused) => {
                        state.reject(refused);
                        None
                    }
                    Refresh::Forced => {
                        state.failures.forget();
                        Some(self.join(&mut state, "forced", Duration::ZERO))
                    }
                }
            };
            if let Some(mint) = forced {
                mint.await?;
            }
            match self.usable().await {
                // There is no other token, then.
                Err(error) if Unusable::of(&error) == Some(Unusable::Refused) => Ok(None),
                result => result.map(Some),
            }
        }
        .boxed()
    }

    fn reject(&self, token: &Token) {
        lock(&self.state).reject(token);
    }

    fn kind(&self) -> CredentialKind {
        self.source.kind()
    }

    fn warm_up(&self) -> BoxFuture<'_, Result<(), Error>> {
        async move { self.token().await.map(drop) }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let given_up = {
            let mut state = lock(&self.state);
            state.current = None;
            state.in_flight.take()
        };
        // Outside the lock, which a future that goes may take.
        drop(given_up);
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
