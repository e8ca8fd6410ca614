//! What a fault does to an answer.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::answer::{Answer, EsriError};
use crate::catalog::Catalog;
use crate::connection::Hangup;
use crate::fault::{Edit, FaultKind};
use crate::guard::refusal;
use crate::payload::{End, Payload};
use crate::request::Request;

/// A stalled answer is let go after this time.
pub(crate) const LONGEST_STALL: Duration = Duration::from_secs(60);

pub(crate) fn apply(catalog: &Catalog, layer: &str, edit: &Edit) {
    let Some((_, table)) = catalog.layer(layer) else {
        return;
    };
    // An edit that does not fit its layer changes nothing; the test sees that in its rows.
    let _ = match edit {
        Edit::Insert(row) => table.insert(row.clone()).map(|_| true),
        Edit::Delete(id) => table.delete(*id),
        Edit::Update(id, row) => table.update(*id, row.clone()),
    };
}

/// The answer that a fault gives instead of the right one.
pub(crate) fn replacement(kind: &FaultKind, request: &Request) -> Option<Answer> {
    let page = |status: u16| {
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("Error");
        Answer::html(status, reason, "The server could not complete the request.")
    };
    match kind {
        FaultKind::Status(status) => Some(page(*status)),
        FaultKind::StatusWith { status, headers } => {
            let mut answer = page(*status);
            add_headers(&mut answer, headers);
            Some(answer)
        }
        FaultKind::RedirectSame(status) => {
            let mut answer = page(*status);
            add_headers(
                &mut answer,
                &[("Location".to_owned(), request.path_and_query())],
            );
            Some(answer)
        }
        FaultKind::EmptyBody => Some(Answer::json(Bytes::new())),
        FaultKind::ErrorBody {
            code,
            message,
            details,
        } => Some(
            EsriError {
                code: *code,
                message: message.clone(),
                details: details.clone(),
            }
            .answer(200),
        ),
        FaultKind::Html => Some(Answer::html(200, "Sign In", "Please sign in to continue.")),
        FaultKind::QuotaBody { retry_after } => {
            let detail = format!(
                "API calls quota exceeded (24001)! maximum allowed (24000) per Minute. Retry after {retry_after} sec."
            );
            Some(
                EsriError::new(429, "Unable to perform query. Too many requests.")
                    .with_detail(detail)
                    .answer(200),
            )
        }
        FaultKind::Redirect(url) => {
            let mut answer = page(302);
            if let Ok(url) = HeaderValue::from_str(url) {
                answer.headers.insert(header::LOCATION, url);
            }
            Some(answer)
        }
        FaultKind::TokenRefused { code, style } => Some(refusal(*code, *style)),
        FaultKind::Respond {
            status,
            content_type,
            body,
        } => Some(Answer::new(*status, content_type, body.clone())),
        _ => None,
    }
}

fn add_headers(answer: &mut Answer, headers: &[(String, String)]) {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            answer.headers.insert(name, value);
        }
    }
}

/// Changes what the answer says.
pub(crate) fn spoil_answer(kind: &FaultKind, answer: &mut Answer) {
    match kind {
        FaultKind::CutShort => answer.body.truncate(answer.body.len() / 2),
        FaultKind::Headers(headers) => add_headers(answer, headers),
        FaultKind::LateError { code, message } => {
            let error = json!({"code": code, "message": message, "details": []});
            let mut body = answer.body.to_vec();
            if body.pop() == Some(b'}') {
                let _ = write!(body, ",\"error\":{error}}}");
                answer.body = Bytes::from(body);
                answer.error = Some(*code);
            }
        }
        _ => {}
    }
}

/// Changes how the answer is sent, after compression.
pub(crate) fn spoil_response(
    kind: &FaultKind,
    response: &mut Response<Payload>,
    hangup: &Arc<Hangup>,
) {
    let Payload::Whole(bytes) = response.body_mut() else {
        return;
    };
    let all = std::mem::take(bytes);
    let length = all.len();
    let half = || all.slice(..length / 2);
    let (payload, announced) = match kind {
        FaultKind::Truncate => (
            Payload::broken(half(), Duration::ZERO, End::Close),
            Some(length),
        ),
        FaultKind::ResetInBody => (
            Payload::broken(half(), Duration::ZERO, End::Reset(Arc::clone(hangup))),
            Some(length),
        ),
        FaultKind::StallInBody => (
            Payload::broken(half(), LONGEST_STALL, End::Close),
            Some(length),
        ),
        FaultKind::CutCompressed => (Payload::Whole(half()), None),
        FaultKind::SlowBody(time) => (Payload::slow(&all, *time), Some(length)),
        FaultKind::ShortLength => (Payload::slow(&all, Duration::ZERO), Some(length / 2)),
        _ => (Payload::Whole(all), None),
    };
    *response.body_mut() = payload;
    if let Some(length) = announced {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}
