//! Which of the answers to a query a body is.

use super::wire::{Message, malformed};
use crate::decode::DecodeError;
use crate::metadata::document::Document;

/// The kinds of answer, in the order of their members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Features,
    Count,
    Ids,
    Extent,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Count => "a count",
            Self::Ids => "object ids",
            Self::Extent => "an extent",
        }
    }
}

/// The message of the answer that is wanted.
pub(super) fn open(body: &[u8], wanted: Kind) -> Result<Message<'_>, DecodeError> {
    if let Some(first) = body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        // As a tag each of these would begin or end a group, which the format does not have.
        if matches!(first, b'{' | b'<') || body.starts_with(b"\xef\xbb\xbf") {
            return Err(no_pbf(body));
        }
    }
    let mut found = None;
    let mut top = Message::new(body);
    while let Some(member) = top.next()? {
        // 1 is a version, which no service has been seen to send.
        if member.number != 2 {
            continue;
        }
        let mut result = member.message()?;
        while let Some(arm) = result.next()? {
            let kind = match arm.number {
                1 => Kind::Features,
                2 => Kind::Count,
                3 => Kind::Ids,
                4 => Kind::Extent,
                _ => continue,
            };
            if found.is_some() {
                return Err(malformed(arm.at, "a second result"));
            }
            found = Some((kind, arm.message()?));
        }
    }
    match found {
        Some((kind, message)) if kind == wanted => Ok(message),
        Some((kind, message)) => Err(malformed(
            message.at(),
            format!("the answer is {}, not {}", kind.name(), wanted.name()),
        )),
        None => Err(malformed(0, format!("the answer has no {}", wanted.name()))),
    }
}

/// Errors come as JSON, whatever was asked for.
#[cold]
fn no_pbf(body: &[u8]) -> DecodeError {
    match Document::parse("", body) {
        Err(error @ DecodeError::Service(_)) => error,
        _ => malformed(0, "the answer is text, not protocol buffers"),
    }
}
