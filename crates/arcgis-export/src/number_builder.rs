//! Columns of numbers while they grow.

use arrow_array::{ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::{ScalarBuffer, ToByteSlice};
use arrow_schema::DataType;

use crate::block::{Block, Growing, Pieces};
use crate::nulls::Nulls;

/// Takes the values of a column of numbers. A value costs no more than its place: what is noted, is nulls.
#[derive(Debug)]
pub(crate) struct NumberBuilder<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    nulls: Nulls,
    data_type: DataType,
}

impl<T: ArrowPrimitiveType> NumberBuilder<T> {
    pub(crate) fn new() -> Self {
        Self::with_data_type(T::DATA_TYPE)
    }

    /// Another data type with the same numbers, such as a timestamp in a zone.
    pub(crate) fn with_data_type(data_type: DataType) -> Self {
        Self {
            values: Vec::new(),
            nulls: Nulls::default(),
            data_type,
        }
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

    /// The finished column, of the copies of its pieces.
    pub(crate) fn taken(&self, block: &mut Block) -> PrimitiveArray<T> {
        let values = block.take(self.values.to_byte_slice().len());
        let nulls = self.nulls.taken(self.values.len(), block);
        PrimitiveArray::new(ScalarBuffer::from(values), nulls)
            .with_data_type(self.data_type.clone())
    }
}

impl<T: ArrowPrimitiveType> Growing for NumberBuilder<T> {
    fn reserve(&mut self, rows: usize) {
        self.values.reserve(rows);
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    fn seal(&mut self) {
        self.nulls.seal(self.values.len());
    }

    fn pieces<'a>(&'a self, pieces: &mut Pieces<'a>) {
        pieces.add(self.values.to_byte_slice());
        self.nulls.pieces(pieces);
    }

    fn clear(&mut self) {
        self.values.clear();
        self.nulls.clear();
    }

    fn capacity(&self) -> usize {
        self.values.capacity() * size_of::<T::Native>() + self.nulls.capacity()
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::types::{Int32Type, TimestampMillisecondType};

    use super::*;

    fn finished<T: ArrowPrimitiveType>(builder: &mut NumberBuilder<T>) -> PrimitiveArray<T> {
        builder.seal();
        let mut pieces = Pieces::with_capacity(2);
        builder.pieces(&mut pieces);
        let array = builder.taken(&mut pieces.copied());
        builder.clear();
        array
    }

    #[test]
    fn nulls_are_where_they_were_put() {
        let mut builder = NumberBuilder::<Int32Type>::new();
        for rows in 0..40 {
            for step in 1..20 {
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
                let array = finished(&mut builder);
                assert_eq!(array.iter().collect::<Vec<_>>(), expected);
                let nulls = expected.iter().filter(|value| value.is_none()).count();
                assert_eq!(array.null_count(), nulls);
            }
        }
    }

    #[test]
    fn the_data_type_is_the_one_asked_for() {
        let zoned = DataType::Timestamp(arrow_schema::TimeUnit::Millisecond, Some("UTC".into()));
        let mut builder = NumberBuilder::<TimestampMillisecondType>::with_data_type(zoned.clone());
        assert_eq!(finished(&mut builder).data_type(), &zoned);
    }
}
