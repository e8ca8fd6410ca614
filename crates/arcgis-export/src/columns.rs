//! The builders of attribute columns, and what a value on the wire means to them.

use std::io::Write as _;
use std::sync::Arc;

use arcgis_layer::{FieldType, ValueRef};
use arrow_array::ArrayRef;
use arrow_array::types::{
    BinaryType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType, TimestampMillisecondType, Utf8Type,
};
use arrow_schema::ArrowError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::block::{Block, Growing};
use crate::bytes_builder::{BytesBuilder, FixedBuilder};
use crate::calendar;
use crate::column_options::GuidType;
use crate::labels::Labels;
use crate::number_builder::NumberBuilder;
use crate::schema::{DateZone, data_type};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Text,
    Date,
    DateOnly,
    TimeOnly,
    TimestampOffset,
    Bytes,
    Uuid,
}

impl ColumnKind {
    pub(crate) fn of(field_type: &FieldType, guids: GuidType) -> Self {
        match field_type {
            FieldType::Guid | FieldType::GlobalId if guids == GuidType::Uuid => Self::Uuid,
            FieldType::SmallInteger => Self::Int16,
            FieldType::Integer => Self::Int32,
            FieldType::BigInteger | FieldType::Oid => Self::Int64,
            FieldType::Single => Self::Float32,
            FieldType::Double => Self::Float64,
            FieldType::Date => Self::Date,
            FieldType::DateOnly => Self::DateOnly,
            FieldType::TimeOnly => Self::TimeOnly,
            FieldType::TimestampOffset => Self::TimestampOffset,
            FieldType::Blob => Self::Bytes,
            // Text, and whatever a later server may bring: text holds any value.
            _ => Self::Text,
        }
    }

    /// What a value of the column is, for people.
    fn expected(self) -> &'static str {
        match self {
            Self::Int16 => "whole number between -32768 and 32767",
            Self::Int32 => "whole number between -2147483648 and 2147483647",
            Self::Int64 => "whole number of 64 bits",
            Self::Float32 => "number of 32 bits, up to 3.4e38",
            Self::Float64 => "number",
            Self::Text => "text",
            Self::Date => "date (milliseconds since 1970, or ISO 8601)",
            Self::DateOnly => "date without time (YYYY-MM-DD)",
            Self::TimeOnly => "time of day in milliseconds (HH:MM:SS.fff)",
            Self::TimestampOffset => "moment with its offset from UTC (ISO 8601)",
            Self::Bytes => "base64",
            Self::Uuid => "GUID (32 hexadecimal digits)",
        }
    }
}

/// One attribute column of a schema.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: ColumnKind,
    /// Null is no value of this column.
    pub(crate) required: bool,
    pub(crate) dates: DateZone,
    /// The zone in which moments are shown; none for other kinds, and where it is not known.
    pub(crate) zone: Option<Arc<str>>,
    /// What its codes mean, if that is wanted.
    pub(crate) labels: Option<Arc<Labels>>,
}

/// Takes the values of one column.
#[derive(Debug)]
pub(crate) enum ColumnBuilder {
    Int16(NumberBuilder<Int16Type>),
    Int32(NumberBuilder<Int32Type>),
    Int64(NumberBuilder<Int64Type>),
    Float32(NumberBuilder<Float32Type>),
    Float64(NumberBuilder<Float64Type>),
    Text(BytesBuilder),
    Date(NumberBuilder<TimestampMillisecondType>),
    DateOnly(NumberBuilder<Date32Type>),
    TimeOnly(NumberBuilder<Time32MillisecondType>),
    TimestampOffset(
        NumberBuilder<TimestampMicrosecondType>,
        NumberBuilder<Int16Type>,
    ),
    Bytes(BytesBuilder),
    Uuid(FixedBuilder<16>),
}

