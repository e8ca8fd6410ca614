//! Attribute values.

use super::wire::{Message, malformed};
use crate::decode::DecodeError;
use crate::sink::ValueRef;

/// What a value message holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Value(ValueRef<'a>),
    /// The place of the value among those of the answer.
    Index(u64),
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
