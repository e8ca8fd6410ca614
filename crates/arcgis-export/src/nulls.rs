//! Which rows of a column that grows are null.

use arrow_buffer::{BooleanBuffer, NullBuffer};

use crate::block::{Block, Pieces};

/// A bit for each row up to the last one that is null; nothing for rows that have a value.
#[derive(Debug, Default)]
pub(crate) struct Nulls {
    bits: Vec<u8>,
    /// The bits are those of values.
    sealed: bool,
}

impl Nulls {
    #[inline]
    pub(crate) fn mark(&mut self, row: usize, expected_rows: usize) {
        if row / 8 >= self.bits.len() {
            if self.bits.capacity() == 0 {
                self.bits.reserve_exact(expected_rows.div_ceil(8));
            }
            self.bits.resize(row / 8 + 1, 0);
        }
        if let Some(bits) = self.bits.last_mut() {
            *bits |= 1 << (row % 8);
        }
    }

    /// All of so many rows are there.
    pub(crate) fn seal(&mut self, rows: usize) {
        if self.bits.is_empty() || self.sealed {
            return;
        }
        self.bits.resize(rows.div_ceil(8), 0);
        for bits in &mut self.bits {
            *bits = !*bits;
        }
        self.sealed = true;
    }

    pub(crate) fn pieces<'a>(&'a self, pieces: &mut Pieces<'a>) {
        if self.sealed {
            pieces.add(&self.bits);
        }
    }

    /// Which rows are not null; `None` if all are.
    pub(crate) fn taken(&self, rows: usize, block: &mut Block) -> Option<NullBuffer> {
        self.sealed.then(|| {
            let bits = block.take(self.bits.len());
            NullBuffer::new(BooleanBuffer::new(bits, 0, rows))
        })
    }

    pub(crate) fn clear(&mut self) {
        self.bits.clear();
        self.sealed = false;
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bits.capacity()
    }
}
