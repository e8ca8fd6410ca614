//! Attribute values.

use super::wire::{Message, malformed, unzigzag, varint_of};
use crate::decode::DecodeError;
use crate::sink::{FeatureSink, SinkError, ValueRef};

/// What a value message holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Value(ValueRef<'a>),
    /// The place of the value among those of the answer.
    Index(u64),
}

/// What became of a value that may be in the form that nearly all have.
pub(super) enum Given {
    /// The sink has it; the member has so many bytes.
    Taken(usize),
    Refused(SinkError),
    /// It is in another form: to be read by [`read`].
    Other,
}

/// The member of a row that a page begins with, if it is a value in the form that nearly all have: one member, shorter
/// than 128 bytes.
struct Plain<'a> {
    /// Behind the value's tag.
    word: u64,
    tag: u8,
    /// The bytes of the value with its tag: none of null.
    length: usize,
    page: &'a [u8],
}

impl<'a> Plain<'a> {
    /// The row has `left` more bytes. What is behind them in the page is of no meaning here, but can be looked at in one
    /// go.
    #[inline(always)]
    fn new(page: &'a [u8], left: usize) -> Option<Self> {
        let head = u128::from_le_bytes(*page.first_chunk()?);
        let start = head as u64;
        let length = (start >> 8) as usize & 0x7f;
        // Member 1, and how long it is.
        (start & 0x80ff == 0x000a && length + 2 <= left).then_some(Self {
            word: (head >> 24) as u64,
            tag: (start >> 16) as u8,
            length,
            page,
        })
    }

    #[inline(always)]
    fn number(&self) -> Option<u64> {
        if (2..=9).contains(&self.length) {
            varint_of(self.word, self.length - 1)
        } else {
            None
        }
    }

    #[inline(always)]
    fn text(&self) -> Option<&'a [u8]> {
        let text = self.page.get(4..self.length + 2)?;
        (usize::from(self.word as u8) == text.len()).then_some(text)
    }
}

/// Gives a value to a sink, if it is in the form that nearly all have.
///
/// Each kind of value is given in a place of its own, so that the sink knows the kind.
#[inline(always)]
pub(super) fn give<S: FeatureSink>(page: &[u8], left: usize, sink: &mut S, column: usize) -> Given {
    let Some(plain) = Plain::new(page, left) else {
        return Given::Other;
    };
    let given = match (plain.tag, plain.length) {
        (_, 0) => sink.attribute(column, ValueRef::Null),
        (0x0a, _) => match plain.text() {
            Some(text) if text.is_ascii() => sink.ascii(column, text),
            Some(text) => match std::str::from_utf8(text) {
                Ok(text) => sink.attribute(column, ValueRef::Str(text)),
                Err(_) => return Given::Other,
            },
            None => return Given::Other,
        },
        (0x19, 9) => sink.attribute(column, ValueRef::Float(f64::from_bits(plain.word))),
        (0x15, 5) => {
            let float = f32::from_bits(plain.word as u32);
            sink.attribute(column, ValueRef::Float(f64::from(float)))
        }
        (tag @ (0x20 | 0x28 | 0x30 | 0x38 | 0x40 | 0x48), _) => {
            let Some(number) = plain.number() else {
                return Given::Other;
            };
            if tag == 0x48 {
                sink.attribute(column, ValueRef::Bool(number != 0))
            } else {
                sink.attribute(column, ValueRef::Int(whole(tag, number)))
            }
        }
        _ => return Given::Other,
    };
    match given {
        Ok(()) => Given::Taken(plain.length + 2),
        Err(source) => Given::Refused(source),
    }
}

/// A whole number in the form that nearly all have, and how long its member is.
#[inline(always)]
pub(super) fn plain_whole(page: &[u8], left: usize) -> Option<(i64, usize)> {
    let plain = Plain::new(page, left)?;
    match plain.tag {
        tag @ (0x20 | 0x28 | 0x30 | 0x38 | 0x40) => {
            Some((whole(tag, plain.number()?), plain.length + 2))
        }
        _ => None,
    }
}

/// What a number of at most 56 bits stands for in a member with this tag: the sign of a negative one in two's complement
/// is not among them.
#[inline(always)]
fn whole(tag: u8, number: u64) -> i64 {
    match tag {
        0x20 | 0x40 => unzigzag(number),
        _ => number as i64,
    }
}

/// Reads a value. One without a member is null; of several members the last counts, as the format says.
///
/// A member that is not known is an error: taken for null it would lose a value.
#[inline]
pub(super) fn read(mut message: Message<'_>) -> Result<Cell<'_>, DecodeError> {
    let mut cell = Cell::Value(ValueRef::Null);
    while let Some(member) = message.next()? {
        cell = Cell::Value(match member.number {
            1 => ValueRef::Str(member.text()?),
            2 => ValueRef::Float(f64::from(member.float()?)),
            3 => ValueRef::Float(member.double()?),
            4 | 8 => ValueRef::Int(member.signed()?),
            5 | 7 => unsigned(member.varint()?),
            // In two's complement.
            6 => ValueRef::Int(member.varint()? as i64),
            9 => ValueRef::Bool(member.flag()?),
            10 => ValueRef::Null,
            11 => {
                cell = Cell::Index(member.varint()?);
                continue;
            }
            other => {
                return Err(malformed(
                    member.at,
                    format!("a value is of the unknown kind {other}"),
                ));
            }
        });
    }
    Ok(cell)
}

/// What does not fit 64 bits with a sign becomes a float, as in JSON.
fn unsigned(number: u64) -> ValueRef<'static> {
    match i64::try_from(number) {
        Ok(number) => ValueRef::Int(number),
        Err(_) => ValueRef::Float(number as f64),
    }
}
