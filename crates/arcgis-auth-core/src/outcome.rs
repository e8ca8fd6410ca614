//! What an answer means for whoever has to act on it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::envelope::{Envelope, ServiceError};
use crate::redact::blot;
use crate::request::Request;
use crate::request_kind::Accept;

/// The meaning of an answer, whatever its status, format and endpoint: middleware and engine act on this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The body is what was asked for, as far as its head tells.
    Ok,
    /// The token was missing, invalid or expired: get another and ask once more.
    TokenRefused(Refusal),
    /// The server asks for patience; `after` is how long, where it says so.
    Busy {
        /// The wait that the server named.
        after: Option<Duration>,
    },
    /// The server broke down over this request's size, as far as one can tell: ask for less.
    TooBig,
    /// The same request may work at another time.
    Transient,
    /// The request has to change, or the one who asks.
    Terminal,
}

/// Which of ArcGIS's two refusals it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// 498: the token is not valid, or not any more.
    Invalid,
    /// 499: there was no token, or not where the server looks for it.
    Required,
}

/// An [`Outcome`] and, unless it is [`Outcome::Ok`], the error behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    outcome: Outcome,
    error: Option<ServiceError>,
}

/// Up to this size a JSON body is read whole in search of an error; a longer one is known by its
/// first member, since error envelopes are short, and by its last, since servers that fail while they
/// write rows put one there. An `error` member between others in a long body is the decoder's to find.
const WHOLE: usize = 64 * 1024;

/// The last member of a long body is looked for in so many bytes.
const TAIL: usize = 4 * 1024;

/// So many characters of a page's title are shown.
const LONGEST_TITLE: usize = 120;

impl Verdict {
    /// Judges an answer to `request`.
    #[must_use]
    pub fn of(request: &Request, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let url = request.redacted_url();
        let error = match find_error(request.accept(), status, headers, body) {
            None => {
                return Self {
                    outcome: Outcome::Ok,
                    error: None,
                };
            }
            Some(Found::Envelope(envelope)) => {
                let code = envelope.code.unwrap_or_else(|| match status.as_u16() {
                    200 => -1,
                    status => i64::from(status),
                });
                let message = envelope.message.as_deref().unwrap_or("Unknown error");
                ServiceError::new(status.as_u16(), code, message, url)
                    .with_details(&envelope.details)
            }
            Some(Found::Html(title)) => {
                let message = match title {
                    Some(mut title) => {
                        // Before the cut: half a secret is not found.
                        for secret in request.secrets() {
                            blot(&mut title, &secret);
                        }
                        let title: String = title.chars().take(LONGEST_TITLE).collect();
                        format!("an HTML page instead of data: {title}")
                    }
                    None => "an HTML page instead of data".to_owned(),
                };
                ServiceError::new(status.as_u16(), i64::from(status.as_u16()), message, url)
            }
            Some(Found::Empty) => ServiceError::new(
                status.as_u16(),
                i64::from(status.as_u16()),
                "an empty answer",
                url,
            ),
            Some(Found::Foreign) => ServiceError::new(
                status.as_u16(),
                i64::from(status.as_u16()),
                "an answer in another format than asked for",
                url,
            ),
            Some(Found::Status) => {
                let reason = status.canonical_reason().unwrap_or("no reason given");
                ServiceError::new(status.as_u16(), i64::from(status.as_u16()), reason, url)
            }
        };
        Self::from_error(request, error, headers)
    }

    /// The verdict for an error that was found in the body later on, by a decoder. Its error is the
    /// one to show: the secrets of `request` are blotted out of it.
    #[must_use]
    pub fn from_error(request: &Request, error: ServiceError, headers: &HeaderMap) -> Self {
        Self {
            outcome: judge(&error, headers, request.rows().is_some_and(|rows| rows > 1)),
            error: Some(error),
        }
        .blotted(request)
    }

    /// What to do.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The error, unless the outcome is [`Outcome::Ok`].
    #[must_use]
    pub fn error(&self) -> Option<&ServiceError> {
        self.error.as_ref()
    }

