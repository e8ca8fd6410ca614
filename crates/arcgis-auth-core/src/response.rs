//! An answer, with what it means.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::error::Error;
use crate::outcome::{Outcome, Verdict};
use crate::request::Request;

/// An answer with its body in memory. Any status is an answer; a [`Verdict`] says what it means.
///
/// The body is reached through [`Response::into_ok`], which turns every error, whatever its shape,
/// into an [`Error`] first: nothing reads an error as data.
#[derive(Clone)]
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    verdict: Verdict,
    attempts: u32,
    streamed: Option<u64>,
}

impl Response {
    /// Judges the answer to `request`. This is the one way to a `Response`, so that none goes unjudged.
    #[must_use]
    pub fn judge(request: &Request, status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        let verdict = Verdict::of(request, status, &headers, &body);
        Self {
            status,
            headers,
            body,
            verdict,
            attempts: 1,
            streamed: None,
        }
    }

    /// Says how many times the request was sent until this answer came.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self.verdict = self.verdict.with_attempts(attempts);
        self
    }

    /// The same answer, with the secrets of `request` blotted out of the error, for servers that echo
    /// them: the request that was judged may have been another, as after a redirect.
    pub(crate) fn blotted(mut self, request: &Request) -> Self {
        self.verdict = self.verdict.blotted(request);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What the answer means.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.verdict.outcome()
    }

    /// The meaning and the error behind it.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// How many times the request was sent until this answer came: 1 without retries.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The same answer, whose body the [sink](Request::with_sink) of its request has: so many bytes.
    #[must_use]
    pub fn with_streamed(mut self, bytes: u64) -> Self {
        self.streamed = Some(bytes);
        self.body = Bytes::new();
        self
    }

    /// How many bytes the sink of the request has; none where it has nothing, and the body is here.
    #[must_use]
    pub fn streamed(&self) -> Option<u64> {
        self.streamed
    }

    /// The size of the body in bytes, after decompression.
    #[must_use]
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// Whether the body is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The body of an answer that is what was asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] for 401 and 403, else [`Error::Service`], for every other answer.
    pub fn into_ok(self) -> Result<Bytes, Error> {
        match self.verdict.into_error() {
            None => Ok(self.body),
            Some(error) if matches!(error.telling_code(), 401 | 403) => {
                Err(Error::Forbidden(error.into()))
            }
            Some(error) => Err(Error::Service(error.into())),
        }
    }

    /// The body as it is, even of an error: for passing it on, or for reading redirects.
    #[must_use]
    pub fn into_raw(self) -> (StatusCode, HeaderMap, Bytes) {
        (self.status, self.headers, self.body)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bodies of token endpoints are secrets.
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .field("outcome", &self.outcome())
            .finish_non_exhaustive()
    }
}
