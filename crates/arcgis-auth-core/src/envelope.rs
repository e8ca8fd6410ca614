//! The error envelope: every shape in which ArcGIS services say that something went wrong.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::redact::{blot, printable, redact_text};

/// An error as the service gave it: HTTP status, code, message and details.
///
/// The texts are the server's, with anything that looks like a token removed, and without characters
/// that command a terminal or turn the direction of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    status: u16,
    code: i64,
    message: String,
    details: Vec<String>,
    url: String,
    attempts: u32,
}

impl ServiceError {
    /// An error with the given ArcGIS code and message, for a request to `url` (redacted).
    #[must_use]
    pub fn new(status: u16, code: i64, message: impl AsRef<str>, url: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: redact_text(&printable(message.as_ref())),
            details: Vec::new(),
            url: url.into(),
            attempts: 1,
        }
    }

    /// Says how many times the request was sent in all.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The same error with the server's details.
    #[must_use]
    pub fn with_details<T: AsRef<str>>(mut self, details: impl IntoIterator<Item = T>) -> Self {
        self.details = details
            .into_iter()
            .map(|detail| redact_text(&printable(detail.as_ref())))
            .filter(|detail| !detail.trim().is_empty())
            .collect();
        self
    }

    /// The HTTP status; 200 for an error inside an ordinary answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The ArcGIS error code; the HTTP status where the body has none, -1 where an envelope lacks it.
    #[must_use]
    pub fn code(&self) -> i64 {
        self.code
    }

    /// The server's message, "Unknown error" where it gave none.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The server's details.
    #[must_use]
    pub fn details(&self) -> &[String] {
        &self.details
    }

    /// The address of the request, without secrets; empty for an error that came without one.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many times the request was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether message or details contain `needle`, whatever the case.
    #[must_use]
    pub fn mentions(&self, needle: &str) -> bool {
        let needle = needle.to_ascii_lowercase();
        std::iter::once(&self.message)
            .chain(&self.details)
            .any(|text| text.to_ascii_lowercase().contains(&needle))
    }

    /// The same error, of a request to `url` (redacted).
    #[must_use]
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// The same error with every occurrence of `secret` blotted out, as it is or percent-encoded, for
    /// servers that echo the request. A secret of less than 6 characters is blotted where it stands
    /// alone: as a part of words it may be anywhere.
    #[must_use]
    pub fn without(mut self, secret: &str) -> Self {
        blot(&mut self.message, secret);
        blot(&mut self.url, secret);
        for detail in &mut self.details {
            blot(detail, secret);
        }
        self
    }

    /// The code that tells what happened: the envelope's where it is one that ArcGIS uses as HTTP
    /// does, else an HTTP status that is an error. Databases and geoprocessing have codes of their own.
    pub(crate) fn telling_code(&self) -> i64 {
        let status = i64::from(self.status);
        match self.code {
            400..=599 => self.code,
            _ if status >= 400 => status,
            _ => self.code,
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service answered {}", self.code)?;
        if i64::from(self.status) != self.code && self.status != 200 {
            write!(f, " (HTTP {})", self.status)?;
        }
        write!(f, ": {}", self.message)?;
        for detail in &self.details {
            if *detail != self.message {
                write!(f, "; {detail}")?;
            }
        }
        if !self.url.is_empty() {
            write!(f, " ({})", self.url)?;
        }
        if self.attempts > 1 {
            write!(f, " ({} attempts)", self.attempts)?;
        }
        Ok(())
    }
}

impl std::error::Error for ServiceError {}

/// The members of an error envelope, read out of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Envelope {
    pub(crate) code: Option<i64>,
    pub(crate) message: Option<String>,
    pub(crate) details: Vec<String>,
}

impl Envelope {
    /// Reads `body`, whole and JSON, as an error in any of the known shapes; `None` if it is not one.
    ///
    /// Shapes (each seen on a server): `{"error":{code,message,details}}`, the same with OAuth's
    /// `error`/`error_description`, `{"error":"invalid_grant","error_description":…}` (RFC 6749),
    /// `{"status":"error","messages":[…],"code":…}`, `{"success":false,"error":{…}}`,
    /// `{"status":"failed","statusMessage":…}`, `{"code":…,"message":…}`.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Top>(body).ok()?.into_envelope()
    }

    /// Reads `object`, the whole value of a member called `error`; `None` if it says neither code nor
    /// message, or if anything follows it.
    pub(crate) fn read_member(object: &[u8]) -> Option<Self> {
        let envelope = serde_json::from_slice::<Top>(object).ok()?.into_details();
        (envelope.code.is_some() || envelope.message.is_some()).then_some(envelope)
    }
}

