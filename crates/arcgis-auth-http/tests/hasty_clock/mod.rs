//! A clock on which every wait is over at once.

use std::time::{Duration, SystemTime};

use arcgis_auth_core::{Clock, ManualClock};
use futures_util::future::BoxFuture;

#[derive(Debug, Clone, Default)]
pub struct HastyClock(pub ManualClock);

impl Clock for HastyClock {
    fn now(&self) -> SystemTime {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let waiting = self.0.sleep(duration);
        self.0.advance(duration);
        waiting
    }
}
