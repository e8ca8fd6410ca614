//! From pages of any size to batches of an even one.

use std::collections::VecDeque;

use arrow_array::cast::AsArray;
use arrow_array::types::{BinaryType, LargeBinaryType, LargeUtf8Type, Utf8Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use arrow_select::concat::concat_batches;

/// Where a batch ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    /// Bytes at which a batch ends, whatever its rows: the last row may take it beyond.
    pub(crate) bytes: usize,
}

impl Limits {
    /// Of batches on their way to the output.
    pub(crate) const BATCH: Self = Self {
        rows: 16_384,
        bytes: 2 * 1024 * 1024,
    };

    pub(crate) fn reached(self, rows: usize, bytes: usize) -> bool {
        rows >= self.rows || bytes >= self.bytes
    }
}

/// Cuts a stream of rows into batches at places that the rows alone decide: pages may come as they
/// like, the batches, and with them the file, are the same.
#[derive(Debug)]
pub(crate) struct Batches {
    schema: SchemaRef,
    limits: Limits,
    pieces: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    ready: VecDeque<RecordBatch>,
}

impl Batches {
    pub(crate) fn new(schema: SchemaRef) -> Self {
        Self::with_limits(schema, Limits::BATCH)
    }

    pub(crate) fn with_limits(schema: SchemaRef, limits: Limits) -> Self {
        Self {
            schema,
            limits,
            pieces: Vec::new(),
            rows: 0,
            bytes: 0,
            ready: VecDeque::new(),
        }
    }

    /// Takes rows behind those that are there.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<(), ArrowError> {
        let sizes = RowSizes::of(&batch);
        let mut start = 0;
        while start < batch.num_rows() {
            let taken = self.fitting(&sizes, start, batch.num_rows());
            self.rows += taken;
            self.bytes += sizes.rows(start, start + taken);
            self.pieces.push(batch.slice(start, taken));
            start += taken;
            if self.limits.reached(self.rows, self.bytes) {
                self.cut()?;
            }
        }
        Ok(())
    }

    /// How many rows from `start` on belong to the batch that is under way: up to the first that reaches a
    /// limit.
    fn fitting(&self, sizes: &RowSizes<'_>, start: usize, end: usize) -> usize {
        let reached = |taken: usize| {
            let bytes = self.bytes + sizes.rows(start, start + taken);
            self.limits.reached(self.rows + taken, bytes)
        };
        let (mut least, mut most) = (1, end - start);
        if !reached(most) {
            return most;
        }
        while least < most {
            let middle = least.midpoint(most);
            if reached(middle) {
                most = middle;
            } else {
                least = middle + 1;
            }
        }
        least
    }

    /// Ends the batch that is under way.
    pub(crate) fn cut(&mut self) -> Result<(), ArrowError> {
        if self.pieces.is_empty() {
            return Ok(());
        }
        let pieces = std::mem::take(&mut self.pieces);
        self.rows = 0;
        self.bytes = 0;
        self.ready
            .push_back(match <[RecordBatch; 1]>::try_from(pieces) {
                Ok([whole]) => whole,
                Err(pieces) => concat_batches(&self.schema, &pieces)?,
            });
        Ok(())
    }

    /// The next batch that is complete.
    pub(crate) fn pop(&mut self) -> Option<RecordBatch> {
        self.ready.pop_front()
    }
}

/// How many bytes rows take, whatever else lies in the buffers that they are a part of.
#[derive(Debug, Default)]
pub(crate) struct RowSizes<'a> {
    fixed: usize,
    short: Vec<&'a [i32]>,
    long: Vec<&'a [i64]>,
    lists: Vec<(&'a [i32], Self)>,
}

impl<'a> RowSizes<'a> {
    pub(crate) fn of(batch: &'a RecordBatch) -> Self {
        let mut sizes = Self::default();
        for column in batch.columns() {
            sizes.add(column);
        }
        sizes
    }

    /// All rows of a batch together.
    pub(crate) fn whole(batch: &'a RecordBatch) -> usize {
        Self::of(batch).rows(0, batch.num_rows())
    }

