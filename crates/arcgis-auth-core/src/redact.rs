//! Taking secrets out of text: the one place that knows which parameters are secret.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;
use url::Url;
use url::form_urlencoded::byte_serialize;

/// Query and form parameters whose values are never shown, compared without case.
const SECRET_PARAMETERS: [&str; 13] = [
    "token",
    "access_token",
    "refresh_token",
    "auth_token",
    "password",
    "client_secret",
    "code",
    "code_verifier",
    "api_key",
    "apikey",
    "authorization",
    "assertion",
    "subject_token",
];

/// What stands before the secret in an `Authorization` header.
const SCHEMES: [&str; 5] = ["bearer", "basic", "digest", "negotiate", "ntlm"];

/// Words that follow "bearer" in sentences, and in the challenges of servers.
const NO_TOKENS: [&str; 12] = [
    "token",
    "tokens",
    "authentication",
    "authorization",
    "auth",
    "scheme",
    "header",
    "is",
    "was",
    "or",
    "and",
    "not",
];

/// Names and their secret values are at most this long before they are decoded.
const LONGEST_NAME: usize = 96;

/// Secrets of fewer characters are found as whole words only: as part of others they may be anywhere.
const SHORT: usize = 6;

/// What stands for a known secret that a server repeats.
const BLOT: &str = "[redacted]";

/// Whether a parameter of this name carries a secret.
#[must_use]
pub fn is_secret_parameter(name: &str) -> bool {
    SECRET_PARAMETERS
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret))
}

/// `url` for logs and errors: no user name or password, and `***` for the value of each parameter
/// that carries a secret. Everything else stays as it is, byte for byte.
///
/// ```
/// use arcgis_auth_core::redact_url;
///
/// let url = "https://host/x?a=1&token=SECRET&b=2".parse()?;
/// assert_eq!(redact_url(&url), "https://host/x?a=1&token=***&b=2");
/// # Ok::<(), url::ParseError>(())
/// ```
#[must_use]
pub fn redact_url(url: &Url) -> String {
    let mut url = url.clone();
    if !url.username().is_empty() || url.password().is_some() {
        // Fails only for URLs that cannot have a user name, and those have none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    redact_text(url.as_str())
}

/// `text` with `***` for what looks like a secret: the value behind `name=` of a secret parameter,
/// percent-encoded or not; the value of a JSON member of such a name; the word behind `Bearer`, and
/// the words of an `Authorization` header.
pub(crate) fn redact_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let secret = match byte {
            b'=' => behind_equals(text, at, at + 1),
            b'%' if starts_with(text, at, "%3d") => behind_equals(text, at, at + 3),
            b':' => behind_colon(text, at),
            b'b' | b'B' => behind_bearer(text, at),
            _ => None,
        };
        match secret {
            Some(secret) => {
                out.push_str(text.get(done..secret.start).unwrap_or_default());
                out.push_str("***");
                done = secret.end;
                at = secret.end.max(at + 1);
            }
            None => at += 1,
        }
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// A server's text as it can be shown: white space is a blank, and there is nothing that a terminal
/// takes for a command or that turns the direction of what stands around it.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
            c if c.is_control() => None,
            c => Some(c),
        })
        .collect()
}

/// `text` without `secret`, as it is or percent-encoded.
pub(crate) fn blot(text: &mut String, secret: &str) {
    if secret.is_empty() {
        return;
    }
    let form: String = byte_serialize(secret.as_bytes()).collect();
    let spaced = form.replace('+', "%20");
    let mut forms = vec![
        secret.to_owned(),
        form.replace('%', "%25"),
        lower_escapes(&form),
        lower_escapes(&spaced),
        form,
        spaced,
        secret.replace('\\', "\\\\").replace('"', "\\\""),
    ];
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
    let short = secret.chars().count() < SHORT;
    for form in forms {
        if !text.contains(&form) {
            continue;
        }
        if short {
            *text = without_word(text, &form);
        } else {
            *text = text.replace(&form, BLOT);
        }
    }
}

