//! The wire format of protocol buffers: members one after the other, borrowed, with their lengths checked.
//!
//! Messages are walked by loops, never by recursion, so that no depth can overflow. The format has no sum and no
//! mark of its end; what protects from reading garbage is that every length and tag has to make sense.

use crate::decode::DecodeError;

/// The members of one message, from front to back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Message<'a> {
    /// What is left.
    bytes: &'a [u8],
    /// Where that is in the answer.
    at: usize,
}

/// One member of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) number: u32,
    /// Where it is in the answer.
    pub(super) at: usize,
    payload: Payload<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Payload<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(Message<'a>),
}

#[cold]
pub(super) fn malformed(at: usize, problem: impl Into<String>) -> DecodeError {
    DecodeError::Malformed {
        offset: at,
        problem: problem.into(),
    }
}

impl<'a> Message<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { bytes: body, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What has not been passed yet.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Passes so many bytes, if there are.
    #[inline]
    pub(super) fn pass(&mut self, length: usize) {
        self.bytes = self.bytes.get(length..).unwrap_or_default();
        self.at += length;
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.bytes.split_at_checked(length));
        let Some((taken, rest)) = taken else {
            return Err(malformed(
                self.at,
                format!(
                    "{length} bytes are announced, but only {} are left",
                    self.bytes.len()
                ),
            ));
        };
        self.bytes = rest;
        self.at += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.bytes.split_first_chunk() else {
            return Err(malformed(self.at, "the message ends inside a number"));
        };
        self.bytes = rest;
        self.at += N;
        Ok(*taken)
    }

    /// Passes a number of variable length.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.bytes {
            [byte @ 0..=0x7f, rest @ ..] => {
                self.bytes = rest;
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        match varint(self.bytes) {
            Ok((number, length)) => {
                self.bytes = self.bytes.get(length..).unwrap_or_default();
                self.at += length;
                Ok(number)
            }
            Err(problem) => Err(malformed(self.at, problem)),
        }
    }

    /// Passes the next member and gives it, if it is a message, with a tag of one byte, in the form that nearly all have.
    #[inline(always)]
    pub(super) fn next_message(&mut self, tag: u8) -> Option<Self> {
        let (&first, rest) = self.bytes.split_first()?;
        if first != tag {
            return None;
        }
        let (length, taken) = match *rest {
            [length @ ..=0x7f, ..] => (usize::from(length), 1),
            [low, high @ ..=0x7f, ..] => (usize::from(low & 0x7f) | usize::from(high) << 7, 2),
            _ => return None,
        };
        let bytes = rest.get(taken..)?.get(..length)?;
        let at = self.at + 1 + taken;
        self.pass(1 + taken + length);
        Some(Self { bytes, at })
    }

    /// Passes the next member; `None` at the end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Member<'a>>, DecodeError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let at = self.at;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).unwrap_or(u32::MAX);
        if number == 0 || number >= 1 << 29 {
            return Err(malformed(at, "a member has an impossible number"));
        }
        let payload = match tag & 7 {
            0 => Payload::Varint(self.varint()?),
            1 => Payload::Fixed64(self.array()?),
            2 => {
                let length = self.varint()?;
                let from = self.at;
                let bytes = self.take(length)?;
                Payload::Bytes(Message { bytes, at: from })
            }
            5 => Payload::Fixed32(self.array()?),
            // 3 and 4 are groups, which version 3 of protocol buffers does not have.
            kind => return Err(malformed(at, format!("a member has the wire type {kind}"))),
        };
        Ok(Some(Member {
            number,
            at,
            payload,
        }))
    }
}

impl<'a> Member<'a> {
    #[cold]
    fn unexpected(&self, wanted: &str) -> DecodeError {
        let found = match self.payload {
            Payload::Varint(_) => "a whole number",
            Payload::Fixed64(_) => "eight bytes",
            Payload::Fixed32(_) => "four bytes",
            Payload::Bytes(_) => "text or a message",
        };
        malformed(
            self.at,
            format!("member {} is {found}, not {wanted}", self.number),
        )
    }

