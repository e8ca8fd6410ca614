//! Values as text, in the formats that are text.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;

use super::cells::{Cell, uuid};
use super::iso::{IsoDate, IsoMoment, IsoTime};
use super::numbers::{push_double, push_float};

/// What tells one text format's values from another's.
pub(crate) trait Notation {
    /// A value that is not there.
    const NULL: &'static str;
    /// What stands around values that need no escaping: dates, GUIDs.
    const QUOTE: &'static str;

    /// Appends a text, with whatever has to stand around it and in it.
    fn push_text(out: &mut String, text: &str);
}

/// Appends a value.
pub(crate) fn push_cell<N: Notation>(out: &mut String, cell: Cell<'_>) {
    let quote = N::QUOTE;
    // Writing to a string does not fail.
    let _ = match cell {
        Cell::Null => out.write_str(N::NULL),
        Cell::Integer(number) => write!(out, "{number}"),
        Cell::Float(number) => {
            push_float(out, number);
            Ok(())
        }
        Cell::Double(number) => {
            push_double(out, number);
            Ok(())
        }
        Cell::Text(text) => {
            N::push_text(out, text);
            Ok(())
        }
        Cell::Bytes(bytes) => {
            // Of no bytes at all it is an empty text, which is not null.
            N::push_text(out, &BASE64.encode(bytes));
            Ok(())
        }
        Cell::Uuid(bytes) => write!(out, "{quote}{}{quote}", uuid(bytes)),
        Cell::Date(days) => write!(out, "{quote}{}{quote}", IsoDate(days.into())),
        Cell::Time(milliseconds) => write!(out, "{quote}{}{quote}", IsoTime(milliseconds.into())),
        Cell::Moment { microseconds, utc } => {
            let moment = IsoMoment {
                microseconds,
                utc,
                milliseconds: false,
            };
            write!(out, "{quote}{moment}{quote}")
        }
    };
}
