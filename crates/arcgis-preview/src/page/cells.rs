//! The values of the rows that a page shows, column by column.

use std::collections::HashMap;

use arrow_array::cast::AsArray as _;
use arrow_array::types::UInt64Type;
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::DataType;
use serde_json::{Value, json};

use super::blob::{Array, Blob};
use crate::sample::Kept;
use crate::value::{ValueKind, number, wide_integer, with_text};

/// The most of a text that is shown, in bytes; the page says that there is more.
const LONGEST: usize = 4096;

/// Whole numbers beyond this are not exact in a `f64`.
const EXACT: u128 = 1 << 53;

/// Adds the values of the column at `place`; gives where they are.
pub(super) fn add(kept: &[Kept], place: usize, kind: ValueKind, blob: &mut Blob) -> Value {
    let columns: Vec<&ArrayRef> = kept.iter().map(|kept| kept.batch.column(place)).collect();
    let mut said = match kind {
        ValueKind::Text => texts(&columns, blob),
        _ => json!({ "values": blob.add(&numbers(&columns, kind)) }),
    };
    if let (Some(nulls), Some(said)) = (nulls(&columns), said.as_object_mut()) {
        said.insert("nulls".to_owned(), blob.add(&Array::U8(nulls)));
    }
    said
}

fn is_null(column: &ArrayRef, row: usize) -> bool {
    *column.data_type() == DataType::Null || column.is_null(row)
}

/// A bit for each row, set where it has no value; None if all have one.
fn nulls(columns: &[&ArrayRef]) -> Option<Vec<u8>> {
    let (mut bits, mut row, mut any) = (Vec::new(), 0, false);
    for column in columns {
        for at in 0..column.len() {
            if row % 8 == 0 {
                bits.push(0_u8);
            }
            if is_null(column, at) {
                any = true;
                if let Some(byte) = bits.last_mut() {
                    *byte |= 1 << (row % 8);
                }
            }
            row += 1;
        }
    }
    any.then_some(bits)
}

/// Calls `take` with every row, whether it has a value or not.
fn each(columns: &[&ArrayRef], mut take: impl FnMut(Option<(&ArrayRef, usize)>)) {
    for column in columns {
        for row in 0..column.len() {
            take((!is_null(column, row)).then_some((*column, row)));
        }
    }
}

fn numbers(columns: &[&ArrayRef], kind: ValueKind) -> Array {
    let data_type = columns.first().map(|column| column.data_type());
    let mut values: Vec<f64> = Vec::new();
    let mut is_exact = true;
    each(columns, |cell| {
        let value = cell.and_then(|(column, row)| {
            let wide = wide_integer(column, row);
            is_exact &= wide.is_none_or(|wide| wide.unsigned_abs() <= EXACT);
            number(column, row)
        });
        values.push(value.unwrap_or(0.0));
    });
    if !is_exact {
        return wide(columns);
    }
    if data_type == Some(&DataType::Float32) || data_type == Some(&DataType::Float16) {
        return Array::F32(values.into_iter().map(|value| value as f32).collect());
    }
    let is_whole = data_type.is_some_and(DataType::is_integer) || kind == ValueKind::Boolean;
    let (least, most) = values
        .iter()
        .fold((0.0_f64, 0.0_f64), |(least, most), value| {
            (least.min(*value), most.max(*value))
        });
    // The conversions below cannot cut: the limits say so.
    if is_whole && least >= 0.0 && most <= 255.0 {
        Array::U8(values.into_iter().map(|value| value as u8).collect())
    } else if is_whole && least >= f64::from(i32::MIN) && most <= f64::from(i32::MAX) {
        Array::I32(values.into_iter().map(|value| value as i32).collect())
    } else {
        Array::F64(values)
    }
}

/// Whole numbers of 64 bits, bit for bit.
fn wide(columns: &[&ArrayRef]) -> Array {
    if columns
        .first()
        .is_some_and(|column| *column.data_type() == DataType::UInt64)
    {
        let mut values = Vec::new();
        each(columns, |cell| {
            let value = cell.map(|(column, row)| column.as_primitive::<UInt64Type>().value(row));
            values.push(value.unwrap_or(0));
        });
        return Array::U64(values);
    }
    let mut values = Vec::new();
    each(columns, |cell| {
        let value = cell.and_then(|(column, row)| wide_integer(column, row));
        values.push(
            value
                .and_then(|value| i64::try_from(value).ok())
                .unwrap_or(0),
        );
    });
    Array::I64(values)
}

/// Each different text once, and which of them each row has.
fn texts(columns: &[&ArrayRef], blob: &mut Blob) -> Value {
    let mut codes = Vec::new();
    let mut known: HashMap<String, u32> = HashMap::new();
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    let mut scratch = String::new();
    each(columns, |cell| {
        let code = cell.map_or(0, |(column, row)| {
            with_text(column, row, &mut scratch, |text| {
                let text = cut(text);
                if let Some(code) = known.get(text.as_ref()) {
                    return *code;
                }
                let code = u32::try_from(known.len()).unwrap_or(u32::MAX);
                bytes.extend_from_slice(text.as_bytes());
                ends.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                known.insert(text.into_owned(), code);
                code
            })
        });
        codes.push(code);
    });
    json!({
        "codes": blob.add(&Array::of_codes(codes, known.len().max(1))),
        "ends": blob.add(&Array::U32(ends)),
        "bytes": blob.add(&Array::U8(bytes)),
    })
}

/// As much of a text as is shown.
fn cut(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= LONGEST {
        return text.into();
    }
    let end = (0..=LONGEST)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    format!(
        "{}… ({} bytes)",
        text.get(..end).unwrap_or_default(),
        text.len()
    )
    .into()
}
