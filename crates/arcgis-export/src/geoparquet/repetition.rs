//! Which columns a dictionary is worth while for.
//!
//! A dictionary of values that hardly ever repeat costs the looking up of each, and makes the file larger by a fifth to two
//! thirds: once the values, once their places. The first batch tells which columns those are. Whole numbers are written
//! as differences then: object ids in a row take next to nothing.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    BinaryType, ByteArrayType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, TimestampMicrosecondType, TimestampMillisecondType, Utf8Type,
};
use arrow_array::{Array, ArrowPrimitiveType, RecordBatch};
use arrow_buffer::ToByteSlice;
use parquet::basic::Encoding;
use xxhash_rust::xxh3::xxh3_64;

/// So many rows are looked at, and fewer values than these say nothing.
const MANY: usize = 8_192;
const FEW: usize = 512;

/// What the `parquet` crate lets a dictionary grow to: beyond it goes on without.
const MOST_BYTES: f64 = 1024.0 * 1024.0;

/// A column that needs no dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unrepeated {
    pub(super) column: String,
    pub(super) encoding: Encoding,
}

/// The columns of a file whose values mostly come once in a row group, judged by its first rows.
pub(super) fn unrepeated(first: &RecordBatch, row_group_rows: usize) -> Vec<Unrepeated> {
    let first = first.slice(0, first.num_rows().min(MANY));
    let schema = first.schema();
    let columns = schema.fields().iter().zip(first.columns());
    let judged = columns.filter_map(|(field, column)| {
        let mut values = Values::of(column)?;
        values
            .are_unrepeated(first.num_rows(), row_group_rows)
            .then(|| Unrepeated {
                column: field.name().clone(),
                encoding: values.encoding,
            })
    });
    judged.collect()
}

/// The values of a column, each by its hash.
struct Values {
    hashes: Vec<u64>,
    bytes: usize,
    encoding: Encoding,
}

impl Values {
    /// Those that are not null; `None` for columns that have no dictionary of their own.
    fn of(column: &dyn Array) -> Option<Self> {
        let whole = Encoding::DELTA_BINARY_PACKED;
        let plain = Encoding::PLAIN;
        None.or_else(|| Self::numbers::<Int64Type>(column, whole))
            .or_else(|| Self::numbers::<Int32Type>(column, whole))
            .or_else(|| Self::numbers::<Int16Type>(column, whole))
            .or_else(|| Self::numbers::<TimestampMillisecondType>(column, whole))
            .or_else(|| Self::numbers::<TimestampMicrosecondType>(column, whole))
            .or_else(|| Self::numbers::<Date32Type>(column, whole))
            .or_else(|| Self::numbers::<Time32MillisecondType>(column, whole))
            .or_else(|| Self::numbers::<Float64Type>(column, plain))
            .or_else(|| Self::numbers::<Float32Type>(column, plain))
            .or_else(|| Self::texts::<Utf8Type>(column, plain))
            .or_else(|| Self::texts::<BinaryType>(column, plain))
    }

    fn numbers<T: ArrowPrimitiveType>(column: &dyn Array, encoding: Encoding) -> Option<Self> {
        let values = column.as_primitive_opt::<T>()?;
        let hashes = values.iter().flatten();
        let hashes = hashes.map(|value| xxh3_64([value].to_byte_slice()));
        let hashes: Vec<u64> = hashes.collect();
        Some(Self {
            bytes: hashes.len() * size_of::<T::Native>(),
            hashes,
            encoding,
        })
    }

    fn texts<T: ByteArrayType>(column: &dyn Array, encoding: Encoding) -> Option<Self> {
        let values = column.as_bytes_opt::<T>()?;
        let mut bytes = 0;
        let mut hashes = Vec::with_capacity(values.len());
        for value in values.iter().flatten() {
            let value: &[u8] = value.as_ref();
            // With the length before it.
            bytes += 4 + value.len();
            hashes.push(xxh3_64(value));
        }
        Some(Self {
            hashes,
            bytes,
            encoding,
        })
    }