/// `%2F` as `%2f`: both are written.
fn lower_escapes(encoded: &str) -> String {
    let mut escape = 0_u8;
    encoded
        .chars()
        .map(|c| {
            if c == '%' {
                escape = 2;
                c
            } else if escape > 0 {
                escape -= 1;
                c.to_ascii_lowercase()
            } else {
                c
            }
        })
        .collect()
}

/// `text` without `word` where it stands alone.
fn without_word(text: &str, word: &str) -> String {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(word) {
        let (before, found) = rest.split_at(start);
        let after = found.get(word.len()..).unwrap_or_default();
        out.push_str(before);
        let alone = !out.ends_with(part_of_word) && !after.starts_with(part_of_word);
        out.push_str(if alone { BLOT } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
}

fn starts_with(text: &str, at: usize, lower: &str) -> bool {
    text.as_bytes()
        .get(at..at + lower.len())
        .is_some_and(|bytes| bytes.eq_ignore_ascii_case(lower.as_bytes()))
}

/// The secret name that ends at `end`, decoded, and whether it is quoted.
fn secret_name(text: &str, end: usize) -> Option<(String, bool)> {
    let before = text.get(..end)?.trim_end();
    let unquoted = before.trim_end_matches(['"', '\'']);
    let quoted = unquoted.len() < before.len();
    let unquoted = unquoted.strip_suffix('\\').unwrap_or(unquoted);
    let bytes = unquoted.as_bytes();
    let length = bytes
        .iter()
        .rev()
        .take(LONGEST_NAME)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'%'))
        .count();
    let mut name = Cow::Borrowed(unquoted.get(bytes.len() - length..)?);
    // More than once where one address is a parameter of another.
    for _ in 0..3 {
        if !name.contains('%') {
            break;
        }
        name = Cow::Owned(percent_decode_str(&name).decode_utf8_lossy().into_owned());
    }
    let name = name
        .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .next()
        .unwrap_or_default();
    is_secret_parameter(name).then(|| (name.to_ascii_lowercase(), quoted))
}

/// The value behind an equals sign at `at` that ends before `after`.
fn behind_equals(text: &str, at: usize, after: usize) -> Option<Range<usize>> {
    let (name, _) = secret_name(text, at)?;
    let spaced = text.get(..at)?.ends_with(char::is_whitespace);
    let rest = text.get(after..)?;
    // `CODE = 'A'` is a condition on a column.
    if name == "code" && (spaced || rest.starts_with(['\'', '='])) {
        return None;
    }
    let gap = if spaced {
        rest.len() - rest.trim_start().len()
    } else {
        0
    };
    let value = value(text, after + gap, after - at > 1);
    (!is_number(&name, text.get(value.clone())?)).then_some(value)
}

/// The value of the JSON member, or the secret in the header, whose name ends at the colon at `at`.
fn behind_colon(text: &str, at: usize) -> Option<Range<usize>> {
    let (name, quoted) = secret_name(text, at)?;
    let rest = text.get(at + 1..)?;
    let start = text.len() - rest.trim_start().len();
    if !quoted {
        let scheme = scheme(text, start)?;
        return (name == "authorization").then(|| value(text, scheme, false));
    }
    if ["{", "[", "null", "true", "false", "\"\"", "''"]
        .iter()
        .any(|nothing| rest.trim_start().starts_with(nothing))
    {
        return None;
    }
    let value = value(text, start, false);
    (!is_number(&name, text.get(value.clone())?)).then_some(value)
}

/// The word behind a "Bearer" at `at`.
fn behind_bearer(text: &str, at: usize) -> Option<Range<usize>> {
    if !starts_with(text, at, "bearer")
        || text
            .get(..at)?
            .ends_with(|c: char| c.is_alphanumeric() || c == '_')
    {
        return None;
    }
    let start = scheme(text, at)?;
    // Seen before the whole word is, which may be as long as the text and have many of these in it.
    if is_parameter(text.get(start..)?) {
        return None;
    }
    let secret = value(text, start, false);
    let word = text.get(secret.clone())?;
    let parameter = match text.get(secret.end..)?.starts_with('"') {
        true => word.contains('='),
        false => word.trim_end_matches('=').contains('='),
    };
    let sentence = word.is_empty()
        || parameter
        || NO_TOKENS.iter().any(|no| {
            word.trim_end_matches(['.', ':', '!'])
                .eq_ignore_ascii_case(no)
        });
    (!sentence).then_some(secret)
}