    /// The same verdict with an error that holds no secret of `request`.
    pub(crate) fn blotted(self, request: &Request) -> Self {
        let clean = |error| {
            let secrets = request.secrets();
            secrets
                .iter()
                .fold(error, |error: ServiceError, secret| error.without(secret))
        };
        Self {
            outcome: self.outcome,
            error: self.error.map(clean),
        }
    }

    pub(crate) fn with_attempts(self, attempts: u32) -> Self {
        Self {
            outcome: self.outcome,
            error: self.error.map(|error| error.with_attempts(attempts)),
        }
    }

    /// Takes the error out.
    #[must_use]
    pub fn into_error(self) -> Option<ServiceError> {
        self.error
    }
}

enum Found {
    Envelope(Envelope),
    Html(Option<String>),
    Empty,
    Foreign,
    Status,
}

fn find_error(
    accept: Accept,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<Found> {
    let good = status.is_success();
    let content_type = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if accept == Accept::Any && good && !content_type.contains("json") {
        return error_as_text(&content_type, body).map(Found::Envelope);
    }
    let text = trim_start(body);
    // A PBF answer begins with the tag 0x0a or 0x12; the first of them is also a line feed, so
    // that only its content type or the absence of a brace behind it tells it from JSON.
    let brace = text.first() == Some(&b'{');
    if accept == Accept::Pbf && good && !brace && text.first() != Some(&b'<') {
        return (body.is_empty()).then_some(Found::Empty);
    }
    if accept == Accept::Pbf && good && content_type.contains("protobuf") {
        return None;
    }
    if brace {
        let envelope = if body.len() <= WHOLE {
            Envelope::read(text)
        } else if head_names_error(text) {
            Envelope::read(text).or_else(|| Some(Envelope::default()))
        } else {
            error_at_the_end(text)
        };
        return match envelope {
            Some(envelope) => Some(Found::Envelope(envelope)),
            None if good => None,
            None => Some(Found::Status),
        };
    }
    if text.first() == Some(&b'<') {
        return Some(Found::Html(title(text)));
    }
    if text.is_empty() && good {
        return Some(Found::Empty);
    }
    if !good {
        return Some(Found::Status);
    }
    (accept == Accept::Json && text.first() != Some(&b'[')).then_some(Found::Foreign)
}

/// The error that a service sent as text in place of a file: an object with an error that has a code
/// and a message.
fn error_as_text(content_type: &str, body: &[u8]) -> Option<Envelope> {
    let text = trim_start(body);
    let may_be = content_type.is_empty() || content_type.starts_with("text/");
    if !may_be || body.len() > WHOLE || !head_names_error(text) {
        return None;
    }
    Envelope::read(text).filter(|error| error.code.is_some() && error.message.is_some())
}

fn trim_start(body: &[u8]) -> &[u8] {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let start = body
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .unwrap_or(body.len());
    body.get(start..).unwrap_or_default()
}

/// Whether the first member of the object in `text` is called `error` and says something.
fn head_names_error(text: &[u8]) -> bool {
    let inner = text.strip_prefix(b"{").map(trim_start).unwrap_or_default();
    let value = inner
        .strip_prefix(b"\"error\"")
        .map(trim_start)
        .and_then(|rest| rest.strip_prefix(b":"))
        .map(trim_start)
        .unwrap_or_default();
    match value {
        [b'"', b'"', ..] => false,
        [first, ..] => matches!(first, b'{' | b'"' | b'-' | b'0'..=b'9'),
        [] => false,
    }
}

/// The error object that is the last member of the long object in `text`, if it is one.
///
/// Only the object's own last member can match: behind it there is one brace, the document's, and
/// before its name a comma, which no end of a string is (`"error"` within one has backslashes).
fn error_at_the_end(text: &[u8]) -> Option<Envelope> {
    let inner = text.trim_ascii_end().strip_suffix(b"}")?.trim_ascii_end();
    if inner.last() != Some(&b'}') {
        return None;
    }
    let tail = inner.get(inner.len().saturating_sub(TAIL)..)?;
    let name = b"\"error\"";
    let starts = (0..tail.len())
        .rev()
        .filter(|at| tail.get(*at..).is_some_and(|rest| rest.starts_with(name)));
    starts
        .filter_map(|at| {
            let before = tail.get(..at)?.trim_ascii_end();
            let value = tail.get(at + name.len()..)?.trim_ascii_start();
            let value = value.strip_prefix(b":")?.trim_ascii_start();
            (before.last() == Some(&b',') && value.first() == Some(&b'{')).then_some(value)
        })
        .find_map(Envelope::read_member)
}

/// The title of an HTML page.
fn title(html: &[u8]) -> Option<String> {
    let head = html.get(..html.len().min(16 * 1024))?;
    let head = String::from_utf8_lossy(head);
    let lower = head.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower.get(start..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find('<')?;
    let title = head
        .get(start..end)?
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    (!title.is_empty()).then_some(title)
}

/// The rules: codes and texts as observed on ArcGIS Online, Enterprise and Koop.
fn judge(error: &ServiceError, headers: &HeaderMap, many_rows: bool) -> Outcome {
    let size = if many_rows {
        Outcome::TooBig
    } else {
        Outcome::Transient
    };
    let after = retry_after(headers).or_else(|| retry_after_in_text(error));
    for code in [error.code(), i64::from(error.status())] {
        match code {
            498 => return Outcome::TokenRefused(Refusal::Invalid),
            499 => return Outcome::TokenRefused(Refusal::Required),
            429 => return Outcome::Busy { after },
            _ => {}
        }
    }
    if error.mentions("too many requests") || error.mentions("quota exceeded") {
        return Outcome::Busy { after };
    }
    let code = error.telling_code();
    if code == 400 && names_a_parameter(error) {
        return Outcome::Terminal;
    }
    if code == 503 && after.is_some() {
        return Outcome::Busy { after };
    }
    // Said under codes of every kind, a database's own among them.
    if error.mentions("error performing query operation") || error.mentions("wait time") {
        return size;
    }
    // Services are stopped and started, and while they are moved nobody knows them.
    if error.mentions("not started") || (!matches!(code, 401 | 403) && names_lost_service(error)) {
        return Outcome::Transient;
    }
    match code {
        400 => judge_400(error, many_rows),
        413 => size_or_terminal(many_rows),
        408 => Outcome::Transient,
        500 | 504 => size,
        501 => Outcome::Terminal,
        502..=599 => Outcome::Transient,
        // An HTML page or an empty answer under 200: a proxy or a login page in between, or a server that broke off.
        200 if error.mentions("an empty answer") => size,
        _ => Outcome::Terminal,
    }
}

/// "Service Roads/FeatureServer not found"
fn names_lost_service(error: &ServiceError) -> bool {
    std::iter::once(error.message())
        .chain(error.details().iter().map(String::as_str))
        .any(|text| {
            let lower = text.to_ascii_lowercase();
            lower
                .split_once("service")
                .is_some_and(|(_, rest)| rest.contains("not found"))
        })
}

/// Said of a bad parameter, with the parameter's name: no other attempt can help.
fn names_a_parameter(error: &ServiceError) -> bool {
    [
        "invalid query parameters",
        "invalid or missing input parameters",
        "pagination is not supported",
        "not supported by this service",
        "invalid field",
        "'where' clause is invalid",
    ]
    .iter()
    .any(|text| error.mentions(text))
}

fn judge_400(error: &ServiceError, many_rows: bool) -> Outcome {
    // ArcGIS Online says this now and then of services that are there (portolan #811).
    if error.mentions("invalid url") {
        return Outcome::Transient;
    }
    // Said of a query that was too much and of a bad where clause alike.
    if error.mentions("unable to perform query") || error.mentions("failed to execute query") {
        return size_or_terminal(many_rows);
    }
    Outcome::Terminal
}

fn size_or_terminal(many_rows: bool) -> Outcome {
    if many_rows {
        Outcome::TooBig
    } else {
        Outcome::Terminal
    }
}

/// The `Retry-After` header in seconds, or as a date against the answer's own `Date`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let now = headers
        .get(http::header::DATE)
        .and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok())?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// ArcGIS Online names the wait in the details: "… Retry after 60 sec."
fn retry_after_in_text(error: &ServiceError) -> Option<Duration> {
    std::iter::once(error.message())
        .chain(error.details().iter().map(String::as_str))
        .find_map(|text| {
            let lower = text.to_ascii_lowercase();
            let rest = lower.split_once("retry after")?.1.trim_start();
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok().map(Duration::from_secs)
        })
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;