    #[inline]
    pub(super) fn message(&self) -> Result<Message<'a>, DecodeError> {
        match self.payload {
            Payload::Bytes(message) => Ok(message),
            _ => Err(self.unexpected("a message")),
        }
    }

    #[inline]
    pub(super) fn text(&self) -> Result<&'a str, DecodeError> {
        let Payload::Bytes(message) = self.payload else {
            return Err(self.unexpected("text"));
        };
        std::str::from_utf8(message.bytes)
            .map_err(|error| DecodeError::not_text(message.at, error, false))
    }

    #[inline]
    pub(super) fn varint(&self) -> Result<u64, DecodeError> {
        match self.payload {
            Payload::Varint(number) => Ok(number),
            _ => Err(self.unexpected("a whole number")),
        }
    }

    /// A number whose sign is its lowest bit (`sint32` and `sint64`).
    ///
    /// Both are read with 64 bits. Encoders of `sint32` give at most 32, so that this loses nothing; from those that
    /// write too large a number all the same it is kept, and the column decides.
    #[inline]
    pub(super) fn signed(&self) -> Result<i64, DecodeError> {
        self.varint().map(unzigzag)
    }

    /// True or false; also the value of members that are there to be true.
    pub(super) fn flag(&self) -> Result<bool, DecodeError> {
        self.varint().map(|number| number != 0)
    }

    /// The number of an enumeration. They are open: any number may come.
    pub(super) fn choice(&self) -> Result<i32, DecodeError> {
        // Negative ones come as 64 bits; by the format the upper half does not count.
        self.varint().map(|number| number as i32)
    }

    #[inline]
    pub(super) fn double(&self) -> Result<f64, DecodeError> {
        match self.payload {
            Payload::Fixed64(bytes) => Ok(f64::from_le_bytes(bytes)),
            _ => Err(self.unexpected("a double")),
        }
    }

    #[inline]
    pub(super) fn float(&self) -> Result<f32, DecodeError> {
        match self.payload {
            Payload::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(self.unexpected("a float")),
        }
    }

    /// The numbers of a repeated member: packed, or this one alone.
    pub(super) fn numbers(&self) -> Result<Numbers<'a>, DecodeError> {
        match self.payload {
            Payload::Varint(number) => Ok(Numbers::One(Some(number))),
            Payload::Bytes(message) => Ok(Numbers::Packed(message)),
            _ => Err(self.unexpected("a list of whole numbers")),
        }
    }
}

/// Numbers of a repeated member.
#[derive(Debug)]
pub(super) enum Numbers<'a> {
    One(Option<u64>),
    Packed(Message<'a>),
}

impl Numbers<'_> {
    pub(super) fn next(&mut self) -> Result<Option<u64>, DecodeError> {
        match self {
            Self::One(number) => Ok(number.take()),
            Self::Packed(message) if message.is_empty() => Ok(None),
            Self::Packed(message) => message.varint().map(Some),
        }
    }
}

/// Reads a number of variable length, and tells how long it is: one of at most 8 bytes, where 8 bytes are left.
#[inline(always)]
pub(super) fn short_varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let word = u64::from_le_bytes(*bytes.get(at..)?.first_chunk::<8>()?);
    // The first byte without its high bit ends the number.
    let ends = !word & HIGH;
    let before_end = ends.checked_sub(1)? & !ends;
    let length = ends.trailing_zeros() / 8 + 1;
    Some((joined(word & before_end), length as usize))
}

/// The number of variable length that takes so many bytes, from 1 to 8, at the front of a word; `None` if it ends
/// elsewhere.
#[inline(always)]
pub(super) fn varint_of(word: u64, length: usize) -> Option<u64> {
    let inside = word & (u64::MAX >> (64 - 8 * length));
    // All bytes but the last have a high bit.
    let expected = HIGH & (u64::MAX >> (71 - 8 * length) >> 1);
    (inside & HIGH == expected).then(|| joined(inside))
}

/// Joins groups of 7 bits, each in a byte: to 14, to 28, to 56.
#[inline(always)]
fn joined(word: u64) -> u64 {
    let sevens = word & !HIGH;
    let pairs = (sevens & 0x007f_007f_007f_007f) | ((sevens & 0x7f00_7f00_7f00_7f00) >> 1);
    let fours = (pairs & 0x0000_3fff_0000_3fff) | ((pairs & 0x3fff_0000_3fff_0000) >> 2);
    (fours & 0x0fff_ffff) | ((fours & 0x0fff_ffff_0000_0000) >> 4)
}

pub(super) const HIGH: u64 = 0x8080_8080_8080_8080;

