//! What stands before a page: its kind, and how large it is.

use bytes::Bytes;
use parquet::errors::Result;

/// Fields of Thrift's compact protocol: an `i32` that follows the field before it, the number 0, and a structure two
/// fields on.
const NUMBER: u8 = 0x15;
const DATA_PAGE: u8 = 0;
const DATA_PAGE_HEADER: u8 = 0x2c;

/// The head of a data page that is not compressed (`PageHeader` of `parquet.thrift`, without a checksum).
pub(super) struct PageHead {
    size: i32,
    length: usize,
    /// All that follows the sizes.
    rest: Bytes,
}

impl PageHead {
    /// Reads one; `None` if it is of anything else.
    pub(super) fn read(head: &Bytes) -> Option<Self> {
        let sizes = head.strip_prefix(&[NUMBER, DATA_PAGE, NUMBER])?;
        let (unpacked, sizes) = number(sizes)?;
        let (packed, rest) = number(sizes.strip_prefix(&[NUMBER])?)?;
        if unpacked != packed || rest.first() != Some(&DATA_PAGE_HEADER) {
            return None;
        }
        Some(Self {
            size: packed,
            length: head.len(),
            rest: head.slice_ref(rest),
        })
    }

    /// Bytes of the page.
    pub(super) fn size(&self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX)
    }

    /// The head of the same page when it is compressed to so many bytes.
    pub(super) fn with_size(&self, packed: usize) -> Result<Bytes> {
        let packed = i32::try_from(packed)?;
        let mut head = Vec::with_capacity(self.length + 1);
        head.extend([NUMBER, DATA_PAGE, NUMBER]);
        push(&mut head, self.size);
        head.push(NUMBER);
        push(&mut head, packed);
        head.extend_from_slice(&self.rest);
        Ok(Bytes::from(head))
    }

    /// By how much a head of the same page is longer than this.
    pub(super) fn longer(&self, other: &[u8]) -> i64 {
        other.len() as i64 - self.length as i64
    }
}

/// A number that is not negative, and what follows it.
fn number(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let mut number = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            // Odd ones are negative.
            let size = number.is_multiple_of(2).then_some(number / 2)?;
            return Some((i32::try_from(size).ok()?, bytes.get(place + 1..)?));
        }
    }
    None
}

fn push(head: &mut Vec<u8>, number: i32) {
    let mut left = u64::from(number.unsigned_abs()) * 2;
    while left >= 0x80 {
        head.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    head.push(left as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the definition of the format has it: 1 (kind): 0, 2: 300, 3: 300, 5 (data page): { 1: 7, 2: 0, 3: 3, 4: 3 }.
    const PLAIN: [u8; 18] = [
        0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0xd8, 0x04, 0x2c, 0x15, 0x0e, 0x15, 0x00, 0x15, 0x06,
        0x15, 0x06, 0x00,
    ];

    fn read(head: &[u8]) -> Option<PageHead> {
        PageHead::read(&Bytes::copy_from_slice(head))
    }

    #[test]
    fn a_page_gets_another_size() {
        let head = read(&PLAIN).unwrap();
        assert_eq!(head.size(), 300);
        assert_eq!(head.with_size(300).unwrap(), PLAIN.as_slice());
        // 20 is 40 for Thrift, in one byte in place of two.
        let shorter = head.with_size(20).unwrap();
        assert_eq!(
            shorter[..8],
            [0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x28, 0x2c]
        );
        assert_eq!(shorter[8..], PLAIN[9..]);
        assert_eq!(head.longer(&shorter), -1);
        let longer = head.with_size(10_000).unwrap();
        assert_eq!(longer[5..9], [0x15, 0xa0, 0x9c, 0x01]);
        assert_eq!(head.longer(&longer), 1);
        assert!(head.with_size(1 << 31).is_err());
        assert_eq!(
            head.with_size((1 << 31) - 1).unwrap()[6..11],
            [0xfe, 0xff, 0xff, 0xff, 0x0f]
        );
    }

    #[test]
    fn anything_else_is_not_taken_for_one() {
        for (place, other) in [(1, 4), (1, 6), (3, 0xda), (3, 0xd9), (5, 0x16), (8, 0x15)] {
            let mut head = PLAIN;
            head[place] = other;
            assert!(read(&head).is_none(), "{place} {other}");
        }
        for end in 0..9 {
            assert!(read(&PLAIN[..end]).is_none(), "{end}");
        }
        assert!(read(&[0x15, 0x00, 0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).is_none());
    }
}
