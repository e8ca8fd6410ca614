//! What is known of one server, and what it can take at present.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arcgis_auth_core::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::telemetry;

/// What is left of the limit when a server says that it is asked too much, in hundredths.
const AFTER_BUSY: usize = 50;

/// What is left of it when a server fails or does not answer.
const AFTER_FAILURE: usize = 70;

/// What is left of it when answers take much longer than they did.
const AFTER_DELAY: usize = 80;

/// Pages that take so many times what the quickest took, for their bytes, are late …
const LATE: u32 = 4;

/// … unless they take less than this …
const QUICK: Duration = Duration::from_secs(2);

/// … and unless there are so few under way: delay is no proof.
const FEW: usize = 2;

/// Smaller pages count as of so many bytes: what they take is the way there and back.
const SMALL: u64 = 256 * 1024;

/// By so much (a 16th) the mark of the quickest page rises with each page: some rows are harder to
/// find than others, and no old mark is to hold for ever.
const FORGETTING: u32 = 16;

/// How one request went, as far as the server's health is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answered.
    Well,
    /// It answered with a page of so many bytes, after so long.
    Page { took: Duration, bytes: usize },
    /// It asked for patience.
    Busy,
    /// It failed, or did not answer in time.
    Failed,
    /// Nothing can be said: it is the request that was wrong, or its size.
    Silent,
}

/// One server: who may start now, and how many at once.
#[derive(Debug)]
pub(crate) struct Server {
    root: String,
    pub(crate) permits: Arc<Semaphore>,
    most: usize,
    /// The least time between two starts.
    spacing: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Permits that are to be taken out of use as soon as they come back.
    debt: usize,
    /// Good answers since the limit was last raised or lowered.
    good: usize,
    /// How often the limit was lowered. What started before counts for the last time only.
    epoch: u64,
    /// All on the monotonic clock.
    paused_until: Duration,
    next_start: Duration,
    /// As the quota's headers would have it.
    quota_spacing: Duration,
    /// What a mebibyte of a page takes where it is quickest.
    quickest: Option<Duration>,
}

/// The right to have one request under way.
#[derive(Debug)]
pub(crate) struct Seat {
    server: Arc<Server>,
    permit: Option<OwnedSemaphorePermit>,
    pub(crate) epoch: u64,
    /// When it was taken.
    pub(crate) since: Duration,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.server.state();
        if state.debt > 0 {
            state.debt -= 1;
            if let Some(permit) = self.permit.take() {
                permit.forget();
            }
        }
    }
}

impl Server {
    pub(crate) fn new(root: String, most: usize, spacing: Duration) -> Self {
        Self {
            root,
            permits: Arc::new(Semaphore::new(most)),
            most,
            spacing,
            state: Mutex::new(State {
                limit: most,
                debt: 0,
                good: 0,
                epoch: 0,
                paused_until: Duration::ZERO,
                next_start: Duration::ZERO,
                quota_spacing: Duration::ZERO,
                quickest: None,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// How many requests may be under way at present.
    #[cfg(test)]
    pub(crate) fn limit(&self) -> usize {
        self.state().limit
    }

    pub(crate) fn pause_left(&self, now: Duration) -> Option<Duration> {
        let until = self.state().paused_until;
        until.checked_sub(now).filter(|left| !left.is_zero())
    }

    /// Starts nothing before `moment`. A later pause that ends earlier does not end an earlier one.
    pub(crate) fn pause_until(&self, moment: Duration) {
        let mut state = self.state();
        state.paused_until = moment.max(state.paused_until);
    }

    /// Leaves at least `spacing` between two starts, until the quota's next word.
    pub(crate) fn space(&self, spacing: Duration) {
        self.state().quota_spacing = spacing;
    }

    /// Waits until a request may start.
    pub(crate) async fn admit(self: &Arc<Self>, clock: &dyn Clock) -> Seat {
        loop {
            if let Some(left) = self.pause_left(clock.monotonic()) {
                clock.sleep(left).await;
                continue;
            }
            // Never closed, so that there always is a permit in the end.
            let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
            let mut seat = Seat {
                server: Arc::clone(self),
                permit,
                epoch: 0,
                since: Duration::ZERO,
            };
            while self.pause_left(clock.monotonic()).is_none() {
                let now = clock.monotonic();
                match self.start(now) {
                    Ok(epoch) => {
                        seat.epoch = epoch;
                        seat.since = now;
                        return seat;
                    }
                    Err(wait) => clock.sleep(wait).await,
                }
            }
        }
    }

    /// Starts a request now, or says how long to wait for the next try.
    fn start(&self, now: Duration) -> Result<u64, Duration> {
        let mut state = self.state();
        match state.next_start.checked_sub(now) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                state.next_start = now + self.spacing.max(state.quota_spacing);
                Ok(state.epoch)
            }
        }
    }

    /// Takes in how a request went that started in `epoch`.
    pub(crate) fn learn(&self, epoch: u64, health: Health) {
        let mut state = self.state();
        match health {
            Health::Silent => {}
            Health::Busy => self.lower(&mut state, epoch, AFTER_BUSY, "busy"),
            Health::Failed => self.lower(&mut state, epoch, AFTER_FAILURE, "failed"),
            Health::Well => self.raise(&mut state),
            Health::Page { took, bytes } => {
                if !state.is_late(took, bytes) {
                    self.raise(&mut state);
                } else if state.limit > FEW {
                    self.lower(&mut state, epoch, AFTER_DELAY, "late");
                }
            }
        }
    }

    /// What went wrong counts once, however many were under way.
    fn lower(&self, state: &mut State, epoch: u64, percent: usize, reason: &'static str) {
        state.good = 0;
        if epoch < state.epoch || state.limit == 1 {
            return;
        }
        let limit = (state.limit * percent / 100).max(1);
        let surplus = state.limit - limit;
        state.epoch += 1;
        state.limit = limit;
        state.debt += surplus - self.permits.forget_permits(surplus);
        telemetry::throttled(&self.root, reason, limit, self.most);
    }

    /// One more at a time for as many good answers as there may be requests under way.
    fn raise(&self, state: &mut State) {
        if state.limit >= self.most {
            return;
        }
        state.good += 1;
        if state.good < state.limit {
            return;
        }
        state.good = 0;
        state.limit += 1;
        if state.debt > 0 {
            state.debt -= 1;
        } else {
            self.permits.add_permits(1);
        }
        telemetry::throttled(&self.root, "well", state.limit, self.most);
    }
}

impl State {
    /// Whether a page took much longer than others do, for its size.
    fn is_late(&mut self, took: Duration, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).max(SMALL);
        #[allow(clippy::cast_precision_loss)]
        let pace = took.div_f64(bytes as f64 / f64::from(1 << 20));
        let quickest = *self.quickest.get_or_insert(pace);
        self.quickest = Some(pace.min(quickest + quickest / FORGETTING));
        took > QUICK && pace > quickest.saturating_mul(LATE)
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
