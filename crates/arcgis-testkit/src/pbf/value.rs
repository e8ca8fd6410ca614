//! Attribute values. Which member holds a value depends on the field's type, as far as the value allows.

use super::writer::Message;
use crate::field::{Field, FieldType};
use crate::value::Value;

/// A value; null is an empty message.
pub(super) fn value(value: &Value, field: &Field) -> Message {
    let mut message = Message::default();
    match (value, field.kind()) {
        (Value::Null, _) => {}
        (Value::Text(text), _) => message.one_text(1, text),
        (Value::Int(number), FieldType::Double) => message.one_double(3, *number as f64),
        (Value::Int(number), FieldType::Single) => message.one_float(2, *number as f32),
        (Value::Int(number), FieldType::Oid) => match u32::try_from(*number) {
            Ok(id) => message.one_uint(5, u64::from(id)),
            Err(_) => message.one_sint(8, *number),
        },
        (Value::Int(number), FieldType::SmallInteger | FieldType::Integer)
            if i32::try_from(*number).is_ok() =>
        {
            message.one_sint(4, *number);
        }
        (Value::Int(number), _) => message.one_sint(8, *number),
        (Value::Double(number), FieldType::Single) => message.one_float(2, *number as f32),
        (Value::Double(number), _) => message.one_double(3, *number),
        (Value::Single(number), FieldType::Double) => {
            // The digits that JSON has, not those that widening adds.
            let widened = number.to_string().parse().unwrap_or(f64::from(*number));
            message.one_double(3, widened);
        }
        (Value::Single(number), _) => message.one_float(2, *number),
    }
    message
}