/// Whether a word has a sign of equality within, as in `realm=x`: a token may end in some, and has none within.
fn is_parameter(rest: &str) -> bool {
    let Some(at) = rest.find(|c: char| c == '=' || ends_value(c)) else {
        return false;
    };
    let behind = rest.get(at..).unwrap_or_default().trim_start_matches('=');
    rest.get(at..).is_some_and(|rest| rest.starts_with('='))
        && behind.starts_with(|c: char| !ends_value(c))
}

/// Where the word behind the scheme at `start` begins, if there is one.
fn scheme(text: &str, start: usize) -> Option<usize> {
    let scheme = SCHEMES
        .iter()
        .find(|scheme| starts_with(text, start, scheme))?;
    let rest = text.get(start + scheme.len()..)?;
    let word = ["%20", "+"]
        .iter()
        .find_map(|space| rest.strip_prefix(space))
        .unwrap_or_else(|| rest.trim_start());
    (word.len() < rest.len()).then_some(text.len() - word.len())
}

/// The value at `start`: what is in quotes, else up to `&`, `#`, white space, a quote or a bracket. Of
/// a header's value the word behind the scheme.
fn value(text: &str, start: usize, encoded: bool) -> Range<usize> {
    let rest = text.get(start..).unwrap_or_default();
    for quote in ["\\\"", "\"", "'"] {
        if let Some(inner) = rest.strip_prefix(quote) {
            let start = start + quote.len();
            return start..start + closing(inner, quote);
        }
    }
    let start = scheme(text, start).unwrap_or(start);
    let rest = text.get(start..).unwrap_or_default();
    let mut end = rest.find(ends_value).unwrap_or(rest.len());
    if encoded {
        let inner = rest.get(..end).unwrap_or_default();
        let ends = ["%26", "%23", "%20", "%22", "%0A", "%0a", "%0D", "%0d"];
        end = ends
            .iter()
            .filter_map(|mark| inner.find(mark))
            .min()
            .unwrap_or(end);
    }
    start..start + end
}

/// Whether a value without quotes ends before it.
fn ends_value(c: char) -> bool {
    c.is_whitespace() || "&#\"'<>)]},;\\".contains(c)
}

/// Where the value ends that `quote` closes.
fn closing(inner: &str, quote: &str) -> usize {
    if quote.len() > 1 {
        return inner.find(quote).unwrap_or(inner.len());
    }
    let mut escaped = false;
    inner
        .char_indices()
        .find(|(_, c)| {
            let closes = !escaped && quote.starts_with(*c);
            escaped = !escaped && *c == '\\';
            closes
        })
        .map_or(inner.len(), |(end, _)| end)
}

