//! Time as a dependency, so that tests can own it.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::{BoxFuture, FutureExt};

/// Where time comes from: wall clock, monotonic clock, and waiting.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall clock, for comparing with moments that a server names.
    fn now(&self) -> SystemTime;

    /// Time since an arbitrary fixed moment; never goes back.
    fn monotonic(&self) -> Duration;

    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's clocks, waiting on tokio's timer.
#[derive(Debug, Clone)]
pub struct SystemClock {
    /// When it was first looked at: to make one must work where there is no clock, as in a browser.
    start: Arc<OnceLock<Instant>>,
}

impl SystemClock {
    /// The machine's clocks.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Arc::default(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.get_or_init(Instant::now).elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        async move { tokio::time::sleep(duration).await }.boxed()
    }
}

/// A clock that moves only when told to: for tests of anything that waits or expires.
///
/// ```
/// use std::time::Duration;
/// use arcgis_auth_core::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.monotonic(), Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<Mutex<Manual>>);

#[derive(Debug, Default)]
struct Manual {
    elapsed: Duration,
    sleepers: Vec<Waker>,
    slept: Vec<Duration>,
}

impl ManualClock {
    /// A clock that stands at 2001-09-09T01:46:40Z (one billion seconds after 1970).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves both clocks forward and wakes whoever waited for that.
    pub fn advance(&self, by: Duration) {
        let sleepers = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.elapsed += by;
            std::mem::take(&mut state.sleepers)
        };
        for waker in sleepers {
            waker.wake();
        }
    }

    /// How long each [`Clock::sleep`] so far was asked to last, in order.
    #[must_use]
    pub fn sleeps(&self) -> Vec<Duration> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .slept
            .clone()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let shared = Arc::clone(&self.0);
        let until = {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            state.slept.push(duration);
            state.elapsed + duration
        };
        std::future::poll_fn(move |context| {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if state.elapsed >= until {
                return std::task::Poll::Ready(());
            }
            state.sleepers.push(context.waker().clone());
            std::task::Poll::Pending
        })
        .boxed()
    }
}
