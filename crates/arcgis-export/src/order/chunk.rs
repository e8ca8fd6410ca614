//! Rows in memory, and the same in order.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::interleave::interleave_record_batch;

use super::key::{Key, Sorting};
use crate::batches::{Limits, RowSizes};

/// What sorting a row takes beside the row itself.
const ROW_COST: usize = size_of::<Row>() * 2;

/// Rows in memory, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    batches: Vec<RecordBatch>,
    cost: usize,
}

/// One row, sorted by its key, and where that is the same by when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    key: Key,
    batch: u32,
    row: u32,
}

impl Chunk {
    pub(crate) fn push(&mut self, rows: RecordBatch) {
        self.cost += RowSizes::whole(&rows) + rows.num_rows() * ROW_COST;
        self.batches.push(rows);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// About how many bytes it takes to have the rows and to sort them.
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    pub(crate) fn into_batches(self) -> Vec<RecordBatch> {
        self.batches
    }

    /// Puts the rows into order.
    pub(crate) fn sort(self, sorting: &Sorting, limits: Limits) -> Sorted {
        let all = self.batches.iter().map(RecordBatch::num_rows).sum();
        let mut rows = Vec::with_capacity(all);
        let mut keys = Vec::new();
        for (batch, of_batch) in (0..).zip(&self.batches) {
            keys.clear();
            sorting.keys(of_batch, &mut keys);
            rows.extend((0..).zip(&keys).map(|(row, key)| Row {
                key: *key,
                batch,
                row,
            }));
        }
        rows.sort_unstable();
        Sorted {
            batches: self.batches,
            rows,
            given: 0,
            limits,
        }
    }
}

/// Rows in memory, in order.
#[derive(Debug)]
pub(crate) struct Sorted {
    batches: Vec<RecordBatch>,
    rows: Vec<Row>,
    given: usize,
    limits: Limits,
}

impl Sorted {
    /// The next rows.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let sizes: Vec<RowSizes<'_>> = self.batches.iter().map(RowSizes::of).collect();
        let mut chosen = Vec::new();
        let mut bytes = 0_usize;
        for row in self.rows.iter().skip(self.given) {
            let (batch, row) = (row.batch as usize, row.row as usize);
            chosen.push((batch, row));
            bytes += sizes.get(batch).map_or(0, |sizes| sizes.row(row));
            if self.limits.reached(chosen.len(), bytes) {
                break;
            }
        }
        if chosen.is_empty() {
            // Nobody asks again, but the output may still be at work for long.
            self.batches = Vec::new();
            self.rows = Vec::new();
            return Ok(None);
        }
        self.given += chosen.len();
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        interleave_record_batch(&batches, &chosen).map(Some)
    }
}
