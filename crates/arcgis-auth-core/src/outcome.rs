//! What an answer means for whoever has to act on it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::envelope::{Envelope, ServiceError};
use crate::redact::blot;
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

    #[test]
    fn an_odd_code_leaves_the_word_to_the_status() {
        let odd = r#"{"error":{"code":-2147467259,"message":"Something"}}"#;
        let error = |code: i64, message: &str| {
            format!(r#"{{"error":{{"code":{code},"message":"{message}","details":[]}}}}"#)
        };
        assert_eq!(outcome(200, odd), Outcome::Terminal);
        assert_eq!(outcome(400, odd), Outcome::Terminal);
        assert_eq!(outcome(503, odd), Outcome::Transient);
        assert_eq!(outcome(500, odd), Outcome::TooBig);
        assert_eq!(outcome(500, &error(0, "x")), Outcome::TooBig);
        assert_eq!(outcome(500, &error(403, "x")), Outcome::Terminal);
        let busy = verdict(&page(), 503, &[("retry-after", "3")], odd).outcome();
        assert!(matches!(busy, Outcome::Busy { after: Some(_) }));
        for code in [0, 400, 404, 500, 1000, -2147467259] {
            for said in [
                "Error performing query operation.",
                "Wait time has been exceeded",
            ] {
                assert_eq!(
                    outcome(200, &error(code, said)),
                    Outcome::TooBig,
                    "{code} {said}"
                );
            }
        }
        for said in ["Service x/FeatureServer not found", "Service x not started"] {
            for code in [404, 500] {
                assert_eq!(
                    outcome(200, &error(code, said)),
                    Outcome::Transient,
                    "{code} {said}"
                );
                assert_eq!(
                    outcome(404, &error(code, said)),
                    Outcome::Transient,
                    "{code} {said}"
                );
            }
        }
        assert_eq!(
            outcome(200, &error(404, "Layer not found")),
            Outcome::Terminal
        );
        let forbidden = Request::read("https://h/x".parse().unwrap());
        let answer = crate::Response::judge(
            &forbidden,
            StatusCode::FORBIDDEN,
            HeaderMap::new(),
            odd.into(),
        );
        assert!(matches!(answer.into_ok(), Err(crate::Error::Forbidden(_))));
    }

    fn rows(bytes: usize) -> String {
        let row = r#"{"attributes":{"error":"\"error\":{\"code\":498}","x":1}}"#;
        vec![row; bytes / row.len() + 1].join(",")
    }

    #[test]
    fn an_error_after_many_rows_is_seen() {
        let ends = |end: &str| format!(r#"{{"features":[{}]{end}"#, rows(WHOLE));
        for (end, expected) in [
            (
                r#","error":{"code":498,"message":"Invalid token.","details":[]}}"#,
                Outcome::TokenRefused(Refusal::Invalid),
            ),
            (
                ", \"error\" : {\"code\": 429, \"message\": \"Too many requests\", \"details\": [\"a } b\"]}\n}\r\n",
                Outcome::Busy { after: None },
            ),
            (
                r#","error":{"code":500,"message":"x","error":{"code":1,"message":"y"}}}"#,
                Outcome::TooBig,
            ),
        ] {
            assert_eq!(outcome(200, &ends(end)), expected, "{end}");
            let pbf = page().with_accept(Accept::Pbf);
            assert_eq!(
                verdict(&pbf, 200, &[], &ends(end)).outcome(),
                expected,
                "{end}"
            );
        }
    }

    #[test]
    fn an_error_in_a_row_is_data() {
        for end in [
            "}",
            "}}",
            r#","error":null}"#,
            r#","error":{}}"#,
            r#","error":{"x":1}}"#,
            r#","crs":{"error":{"code":498,"message":"x"}}}"#,
            r#","note":"\"error\":{\"code\":498}"}"#,
            r#","x\"error":{"code":498,"message":"x"}}"#,
            r#","note":",\"error\":{","b":{"code":498,"message":"x"}}"#,
            r#","error":{"code":498,"message":"x"},"b":{"code":498,"message":"x"}}"#,
        ] {
            let body = format!(r#"{{"features":[{}]{end}"#, rows(WHOLE));
            assert_eq!(outcome(200, &body), Outcome::Ok, "{end}");
        }
        let in_the_last = format!(
            r#"{{"features":[{},{{"attributes":{{"a":1,"error":{{"code":498,"message":"x"}}}}}}]}}"#,
            rows(WHOLE)
        );
        assert_eq!(outcome(200, &in_the_last), Outcome::Ok);
    }

    #[test]
    fn nothing_called_error_is_no_error() {
        for head in [
            r#""error":null"#,
            r#" "error" : [] "#,
            r#""error":false"#,
            r#""error":"""#,
        ] {
            let body = format!(r#"{{{head},"features":[{}]}}"#, rows(WHOLE));
            assert_eq!(outcome(200, &body), Outcome::Ok, "{head}");
        }
        let cut = format!(
            r#"{{"error" : {{"code":500,"message":"{}"#,
            "y".repeat(WHOLE)
        );
        assert_eq!(outcome(200, &cut), Outcome::Terminal);
    }

    #[test]
    fn no_secret_of_the_request_comes_back_in_its_error() {
        let own = Request::read("https://h/x?token=MY%2FT0KEN".parse().unwrap())
            .with_secret_param("key", "K3Y3Y3Y".into())
            .with_header(
                http::header::AUTHORIZATION,
                "Basic dTpwYXNz".parse().unwrap(),
            )
            .with_token(
                crate::Token::new("T0KENT0KEN"),
                crate::TokenPlacement::EsriHeader,
            );
        let echo = "no MY/T0KEN, MY%2FT0KEN, K3Y3Y3Y, dTpwYXNz, T0KENT0KEN";
        let envelope =
            format!(r#"{{"error":{{"code":400,"message":"{echo}","details":["{echo}"]}}}}"#);
        let late = format!(r#"{{"features":[{}],{}"#, rows(WHOLE), &envelope[1..]);
        let html = format!("<html><title>{}{echo}</title>", "x".repeat(111));
        let found_later = ServiceError::new(200, 400, echo, "u").with_details([echo]);
        for verdict in [
            verdict(&own, 200, &[], &envelope),
            verdict(&own, 200, &[], &late),
            verdict(&own, 403, &[], &html),
            Verdict::from_error(&own, found_later, &HeaderMap::new()),
        ] {
            assert_ne!(verdict.outcome(), Outcome::Ok);
            let shown = format!("{verdict:?}");
            for secret in ["MY", "K3Y", "dTpw", "T0K"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}
