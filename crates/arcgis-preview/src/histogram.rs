//! How values are spread, in one pass and without knowing their range before.

/// Bars that are shown, at most.
const BARS: usize = 32;

/// Bins that are kept while values come.
const BINS: usize = 256;

/// Counts of values in bins whose width is a power of two, so that two of them become one exactly.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    exponent: i32,
    /// The number of the first bin: it begins at this times the width.
    first: i64,
    bins: Vec<u64>,
}

impl Histogram {
    pub(crate) fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        if self.bins.is_empty() {
            // Fine enough for anything near it: 2^-40 of its size.
            self.exponent = if value == 0.0 {
                -40
            } else {
                (value.abs().log2().floor() as i32 - 40).max(-1000)
            };
            self.first = self.bin(value);
            self.bins.push(1);
            return;
        }
        loop {
            let bin = self.bin(value);
            let last = self.first + self.bins.len() as i64 - 1;
            let span = bin.max(last).checked_sub(bin.min(self.first));
            if span.is_none_or(|span| span >= BINS as i64) {
                self.coarsen();
                continue;
            }
            if bin < self.first {
                let missing = usize::try_from(self.first - bin).unwrap_or(0);
                self.bins.splice(0..0, std::iter::repeat_n(0, missing));
                self.first = bin;
            }
            let at = usize::try_from(bin - self.first).unwrap_or(0);
            if at >= self.bins.len() {
                self.bins.resize(at + 1, 0);
            }
            if let Some(count) = self.bins.get_mut(at) {
                *count += 1;
            }
            return;
        }
    }

    /// The bars: where the first begins, how wide each is, and how many values are in each.
    pub(crate) fn bars(mut self) -> Option<(f64, f64, Vec<u64>)> {
        if self.bins.is_empty() {
            return None;
        }
        while self.bins.len() > BARS {
            self.coarsen();
        }
        let width = 2.0_f64.powi(self.exponent);
        Some((self.first as f64 * width, width, self.bins))
    }

    fn bin(&self, value: f64) -> i64 {
        // A conversion to i64 ends at its limits.
        (value / 2.0_f64.powi(self.exponent)).floor() as i64
    }

    fn coarsen(&mut self) {
        let bins = std::mem::take(&mut self.bins);
        let first = self.first >> 1;
        for (bin, count) in (self.first..).zip(bins) {
            let at = usize::try_from((bin >> 1) - first).unwrap_or(0);
            if at >= self.bins.len() {
                self.bins.resize(at + 1, 0);
            }
            if let Some(sum) = self.bins.get_mut(at) {
                *sum += count;
            }
        }
        self.first = first;
        self.exponent += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bar() {
        let mut histogram = Histogram::default();
        for n in 0..1000 {
            histogram.add(f64::from(n) / 10.0 - 20.0);
        }
        histogram.add(f64::NAN);
        let (start, width, bars) = histogram.bars().unwrap();
        assert!(bars.len() <= BARS && bars.len() > BARS / 4, "{bars:?}");
        assert_eq!(bars.iter().sum::<u64>(), 1000);
        assert!(start <= -20.0 && start + width * bars.len() as f64 > 79.9);
        // 40 values to a bar of 4, as they are spread evenly.
        assert_eq!((width, bars[1]), (4.0, 40));
    }

    #[test]
    fn any_range_ends() {
        let mut histogram = Histogram::default();
        for value in [0.0, 1e300, -1e-300, f64::MAX, f64::MIN, 5e-324] {
            histogram.add(value);
        }
        assert_eq!(histogram.bars().unwrap().2.iter().sum::<u64>(), 6);
        let mut one = Histogram::default();
        one.add(7.0);
        one.add(7.0);
        assert_eq!(one.bars().unwrap().2, [2]);
    }
}