/// Whether it is the code of an error, and not of an authorisation.
fn is_number(name: &str, value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    name == "code"
        && (1..=5).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(url: &str) -> String {
        redact_url(&Url::parse(url).unwrap())
    }

    #[test]
    fn t26_urls_keep_all_but_the_secret() {
        assert_eq!(
            redact("https://host/x?a=1&token=SECRET&b=2"),
            "https://host/x?a=1&token=***&b=2"
        );
        assert_eq!(redact("https://host/x?token="), "https://host/x?token=***");
        assert_eq!(
            redact("https://host/x?TOKEN=SECRET&z=9&a=8#frag"),
            "https://host/x?TOKEN=***&z=9&a=8#frag"
        );
        let clean = "https://host/x?where=a%3D1&z=%20&a=%2B#f";
        assert_eq!(redact(clean), clean);
        assert_eq!(redact("https://me:pw@host/x"), "https://host/x");
    }

    #[test]
    fn texts_lose_secrets_wherever_they_stand() {
        for (text, shown) in [
            (
                "GET /q?f=json&token=abc.def HTTP/1.1 failed, password=x y",
                "GET /q?f=json&token=*** HTTP/1.1 failed, password=*** y",
            ),
            ("token=ünïcode&a=ü", "token=***&a=ü"),
            ("token='a b' and token = abc", "token='***' and token = ***"),
            (r#"password="a \" b" x"#, r#"password="***" x"#),
            // JSON, and JSON in a JSON text.
            (
                r#"{"Token" : "abc","a":1,"password":"p\"q"}"#,
                r#"{"Token" : "***","a":1,"password":"***"}"#,
            ),
            (
                r#"{\"token\":\"abc\",\"a\":1}"#,
                r#"{\"token\":\"***\",\"a\":1}"#,
            ),
            ("{'access_token': 'abc'}", "{'access_token': '***'}"),
            (r#"{"token":123456789}"#, r#"{"token":***}"#),
            (r#"{"token":"abc"#, r#"{"token":"***"#),
            // Percent-encoded names, and addresses in addresses.
            ("/q?%74oken=abc&a=1", "/q?%74oken=***&a=1"),
            ("/q?%2574oken=abc", "/q?%2574oken=***"),
            (
                "/login?back=%2Fq%3Ff%3Djson%26token%3Dabc%26a%3D1&b=2",
                "/login?back=%2Fq%3Ff%3Djson%26token%3D***%26a%3D1&b=2",
            ),
            // Headers.
            ("with Bearer abc-._~+/= sent", "with Bearer *** sent"),
            ("bearer%20abc&x", "bearer%20***&x"),
            (
                "X-Esri-Authorization: Bearer abc",
                "X-Esri-Authorization: Bearer ***",
            ),
            (
                "Authorization: Basic dTpw\r\nHost: h",
                "Authorization: Basic ***\r\nHost: h",
            ),
            (
                "authorization=Bearer abc&x=1",
                "authorization=Bearer ***&x=1",
            ),
        ] {
            assert_eq!(redact_text(text), shown, "{text}");
        }
    }

    #[test]
    fn texts_without_secrets_stay_as_they_are() {
        for text in [
            "mytoken=1 == x",
            "Token: required. Bearer token is missing; Bearer realm=\"ArcGIS\"",
            r#"{"code":400,"token":null,"message":"Invalid token."}"#,
            r#"{"code":"498"}"#,
            "code=500, Error code: 1001",
            "'where' clause is invalid: CODE = 'AB' AND code='x' AND CODE == 7",
            "the forbearer spoke: authorization: denied",
            "%",
            "=",
            ":",
            "ü%3D=:bearer",
        ] {
            assert_eq!(redact_text(text), text);
        }
    }

    #[test]
    fn no_text_takes_long() {
        for piece in [
            "=",
            "token=",
            "%25",
            "\":",
            "bearer ",
            "bearer+a=",
            "token%3D",
            "'token':'",
        ] {
            let text = piece.repeat(100_000 / piece.len());
            redact_text(&text);
        }
    }

    #[test]
    fn known_secrets_are_blotted_in_every_spelling_and_short_ones_as_words() {
        let blotted = |text: &str, secret: &str| {
            let mut text = text.to_owned();
            blot(&mut text, secret);
            text
        };
        assert_eq!(
            blotted(
                r#"a p/"ä s b p%2F%22%C3%A4+s c p%2f%22%c3%a4%20s d p/\"ä s"#,
                "p/\"ä s"
            ),
            "a [redacted] b [redacted] c [redacted] d [redacted]"
        );
        assert_eq!(
            blotted("Invalid at: the t was at t.", "t"),
            "Invalid at: the [redacted] was at [redacted]."
        );
        assert_eq!(
            blotted("able to; unable, ab le; able", "able"),
            "[redacted] to; unable, ab le; [redacted]"
        );
        assert_eq!(blotted("xsecretx", "secret"), "x[redacted]x");
        assert_eq!(blotted("x", ""), "x");
    }
}