    fn are_unrepeated(&mut self, rows: usize, row_group_rows: usize) -> bool {
        let count = self.hashes.len();
        if count < FEW {
            return false;
        }
        self.hashes.sort_unstable();
        self.hashes.dedup();
        let again = count - self.hashes.len();
        if again == 0 {
            return true;
        }
        // Of n values taken out of d different ones, about n²/2d came before.
        let taken = count as f64;
        let different = taken * taken / (2.0 * again as f64);
        let in_group = row_group_rows as f64 * taken / rows.max(1) as f64;
        let in_dictionary = different * (1.0 - (-in_group / different).exp());
        let bytes = in_dictionary * self.bytes as f64 / taken;
        in_dictionary > in_group / 2.0 || bytes > MOST_BYTES
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};

    use super::*;

    /// Numbers that look as if by chance, the same in each run, below a limit.
    fn by_chance(count: u64, below: u64) -> impl Iterator<Item = u64> {
        (0..count).map(move |n| xxh3_64(&n.to_le_bytes()) % below)
    }

    fn judged(column: ArrayRef) -> bool {
        let batch = RecordBatch::try_from_iter_with_nullable([("column", column, true)]).unwrap();
        !unrepeated(&batch, 100_000).is_empty()
    }

    fn wholes(count: u64, below: u64) -> ArrayRef {
        let values = by_chance(count, below).map(|value| value as i64);
        Arc::new(Int64Array::from_iter_values(values))
    }

    /// Beside each: how many of a row group's 100,000 values are different. A dictionary pays up to about half.
    #[test]
    fn values_that_mostly_come_once_need_no_dictionary() {
        assert!(judged(Arc::new(Int64Array::from_iter_values(0..16_384))));
        // 95,000
        assert!(judged(wholes(16_384, 1_000_000)));
        assert!(judged(wholes(1_000, 1_000_000)));
        // 79,000
        assert!(judged(wholes(8_192, 200_000)));
        // 25,000
        assert!(!judged(wholes(16_384, 25_000)));
        assert!(!judged(wholes(1_000, 25_000)));
        // Fewer than there are values in the batch.
        assert!(!judged(wholes(16_384, 100)));
        // Too few to tell.
        assert!(!judged(wholes(100, 1_000_000)));
        let doubles = by_chance(16_384, 1 << 40).map(|value| value as f64 / 3.0);
        assert!(judged(Arc::new(Float64Array::from_iter_values(doubles))));
    }

    #[test]
    fn a_dictionary_that_would_grow_too_large_is_not_begun() {
        let texts = |length: usize| {
            let values = by_chance(16_384, 20_000).map(|value| format!("{value:0length$}"));
            judged(Arc::new(StringArray::from_iter_values(values)))
        };
        // 20,000 of them take 280 KB, and 4 MB.
        assert!(!texts(10));
        assert!(texts(200));
    }

    #[test]
    fn nulls_are_no_values() {
        let every = |step: u64| {
            let values = by_chance(16_384, 1 << 40).enumerate();
            let values = values
                .map(|(row, value)| (row as u64).is_multiple_of(step).then_some(value as i64));
            judged(Arc::new(values.collect::<Int64Array>()))
        };
        assert!(every(2));
        assert!(!every(100));
        assert!(!judged(Arc::new(Int64Array::new_null(16_384))));
    }

    #[test]
    fn whole_numbers_become_differences() {
        let texts = by_chance(1_000, 1 << 40).map(|value| value.to_string());
        let columns: [(&str, ArrayRef); 2] = [
            ("id", Arc::new(Int64Array::from_iter_values(0..1_000))),
            ("text", Arc::new(StringArray::from_iter_values(texts))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let encodings: Vec<_> = unrepeated(&batch, 100_000)
            .into_iter()
            .map(|column| (column.column, column.encoding))
            .collect();
        assert_eq!(
            encodings,
            [
                ("id".to_owned(), Encoding::DELTA_BINARY_PACKED),
                ("text".to_owned(), Encoding::PLAIN)
            ]
        );
    }
}
