//! The buffers of a batch in one block of memory.
//!
//! The columns of a page grow in buffers that are used again for the next page. What becomes of the page is copied out of
//! them, all columns into one block, as readers of Arrow IPC have them too: a batch costs one large allocation instead
//! of two for each column, and has no room to spare.

use arrow_buffer::{Buffer, MutableBuffer};

/// Each buffer begins at a multiple of this, as Arrow recommends.
const ALIGNMENT: usize = 64;

/// A column that grows, or a part of one.
pub(crate) trait Growing {
    /// Makes room for so many more values.
    fn reserve(&mut self, rows: usize);

    /// How many values there are.
    fn len(&self) -> usize;

    /// No more values come: what is added to `pieces` then is complete.
    fn seal(&mut self);

    /// Adds its buffers.
    fn pieces<'a>(&'a self, pieces: &mut Pieces<'a>);

    /// Takes all values out, and keeps the room that they had.
    fn clear(&mut self);

    /// The bytes of that room.
    fn capacity(&self) -> usize;
}

/// What is to be copied, in order.
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    pieces: Vec<&'a [u8]>,
    bytes: usize,
}

impl<'a> Pieces<'a> {
    pub(crate) fn with_capacity(pieces: usize) -> Self {
        Self {
            pieces: Vec::with_capacity(pieces),
            bytes: 0,
        }
    }

    pub(crate) fn add(&mut self, piece: &'a [u8]) {
        self.pieces.push(piece);
        self.bytes += piece.len().next_multiple_of(ALIGNMENT);
    }

    pub(crate) fn copied(self) -> Block {
        let mut block = MutableBuffer::with_capacity(self.bytes);
        for piece in self.pieces {
            block.extend_from_slice(piece);
            block.resize(block.len().next_multiple_of(ALIGNMENT), 0);
        }
        Block {
            buffer: block.into(),
            at: 0,
        }
    }
}

/// The copies, to be taken in the same order.
#[derive(Debug)]
pub(crate) struct Block {
    buffer: Buffer,
    at: usize,
}

impl Block {
    /// The next piece, which has so many bytes.
    pub(crate) fn take(&mut self, bytes: usize) -> Buffer {
        let piece = self.buffer.slice_with_length(self.at, bytes);
        self.at += bytes.next_multiple_of(ALIGNMENT);
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_back_in_order_and_aligned() {
        let long: Vec<u8> = (0..200).collect();
        let mut pieces = Pieces::with_capacity(2);
        for piece in [&long[..], &[], &[1], &long[..64]] {
            pieces.add(piece);
        }
        let mut block = pieces.copied();
        for piece in [&long[..], &[], &[1], &long[..64]] {
            let taken = block.take(piece.len());
            assert_eq!(taken.as_slice(), piece);
            assert_eq!(taken.as_ptr() as usize % ALIGNMENT, 0);
        }
    }
}
