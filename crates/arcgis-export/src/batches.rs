//! From pages of any size to batches of an even one.

use std::collections::VecDeque;

use arrow_array::cast::AsArray;
use arrow_array::types::{BinaryType, Utf8Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use arrow_select::concat::concat_batches;

/// Most rows in a batch.
const BATCH_ROWS: usize = 16_384;
/// Bytes at which a batch ends, whatever its rows: the last row may take it beyond.
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// Cuts a stream of rows into batches at places that the rows alone decide: pages may come as they
/// like, the batches, and with them the file, are the same.
#[derive(Debug)]
pub(crate) struct Batches {
    schema: SchemaRef,
    most_rows: usize,
    most_bytes: usize,
    pieces: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    ready: VecDeque<RecordBatch>,
}

impl Batches {
    pub(crate) fn new(schema: SchemaRef) -> Self {
        Self::with_limits(schema, BATCH_ROWS, BATCH_BYTES)
    }

    fn with_limits(schema: SchemaRef, most_rows: usize, most_bytes: usize) -> Self {
        Self {
            schema,
            most_rows,
            most_bytes,
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
        for row in 0..batch.num_rows() {
            self.rows += 1;
            self.bytes = self.bytes.saturating_add(sizes.row(row));
            if self.rows >= self.most_rows || self.bytes >= self.most_bytes {
                self.pieces.push(batch.slice(start, row + 1 - start));
                start = row + 1;
                self.cut()?;
            }
        }
        if start < batch.num_rows() {
            self.pieces
                .push(batch.slice(start, batch.num_rows() - start));
        }
        Ok(())
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

/// How many bytes each row takes.
struct RowSizes<'a> {
    fixed: usize,
    variable: Vec<&'a [i32]>,
}

impl<'a> RowSizes<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let mut sizes = Self {
            fixed: 0,
            variable: Vec::new(),
        };
        for column in batch.columns() {
            sizes.add(column);
        }
        sizes
    }

    fn add(&mut self, column: &'a dyn Array) {
        match column.data_type() {
            DataType::Utf8 => {
                if let Some(texts) = column.as_bytes_opt::<Utf8Type>() {
                    self.variable.push(texts.value_offsets());
                }
            }
            DataType::Binary => {
                if let Some(values) = column.as_bytes_opt::<BinaryType>() {
                    self.variable.push(values.value_offsets());
                }
            }
            DataType::Struct(_) => {
                for member in column.as_struct().columns() {
                    self.add(member);
                }
            }
            other => self.fixed += other.primitive_width().unwrap_or(8),
        }
    }

    fn row(&self, row: usize) -> usize {
        self.variable.iter().fold(self.fixed, |size, offsets| {
            let [start, end] = [row, row + 1].map(|at| offsets.get(at).copied().unwrap_or(0));
            size + usize::try_from(end - start).unwrap_or(0)
        })
    }
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
        let mut batches = Batches::with_limits(page(0..0).schema(), rows, bytes);
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