impl ColumnBuilder {
    pub(crate) fn new(column: &Column) -> Self {
        let shown = || data_type(column.kind, column.zone.as_ref());
        match column.kind {
            ColumnKind::Int16 => Self::Int16(NumberBuilder::new()),
            ColumnKind::Int32 => Self::Int32(NumberBuilder::new()),
            ColumnKind::Int64 => Self::Int64(NumberBuilder::new()),
            ColumnKind::Float32 => Self::Float32(NumberBuilder::new()),
            ColumnKind::Float64 => Self::Float64(NumberBuilder::new()),
            ColumnKind::Text => Self::Text(BytesBuilder::new(16)),
            ColumnKind::Date => Self::Date(NumberBuilder::with_data_type(shown())),
            ColumnKind::DateOnly => Self::DateOnly(NumberBuilder::new()),
            ColumnKind::TimeOnly => Self::TimeOnly(NumberBuilder::new()),
            ColumnKind::TimestampOffset => {
                Self::TimestampOffset(NumberBuilder::with_data_type(shown()), NumberBuilder::new())
            }
            ColumnKind::Bytes => Self::Bytes(BytesBuilder::new(0)),
            ColumnKind::Uuid => Self::Uuid(FixedBuilder::new()),
        }
    }

    /// What it is made of, in the order of the finished columns.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &dyn Growing> {
        let (first, second): (&dyn Growing, Option<&dyn Growing>) = match self {
            Self::Int16(builder) => (builder, None),
            Self::Int32(builder) => (builder, None),
            Self::Int64(builder) => (builder, None),
            Self::Float32(builder) => (builder, None),
            Self::Float64(builder) => (builder, None),
            Self::Text(builder) | Self::Bytes(builder) => (builder, None),
            Self::Date(builder) => (builder, None),
            Self::DateOnly(builder) => (builder, None),
            Self::TimeOnly(builder) => (builder, None),
            Self::TimestampOffset(instants, offsets) => (instants, Some(offsets)),
            Self::Uuid(builder) => (builder, None),
        };
        std::iter::once(first).chain(second)
    }

    /// The same, to be changed.
    pub(crate) fn parts_mut(&mut self) -> impl Iterator<Item = &mut dyn Growing> {
        let (first, second): (&mut dyn Growing, Option<&mut dyn Growing>) = match self {
            Self::Int16(builder) => (builder, None),
            Self::Int32(builder) => (builder, None),
            Self::Int64(builder) => (builder, None),
            Self::Float32(builder) => (builder, None),
            Self::Float64(builder) => (builder, None),
            Self::Text(builder) | Self::Bytes(builder) => (builder, None),
            Self::Date(builder) => (builder, None),
            Self::DateOnly(builder) => (builder, None),
            Self::TimeOnly(builder) => (builder, None),
            Self::TimestampOffset(instants, offsets) => (instants, Some(offsets)),
            Self::Uuid(builder) => (builder, None),
        };
        std::iter::once(first).chain(second)
    }

    /// Takes a value of the column's own kind, as nearly all are; false if it is left to [`ColumnBuilder::append`].
    #[inline(always)]
    pub(crate) fn append_own(&mut self, value: ValueRef<'_>) -> bool {
        match (self, value) {
            (Self::Int64(builder), ValueRef::Int(value)) => builder.append_value(value),
            (Self::Date(builder), ValueRef::Int(value)) => builder.append_value(value),
            (Self::Int32(builder), ValueRef::Int(value)) => match i32::try_from(value) {
                Ok(value) => builder.append_value(value),
                Err(_) => return false,
            },
            (Self::Int16(builder), ValueRef::Int(value)) => match i16::try_from(value) {
                Ok(value) => builder.append_value(value),
                Err(_) => return false,
            },
            (Self::Float64(builder), ValueRef::Float(value)) => builder.append_value(value),
            (Self::Float64(builder), ValueRef::Int(value)) => builder.append_value(value as f64),
            (Self::Float32(builder), ValueRef::Float(value)) => match single(value) {
                Some(value) => builder.append_value(value),
                None => return false,
            },
            (Self::Text(builder), ValueRef::Str(text)) => {
                return append_own_text(builder, text.as_bytes());
            }
            // An object id, of which null is no value, would be one of 64 bits.
            (Self::Int32(builder), ValueRef::Null) => builder.append_null(),
            (Self::Int16(builder), ValueRef::Null) => builder.append_null(),
            (Self::Float64(builder), ValueRef::Null) => builder.append_null(),
            (Self::Float32(builder), ValueRef::Null) => builder.append_null(),
            (Self::Text(builder), ValueRef::Null) => builder.append_null(),
            (Self::Date(builder), ValueRef::Null) => builder.append_null(),
            _ => return false,
        }
        true
    }

    /// The same for a text that is known to be ASCII.
    #[inline(always)]
    pub(crate) fn append_own_ascii(&mut self, text: &[u8]) -> bool {
        match self {
            Self::Text(builder) => append_own_text(builder, text),
            _ => false,
        }
    }

    /// Takes a value; or takes nothing, and says what would have fitted.
    pub(crate) fn append(
        &mut self,
        value: ValueRef<'_>,
        column: &Column,
    ) -> Result<(), &'static str> {
        if value == ValueRef::Null {
            if column.required {
                return Err(column.kind.expected());
            }
            self.append_null();
            return Ok(());
        }
        self.append_value(value, column.dates)
            .ok_or(column.kind.expected())
    }

    fn append_value(&mut self, value: ValueRef<'_>, dates: DateZone) -> Option<()> {
        match self {
            Self::Int16(builder) => builder.append_value(integer(value)?.try_into().ok()?),
            Self::Int32(builder) => builder.append_value(integer(value)?.try_into().ok()?),
            Self::Int64(builder) => builder.append_value(integer(value)?),
            Self::Float32(builder) => builder.append_value(single(float(value)?)?),
            Self::Float64(builder) => builder.append_value(float(value)?),
            Self::Text(builder) => append_text(builder, value),
            Self::Date(builder) => builder.append_value(milliseconds(value, dates)?),
            Self::DateOnly(builder) => builder.append_value(match value {
                ValueRef::Str(text) => calendar::days(text)?,
                value => calendar::days_of_milliseconds(integer(value)?)?,
            }),
            Self::TimeOnly(builder) => builder.append_value(match value {
                ValueRef::Str(text) => calendar::time_of_day(text)?,
                _ => return None,
            }),
            Self::TimestampOffset(instants, offsets) => match value {
                ValueRef::Str(text) => {
                    let (instant, offset) = calendar::instant_with_offset(text)?;
                    instants.append_value(instant);
                    offsets.append_value(offset);
                }
                value => {
                    instants.append_value(milliseconds(value, dates)?.checked_mul(1000)?);
                    offsets.append_null();
                }
            },
            Self::Bytes(builder) => match value {
                ValueRef::Str(text) => append_base64(builder, text.trim())?,
                _ => return None,
            },
            Self::Uuid(builder) => match value {
                ValueRef::Str(text) => builder.append_value(uuid(text)?),
                _ => return None,
            },
        }
        Some(())
    }

    pub(crate) fn append_null(&mut self) {
        match self {
            Self::Int16(builder) => builder.append_null(),
            Self::Int32(builder) => builder.append_null(),
            Self::Int64(builder) => builder.append_null(),
            Self::Float32(builder) => builder.append_null(),
            Self::Float64(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::DateOnly(builder) => builder.append_null(),
            Self::TimeOnly(builder) => builder.append_null(),
            Self::TimestampOffset(instants, offsets) => {
                instants.append_null();
                offsets.append_null();
            }
            Self::Bytes(builder) => builder.append_null(),
            Self::Uuid(builder) => builder.append_null(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.parts().next().map_or(0, Growing::len)
    }

    /// The bytes of variable length that the column holds: their offsets have 32 bits.
    pub(crate) fn variable_len(&self) -> usize {
        match self {
            Self::Text(builder) | Self::Bytes(builder) => builder.bytes(),
            _ => 0,
        }
    }

    /// The finished column, or the finished two of them, of the copies of its pieces.
    pub(crate) fn taken(
        &self,
        block: &mut Block,
        into: &mut Vec<ArrayRef>,
    ) -> Result<(), ArrowError> {
        let column: ArrayRef = match self {
            Self::Int16(builder) => Arc::new(builder.taken(block)),
            Self::Int32(builder) => Arc::new(builder.taken(block)),
            Self::Int64(builder) => Arc::new(builder.taken(block)),
            Self::Float32(builder) => Arc::new(builder.taken(block)),
            Self::Float64(builder) => Arc::new(builder.taken(block)),
            Self::Text(builder) => Arc::new(builder.taken::<Utf8Type>(block)?),
            Self::Date(builder) => Arc::new(builder.taken(block)),
            Self::DateOnly(builder) => Arc::new(builder.taken(block)),
            Self::TimeOnly(builder) => Arc::new(builder.taken(block)),
            Self::TimestampOffset(instants, offsets) => {
                into.push(Arc::new(instants.taken(block)));
                Arc::new(offsets.taken(block))
            }
            Self::Bytes(builder) => Arc::new(builder.taken::<BinaryType>(block)?),
            Self::Uuid(builder) => Arc::new(builder.taken(block)?),
        };
        into.push(column);
        Ok(())
    }
}

/// How much text or how many bytes a column can hold: its offsets have 32 bits.
pub(crate) const MAX_OFFSET: usize = i32::MAX as usize;

/// The bytes of a UUID.
pub(crate) const UUID: i32 = 16;

/// The bytes of a GUID as services write it: in braces or not, with or without hyphens, in any case.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.trim();
    let inside = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut bytes = [0; 16];
    let mut digits = 0_usize;
    for letter in inside.bytes() {
        if letter == b'-' {
            // Only between the groups of 8, 4, 4, 4 and 12 digits.
            if !matches!(digits, 8 | 12 | 16 | 20) {
                return None;
            }
            continue;
        }
        let digit = char::from(letter).to_digit(16)?;
        let byte = bytes.get_mut(digits / 2)?;
        *byte = (*byte << 4) | u8::try_from(digit).ok()?;
        digits += 1;
    }
    (digits == 32).then_some(bytes)
}

/// Up to here every whole number is a 64-bit float of its own; beyond, a float on the wire may stand
/// for a neighbour.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn whole(number: f64) -> Option<i64> {
    // NaN and the infinities have no whole part that equals them within the bound.
    (number.abs() <= EXACT && number.fract() == 0.0).then_some(number as i64)
}

