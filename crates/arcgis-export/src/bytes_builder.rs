//! Columns of texts and of bytes while they grow.

use arrow_array::types::ByteArrayType;
use arrow_array::{FixedSizeBinaryArray, GenericByteArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer, ToByteSlice};
use arrow_schema::ArrowError;

use crate::block::{Block, Growing, Pieces};
use crate::nulls::Nulls;

/// Takes values of any length. That texts are UTF-8 is checked at the end, all of them at once.
#[derive(Debug)]
pub(crate) struct BytesBuilder {
    values: Vec<u8>,
    /// Where each value begins, and where the last one ends.
    offsets: Vec<i32>,
    nulls: Nulls,
    expected: usize,
}

impl BytesBuilder {
    /// For values of about so many bytes.
    pub(crate) fn new(expected: usize) -> Self {
        Self {
            values: Vec::new(),
            offsets: vec![0],
            nulls: Nulls::default(),
            expected,
        }
    }

    /// The bytes of all values.
    pub(crate) fn bytes(&self) -> usize {
        self.values.len()
    }

    /// The values that there are, and behind them what becomes the next one by [`BytesBuilder::end`].
    #[inline]
    pub(crate) fn values(&mut self) -> &mut Vec<u8> {
        &mut self.values
    }

    /// Ends a value. The caller has seen to it that all values together take at most [`i32::MAX`] bytes.
    #[inline]
    pub(crate) fn end(&mut self) {
        let end = i32::try_from(self.values.len()).unwrap_or(i32::MAX);
        self.offsets.push(end);
    }

    #[inline]
    pub(crate) fn append_value(&mut self, value: &[u8]) {
        self.values.extend_from_slice(value);
        self.end();
    }

    #[inline]
    pub(crate) fn append_null(&mut self) {
        self.nulls.mark(self.len(), self.offsets.capacity());
        self.end();
    }

    /// The finished column, of the copies of its pieces.
    ///
    /// # Errors
    ///
    /// If the values are no values of the type: no UTF-8.
    pub(crate) fn taken<T: ByteArrayType<Offset = i32>>(
        &self,
        block: &mut Block,
    ) -> Result<GenericByteArray<T>, ArrowError> {
        let offsets = block.take(self.offsets.to_byte_slice().len());
        let values = block.take(self.values.len());
        let nulls = self.nulls.taken(self.len(), block);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        GenericByteArray::try_new(offsets, values, nulls)
    }
}

impl Growing for BytesBuilder {
    fn reserve(&mut self, rows: usize) {
        self.offsets.reserve(rows);
        self.values.reserve(rows.saturating_mul(self.expected));
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    fn seal(&mut self) {
        self.nulls.seal(self.len());
    }

    fn pieces<'a>(&'a self, pieces: &mut Pieces<'a>) {
        pieces.add(self.offsets.to_byte_slice());
        pieces.add(&self.values);
        self.nulls.pieces(pieces);
    }

    fn clear(&mut self) {
        self.values.clear();
        self.offsets.truncate(1);
        self.nulls.clear();
    }

    fn capacity(&self) -> usize {
        self.values.capacity() + self.offsets.capacity() * 4 + self.nulls.capacity()
    }
}

/// Takes values of so many bytes each.
#[derive(Debug)]
pub(crate) struct FixedBuilder<const SIZE: usize> {
    values: Vec<[u8; SIZE]>,
    nulls: Nulls,
}

impl<const SIZE: usize> FixedBuilder<SIZE> {
    pub(crate) fn new() -> Self {
        Self {
            values: Vec::new(),
            nulls: Nulls::default(),
        }
    }

    pub(crate) fn append_value(&mut self, value: [u8; SIZE]) {
        self.values.push(value);
    }

    pub(crate) fn append_null(&mut self) {
        self.nulls.mark(self.values.len(), self.values.capacity());
        self.values.push([0; SIZE]);
    }

    /// The finished column, of the copies of its pieces.
    pub(crate) fn taken(&self, block: &mut Block) -> Result<FixedSizeBinaryArray, ArrowError> {
        let values = block.take(self.values.as_flattened().len());
        let nulls = self.nulls.taken(self.values.len(), block);
        let size = i32::try_from(SIZE).unwrap_or(i32::MAX);
        FixedSizeBinaryArray::try_new(size, values, nulls)
    }
}

impl<const SIZE: usize> Growing for FixedBuilder<SIZE> {
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
        pieces.add(self.values.as_flattened());
        self.nulls.pieces(pieces);
    }

    fn clear(&mut self) {
        self.values.clear();
        self.nulls.clear();
    }

    fn capacity(&self) -> usize {
        self.values.capacity() * SIZE + self.nulls.capacity()
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use arrow_array::types::Utf8Type;

    use super::*;

    fn finished(builder: &mut BytesBuilder) -> Result<StringArray, ArrowError> {
        builder.seal();
        let mut pieces = Pieces::with_capacity(3);
        builder.pieces(&mut pieces);
        let array = builder.taken::<Utf8Type>(&mut pieces.copied());
        builder.clear();
        array
    }

    #[test]
    fn texts_come_back_and_nothing_of_the_page_before() {
        let mut builder = BytesBuilder::new(4);
        for texts in [
            vec![Some("é"), None, Some(""), Some("Cairo")],
            vec![Some("x")],
            vec![],
            vec![None, None],
        ] {
            for text in &texts {
                match text {
                    Some(text) => builder.append_value(text.as_bytes()),
                    None => builder.append_null(),
                }
            }
            assert_eq!(finished(&mut builder).unwrap(), StringArray::from(texts));
        }
    }

    #[test]
    fn what_is_no_text_is_an_error() {
        let mut builder = BytesBuilder::new(4);
        // Together they would be a letter.
        builder.append_value(b"\xc3");
        builder.append_value(b"\xa9");
        assert!(finished(&mut builder).is_err());
        builder.append_value(b"\xff");
        assert!(finished(&mut builder).is_err());
    }

    #[test]
    fn values_of_one_size_come_back() {
        let mut builder = FixedBuilder::<2>::new();
        builder.append_value(*b"ab");
        builder.append_null();
        builder.seal();
        let mut pieces = Pieces::with_capacity(2);
        builder.pieces(&mut pieces);
        let array = builder.taken(&mut pieces.copied()).unwrap();
        let values: Vec<_> = array.iter().collect();
        assert_eq!(values, [Some(&b"ab"[..]), None]);
    }
}
