//! Rows whose place later ones take.

use arcgis_layer::IdSet;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::ArrowError;
use arrow_select::filter::filter_record_batch;

/// Leaves out rows that were replaced: batches go through it in the order in which their rows came.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    /// The numbers of the rows that are left out, counted from 0.
    replaced: IdSet,
    next: i64,
}

impl Sieve {
    pub(crate) fn new(replaced: IdSet) -> Self {
        Self { replaced, next: 0 }
    }

    /// The rows of the next batch that stay.
    pub(crate) fn keep(&mut self, rows: RecordBatch) -> Result<RecordBatch, ArrowError> {
        let first = self.next;
        self.next += i64::try_from(rows.num_rows()).unwrap_or(i64::MAX);
        if self.replaced.count_between(first, self.next - 1) == 0 {
            return Ok(rows);
        }
        let stays = (first..self.next).map(|row| Some(!self.replaced.contains(row)));
        filter_record_batch(&rows, &stays.collect::<BooleanArray>())
    }

    /// The rows that stay of all batches there are; none without rows.
    pub(crate) fn keep_all(
        mut self,
        batches: Vec<RecordBatch>,
    ) -> Result<Vec<RecordBatch>, ArrowError> {
        let kept = batches.into_iter().map(|rows| self.keep(rows));
        let with_rows =
            |rows: &Result<RecordBatch, _>| !matches!(rows, Ok(rows) if rows.num_rows() == 0);
        kept.filter(with_rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int32Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int32Type;
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn rows_are_left_out_by_their_numbers_whatever_the_batches() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, false)]));
        for size in [1, 3, 4, 10] {
            let numbers: Vec<i32> = (0..10).collect();
            let batches = numbers.chunks(size).map(|chunk| {
                let column = Arc::new(Int32Array::from(chunk.to_vec()));
                RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap()
            });
            let sieve = Sieve::new([0, 4, 5, 9, 12].into_iter().collect());
            let kept = sieve.keep_all(batches.collect()).unwrap();
            assert!(kept.iter().all(|rows| rows.num_rows() > 0));
            let kept: Vec<i32> = kept
                .iter()
                .flat_map(|rows| rows.column(0).as_primitive::<Int32Type>().values().to_vec())
                .collect();
            assert_eq!(kept, [1, 2, 3, 6, 7, 8], "batches of {size}");
        }
    }
}
