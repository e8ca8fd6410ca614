//! Attribute values.

use super::wire::{Message, malformed, short_varint, unzigzag, varint};
use crate::decode::DecodeError;
use crate::sink::ValueRef;

/// What a value message holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Value(ValueRef<'a>),
    /// The place of the value among those of the answer.
    Index(u64),
}

/// Passes the next member of a row if it is a value in the form that nearly all have: one member, shorter than 128
/// bytes. Hands the value over; what is `None` stays, to be read as it may be.
///
/// Each kind of value is handed over in a place of its own, so that what takes it knows the kind.
#[inline]
pub(super) fn plain<'a, T>(
    row: &mut Message<'a>,
    mut take: impl FnMut(ValueRef<'a>) -> T,
) -> Option<T> {
    let bytes = row.bytes();
    let &[0x0a, length @ ..=0x7f, ..] = bytes else {
        return None;
    };
    let end = 2 + usize::from(length);
    let value = bytes.get(2..end)?;
    let taken = match value {
        [] => take(ValueRef::Null),
        [0x0a, length, text @ ..] if usize::from(*length) == text.len() => {
            take(ValueRef::Str(std::str::from_utf8(text).ok()?))
        }
        [0x19, double @ ..] => take(ValueRef::Float(f64::from_le_bytes(double.try_into().ok()?))),
        [0x15, float @ ..] => {
            let float = f32::from_le_bytes(float.try_into().ok()?);
            take(ValueRef::Float(f64::from(float)))
        }
        [tag @ (0x20 | 0x28 | 0x30 | 0x38 | 0x40 | 0x48), number @ ..] => {
            let (number, length) = match number {
                [byte @ ..=0x7f] => (u64::from(*byte), 1),
                number => short_varint(bytes, 3).or_else(|| varint(number).ok())?,
            };
            if 3 + length != end {
                return None;
            }
            let whole = match tag {
                0x20 | 0x40 => unzigzag(number),
                0x30 => number as i64,
                0x48 => {
                    row.pass(end);
                    return Some(take(ValueRef::Bool(number != 0)));
                }
                // Without a sign.
                _ => i64::try_from(number).ok()?,
            };
            take(ValueRef::Int(whole))
        }
        _ => return None,
    };
    row.pass(end);
    Some(taken)
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
