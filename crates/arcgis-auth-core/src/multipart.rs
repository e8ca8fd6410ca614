//! Multipart forms (RFC 7578): parameters as fields, then the parts.

use std::hash::{BuildHasher, Hasher, RandomState};

use bytes::Bytes;
use http::HeaderValue;
use secrecy::zeroize::Zeroizing;

use crate::error::{ConfigError, Error};
use crate::part::{Content, Part};
use crate::request_body::{RequestBody, wiped};

/// Makes the body of `fields` and `parts`, and the `Content-Type` that goes with it.
pub(crate) fn encode<'a>(
    fields: impl Iterator<Item = (&'a str, &'a str)>,
    parts: &[Part],
) -> Result<(HeaderValue, RequestBody), Error> {
    let boundary = boundary();
    let mut body = RequestBody::empty();
    for (name, value) in fields {
        let head = head(&boundary, name);
        let mut field = Zeroizing::new(Vec::with_capacity(head.len() + value.len() + 6));
        field.extend_from_slice(head.as_bytes());
        field.extend_from_slice(b"\r\n\r\n");
        field.extend_from_slice(value.as_bytes());
        field.extend_from_slice(b"\r\n");
        body.push(wiped(field));
    }
    for part in parts {
        let mut head = head(&boundary, part.name());
        if let Some(file_name) = part.file_name() {
            head.push_str("; filename=\"");
            push_quoted(&mut head, file_name);
            head.push('"');
        }
        let octets = part.file_name().map(|_| "application/octet-stream");
        if let Some(content_type) = part.content_type().or(octets) {
            if HeaderValue::from_str(content_type).is_err() {
                return Err(ConfigError::InvalidHeader("the content type of a part").into());
            }
            head.push_str("\r\nContent-Type: ");
            head.push_str(content_type);
        }
        head.push_str("\r\n\r\n");
        body.push(Bytes::from(head));
        match part.content() {
            Content::Bytes(bytes) => body.push(bytes.clone()),
            Content::Source(source) => body.push_source(source.clone()),
        }
        body.push(Bytes::from_static(b"\r\n"));
    }
    body.push(Bytes::from(format!("--{boundary}--\r\n")));
    let content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
        .map_err(|_| ConfigError::InvalidHeader("the boundary"))?;
    Ok((content_type, body))
}

/// A line that no content has: 128 bits from the keys that the standard library draws from the system,
/// which nobody who made the content can know. Always of one length.
fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("arcgis-{:016x}{:016x}", random(), random())
}

fn head(boundary: &str, name: &str) -> String {
    let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"");
    push_quoted(&mut head, name);
    head.push('"');
    head
}

/// What would end the quotes or the line is percent-encoded, as browsers do.
fn push_quoted(out: &mut String, text: &str) {
    for c in text.chars() {
        if c == '"' || c.is_ascii_control() {
            out.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
