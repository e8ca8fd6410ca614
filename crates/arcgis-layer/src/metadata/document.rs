//! JSON documents of services, read with tolerance: what is missing, null or of a wrong type was not said.

use std::borrow::Cow;

use arcgis_auth_core::ServiceError;
use serde_json::{Map, Value};

use crate::decode::DecodeError;
use crate::error::Error;

/// A document that is an object and no error.
#[derive(Debug)]
pub(crate) struct Document(Map<String, Value>);

impl Document {
    /// Reads the answer of `url` (without secrets).
    ///
    /// Bare `NaN` and `Infinity`, raw control characters in texts and bytes that are no UTF-8 are seen
    /// on real servers; they are read as null, blanks and replacement characters.
    pub(crate) fn parse(url: &str, body: &[u8]) -> Result<Self, DecodeError> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let value = match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(first) => {
                serde_json::from_str(&repaired(body)).map_err(|_| malformed(body, &first))?
            }
        };
        match value {
            Value::Object(members) => match envelope(url, Members(&members)) {
                Some(error) => Err(DecodeError::Service(error)),
                None => Ok(Self(members)),
            },
            other => Err(DecodeError::Malformed {
                offset: 0,
                problem: format!("{} where an object should be", kind(&other)),
            }),
        }
    }

    pub(crate) fn members(&self) -> Members<'_> {
        Members(&self.0)
    }

    pub(crate) fn into_members(self) -> Map<String, Value> {
        self.0
    }

    /// Takes over the fields that an answer declares, and the name of the object id where this document
    /// has none.
    pub(crate) fn take_fields_of(&mut self, answer: &Document) {
        if let Some(fields) = answer.members().get("fields") {
            self.0.insert("fields".to_owned(), fields.clone());
        }
        if let (None, Some(name)) = (
            self.members().text("objectIdField"),
            answer.members().get("objectIdFieldName"),
        ) {
            self.0.insert("objectIdField".to_owned(), name.clone());
        }
    }
}

impl Error {
    /// An answer of `url` (without secrets) that cannot be used, or that is an error after all.
    pub(crate) fn of_answer(url: &str, error: DecodeError) -> Self {
        match error {
            DecodeError::Service(error) if matches!(error.code(), 401 | 403) => {
                Self::Service(arcgis_auth_core::Error::Forbidden(error.into()))
            }
            DecodeError::Service(error) => {
                Self::Service(arcgis_auth_core::Error::Service(error.into()))
            }
            source => Self::Answer {
                url: url.to_owned(),
                source,
            },
        }
    }
}