#[derive(Default)]
struct Top {
    error: Option<Node>,
    status: Option<String>,
    status_message: Option<String>,
    code: Option<i64>,
    message: Option<String>,
    messages: Vec<String>,
    description: Option<String>,
    others: usize,
}

impl Top {
    fn into_envelope(self) -> Option<Envelope> {
        match self.error {
            Some(Node::Object(inner)) => return Some(inner.into_details()),
            Some(Node::Text(kind)) => {
                return Some(Envelope {
                    code: self.code,
                    message: self.description.or(Some(kind)),
                    details: self.messages,
                });
            }
            None => {}
        }
        let failed = self.status.as_deref().is_some_and(|status| {
            status.eq_ignore_ascii_case("error") || status.eq_ignore_ascii_case("failed")
        });
        if failed {
            // Jobs put the error that ended them there, as JSON in a string.
            let inner = self.status_message.as_deref().and_then(Self::read_nested);
            if let Some(inner) = inner {
                return Some(inner);
            }
            let mut messages = self.messages.into_iter();
            return Some(Envelope {
                code: self.code,
                message: self
                    .message
                    .or(self.status_message)
                    .or_else(|| messages.next()),
                details: messages.collect(),
            });
        }
        // A bare code and message is an error only when there is nothing else in the answer.
        let bare = self.code.is_some() && self.message.is_some() && self.others == 0;
        bare.then_some(Envelope {
            code: self.code,
            message: self.message,
            details: self.messages,
        })
    }

    fn read_nested(text: &str) -> Option<Envelope> {
        let text = text.trim_start();
        if !text.starts_with('{') {
            return None;
        }
        let envelope = Envelope::read(text.as_bytes())?;
        (envelope.code.is_some() && envelope.message.is_some()).then_some(envelope)
    }

    fn into_details(self) -> Envelope {
        Envelope {
            code: self.code,
            message: self
                .message
                .filter(|text| !text.trim().is_empty())
                .or(self.description),
            details: self.messages,
        }
    }
}

enum Node {
    Object(Box<Top>),
    Text(String),
}

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopVisitor;
        impl<'de> Visitor<'de> for TopVisitor {
            type Value = Top;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
                let mut top = Top::default();
                while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    match key.as_ref() {
                        "error" => top.error = map.next_value::<Lenient>()?.into_node(),
                        "status" => top.status = map.next_value::<Lenient>()?.into_text(),
                        "statusMessage" => {
                            top.status_message = map.next_value::<Lenient>()?.into_text();
                        }
                        "code" => top.code = map.next_value::<Lenient>()?.into_code(),
                        "message" => top.message = map.next_value::<Lenient>()?.into_text(),
                        "error_description" => {
                            top.description = map.next_value::<Lenient>()?.into_text();
                        }
                        "messages" | "details" => {
                            top.messages = map.next_value::<Lenient>()?.into_list();
                        }
                        // Companions of an error that are no data.
                        "messageCode" | "extendedCode" | "success" => {
                            map.next_value::<IgnoredAny>()?;
                        }
                        _ => {
                            top.others += 1;
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(top)
            }
        }
        deserializer.deserialize_map(TopVisitor)
    }
}

/// Any JSON value, reduced to what an envelope can hold.
enum Lenient {
    Object(Box<Top>),
    Text(String),
    Number(i64),
    List(Vec<String>),
    Other,
}