/// Reads a number of variable length, and tells how long it is.
#[inline]
pub(super) fn varint(bytes: &[u8]) -> Result<(u64, usize), &'static str> {
    let mut number = 0;
    for (place, &byte) in bytes.iter().take(10).enumerate() {
        if place == 9 && byte > 1 {
            return Err("a number has more than 64 bits");
        }
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok((number, place + 1));
        }
    }
    Err(if bytes.len() < 10 {
        "the message ends inside a number"
    } else {
        "a number has more than 64 bits"
    })
}

/// The number whose sign is the lowest bit.
#[inline]
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of <https://protobuf.dev/programming-guides/encoding/>.
    #[test]
    fn numbers_are_read_as_the_encoding_guide_says() {
        assert_eq!(varint(&[0x01]), Ok((1, 1)));
        assert_eq!(varint(&[0x96, 0x01, 0xff]), Ok((150, 2)));
        for (encoded, number) in [
            (0, 0),
            (1, -1),
            (2, 1),
            (3, -2),
            (0xffff_fffe, 0x7fff_ffff),
            (0xffff_ffff, -0x8000_0000),
            (u64::MAX, i64::MIN),
        ] {
            assert_eq!(unzigzag(encoded), number);
        }
        let mut longest = [0xff; 10];
        longest[9] = 1;
        assert_eq!(varint(&longest), Ok((u64::MAX, 10)));
        longest[9] = 2;
        assert!(varint(&longest).is_err());
        assert!(varint(&[0x80; 11]).is_err());
        assert!(varint(&[0x80; 3]).is_err());
        assert!(varint(&[]).is_err());
    }

    /// Numbers of every length, as the plain reader has them.
    #[test]
    fn numbers_read_many_bytes_at_a_time_are_the_same() {
        let mut numbers = vec![0, 1, 2, u64::MAX];
        for bits in 0..64 {
            let pattern = 0x9e37_79b9_7f4a_7c15_u64.rotate_left(bits) >> (63 - bits);
            numbers.extend([1 << bits, (1 << bits) - 1, pattern, pattern | 1]);
        }
        for number in numbers {
            let mut bytes = vec![0xff];
            let mut left = number;
            while left >= 0x80 {
                bytes.push(left as u8 | 0x80);
                left >>= 7;
            }
            bytes.push(left as u8);
            let length = bytes.len() - 1;
            bytes.extend([0xff; 8]);
            let expected = (number < 1 << 56).then_some((number, length));
            assert_eq!(short_varint(&bytes, 1), expected, "{number}");
            let word = u64::from_le_bytes(*bytes[1..].first_chunk().unwrap());
            for claimed in 1..=8 {
                let expected = expected.filter(|(_, length)| *length == claimed);
                assert_eq!(
                    varint_of(word, claimed),
                    expected.map(|(number, _)| number),
                    "{number} in {claimed}"
                );
            }
        }
        assert_eq!(short_varint(&[1; 7], 0), None);
        assert_eq!(short_varint(&[1; 8], 1), None);
        assert_eq!(short_varint(&[0xff; 8], 0), None);
    }

    #[test]
    fn members_are_read_as_the_encoding_guide_says() {
        let body = b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01";
        let mut message = Message::new(body);
        let first = message.next().unwrap().unwrap();
        assert_eq!((first.number, first.varint().unwrap()), (1, 150));
        let second = message.next().unwrap().unwrap();
        assert_eq!((second.number, second.text().unwrap()), (2, "testing"));
        let third = message.next().unwrap().unwrap();
        let mut inner = third.message().unwrap();
        assert_eq!((inner.at(), inner.bytes()), (14, &b"\x08\x96\x01"[..]));
        assert_eq!(inner.next().unwrap().unwrap().varint().unwrap(), 150);
        assert!(inner.next().unwrap().is_none() && message.next().unwrap().is_none());
        assert!(first.text().is_err() && second.varint().is_err() && second.double().is_err());
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for body in [
            &b"\x00"[..],
            b"\x07\x01",
            b"\x0b",
            b"\x0c",
            b"\x0e",
            b"\x08",
            b"\x08\x80",
            b"\x12\x05test",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x09\x00\x00\x00",
            b"\x0d\x00\x00",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01",
        ] {
            assert!(Message::new(body).next().is_err(), "{body:x?}");
        }
    }
}
