//! The rows that a page shows: all of them, or a part that is chosen fairly while they come.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use arrow_select::filter::filter_record_batch;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes that are kept, about.
const MOST_BYTES: usize = 256 << 20;

/// Rows out of many, each with the same chance. The same rows give the same sample.
#[derive(Debug)]
pub(crate) struct Sample {
    most: usize,
    most_bytes: usize,
    /// Rows whose hash is at most this are kept.
    threshold: u64,
    rows: usize,
    bytes: usize,
    batches: Vec<Kept>,
}

/// Some rows of a batch, and their numbers from 0.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) batch: RecordBatch,
    pub(crate) numbers: Vec<u64>,
}

impl Sample {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            most_bytes: MOST_BYTES,
            threshold: u64::MAX,
            rows: 0,
            bytes: 0,
            batches: Vec::new(),
        }
    }

    /// Takes rows whose numbers begin at `first`.
    pub(crate) fn add(&mut self, batch: &RecordBatch, first: u64) -> Result<(), ArrowError> {
        let kept = Kept {
            batch: batch.clone(),
            numbers: (first..).take(batch.num_rows()).collect(),
        };
        if let Some(kept) = kept.under(self.threshold)? {
            self.rows += kept.numbers.len();
            self.bytes += kept.batch.get_array_memory_size();
            self.batches.push(kept);
        }
        while self.rows > self.most.saturating_mul(2)
            || (self.bytes > self.most_bytes && self.rows > 1)
        {
            self.threshold /= 2;
            self.thin()?;
        }
        Ok(())
    }

    fn thin(&mut self) -> Result<(), ArrowError> {
        let batches = std::mem::take(&mut self.batches);
        (self.rows, self.bytes) = (0, 0);
        for kept in batches {
            if let Some(kept) = kept.under(self.threshold)? {
                self.rows += kept.numbers.len();
                self.bytes += kept.batch.get_array_memory_size();
                self.batches.push(kept);
            }
        }
        Ok(())
    }

    /// The rows, in their order.
    pub(crate) fn finish(mut self) -> Result<Vec<Kept>, ArrowError> {
        if self.rows > self.most {
            let numbers = self.batches.iter().flat_map(|kept| &kept.numbers);
            let mut hashes: Vec<u64> = numbers.map(|number| hash(*number)).collect();
            hashes.sort_unstable();
            // Hashes of different numbers of 8 bytes are different, or nearly always: then a row more is kept.
            if let Some(last) = self.most.checked_sub(1).and_then(|at| hashes.get(at)) {
                self.threshold = *last;
                self.thin()?;
            }
        }
        Ok(self.batches)
    }
}

fn hash(number: u64) -> u64 {
    xxh3_64(&number.to_le_bytes())
}

impl Kept {
    /// Those of the rows whose hash is at most `threshold`.
    fn under(self, threshold: u64) -> Result<Option<Self>, ArrowError> {
        let chosen: Vec<bool> = self
            .numbers
            .iter()
            .map(|number| hash(*number) <= threshold)
            .collect();
        let count = chosen.iter().filter(|chosen| **chosen).count();
        if count == 0 {
            return Ok(None);
        }
        if count == self.numbers.len() {
            return Ok(Some(self));
        }
        let numbers = self
            .numbers
            .iter()
            .zip(&chosen)
            .filter_map(|(number, chosen)| chosen.then_some(*number))
            .collect();
        let batch = filter_record_batch(&self.batch, &BooleanArray::from(chosen))?;
        // Views hold on to the bytes of rows that are gone.
        let columns = batch.columns().iter().map(own).collect();
        let batch = RecordBatch::try_new(batch.schema(), columns)?;
        Ok(Some(Self { batch, numbers }))
    }
}

fn own(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
        _ => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::UInt64Array;
    use arrow_array::types::UInt64Type;

    fn batch(numbers: std::ops::Range<u64>) -> RecordBatch {
        let column: ArrayRef = Arc::new(UInt64Array::from_iter_values(numbers));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    fn sampled(most: usize, most_bytes: usize) -> Vec<u64> {
        let mut sample = Sample {
            most_bytes,
            ..Sample::new(most)
        };
        for start in (0..100_000).step_by(1000) {
            sample.add(&batch(start..start + 1000), start).unwrap();
        }
        let kept = sample.finish().unwrap();
        for kept in &kept {
            let values = kept.batch.column(0).as_primitive::<UInt64Type>();
            assert_eq!(values.values().as_ref(), kept.numbers);
        }
        kept.into_iter().flat_map(|kept| kept.numbers).collect()
    }

    #[test]
    fn a_sample_is_fair_and_in_order() {
        assert_eq!(sampled(100_000, MOST_BYTES).len(), 100_000);
        let some = sampled(1_000, MOST_BYTES);
        assert_eq!(some.len(), 1_000);
        assert!(some.is_sorted());
        let half = some.iter().filter(|number| **number < 50_000).count();
        assert!((400..600).contains(&half), "{half}");
        assert_eq!(sampled(1_000, MOST_BYTES), some);
    }

    #[test]
    fn bytes_bound_it_too() {
        let some = sampled(100_000, 100_000);
        assert!(!some.is_empty() && some.len() < 12_500, "{}", some.len());
    }
}
