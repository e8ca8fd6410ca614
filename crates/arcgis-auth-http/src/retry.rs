//! Trying again, where that can help.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arcgis_auth_core::{
    Access, Clock, Error, Outcome, Request, Response, SystemClock, Transport, TransportErrorKind,
    server_root,
};
use futures_util::future::{BoxFuture, FutureExt};
use tracing::Instrument as _;

use crate::stats::Counters;
use crate::telemetry;

/// How often and how patiently a failed request is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    pub(crate) retries: u32,
    first_wait: Duration,
    longest_wait: Duration,
    longest_named_wait: Duration,
    budget: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 4,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(10),
            longest_named_wait: Duration::from_secs(300),
            budget: Duration::from_secs(600),
        }
    }
}

impl RetryPolicy {
    /// Sets how many times a request is sent again; 4 by default, 0 for never.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the bound of the first wait and the bound that doubling stops at; 0.5 s and 10 s by
    /// default. The wait itself is random between nothing and the bound ("full jitter"), so that
    /// clients that failed together do not come back together.
    #[must_use]
    pub fn with_backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.first_wait = first;
        self.longest_wait = longest;
        self
    }

    /// Sets the longest wait that a server may ask for in `Retry-After` or in the error's text; 5
    /// minutes by default. If it asks for more, its answer is returned at once: to come back earlier
    /// would only be refused again.
    #[must_use]
    pub fn with_longest_named_wait(mut self, longest: Duration) -> Self {
        self.longest_named_wait = longest;
        self
    }

    /// Sets how long a server may fail until nothing is sent again; 10 minutes by default.
    ///
    /// It is one budget for all requests to a server, over all clones: it begins with the first failure
    /// and ends with the next good answer, so that an export over a server that is down fails after
    /// this time, not after this time for each request. A single request that fails while others go
    /// well has as much from its own first failure.
    #[must_use]
    pub fn with_budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// The wait before retry number `retry` (from 0), or none where it is longer than allowed.
    fn wait(&self, retry: u32, named: Option<Duration>) -> Option<Duration> {
        match named {
            Some(named) if named > self.longest_named_wait => None,
            Some(Duration::ZERO) => Some(Duration::ZERO),
            // Everybody who was told the same moment comes a little after it.
            Some(named) => Some(named + jitter(self.first_wait)),
            None => {
                let doubled = self.first_wait.saturating_mul(1 << retry.min(16));
                Some(jitter(doubled.min(self.longest_wait)))
            }
        }
    }
}

/// Between nothing and `bound`.
fn jitter(bound: Duration) -> Duration {
    // Each `RandomState` has keys of its own: random enough to spread clients, without a dependency.
    let random = RandomState::new().hash_one(0_u8) >> 11;
    #[allow(clippy::cast_precision_loss)]
    let fraction = random as f64 / (1_u64 << 53) as f64;
    bound.mul_f64(fraction)
}

/// A [`Transport`] around a transport that sends a request again when that can help.
///
/// - Sent again: answers that are [`Outcome::Busy`] (after the wait that the server names) or
///   [`Outcome::Transient`], and requests that could not be completed for a passing reason
///   ([`TransportError::is_transient`](arcgis_auth_core::TransportError::is_transient)).
/// - A page (a request for more than one row) that is [`Outcome::TooBig`], times out or breaks off is
///   sent again once at most: whoever asked can ask for less.
/// - A request that may change something is sent again only where no connection was made.
/// - A request whose answer goes to a [sink](Request::with_sink) and broke off is not sent again: whoever takes
///   it in pieces knows which are missing.
/// - Refused tokens, certificates and everything [`Outcome::Terminal`] are not sent again.
///
/// At the end the last answer or error is returned, with the number of attempts. Who asks again for a
/// page that came back too big asks for less, and so begins anew: nothing is tried more often than both say.
#[derive(Debug, Clone)]
pub struct Retry {
    inner: Arc<dyn Transport>,
    policy: RetryPolicy,
    clock: Arc<dyn Clock>,
    outages: Outages,
    counters: Arc<Counters>,
}

impl Retry {
    /// Retries the requests to `inner` by `policy`, on the machine's clock.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>, policy: RetryPolicy) -> Self {
        Self {
            inner,
            policy,
            clock: Arc::new(SystemClock::new()),
            outages: Outages::default(),
            counters: Arc::default(),
        }
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub(crate) fn with_counters(mut self, counters: Arc<Counters>) -> Self {
        self.counters = counters;
        self
    }

