//! A pull tokenizer over the text of an answer: no tree, no recursion, no panic.

use super::number::{self, Number};
use crate::decode::DecodeError;

/// How deep a value that is passed over may nest.
const DEPTH: u32 = 128;

/// Reads JSON from front to back.
///
/// It takes what servers send beyond the standard: a byte order mark, bare `NaN` and `Infinity`, and control
/// characters inside strings. Copying it is free, which is how a value is looked at twice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// A string as it stands in the text, between its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) raw: &'a str,
    escaped: bool,
}

/// A key with its quotes and its colon, and whatever white space stands between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    text: &'a str,
    /// The first 16 bytes, and which of them there are.
    first: u128,
    mask: u128,
}

/// A value that is neither object nor array.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Text<'a>),
}

impl<'a> Scanner<'a> {
    /// Starts at the front of a body, which has to be UTF-8.
    pub(super) fn new(body: &'a [u8]) -> Result<Self, DecodeError> {
        let text =
            std::str::from_utf8(body).map_err(|error| DecodeError::not_text(0, error, true))?;
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Ok(Self { text, at })
    }

    /// Where it stands, in bytes from the start of the body.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// How many bytes the whole body has.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The text from `start` up to where it stands.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// An error at this place.
    #[cold]
    pub(super) fn error(&self, problem: impl Into<String>) -> DecodeError {
        DecodeError::Malformed {
            offset: self.at,
            problem: problem.into(),
        }
    }

    #[cold]
    fn unexpected(&self, wanted: &str) -> DecodeError {
        match self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
        {
            Some(found) => self.error(format!("{wanted} is missing: there is {found:?}")),
            None => self.error(format!("the text ends where {wanted} should be")),
        }
    }

