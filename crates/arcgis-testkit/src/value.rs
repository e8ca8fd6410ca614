use std::cmp::Ordering;
use std::io::Write as _;

use base64::Engine as _;
use serde_json::Value as Json;

/// One attribute of a row.
///
/// Dates are [`Value::Int`] in milliseconds since 1970; the text-like types (DateOnly, GUID, XML, base64 of a blob …) are [`Value::Text`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// No value.
    Null,
    /// A whole number of any width, or a date.
    Int(i64),
    /// A number with a fraction. Not-a-number is served as the text `"NaN"`, as ArcGIS does, or bare if the layer says so.
    Double(f64),
    /// A number that was 32 bits wide: served with the fewest digits that give the same 32 bits.
    Single(f32),
    /// Text.
    Text(String),
}

impl Value {
    /// Bytes, as the base64 text that a blob field holds.
    #[must_use]
    pub fn blob(bytes: &[u8]) -> Self {
        Self::Text(base64::engine::general_purpose::STANDARD.encode(bytes))
    }

    /// Reads a JSON value. Lists and objects become their JSON text.
    #[must_use]
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Text(value.to_string()),
            Json::Number(number) => match number.as_i64() {
                Some(value) => Self::Int(value),
                None => number.as_f64().map_or(Self::Null, Self::Double),
            },
            Json::String(text) => Self::Text(text.clone()),
            other => Self::Text(other.to_string()),
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            Self::Single(value) => Some(f64::from(*value)),
            Self::Null | Self::Text(_) => None,
        }
    }

    /// The order that `orderByFields`, `min` and `max` use: nulls first, numbers before text.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => match (self.as_f64(), other.as_f64()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => self.rank().cmp(&other.rank()),
            },
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Int(_) | Self::Double(_) | Self::Single(_) => 1,
            Self::Text(_) => 2,
        }
    }

    pub(crate) fn write_json(&self, bare_nan: bool, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Int(value) => write_int(*value, out),
            Self::Double(value) => write_f64(*value, bare_nan, out),
            Self::Single(value) if value.is_finite() => {
                let _ = write!(out, "{value}");
            }
            Self::Single(value) => write_f64(f64::from(*value), bare_nan, out),
            Self::Text(text) => write_text(text, out),
        }
    }
}

pub(crate) fn write_int(value: i64, out: &mut Vec<u8>) {
    let _ = write!(out, "{value}");
}

/// The shortest decimal text that reads back as the same number.
pub(crate) fn write_f64(value: f64, bare_nan: bool, out: &mut Vec<u8>) {
    if value.is_finite() {
        // Display never uses an exponent, which is long for extreme values; Debug switches to one there.
        let magnitude = value.abs();
        let _ = if magnitude != 0.0 && !(1e-7..1e17).contains(&magnitude) {
            write!(out, "{value:e}")
        } else {
            write!(out, "{value}")
        };
        return;
    }
    let text = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    if bare_nan {
        out.extend_from_slice(text.as_bytes());
    } else {
        let _ = write!(out, "\"{text}\"");
    }
}

/// A JSON string with what must be escaped escaped.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut clean_from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !matches!(byte, b'"' | b'\\' | 0..=0x1f) {
            continue;
        }
        out.extend_from_slice(bytes.get(clean_from..at).unwrap_or_default());
        clean_from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                let _ = write!(out, "\\u{other:04x}");
            }
        }
    }
    out.extend_from_slice(bytes.get(clean_from..).unwrap_or_default());
    out.push(b'"');
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<i16> for Value {
    fn from(value: i16) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::Single(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: impl Into<Value>) -> String {
        let mut out = Vec::new();
        value.into().write_json(false, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_with_the_fewest_digits_that_read_back() {
        assert_eq!(json(9_007_199_254_740_993_i64), "9007199254740993");
        assert_eq!(json(0.1), "0.1");
        assert_eq!(json(-0.0), "-0");
        assert_eq!(json(0.1_f32), "0.1");
        assert_eq!(json(f64::NAN), "\"NaN\"");
        for value in [
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            1e17,
            123.456e-9,
            -13_197_923.779_060_846,
        ] {
            assert_eq!(json(value).parse::<f64>().unwrap(), value);
            assert_eq!(serde_json::from_str::<f64>(&json(value)).unwrap(), value);
        }
    }

    #[test]
    fn text_survives_a_json_parser() {
        for text in ["", "a\"b\\c", "\u{0}\u{1f}\n\r\t", "é漢🌍\u{2028}"] {
            assert_eq!(serde_json::from_str::<String>(&json(text)).unwrap(), text);
        }
    }
}