    async fn run(&self, request: Request) -> Result<Response, Error> {
        let page = request.rows().is_some_and(|rows| rows > 1);
        let mut page_failures = 0;
        let mut attempts = 0_u32;
        let mut first_failure = None;
        let mut retry = 0;
        let root = server_root(request.url());
        loop {
            let result = self.inner.send(request.clone()).await;
            attempts = attempts.saturating_add(match &result {
                Ok(response) => response.attempts(),
                Err(Error::Transport(error)) => error.attempts(),
                Err(_) => 1,
            });
            let (helps, about_size, named) = judge(&result, request.access());
            let helps = helps && !(request.sink().is_some() && broke_off(&result));
            if about_size && page {
                page_failures += 1;
            }
            if !helps {
                // A refusal is a good answer too: whoever gives one is there.
                if result.as_ref().is_ok_and(|response| {
                    matches!(
                        response.outcome(),
                        Outcome::Ok | Outcome::Terminal | Outcome::TokenRefused(_)
                    )
                }) {
                    self.outages.end(&root);
                }
                return counted(result, attempts);
            }
            let now = self.clock.monotonic();
            let own = *first_failure.get_or_insert(now);
            let since = now.saturating_sub(own.min(self.outages.go_on(&root, now)));
            let wait = self.policy.wait(retry, named);
            let late = |wait| since.saturating_add(wait) > self.policy.budget;
            let why_not = match wait {
                _ if page_failures > 1 => Some("page"),
                _ if retry >= self.policy.retries => Some("retries"),
                None => Some("named wait"),
                Some(wait) if late(wait) => Some("budget"),
                Some(_) => None,
            };
            if let Some(why_not) = why_not {
                tracing::info!(
                    target: "arcgis::retry",
                    url = request.redacted_url(),
                    reason = why(&result),
                    attempts,
                    why = why_not,
                    "given up"
                );
                return counted(result, attempts);
            }
            let wait = wait.unwrap_or_default();
            tracing::info!(
                target: "arcgis::retry",
                url = request.redacted_url(),
                reason = why(&result),
                attempts,
                wait_millis = telemetry::millis(wait),
                "to be sent again"
            );
            if !wait.is_zero() {
                self.clock.sleep(wait).await;
                self.counters.backed_off(wait);
            }
            retry += 1;
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Since when each server has been failing, without a good answer in between.
#[derive(Debug, Clone, Default)]
struct Outages(Arc<Mutex<HashMap<String, Outage>>>);

#[derive(Debug)]
struct Outage {
    first: Duration,
    last: Duration,
}

/// A failure so long after the one before begins an outage of its own: nobody asked in between.
const APART: Duration = Duration::from_secs(600);

impl Outages {
    /// Takes in a failure, and says when the outage began.
    fn go_on(&self, root: &str, now: Duration) -> Duration {
        let mut outages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outage = outages.entry(root.to_owned()).or_insert(Outage {
            first: now,
            last: now,
        });
        if now.saturating_sub(outage.last) > APART {
            outage.first = now;
        }
        outage.last = now;
        outage.first
    }

    fn end(&self, root: &str) {
        let mut outages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        outages.remove(root);
    }
}

/// Whether sending again can help, whether the size of the request may be to blame, and the wait
/// that the server named.
fn judge(result: &Result<Response, Error>, access: Access) -> (bool, bool, Option<Duration>) {
    let read = access != Access::Write;
    match result {
        Ok(response) => match response.outcome() {
            Outcome::Busy { after } => (read, false, after),
            Outcome::Transient => (read, false, None),
            Outcome::TooBig => (read, true, None),
            _ => (false, false, None),
        },
        Err(Error::Transport(error)) => {
            let unsent = error.kind() == TransportErrorKind::Connect;
            // A server that dies of a page closes the connection.
            let about_size = matches!(
                error.kind(),
                TransportErrorKind::Timeout | TransportErrorKind::Interrupted
            );
            (error.is_transient() && (read || unsent), about_size, None)
        }
        // A failed mint was retried where it happened.
        Err(_) => (false, false, None),
    }
}

/// Whether an answer ended before its end. Who takes one in pieces asks for the rest itself.
fn broke_off(result: &Result<Response, Error>) -> bool {
    let Err(Error::Transport(error)) = result else {
        return false;
    };
    error.is_transient() && error.kind() != TransportErrorKind::Connect
}

/// What failed, for logs: not in the server's words, which may hold what was sent.
fn why(result: &Result<Response, Error>) -> String {
    match result {
        Ok(response) => format!("{:?}, HTTP {}", response.outcome(), response.status()),
        Err(Error::Transport(error)) => format!("{:?}", error.kind()),
        Err(_) => String::new(),
    }
}

fn counted(result: Result<Response, Error>, attempts: u32) -> Result<Response, Error> {
    match result {
        Ok(response) => Ok(response.with_attempts(attempts)),
        Err(Error::Transport(error)) => {
            Err(Error::transport((*error).clone().with_attempts(attempts)))
        }
        Err(error) => Err(error),
    }
}

impl Transport for Retry {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        let url = request.redacted_url();
        let span = tracing::debug_span!(target: "arcgis::http", "request", url);
        self.run(request).instrument(span).boxed()
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