fn integer(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Null => None,
        ValueRef::Bool(value) => Some(i64::from(value)),
        ValueRef::Int(value) => Some(value),
        ValueRef::Float(value) => whole(value),
        ValueRef::Str(text) => {
            let text = text.trim();
            match text.parse() {
                Ok(value) => Some(value),
                Err(_) => whole(text.parse().ok()?),
            }
        }
    }
}

/// NaN and the infinities are values of a float column: servers send them bare, or as text.
fn float(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Null => None,
        ValueRef::Bool(value) => Some(f64::from(u8::from(value))),
        ValueRef::Int(value) => Some(value as f64),
        ValueRef::Float(value) => Some(value),
        ValueRef::Str(text) => text.trim().parse().ok(),
    }
}

fn single(value: f64) -> Option<f32> {
    let single = value as f32;
    (single.is_finite() || !value.is_finite()).then_some(single)
}

/// Milliseconds since 1970; a fraction of one is rounded down, before 1970 too.
fn milliseconds(value: ValueRef<'_>, dates: DateZone) -> Option<i64> {
    match value {
        ValueRef::Int(value) => Some(value),
        ValueRef::Float(value) => whole(value.floor()),
        ValueRef::Str(text) => {
            let text = text.trim();
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.bytes().all(|byte| byte.is_ascii_digit()) {
                // Eight digits may as well be a date, 20240131.
                return text.parse().ok().filter(|_| digits.len() != 8);
            }
            calendar::milliseconds(text, dates)
        }
        ValueRef::Null | ValueRef::Bool(_) => None,
    }
}

/// Takes a text if there is room for it.
#[inline(always)]
fn append_own_text(builder: &mut BytesBuilder, text: &[u8]) -> bool {
    let fits = builder.bytes().saturating_add(text.len()) <= MAX_OFFSET;
    if fits {
        builder.append_value(text);
    }
    fits
}

/// Takes what base64 stands for, straight into the column.
fn append_base64(builder: &mut BytesBuilder, text: &str) -> Option<()> {
    let out = builder.values();
    let before = out.len();
    if BASE64.decode_vec(text, out).is_err() {
        // Room for the value was taken before it was read.
        out.truncate(before);
        return None;
    }
    builder.end();
    Some(())
}

fn append_text(builder: &mut BytesBuilder, value: ValueRef<'_>) {
    let out = builder.values();
    // Writing to memory does not fail.
    let _ = match value {
        ValueRef::Str(text) => out.write_all(text.as_bytes()),
        ValueRef::Null => {
            builder.append_null();
            return;
        }
        ValueRef::Bool(value) => write!(out, "{value}"),
        ValueRef::Int(value) => write!(out, "{value}"),
        ValueRef::Float(value) => write!(out, "{value}"),
    };
    builder.end();
}