    /// The next byte that is not white space; it stays.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<u8, DecodeError> {
        match self.text.as_bytes().get(self.at) {
            Some(&byte) if byte > b' ' => Ok(byte),
            _ => self.peek_further(),
        }
    }

    fn peek_further(&mut self) -> Result<u8, DecodeError> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(self.unexpected("more")),
            }
        }
    }

    /// Passes a text if it is next to the letter, white space and all; answers are mostly written without any.
    #[inline]
    pub(super) fn exactly<const N: usize>(&mut self, text: &[u8; N]) -> bool {
        let rest = self.text.as_bytes().get(self.at..);
        let found = rest.and_then(|rest| rest.first_chunk::<N>()) == Some(text);
        self.at += if found { N } else { 0 };
        found
    }

    /// Passes a key and its colon if they are written as here.
    #[inline]
    pub(super) fn key_as(&mut self, written: &Written<'a>) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let found = match rest.first_chunk::<16>() {
            Some(first) => {
                (u128::from_le_bytes(*first) & written.mask) == written.first
                    && (written.text.len() <= 16 || rest.starts_with(written.text.as_bytes()))
            }
            None => rest.starts_with(written.text.as_bytes()),
        };
        self.at += if found { written.text.len() } else { 0 };
        found
    }

    /// The key behind which it stands, from its opening quote at `start` on, to be found again.
    pub(super) fn written(&self, start: usize) -> Written<'a> {
        let text = self.since(start);
        let mut first = [0; 16];
        let mut mask = [0; 16];
        for ((byte, first), mask) in text.bytes().zip(&mut first).zip(&mut mask) {
            *first = byte;
            *mask = 0xff;
        }
        Written {
            text,
            first: u128::from_le_bytes(first),
            mask: u128::from_le_bytes(mask),
        }
    }

    /// Passes a number if it is next, without white space.
    #[inline]
    pub(super) fn digits(&mut self) -> Option<Number> {
        let (number, end) = number::read(self.text, self.at)?;
        self.at = end;
        Some(number)
    }

    /// The next byte, be it white space or not; 0 at the end.
    #[inline]
    pub(super) fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// Whether nothing but white space is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.peek().is_err()
    }

    /// Passes the bracket that opens an object (`{`) or array (`[`); false if it is empty, and then passed whole.
    #[inline]
    pub(super) fn open(&mut self, bracket: u8) -> Result<bool, DecodeError> {
        if self.peek()? != bracket {
            return Err(self.unexpected(if bracket == b'{' {
                "an object"
            } else {
                "an array"
            }));
        }
        self.at += 1;
        // In ASCII both closing brackets stand two places behind their opening ones.
        let empty = self.peek()? == bracket + 2;
        self.at += usize::from(empty);
        Ok(!empty)
    }

    /// Passes the comma after a value, or the bracket that closes what `bracket` opened; true if there is more.
    #[inline]
    pub(super) fn more(&mut self, bracket: u8) -> Result<bool, DecodeError> {
        let byte = self.peek()?;
        if byte == b',' {
            self.at += 1;
            return Ok(true);
        }
        if byte == bracket + 2 {
            self.at += 1;
            return Ok(false);
        }
        Err(self.unexpected("a comma or a closing bracket"))
    }

    /// Passes a key and its colon.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Text<'a>, DecodeError> {
        if self.peek()? != b'"' {
            return Err(self.unexpected("a key"));
        }
        let key = self.string()?;
        self.colon()?;
        Ok(key)
    }

    fn colon(&mut self) -> Result<(), DecodeError> {
        if self.peek()? != b':' {
            return Err(self.unexpected("a colon"));
        }
        self.at += 1;
        Ok(())
    }

    /// Passes a string, whose opening quote is next.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Text<'a>, DecodeError> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
                let hit = quote_or_backslash(u64::from_le_bytes(*word));
                if hit != 0 {
                    at += (hit.trailing_zeros() / 8) as usize;
                    break;
                }
                at += 8;
            }
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at += 2;
                }
                Some(_) => at += 1,
                None => {
                    return Err(self.error("the text ends inside the string that begins here"));
                }
            }
        }
        self.at = at + 1;
        let raw = self.text.get(start..at).unwrap_or_default();
        Ok(Text { raw, escaped })
    }

    /// Passes a number, or one of the words that stand for one.
    #[inline]
    pub(super) fn number(&mut self) -> Result<Number, DecodeError> {
        match number::read(self.text, self.at) {
            Some((number, end)) => {
                self.at = end;
                Ok(number)
            }
            None => Err(self.unexpected("a value")),
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self
            .text
            .as_bytes()
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word.as_bytes()));
        if found {
            self.at += word.len();
        }
        found
    }

    /// Passes a value that is neither object nor array.
    #[inline]
    pub(super) fn scalar(&mut self) -> Result<Scalar<'a>, DecodeError> {
        Ok(match self.peek()? {
            b'"' => Scalar::Text(self.string()?),
            b'n' if self.word("null") => Scalar::Null,
            b't' if self.word("true") => Scalar::Bool(true),
            b'f' if self.word("false") => Scalar::Bool(false),
            _ => Scalar::Number(self.number()?),
        })
    }

    /// Passes `null` if it is next.
    #[inline]
    pub(super) fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(self.peek()? == b'n' && self.word("null"))
    }

    /// Passes any value, its syntax checked.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        // One bit for each open bracket: whether it is an object's.
        let mut objects: u128 = 0;
        let mut depth = 0;
        loop {
            let byte = self.peek()?;
            if byte == b'{' || byte == b'[' {
                if depth == DEPTH {
                    return Err(self.error(format!("values nest deeper than {DEPTH}")));
                }
                if self.open(byte)? {
                    depth += 1;
                    objects = (objects << 1) | u128::from(byte == b'{');
                    if byte == b'{' {
                        self.key()?;
                    }
                    continue;
                }
            } else {
                self.scalar()?;
            }
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                if self.more(if object { b'{' } else { b'[' })? {
                    if object {
                        self.key()?;
                    }
                    break;
                }
                objects >>= 1;
                depth -= 1;
            }
        }
    }

    /// Passes any value and gives its text.
    pub(super) fn raw(&mut self) -> Result<&'a str, DecodeError> {
        self.peek()?;
        let start = self.at;
        self.skip()?;
        Ok(self.since(start))
    }

    /// Passes a value and tells whether it means true: `true`, `"true"`; anything else is false.
    pub(super) fn flag(&mut self) -> Result<bool, DecodeError> {
        if matches!(self.peek()?, b'{' | b'[') {
            self.skip()?;
            return Ok(false);
        }
        Ok(match self.scalar()? {
            Scalar::Bool(flag) => flag,
            Scalar::Text(text) => text.raw.eq_ignore_ascii_case("true"),
            Scalar::Null | Scalar::Number(_) => false,
        })
    }
}

impl<'a> Written<'a> {
    /// What stands between its quotes.
    pub(super) fn raw(&self) -> &'a str {
        let inside = self.text.get(1..).unwrap_or_default();
        inside.rsplit_once('"').map_or("", |(raw, _)| raw)
    }
}

