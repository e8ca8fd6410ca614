//! How many different values there are, in little memory.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;

/// Hashes that are kept: as many different values are counted exactly, and more within a percent or two.
const KEPT: usize = 16_384;

/// Counts different values by the least of their hashes: where the greatest of them lies says how many there are.
#[derive(Debug, Default)]
pub(crate) struct Distinct {
    least: BTreeSet<u64>,
    greatest: u64,
}

impl Distinct {
    pub(crate) fn add(&mut self, value: &[u8]) {
        let hash = xxh3_64(value);
        if self.least.len() < KEPT {
            self.greatest = self.greatest.max(hash);
            self.least.insert(hash);
        } else if hash < self.greatest && self.least.insert(hash) {
            self.least.pop_last();
            self.greatest = self.least.last().copied().unwrap_or(0);
        }
    }

    /// How many there are, and whether that is exact.
    pub(crate) fn count(&self) -> (u64, bool) {
        if self.least.len() < KEPT {
            return (self.least.len() as u64, true);
        }
        let part = self.greatest as f64 / u64::MAX as f64;
        (((KEPT - 1) as f64 / part).round() as u64, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_exact_and_many_nearly_so() {
        let mut distinct = Distinct::default();
        for n in 0..10_000_u64 {
            distinct.add(&(n % 1_500).to_le_bytes());
        }
        assert_eq!(distinct.count(), (1_500, true));
        for n in 0..100_000_u64 {
            distinct.add(&n.to_le_bytes());
            distinct.add(&n.to_le_bytes());
        }
        let (count, is_exact) = distinct.count();
        assert!(!is_exact && count.abs_diff(100_000) < 3_000, "{count}");
    }
}
