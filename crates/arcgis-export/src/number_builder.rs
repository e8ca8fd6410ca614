//! Columns of numbers while they grow.

use arrow_array::{ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::DataType;

/// Takes the values of a column of numbers. A value costs no more than its place: what is noted, is nulls.
#[derive(Debug)]
pub(crate) struct NumberBuilder<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    nulls: Nulls,
    data_type: DataType,
}

impl<T: ArrowPrimitiveType> NumberBuilder<T> {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self {
            values: Vec::with_capacity(rows),
            nulls: Nulls::default(),
            data_type: T::DATA_TYPE,
        }
    }

    /// Another data type with the same numbers, such as a timestamp in a zone.
    pub(crate) fn with_data_type(mut self, data_type: DataType) -> Self {
        self.data_type = data_type;
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub(crate) fn append_value(&mut self, value: T::Native) {
        self.values.push(value);
    }

    #[inline]
    pub(crate) fn append_null(&mut self) {
        self.nulls.mark(self.values.len(), self.values.capacity());
        self.values.push(T::Native::default());
    }

    pub(crate) fn finish(self) -> PrimitiveArray<T> {
        let nulls = self.nulls.finish(self.values.len());
        PrimitiveArray::new(ScalarBuffer::from(self.values), nulls).with_data_type(self.data_type)
    }
}

/// Which rows are null: a bit for each row up to the last one that is.
#[derive(Debug, Default)]
struct Nulls {
    bits: Vec<u8>,
}

impl Nulls {
    #[inline]
    fn mark(&mut self, row: usize, expected_rows: usize) {
        if row / 8 >= self.bits.len() {
            if self.bits.is_empty() {
                self.bits.reserve_exact(expected_rows.div_ceil(8));
            }
            self.bits.resize(row / 8 + 1, 0);
        }
        if let Some(bits) = self.bits.last_mut() {
            *bits |= 1 << (row % 8);
        }
    }

    /// Which rows are not null; `None` if all are.
    fn finish(mut self, rows: usize) -> Option<NullBuffer> {
        if self.bits.is_empty() {
            return None;
        }
        self.bits.resize(rows.div_ceil(8), 0);
        for bits in &mut self.bits {
            *bits = !*bits;
        }
        let valid = BooleanBuffer::new(Buffer::from_vec(self.bits), 0, rows);
        Some(NullBuffer::new(valid))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::types::{Int32Type, TimestampMillisecondType};

    use super::*;

    #[test]
    fn nulls_are_where_they_were_put() {
        for rows in 0..40 {
            for step in 1..20 {
                let mut builder = NumberBuilder::<Int32Type>::with_capacity(0);
                for row in 0..rows {
                    if row % step == 1 {
                        builder.append_null();
                    } else {
                        builder.append_value(row);
                    }
                }
                let expected: Vec<_> = (0..rows)
                    .map(|row| (row % step != 1).then_some(row))
                    .collect();
                let array = builder.finish();
                assert_eq!(array.iter().collect::<Vec<_>>(), expected);
                let nulls = expected.iter().filter(|value| value.is_none()).count();
                assert_eq!(array.null_count(), nulls);
            }
        }
    }

    #[test]
    fn the_data_type_is_the_one_asked_for() {
        let zoned = DataType::Timestamp(arrow_schema::TimeUnit::Millisecond, Some("UTC".into()));
        let builder = NumberBuilder::<TimestampMillisecondType>::with_capacity(1);
        assert_eq!(
            builder.with_data_type(zoned.clone()).finish().data_type(),
            &zoned
        );
    }
}