impl Lenient {
    fn into_node(self) -> Option<Node> {
        match self {
            Self::Object(top) => Some(Node::Object(top)),
            Self::Text(text) if !text.is_empty() => Some(Node::Text(text)),
            Self::Number(code) => Some(Node::Object(Box::new(Top {
                code: Some(code),
                ..Top::default()
            }))),
            _ => None,
        }
    }

    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn into_code(self) -> Option<i64> {
        match self {
            Self::Number(code) => Some(code),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn into_list(self) -> Vec<String> {
        match self {
            Self::List(list) => list,
            Self::Text(text) => vec![text],
            _ => Vec::new(),
        }
    }
}

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LenientVisitor;
        impl<'de> Visitor<'de> for LenientVisitor {
            type Value = Lenient;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Lenient, A::Error> {
                let top = Top::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Lenient::Object(Box::new(top)))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element::<Lenient>()? {
                    list.extend(item.into_text());
                }
                Ok(Lenient::List(list))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Lenient, E> {
                Ok(Lenient::Text(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Lenient, E> {
                Ok(Lenient::Number(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Lenient, E> {
                Ok(i64::try_from(number).map_or(Lenient::Other, Lenient::Number))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Lenient, E> {
                Ok(Lenient::Other)
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Lenient, E> {
                Ok(Lenient::Other)
            }

            fn visit_unit<E: de::Error>(self) -> Result<Lenient, E> {
                Ok(Lenient::Other)
            }
        }
        deserializer.deserialize_any(LenientVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<(Option<i64>, Option<String>, Vec<String>)> {
        Envelope::read(body.as_bytes()).map(|e| (e.code, e.message, e.details))
    }

    fn some(
        code: i64,
        message: &str,
        details: &[&str],
    ) -> Option<(Option<i64>, Option<String>, Vec<String>)> {
        Some((
            Some(code),
            Some(message.to_owned()),
            details.iter().map(|d| (*d).to_owned()).collect(),
        ))
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let error = ServiceError::new(503, 503, "Service Unavailable", "https://h/x");
        let text = "the service answered 503: Service Unavailable";
        assert_eq!(error.to_string(), format!("{text} (https://h/x)"));
        let error = error.with_attempts(5);
        assert_eq!(
            error.to_string(),
            format!("{text} (https://h/x) (5 attempts)")
        );
        let error = error.with_url("").with_attempts(1);
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn every_known_shape_is_an_error() {
        assert_eq!(
            read(
                r#"{"error":{"code":498,"message":"Invalid token.","details":["Invalid token."]}}"#
            ),
            some(498, "Invalid token.", &["Invalid token."])
        );
        assert_eq!(
            read(r#"{"error":{"code":400,"messageCode":"X","message":"","details":null}}"#),
            Some((Some(400), None, vec![]))
        );
        assert_eq!(
            read(r#"{"error":{"code":"400","message":"m","details":"one text"}}"#),
            some(400, "m", &["one text"])
        );
        assert_eq!(
            read(r#"{"status":"error","messages":["Token Expired."],"code":498}"#),
            some(498, "Token Expired.", &[])
        );
        assert_eq!(
            read(r#"{"success":false,"error":{"code":1001,"message":"no"}}"#),
            some(1001, "no", &[])
        );
        assert_eq!(
            read(r#"{"code":498,"message":"Invalid Token."}"#),
            some(498, "Invalid Token.", &[])
        );
        assert_eq!(
            read(
                r#"{"error":{"code":400,"error":"invalid_grant","error_description":"bad code","message":"bad","details":[]}}"#
            ),
            some(400, "bad", &[])
        );
        assert_eq!(
            read(r#"{"error":"invalid_grant","error_description":"refresh token expired"}"#),
            Some((None, Some("refresh token expired".to_owned()), vec![]))
        );
        assert_eq!(
            read(r#"{"status":"failed","statusMessage":"{\"a\":1}"}"#),
            Some((None, Some("{\"a\":1}".to_owned()), vec![]))
        );
        assert_eq!(
            read(r#"{"features":[],"error":{"code":500,"message":"late"}}"#),
            some(500, "late", &[])
        );
    }

    #[test]
    fn ordinary_answers_are_none() {
        for body in [
            r#"{"count":42}"#,
            r#"{"error":null,"count":1}"#,
            r#"{"code":7,"message":"a row with such members","features":[]}"#,
            r#"{"status":"success"}"#,
            r#"[1,2]"#,
            r#"{"features":[{"attributes":{"error":{"code":1}}}]}"#,
            "",
            "{",
        ] {
            assert_eq!(read(body), None, "{body}");
        }
    }

    #[test]
    fn echoed_secrets_are_blotted_out() {
        let error = ServiceError::new(200, 400, "bad request token=abc123&x=1 for s3cr3t", "u")
            .with_details(["also s3cr3t", ""])
            .without("s3cr3t");
        assert_eq!(
            error.clone().without("a").without("re").message(),
            "bad request token=***&x=1 for [redacted]",
            "nothing is riddled"
        );
        assert_eq!(error.details(), ["also [redacted]"]);
        assert!(!error.to_string().contains("abc123"), "{error}");
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
    }
}
