//! What an answer means for whoever has to act on it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::envelope::{Envelope, ServiceError};
use crate::request::{Accept, Request};

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
/// first member, since error envelopes are short. An `error` member late in a long body is the decoder's to find.
const WHOLE: usize = 64 * 1024;

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
                    Some(title) => format!("an HTML page instead of data: {title}"),
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

    /// The verdict for an error that was found in the body later on, by a decoder.
    #[must_use]
    pub fn from_error(request: &Request, error: ServiceError, headers: &HeaderMap) -> Self {
        Self {
            outcome: judge(&error, headers, request.rows().is_some_and(|rows| rows > 1)),
            error: Some(error),
        }
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

    pub(crate) fn without(self, secret: &str) -> Self {
        Self {
            outcome: self.outcome,
            error: self.error.map(|error| error.without(secret)),
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
        return None;
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
            None
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

fn trim_start(body: &[u8]) -> &[u8] {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let start = body
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .unwrap_or(body.len());
    body.get(start..).unwrap_or_default()
}

/// Whether the first member of the object in `text` is called `error`.
fn head_names_error(text: &[u8]) -> bool {
    let inner = text.strip_prefix(b"{").map(trim_start).unwrap_or_default();
    inner.starts_with(b"\"error\"")
}

/// The title of an HTML page, at most 120 characters of it.
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
    (!title.is_empty()).then(|| title.chars().take(120).collect())
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
    match error.code() {
        401 | 403 | 404 | 405 | 410 | 501 => {
            if error.mentions("not started") {
                return Outcome::Transient;
            }
            Outcome::Terminal
        }
        413 => size_or_terminal(many_rows),
        408 => Outcome::Transient,
        400 => judge_400(error, many_rows),
        503 if after.is_some() => Outcome::Busy { after },
        502 | 503 => Outcome::Transient,
        500 | 504 => size,
        code if (520..=530).contains(&code) => Outcome::Transient,
        // An HTML page or an empty answer under 200: a proxy or a login page in between, or a server that broke off.
        200 if error.mentions("an empty answer") => size,
        200 => Outcome::Terminal,
        _ if error.mentions("wait time") => size,
        _ => Outcome::Terminal,
    }
}

fn judge_400(error: &ServiceError, many_rows: bool) -> Outcome {
    // Said of a bad parameter, with the parameter's name: no other attempt can help.
    if error.mentions("invalid query parameters")
        || error.mentions("invalid or missing input parameters")
        || error.mentions("pagination is not supported")
        || error.mentions("not supported by this service")
        || error.mentions("invalid field")
        || error.mentions("'where' clause is invalid")
    {
        return Outcome::Terminal;
    }
    if error.mentions("error performing query operation") {
        return if many_rows {
            Outcome::TooBig
        } else {
            Outcome::Transient
        };
    }
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
mod tests {
    use super::*;
    use crate::request::Request;

    fn page() -> Request {
        Request::read(
            "https://h/arcgis/rest/services/x/FeatureServer/0/query"
                .parse()
                .unwrap(),
        )
        .with_rows(1000)
    }

    fn verdict(request: &Request, status: u16, headers: &[(&str, &str)], body: &str) -> Verdict {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        Verdict::of(
            request,
            StatusCode::from_u16(status).unwrap(),
            &map,
            body.as_bytes(),
        )
    }

    fn outcome(status: u16, body: &str) -> Outcome {
        verdict(&page(), status, &[], body).outcome()
    }

    #[test]
    fn refusals_are_seen_in_the_status_and_in_the_body() {
        for (status, body, expected) in [
            (498, "", Refusal::Invalid),
            (499, "<html></html>", Refusal::Required),
            (
                200,
                r#"{"error":{"code":498,"message":"Invalid token.","details":[]}}"#,
                Refusal::Invalid,
            ),
            (
                200,
                r#"{"error":{"code":499,"message":"Token Required"}}"#,
                Refusal::Required,
            ),
            (
                401,
                r#"{"error":{"code":499,"message":"Token Required"}}"#,
                Refusal::Required,
            ),
            (
                200,
                r#"{"status":"error","messages":["Token Expired."],"code":498}"#,
                Refusal::Invalid,
            ),
            (
                200,
                r#"{"code":498,"message":"Invalid Token."}"#,
                Refusal::Invalid,
            ),
        ] {
            assert_eq!(
                outcome(status, body),
                Outcome::TokenRefused(expected),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn busy_names_its_wait() {
        let quota = r#"{"error":{"code":429,"message":"Unable to perform query. Too many requests.","details":["API calls quota exceeded (24001)! maximum allowed (24000) per Minute. Retry after 60 sec."]}}"#;
        assert_eq!(
            outcome(200, quota),
            Outcome::Busy {
                after: Some(Duration::from_secs(60))
            }
        );
        let wait = |value: &str| verdict(&page(), 429, &[("retry-after", value)], "").outcome();
        assert_eq!(
            wait("0"),
            Outcome::Busy {
                after: Some(Duration::ZERO)
            }
        );
        assert_eq!(
            wait("120"),
            Outcome::Busy {
                after: Some(Duration::from_secs(120))
            }
        );
        for nonsense in ["nan", "inf", "-5", "soon"] {
            assert_eq!(wait(nonsense), Outcome::Busy { after: None }, "{nonsense}");
        }
        let dated = verdict(
            &page(),
            503,
            &[
                ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"),
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ],
            "",
        );
        assert_eq!(
            dated.outcome(),
            Outcome::Busy {
                after: Some(Duration::from_secs(30))
            }
        );
    }

    #[test]
    fn size_matters_only_to_requests_for_many_rows() {
        let single = Request::read("https://h/x".parse().unwrap());
        let failed = r#"{"error":{"code":400,"message":"Unable to complete operation.","details":["Error performing query operation"]}}"#;
        assert_eq!(outcome(200, failed), Outcome::TooBig);
        assert_eq!(
            verdict(&single, 200, &[], failed).outcome(),
            Outcome::Transient
        );
        assert_eq!(outcome(500, ""), Outcome::TooBig);
        assert_eq!(
            outcome(504, "<html><title>Gateway Time-out</title></html>"),
            Outcome::TooBig
        );
        assert_eq!(verdict(&single, 504, &[], "").outcome(), Outcome::Transient);
        assert_eq!(outcome(502, ""), Outcome::Transient);
    }

    #[test]
    fn what_cannot_help_is_terminal() {
        for (status, body) in [
            (
                200,
                r#"{"error":{"code":400,"message":"Cannot perform query. Invalid query parameters.","details":["'Invalid field: nosuch' parameter is invalid"]}}"#,
            ),
            (
                200,
                r#"{"error":{"code":400,"message":"Pagination is not supported.","details":[]}}"#,
            ),
            (
                200,
                r#"{"error":{"code":403,"message":"User does not have permissions to access it"}}"#,
            ),
            (404, ""),
            (200, "<html><head><title>Sign In</title></head></html>"),
        ] {
            assert_eq!(outcome(status, body), Outcome::Terminal, "{status} {body}");
        }
        let page = verdict(
            &page(),
            200,
            &[],
            "<html><head><TITLE lang=x>\n Sign  In</title>",
        );
        assert!(page.error().unwrap().message().ends_with(": Sign In"));
    }

    #[test]
    fn ordinary_answers_are_ok_whatever_their_type_says() {
        assert_eq!(
            verdict(
                &page(),
                200,
                &[("content-type", "text/plain")],
                r#"{"count":42}"#
            )
            .outcome(),
            Outcome::Ok
        );
        assert_eq!(outcome(200, "\u{feff} {\"features\":[]}"), Outcome::Ok);
        let big = format!(
            r#"{{"features":[{}]}}"#,
            "{\"attributes\":{\"error\":1}},".repeat(4000)
        );
        assert_eq!(outcome(200, &big), Outcome::Ok);
        let big_error = format!(
            r#"{{"error":{{"code":500,"message":"x","details":["{}"]}}}}"#,
            "y".repeat(70_000)
        );
        assert_eq!(outcome(200, &big_error), Outcome::TooBig);
    }

    #[test]
    fn pbf_errors_come_as_json_and_pbf_begins_with_a_line_feed() {
        let pbf = page().with_accept(Accept::Pbf);
        let binary =
            |body: &[u8]| Verdict::of(&pbf, StatusCode::OK, &HeaderMap::new(), body).outcome();
        assert_eq!(binary(&[0x0a, 0x00, 0x12, 0x02]), Outcome::Ok);
        assert_eq!(binary(&[0x12, 0x02, 0x0a, 0x00]), Outcome::Ok);
        assert_eq!(
            binary(br#"{"error":{"code":498,"message":"Invalid token."}}"#),
            Outcome::TokenRefused(Refusal::Invalid)
        );
        assert_eq!(binary(b""), Outcome::TooBig);
    }
}