    fn add(&mut self, column: &'a dyn Array) {
        if let Some(texts) = column.as_bytes_opt::<Utf8Type>() {
            self.short.push(texts.value_offsets());
        } else if let Some(values) = column.as_bytes_opt::<BinaryType>() {
            self.short.push(values.value_offsets());
        } else if let Some(texts) = column.as_bytes_opt::<LargeUtf8Type>() {
            self.long.push(texts.value_offsets());
        } else if let Some(values) = column.as_bytes_opt::<LargeBinaryType>() {
            self.long.push(values.value_offsets());
        } else if let Some(members) = column.as_struct_opt() {
            for member in members.columns() {
                self.add(member);
            }
        } else if let Some(list) = column.as_list_opt::<i32>() {
            let mut values = Self::default();
            values.add(list.values());
            self.lists.push((list.value_offsets(), values));
        } else {
            self.fixed += match column.data_type() {
                DataType::FixedSizeBinary(bytes) => usize::try_from(*bytes).unwrap_or(0),
                // Keys: what they stand for is there once.
                DataType::Dictionary(key, _) => key.primitive_width().unwrap_or(8),
                other => other.primitive_width().unwrap_or(8),
            };
        }
    }

    /// The rows from one to before another.
    pub(crate) fn rows(&self, start: usize, end: usize) -> usize {
        let mut size = self.fixed.saturating_mul(end.saturating_sub(start));
        for offsets in &self.short {
            let (from, to) = ends(offsets, start, end);
            size = size.saturating_add(to.saturating_sub(from));
        }
        for offsets in &self.long {
            let (from, to) = ends(offsets, start, end);
            size = size.saturating_add(to.saturating_sub(from));
        }
        for (offsets, values) in &self.lists {
            let (from, to) = ends(offsets, start, end);
            size = size.saturating_add(values.rows(from, to));
        }
        size
    }

    pub(crate) fn row(&self, row: usize) -> usize {
        self.rows(row, row + 1)
    }
}

/// Where the values of rows begin and end.
fn ends<O: Copy + TryInto<usize>>(offsets: &[O], start: usize, end: usize) -> (usize, usize) {
    let at = |row: usize| {
        let offset = offsets.get(row).copied();
        offset
            .and_then(|offset| offset.try_into().ok())
            .unwrap_or(0)
    };
    (at(start), at(end))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{Int32Array, StringArray};
    use arrow_schema::{Field, Schema};

    use super::*;

    fn page(numbers: std::ops::Range<i32>) -> RecordBatch {
        let texts: Vec<String> = numbers.clone().map(|n| "x".repeat(n as usize)).collect();
        RecordBatch::try_new(
            Arc::new(Schema::new(vec![
                Field::new("n", DataType::Int32, true),
                Field::new("t", DataType::Utf8, true),
            ])),
            vec![
                Arc::new(Int32Array::from_iter_values(numbers)),
                Arc::new(StringArray::from(texts)),
            ],
        )
        .unwrap()
    }

    fn cut(pages: &[(i32, i32)], rows: usize, bytes: usize) -> Vec<Vec<i32>> {
        let mut batches = Batches::with_limits(page(0..0).schema(), Limits { rows, bytes });
        for &(from, to) in pages {
            batches.push(page(from..to)).unwrap();
        }
        batches.cut().unwrap();
        std::iter::from_fn(|| batches.pop())
            .map(|batch| {
                batch
                    .column(0)
                    .as_primitive::<Int32Type>()
                    .values()
                    .to_vec()
            })
            .collect()
    }

    #[test]
    fn borders_do_not_depend_on_pages() {
        let expected = [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]];
        for pages in [
            vec![(0, 8)],
            vec![(0, 1), (1, 8)],
            vec![(0, 3), (3, 3), (3, 6), (6, 8)],
            (0..8).map(|n| (n, n + 1)).collect(),
        ] {
            assert_eq!(cut(&pages, 3, usize::MAX), expected);
        }
    }

    #[test]
    fn large_rows_end_a_batch_early() {
        // A row takes 4 bytes and n more: 4 5 6 7 8 9 10 11.
        let expected = [vec![0, 1, 2, 3], vec![4, 5, 6], vec![7]];
        assert_eq!(cut(&[(0, 8)], 100, 20), expected);
        assert_eq!(cut(&[(0, 2), (2, 5), (5, 8)], 100, 20), expected);
    }
}
