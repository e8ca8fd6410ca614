//! How many rows to ask for at once, as learned from what the server could give.

use std::sync::{Mutex, PoisonError};

/// Good answers in a row after which twice as many rows are tried, as long as that was not in vain.
const GOOD: u32 = 4;

/// The most good answers that are waited for.
const MOST_GOOD: u32 = 128;

/// The size of requests, shared by all slots: what was too much for one is not tried by the next.
#[derive(Debug)]
pub(crate) struct Pace {
    most: u64,
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
    /// Begins with the most.
    pub(crate) fn new(most: u64) -> Self {
        Self {
            most: most.max(1),
            learned: Mutex::new(Learned {
                rows: most.max(1),
                good: 0,
                patience: GOOD,
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
        learned.trying = false;
        learned.good = 0;
    }

    /// So many rows were asked for, and an answer came.
    pub(crate) fn went_well(&self, rows: u64) {
        let mut learned = self.learned();
        if rows < learned.rows || learned.rows >= self.most {
            return;
        }
        learned.trying = false;
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

    #[test]
    fn what_was_too_much_is_not_tried_again_soon() {
        let pace = Pace::new(1000);
        pace.too_many(1000);
        // Another request of that size was under way.
        pace.too_many(1000);
        assert_eq!(pace.rows(), 500);
        pace.too_many(500);
        assert_eq!(pace.rows(), 250);
        for _ in 0..3 {
            pace.went_well(250);
        }
        // The last of a slot is smaller, and says nothing.
        pace.went_well(10);
        assert_eq!(pace.rows(), 250);
        pace.went_well(250);
        assert_eq!(pace.rows(), 500);
        pace.too_many(500);
        for _ in 0..7 {
            pace.went_well(250);
            assert_eq!(pace.rows(), 250);
        }
        pace.went_well(250);
        assert_eq!(pace.rows(), 500);
        for _ in 0..8 {
            pace.went_well(500);
        }
        assert_eq!(pace.rows(), 1000);
        for _ in 0..100 {
            pace.went_well(1000);
        }
        assert_eq!(pace.rows(), 1000);
    }
}
