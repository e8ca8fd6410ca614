//! How many rows to ask for at once, as learned from what the server could give.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Good answers in a row after which twice as many rows are tried, once that was in vain.
const GOOD: u32 = 4;

/// The most good answers that are waited for.
const MOST_GOOD: u32 = 128;

/// The size that answers should have, after decompression.
const TARGET_BYTES: f64 = 4.0 * 1024.0 * 1024.0;

/// The time that answers should take.
const TARGET_SECONDS: f64 = 4.0;

/// Rows to begin with, however many the server allows: what they weigh is not known yet.
const FIRST: u64 = 2000;

/// The size of requests, shared by all slots: what was too much for one is not tried by the next.
#[derive(Debug)]
pub(crate) struct Pace {
    most: u64,
    /// Whether sizes and times of answers count: not where the caller chose a size.
    weighs: bool,
    learned: Mutex<Learned>,
}

#[derive(Debug)]
struct Learned {
    rows: u64,
    good: u32,
    /// How many good answers it takes to grow: twice as many each time that growing was in vain.
    patience: u32,
    /// Whether the size was grown to, and no answer of that size has come yet.
    trying: bool,
}

impl Pace {
    /// Begins with so many rows, or fewer where what they weigh is still to be seen.
    pub(crate) fn new(most: u64, weighs: bool) -> Self {
        let most = most.max(1);
        Self {
            most,
            weighs,
            learned: Mutex::new(Learned {
                rows: if weighs { most.min(FIRST) } else { most },
                good: 0,
                patience: 1,
                trying: false,
            }),
        }
    }

    /// How many rows to ask for.
    pub(crate) fn rows(&self) -> u64 {
        self.learned().rows
    }

    /// So many rows were too many.
    pub(crate) fn too_many(&self, rows: u64) {
        let mut learned = self.learned();
        let less = rows.div_ceil(2).max(1);
        // Requests of the old size that were under way at once say it once.
        if less < learned.rows {
            if learned.trying {
                learned.patience = (learned.patience * 2).min(MOST_GOOD);
            }
            learned.rows = less;
        }
        learned.patience = learned.patience.max(GOOD);
        learned.trying = false;
        learned.good = 0;
    }

    /// So many rows were asked for, and an answer came.
    pub(crate) fn went_well(&self, rows: u64, bytes: u64, elapsed: Duration) {
        let mut learned = self.learned();
        if rows < learned.rows {
            return;
        }
        // One is as it should be; up to two is well enough.
        let weight = if self.weighs {
            (bytes as f64 / TARGET_BYTES).max(elapsed.as_secs_f64() / TARGET_SECONDS)
        } else {
            0.0
        };
        learned.trying = false;
        if weight > 2.0 {
            learned.rows = ((rows as f64 / weight) as u64).clamp(1, learned.rows);
            learned.good = 0;
            learned.patience = learned.patience.max(GOOD);
            return;
        }
        if learned.rows >= self.most || weight > 0.8 {
            return;
        }
        learned.good += 1;
        if learned.good >= learned.patience {
            learned.rows = (learned.rows * 2).min(self.most);
            learned.good = 0;
            learned.trying = true;
        }
    }

    fn learned(&self) -> std::sync::MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(10);

    #[test]
    fn what_was_too_much_is_not_tried_again_soon() {
        let pace = Pace::new(1000, false);
        pace.too_many(1000);
        // Another request of that size was under way.
        pace.too_many(1000);
        assert_eq!(pace.rows(), 500);
        pace.too_many(500);
        assert_eq!(pace.rows(), 250);
        for _ in 0..3 {
            pace.went_well(250, 0, SOON);
        }
        // The last of a slot is smaller, and says nothing.
        pace.went_well(10, 0, SOON);
        assert_eq!(pace.rows(), 250);
        pace.went_well(250, 0, SOON);
        assert_eq!(pace.rows(), 500);
        pace.too_many(500);
        for _ in 0..7 {
            pace.went_well(250, 0, SOON);
            assert_eq!(pace.rows(), 250);
        }
        pace.went_well(250, 0, SOON);
        assert_eq!(pace.rows(), 500);
        for _ in 0..8 {
            pace.went_well(500, 0, SOON);
        }
        assert_eq!(pace.rows(), 1000);
        for _ in 0..100 {
            pace.went_well(1000, 0, SOON);
        }
        assert_eq!(pace.rows(), 1000);
    }

    #[test]
    fn light_rows_come_in_larger_pages_and_heavy_ones_in_smaller() {
        let light = Pace::new(32_000, true);
        let mut sizes = Vec::new();
        for _ in 0..8 {
            let rows = light.rows();
            sizes.push(rows);
            light.went_well(rows, rows * 200, SOON);
        }
        // 200 bytes a row: 4 MiB are 21,000 rows, and from 16,000 on twice as many would be too many.
        assert_eq!(sizes[..5], [2000, 4000, 8000, 16_000, 32_000]);
        assert_eq!(light.rows(), 32_000);
        let heavy = Pace::new(4000, true);
        // 100 kB a row: 4 MiB are 41 rows.
        heavy.went_well(2000, 200_000_000, SOON);
        assert_eq!(heavy.rows(), 41);
        heavy.went_well(41, 4_100_000, SOON);
        assert_eq!(heavy.rows(), 41);
        let slow = Pace::new(2000, true);
        slow.went_well(2000, 1000, Duration::from_secs(40));
        assert_eq!(slow.rows(), 200);
        // A size that the caller chose is kept.
        let chosen = Pace::new(4000, false);
        chosen.went_well(4000, 400_000_000, SOON);
        assert_eq!(chosen.rows(), 4000);
    }
}