impl<'a> Text<'a> {
    /// The string itself, written to `scratch` where it has escapes.
    ///
    /// Half a surrogate pair becomes U+FFFD, and so does a `\u` without four hexadecimal digits; a backslash
    /// before any other character stands for that character.
    #[inline]
    pub(super) fn decode<'s>(self, scratch: &'s mut String) -> &'s str
    where
        'a: 's,
    {
        if self.escaped {
            self.unescaped(scratch)
        } else {
            self.raw
        }
    }

    fn unescaped(self, scratch: &mut String) -> &str {
        scratch.clear();
        let mut rest = self.raw;
        while let Some((plain, behind)) = rest.split_once('\\') {
            scratch.push_str(plain);
            let mut characters = behind.chars();
            let Some(character) = characters.next() else {
                break;
            };
            rest = characters.as_str();
            match character {
                'n' => scratch.push('\n'),
                't' => scratch.push('\t'),
                'r' => scratch.push('\r'),
                'b' => scratch.push('\u{8}'),
                'f' => scratch.push('\u{c}'),
                'u' => {
                    let (character, behind) = unicode(rest);
                    scratch.push(character);
                    rest = behind;
                }
                other => scratch.push(other),
            }
        }
        scratch.push_str(rest);
        scratch
    }
}

/// The character of a `\u` escape, and what follows it.
fn unicode(rest: &str) -> (char, &str) {
    const LOST: char = char::REPLACEMENT_CHARACTER;
    let Some((first, behind)) = hex4(rest) else {
        return (LOST, rest);
    };
    match first {
        0xd800..=0xdbff => {
            let second = behind.strip_prefix("\\u").and_then(hex4);
            match second {
                Some((second @ 0xdc00..=0xdfff, behind)) => {
                    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    (char::from_u32(code).unwrap_or(LOST), behind)
                }
                _ => (LOST, behind),
            }
        }
        code => (char::from_u32(code).unwrap_or(LOST), behind),
    }
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let digits = text.get(..4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(digits, 16).ok()?, text.get(4..)?))
}

/// Marks the bytes of a word that are a quote or a backslash; the lowest mark is exact.
#[inline]
fn quote_or_backslash(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // A byte borrows from its high bit exactly if it is zero, and it is zero where it equals the one looked for.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    zero(word ^ (ONES * b'"' as u64)) | zero(word ^ (ONES * b'\\' as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> String {
        let mut scratch = String::new();
        let mut scanner = Scanner::new(text.as_bytes()).unwrap();
        scanner.peek().unwrap();
        let found = scanner.string().unwrap().decode(&mut scratch).to_owned();
        assert!(scanner.at_end(), "{text}");
        found
    }

    #[test]
    fn strings_of_every_length_end_at_their_quote() {
        for length in 0..40 {
            let inside = "é".repeat(length / 2) + &"x".repeat(length % 2);
            assert_eq!(string(&format!("\"{inside}\"")), inside);
            assert_eq!(string(&format!("\"{inside}\\\"\"")), format!("{inside}\""));
        }
    }

    #[test]
    fn escapes_mean_what_rfc_8259_says() {
        assert_eq!(string(r#""\"\\\/\b\f\n\r\t""#), "\"\\/\u{8}\u{c}\n\r\t");
        assert_eq!(string(r#""\u00e9\u20AC\ud83d\ude00!""#), "é€😀!");
    }

    #[test]
    fn what_is_wrong_with_a_string_does_not_lose_the_rest() {
        assert_eq!(string(r#""a\ud83d!""#), "a\u{fffd}!");
        assert_eq!(string(r#""\ud83d\u0041""#), "\u{fffd}A");
        assert_eq!(string(r#""\ude00b""#), "\u{fffd}b");
        assert_eq!(string(r#""\u12é4""#), "\u{fffd}12é4");
        assert_eq!(string(r#""\é\'""#), "é'");
        assert_eq!(string("\"tab\tand\nline\u{1}\""), "tab\tand\nline\u{1}");
    }

    #[test]
    fn values_are_skipped_whole_and_checked() {
        for text in [
            "{}",
            "[]",
            "[[],{},[{}]]",
            r#"{"a":[1,-2.5e3,true,false,null,"]}"],"b":{"c":NaN}}"#,
            " \r\n\t\"x\" ",
        ] {
            let mut scanner = Scanner::new(text.as_bytes()).unwrap();
            scanner.skip().unwrap();
            assert!(scanner.at_end(), "{text}");
        }
        for text in [
            "",
            "{",
            "[1,]",
            "[1 2]",
            "{\"a\"}",
            "{a:1}",
            "[}",
            "{\"a\":1]",
            "\"x",
            "tru",
            "\"\\",
        ] {
            let mut scanner = Scanner::new(text.as_bytes()).unwrap();
            assert!(scanner.skip().is_err(), "{text}");
        }
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let skip = |text: String| Scanner::new(text.as_bytes()).unwrap().skip();
        assert!(skip(nested(128)).is_ok());
        assert!(skip(nested(130)).is_err());
        assert!(skip("[".repeat(1_000_000)).is_err());
    }
}