/// Where and why `body` is no JSON.
pub(crate) fn malformed(body: &[u8], error: &serde_json::Error) -> DecodeError {
    let before: usize = body
        .split_inclusive(|&byte| byte == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    DecodeError::Malformed {
        offset: before + error.column().saturating_sub(1),
        problem: error.to_string(),
    }
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Mends what strict JSON does not have.
fn repaired(body: &[u8]) -> String {
    let text: Cow<'_, str> = String::from_utf8_lossy(body);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    let mut in_text = false;
    while let Some(next) = rest.chars().next() {
        let mut step = next.len_utf8();
        if in_text {
            match next {
                '\\' => {
                    let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                    step += escaped;
                    out.push_str(rest.get(..step).unwrap_or_default());
                }
                '\u{0}'..='\u{1f}' => out.push(' '),
                _ => {
                    in_text = next != '"';
                    out.push(next);
                }
            }
        } else if let Some(word) = ["-Infinity", "Infinity", "-NaN", "NaN"]
            .into_iter()
            .find(|word| rest.starts_with(word))
        {
            step = word.len();
            out.push_str("null");
        } else {
            in_text = next == '"';
            out.push(next);
        }
        rest = rest.get(step..).unwrap_or_default();
    }
    out
}

/// The error that the document is, in whatever shape. Answers of a transport were judged before, but
/// long ones by their first member alone, and saved ones not at all.
fn envelope(url: &str, top: Members<'_>) -> Option<ServiceError> {
    let read = |members: Members<'_>| {
        let mut details = members.texts("details");
        details.extend(members.texts("messages"));
        let message = members
            .text("message")
            .or_else(|| members.text("error_description"))
            .or_else(|| members.text("statusMessage"))
            .map(str::to_owned)
            .or_else(|| details.first().cloned())
            .unwrap_or_else(|| "Unknown error".to_owned());
        let code = members.integer("code").unwrap_or(-1);
        ServiceError::new(200, code, message, url).with_details(details)
    };
    if let Some(error) = top.object("error") {
        return Some(read(error));
    }
    if let Some(text) = top.text("error") {
        return Some(ServiceError::new(200, -1, text, url).with_details(top.text("message")));
    }
    let failed = top.text("status").is_some_and(|status| {
        status.eq_ignore_ascii_case("error") || status.eq_ignore_ascii_case("failed")
    });
    let bare = top.integer("code").is_some()
        && top.text("message").is_some()
        && top.0.keys().all(|name| {
            matches!(
                name.as_str(),
                "code" | "message" | "messageCode" | "details"
            )
        });
    (failed || bare).then(|| read(top))
}

/// The members of one object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    /// The member, unless it is null.
    pub(crate) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn to_map(self) -> Map<String, Value> {
        self.0.clone()
    }

    /// All members in the document's order.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn has(self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn has_any_case(self, name: &str) -> bool {
        self.0.keys().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The member of that name, else the only one whose name differs in case alone.
    pub(crate) fn get_any_case(self, name: &str) -> Option<&'a Value> {
        if let Some(value) = self.get(name) {
            return Some(value);
        }
        let mut alike = self
            .0
            .iter()
            .filter(|(known, value)| known.eq_ignore_ascii_case(name) && !value.is_null());
        let (_, value) = alike.next()?;
        alike.next().is_none().then_some(value)
    }

    /// Text that is not blank, trimmed.
    pub(crate) fn text(self, name: &str) -> Option<&'a str> {
        let text = self.get(name)?.as_str()?.trim();
        (!text.is_empty()).then_some(text)
    }

    pub(crate) fn string(self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A whole number, also as text.
    pub(crate) fn integer(self, name: &str) -> Option<i64> {
        integer(self.get(name)?)
    }

    /// A positive number that fits.
    pub(crate) fn positive(self, name: &str) -> Option<u32> {
        positive(self.get(name)?)
    }

    /// A finite number, also as text.
    pub(crate) fn float(self, name: &str) -> Option<f64> {
        let value = match self.get(name)? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        value.is_finite().then_some(value)
    }

    /// A truth value, also as text.
    pub(crate) fn flag(self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    pub(crate) fn list(self, name: &str) -> &'a [Value] {
        self.get(name)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    pub(crate) fn object(self, name: &str) -> Option<Members<'a>> {
        self.get(name).and_then(Self::of)
    }

    /// The texts of a list; one text counts as a list of one.
    pub(crate) fn texts(self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(list)) => list
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The words of a list, or of a text with commas, trimmed.
    pub(crate) fn words(self, name: &str) -> Vec<String> {
        self.texts(name)
            .iter()
            .flat_map(|text| text.split(','))
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// A whole number, also as text or with a fraction of zero.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            // Up to 2^53, beyond which a float does not tell whole numbers apart.
            let exact = float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0;
            exact.then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(crate) fn positive(value: &Value) -> Option<u32> {
    let number = integer(value).filter(|&number| number > 0)?;
    Some(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Document, DecodeError> {
        Document::parse("u", body.as_bytes())
    }

    #[test]
    fn what_strict_json_lacks_is_mended() {
        let document = Document::parse(
            "u",
            b"\xef\xbb\xbf{\"a\": NaN, \"b\":-Infinity,\"c\":\"NaN \\\" one\ntwo\xff\", \"d\": 1}",
        )
        .unwrap();
        let members = document.members();
        assert!(members.has("a") && members.get("a").is_none());
        assert!(members.get("b").is_none());
        assert_eq!(members.text("c"), Some("NaN \" one two\u{fffd}"));
        assert_eq!(members.integer("d"), Some(1));
    }

    #[test]
    fn t54_errors_and_what_is_no_object_are_refused() {
        for body in [
            r#"{"error":{"code":400,"message":"Invalid URL","details":["why"]}}"#,
            r#"{"id":0,"error":{"code":400,"message":"Invalid URL","details":"why"}}"#,
            r#"{"status":"error","messages":["Invalid URL","why"],"code":400}"#,
            r#"{"code":400,"message":"Invalid URL","details":["why"]}"#,
        ] {
            match parse(body) {
                Err(DecodeError::Service(error)) => {
                    assert_eq!(
                        (error.code(), error.message()),
                        (400, "Invalid URL"),
                        "{body}"
                    );
                    assert!(error.mentions("why"), "{body}");
                }
                other => panic!("{body}: {other:?}"),
            }
        }
        for body in ["[1]", "null", "3", "\"x\"", "", "{", "{\"a\":}"] {
            assert!(
                matches!(parse(body), Err(DecodeError::Malformed { .. })),
                "{body}"
            );
        }
        assert!(parse(r#"{"error":null,"code":1,"message":"m","id":0}"#).is_ok());
        let Err(DecodeError::Malformed { offset, .. }) = parse("{\n\"a\": x}") else {
            panic!("malformed");
        };
        assert_eq!(offset, 7);
    }

    #[test]
    fn members_of_a_wrong_type_were_not_said() {
        let document = parse(
            r#"{"t":[1],"n":"12","f":"0.5","nan":"NaN","b":"TRUE","z":0,"w":"a, b,,c","l":["x",3,"y"],
                "big":3000.0,"frac":1.5,"MaxRecordcount":"7"}"#,
        )
        .unwrap();
        let m = document.members();
        assert_eq!(m.text("t"), None);
        assert_eq!(m.integer("n"), Some(12));
        assert_eq!(m.float("f"), Some(0.5));
        assert_eq!(m.float("nan"), None);
        assert_eq!(m.flag("b"), Some(true));
        assert_eq!(m.flag("n"), None);
        assert_eq!(m.positive("z"), None);
        assert_eq!(m.words("w"), ["a", "b", "c"]);
        assert_eq!(m.texts("l"), ["x", "y"]);
        assert_eq!(m.integer("big"), Some(3000));
        assert_eq!(m.integer("frac"), None);
        assert_eq!(m.get_any_case("maxRecordCount").and_then(positive), Some(7));
        assert!(m.list("n").is_empty());
    }
}
