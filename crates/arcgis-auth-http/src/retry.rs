//! Trying again, where that can help.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arcgis_auth_core::{
    Access, Clock, Error, Outcome, Request, Response, SystemClock, Transport, TransportErrorKind,
};
use futures_util::future::{BoxFuture, FutureExt};

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

    /// Sets how long after its first failure a request is still sent again; 10 minutes by default.
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
/// - Refused tokens, certificates and everything [`Outcome::Terminal`] are not sent again.
///
/// At the end the last answer or error is returned, with the number of attempts.
#[derive(Debug, Clone)]
pub struct Retry {
    inner: Arc<dyn Transport>,
    policy: RetryPolicy,
    clock: Arc<dyn Clock>,
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
        loop {
            let result = self.inner.send(request.clone()).await;
            attempts = attempts.saturating_add(match &result {
                Ok(response) => response.attempts(),
                Err(Error::Transport(error)) => error.attempts(),
                Err(_) => 1,
            });
            let (helps, about_size, named) = judge(&result, request.access());
            if about_size && page {
                page_failures += 1;
            }
            if !helps || page_failures > 1 || retry >= self.policy.retries {
                return counted(result, attempts);
            }
            let now = self.clock.monotonic();
            let since = now.saturating_sub(*first_failure.get_or_insert(now));
            match self.policy.wait(retry, named) {
                Some(wait) if since.saturating_add(wait) <= self.policy.budget => {
                    let wait_millis = telemetry::millis(wait);
                    tracing::info!(
                        target: "arcgis::retry",
                        url = request.redacted_url(),
                        reason = why(&result),
                        attempts,
                        wait_millis,
                        "to be sent again"
                    );
                    if !wait.is_zero() {
                        self.clock.sleep(wait).await;
                    }
                }
                _ => return counted(result, attempts),
            }
            retry += 1;
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether sending again can help, whether the size of the request may be to blame, and the wait
/// that the server named.
fn judge(result: &Result<Response, Error>, access: Access) -> (bool, bool, Option<Duration>) {
    let read = access == Access::Read;
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
        self.run(request).boxed()
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
