//! Values of columns: as numbers where they are some, and as text always.

use std::fmt::Write as _;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, TimeUnit};

use crate::geometry_column::bytes;

/// Values of lists and of structures that are shown.
const MOST_MEMBERS: usize = 20;

/// How deep lists and structures are shown.
const DEEPEST: u32 = 4;

const DAY: f64 = 86_400_000.0;

/// What the values of a column are to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueKind {
    /// Numbers.
    Number,
    /// Yes or no.
    Boolean,
    /// Days, as milliseconds since 1970.
    Date,
    /// Moments, as milliseconds since 1970; in UTC if the column says so.
    Moment,
    /// Text, and all that is shown as text.
    Text,
}

impl ValueKind {
    pub(crate) fn of(data_type: &DataType) -> Self {
        match data_type {
            data_type if data_type.is_floating() || data_type.is_integer() => Self::Number,
            DataType::Boolean => Self::Boolean,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(..) => Self::Moment,
            _ => Self::Text,
        }
    }

    /// The name of the kind in pages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Moment => "moment",
            Self::Text => "text",
        }
    }
}

/// What a type is called where people read it.
pub(crate) fn type_name(field: &Field) -> String {
    match field
        .metadata()
        .get("ARROW:extension:name")
        .map(String::as_str)
    {
        Some("arrow.uuid") => return "uuid".to_owned(),
        Some("arrow.json") => return "json".to_owned(),
        _ => {}
    }
    match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "binary".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(_, Some(zone)) => format!("timestamp ({zone})"),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time".to_owned(),
        DataType::Dictionary(_, values) => {
            let inner = Field::new("", values.as_ref().clone(), true);
            format!("dictionary of {}", type_name(&inner))
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
            format!("list of {}", type_name(item))
        }
        DataType::Struct(_) => "struct".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// The number at `row`, which is not null: of dates and moments, milliseconds since 1970.
pub(crate) fn number(column: &ArrayRef, row: usize) -> Option<f64> {
    Some(match column.data_type() {
        DataType::Int8 => f64::from(column.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => f64::from(column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => f64::from(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row) as f64,
        DataType::UInt8 => f64::from(column.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => f64::from(column.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => f64::from(column.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row) as f64,
        DataType::Float16 => f64::from(column.as_primitive::<Float16Type>().value(row)),
        DataType::Float32 => f64::from(column.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row),
        DataType::Boolean => f64::from(u8::from(column.as_boolean().value(row))),
        DataType::Date32 => f64::from(column.as_primitive::<Date32Type>().value(row)) * DAY,
        DataType::Date64 => column.as_primitive::<Date64Type>().value(row) as f64,
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => {
                column.as_primitive::<TimestampSecondType>().value(row) as f64 * 1e3
            }
            TimeUnit::Millisecond => {
                column.as_primitive::<TimestampMillisecondType>().value(row) as f64
            }
            TimeUnit::Microsecond => {
                column.as_primitive::<TimestampMicrosecondType>().value(row) as f64 / 1e3
            }
            TimeUnit::Nanosecond => {
                column.as_primitive::<TimestampNanosecondType>().value(row) as f64 / 1e6
            }
        },
        _ => return None,
    })
}

/// The whole number at `row`, where the column is of 64 bits.
pub(crate) fn wide_integer(column: &ArrayRef, row: usize) -> Option<i128> {
    match column.data_type() {
        DataType::Int64 => Some(i128::from(column.as_primitive::<Int64Type>().value(row))),
        DataType::UInt64 => Some(i128::from(column.as_primitive::<UInt64Type>().value(row))),
        _ => None,
    }
}

/// Calls `take` with the text of the value at `row`, which is not null.
pub(crate) fn with_text<T>(
    column: &ArrayRef,
    row: usize,
    scratch: &mut String,
    take: impl FnOnce(&str) -> T,
) -> T {
    match column.data_type() {
        DataType::Utf8 => take(column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => take(column.as_string::<i64>().value(row)),
        DataType::Utf8View => take(column.as_string_view().value(row)),
        _ => {
            scratch.clear();
            write(column, row, DEEPEST, scratch);
            take(scratch)
        }
    }
}

/// Writes the value at `row`, null or not.
fn write(column: &ArrayRef, row: usize, depth: u32, out: &mut String) {
    if column.is_null(row) {
        out.push_str("null");
        return;
    }
    if let Some(number) = wide_integer(column, row) {
        let _ = write!(out, "{number}");
        return;
    }
    match column.data_type() {
        DataType::Utf8 => out.push_str(column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => out.push_str(column.as_string::<i64>().value(row)),
        DataType::Utf8View => out.push_str(column.as_string_view().value(row)),
        DataType::Boolean => {
            let _ = write!(out, "{}", column.as_boolean().value(row));
        }
        DataType::Decimal128(..) => {
            out.push_str(&column.as_primitive::<Decimal128Type>().value_as_string(row));
        }
        DataType::Decimal256(..) => {
            out.push_str(&column.as_primitive::<Decimal256Type>().value_as_string(row));
        }
        DataType::Time32(TimeUnit::Second) => {
            let value = column.as_primitive::<Time32SecondType>().value(row);
            time(i64::from(value) * 1_000_000_000, out);
        }
        DataType::Time32(_) => {
            let value = column.as_primitive::<Time32MillisecondType>().value(row);
            time(i64::from(value) * 1_000_000, out);
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let value = column.as_primitive::<Time64MicrosecondType>().value(row);
            time(value.saturating_mul(1_000), out);
        }
        DataType::Time64(_) => {
            time(
                column.as_primitive::<Time64NanosecondType>().value(row),
                out,
            );
        }
        DataType::FixedSizeBinary(16) => uuid(column.as_fixed_size_binary().value(row), out),
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let key = dictionary.normalized_keys().get(row).copied();
            match key {
                Some(key) if key < dictionary.values().len() => {
                    write(dictionary.values(), key, depth, out);
                }
                _ => out.push_str("null"),
            }
        }
        DataType::List(_) => list(&column.as_list::<i32>().value(row), depth, out),
        DataType::LargeList(_) => list(&column.as_list::<i64>().value(row), depth, out),
        DataType::FixedSizeList(..) => list(&column.as_fixed_size_list().value(row), depth, out),
        DataType::Struct(fields) => {
            if depth == 0 {
                out.push('…');
                return;
            }
            out.push('{');
            let members = column.as_struct();
            for (at, (field, member)) in fields.iter().zip(members.columns()).enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                if at == MOST_MEMBERS {
                    out.push('…');
                    break;
                }
                let _ = write!(out, "{}: ", field.name());
                write(member, row, depth - 1, out);
            }
            out.push('}');
        }
        other => {
            if let Some(bytes) = bytes(column, row) {
                let _ = write!(out, "{} bytes", bytes.len());
            } else if let Some(number) = number(column, row) {
                let _ = write!(out, "{number}");
            } else {
                let _ = write!(out, "({other})");
            }
        }
    }
}

fn list(values: &ArrayRef, depth: u32, out: &mut String) {
    if depth == 0 {
        out.push('…');
        return;
    }
    out.push('[');
    for row in 0..values.len() {
        if row > 0 {
            out.push_str(", ");
        }
        if row == MOST_MEMBERS {
            out.push('…');
            break;
        }
        write(values, row, depth - 1, out);
    }
    out.push(']');
}

fn time(nanoseconds: i64, out: &mut String) {
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let _ = write!(out, "{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if rest != 0 {
        let digits = format!("{:09}", rest.abs());
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

fn uuid(bytes: &[u8], out: &mut String) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let _ = write!(out, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::types::Int32Type;
    use arrow_array::{
        Decimal128Array, DictionaryArray, FixedSizeBinaryArray, Int64Array, ListArray,
        Time32MillisecondArray, TimestampSecondArray,
    };
    use std::sync::Arc;

    fn text(column: ArrayRef) -> String {
        with_text(&column, 0, &mut String::new(), str::to_owned)
    }

    #[test]
    fn values_are_told_as_text() {
        let decimal = Decimal128Array::from(vec![-12_345]).with_precision_and_scale(9, 2);
        assert_eq!(text(Arc::new(decimal.unwrap())), "-123.45");
        let time = Time32MillisecondArray::from(vec![3_725_040]);
        assert_eq!(text(Arc::new(time)), "01:02:05.04");
        assert_eq!(
            text(Arc::new(Int64Array::from(vec![i64::MIN]))),
            "-9223372036854775808"
        );
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None])]);
        assert_eq!(text(Arc::new(list)), "[1, null]");
        let labels: DictionaryArray<Int32Type> = ["open", "shut"].into_iter().collect();
        assert_eq!(text(Arc::new(labels)), "open");
        let ids = FixedSizeBinaryArray::try_from_iter([[0xab; 16]].iter()).unwrap();
        assert_eq!(text(Arc::new(ids)), "abababab-abab-abab-abab-abababababab");
    }

    #[test]
    fn moments_are_milliseconds() {
        let moments: ArrayRef = Arc::new(TimestampSecondArray::from(vec![-1]));
        assert_eq!(number(&moments, 0), Some(-1000.0));
    }
}
