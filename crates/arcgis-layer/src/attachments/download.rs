//! The contents of attachments, piece by piece.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arcgis_auth_core::http::header::{ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use arcgis_auth_core::http::{HeaderMap, HeaderValue, StatusCode};
use arcgis_auth_core::{Accept, BodySink, Request, TransportErrorKind};

use super::attachment::Attachment;
use crate::decode::DecodeError;
use crate::error::Error;
use crate::layer::Layer;

/// How often an answer that broke off is gone on with where nothing came in between.
const FRUITLESS: u32 = 4;

/// The wait before the first of these; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Takes the contents of an attachment: a file, mostly. What it does may block, for a moment.
pub trait AttachmentSink: fmt::Debug + Send {
    /// Begins anew: what was written goes away.
    ///
    /// # Errors
    ///
    /// Whatever ends the download.
    fn restart(&mut self) -> io::Result<()>;

    /// The next piece.
    ///
    /// # Errors
    ///
    /// Whatever ends the download.
    fn write(&mut self, piece: &[u8]) -> io::Result<()>;
}

/// What came of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Download {
    /// The bytes of the whole.
    pub bytes: u64,
    /// How many of them were there before.
    pub resumed_at: u64,
    /// How often the rest was asked for after an answer broke off.
    pub resumes: u32,
}

/// What is known while an answer comes.
#[derive(Debug)]
struct Coming {
    sink: Box<dyn AttachmentSink>,
    /// Bytes that the sink has.
    there: u64,
    /// Whether an answer has begun, in this attempt.
    began: bool,
    /// Whether the transport would have begun the same answer again.
    cut: bool,
    problem: Option<String>,
    /// Why the sink took no more.
    failed: Option<io::Error>,
    /// Whether HTML is something else than the file.
    expects_no_page: bool,
}

/// The sink as the transport sees it.
#[derive(Debug)]
struct Shared(Mutex<Coming>);

impl BodySink for Shared {
    fn begin(&self, status: StatusCode, headers: &HeaderMap) -> io::Result<()> {
        let mut coming = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        coming.begin(status, headers)
    }

    fn write(&self, piece: &[u8]) -> io::Result<()> {
        let mut coming = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        coming.write(piece)
    }
}

impl Coming {
    fn begin(&mut self, status: StatusCode, headers: &HeaderMap) -> io::Result<()> {
        // The same answer once more: what came of it is gone on with, by a request of its own.
        if self.began {
            self.cut = true;
            return Err(io::Error::other("the answer broke off"));
        }
        self.began = true;
        if self.expects_no_page && is_html(headers) {
            let problem = "a page for people came in place of the attachment";
            self.problem = Some(problem.to_owned());
            return Err(io::Error::other(problem));
        }
        if status == StatusCode::PARTIAL_CONTENT {
            if starts_at(headers) == Some(self.there) {
                return Ok(());
            }
            let problem = "another part came than was asked for";
            self.problem = Some(problem.to_owned());
            return Err(io::Error::other(problem));
        }
        if self.there > 0 {
            self.sink.restart().map_err(|error| self.fail(error))?;
            self.there = 0;
        }
        Ok(())
    }

    /// Keeps the error itself: what goes through the transport is told of it in words.
    fn fail(&mut self, error: io::Error) -> io::Error {
        let told = io::Error::new(error.kind(), error.to_string());
        self.failed = Some(error);
        told
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.sink.write(piece).map_err(|error| self.fail(error))?;
        self.there += piece.len() as u64;
        Ok(())
    }
}

/// Where a part begins, by `Content-Range: bytes 10-19/20`.
fn starts_at(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (start, _) = range.trim().strip_prefix("bytes ")?.split_once('-')?;
    start.trim().parse().ok()
}

fn is_html(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
}

impl Layer {
    /// Gets the contents of an attachment, of which `sink` has the first `there` bytes already.
    ///
    /// They come piece by piece, however large the file is. An answer that breaks off is gone on with where the server
    /// honours `Range`, and begins anew where it does not. What came has the size that the service says, or the
    /// download fails; an error that comes in place of the file is that error.
    ///
    /// # Errors
    ///
    /// [`Error::Service`] if the server does not answer or answers with an error, [`Error::Answer`] if what comes is not
    /// the file, or not all of it, and [`Error::Attachment`] if the sink fails.
    pub async fn download(
        &self,
        attachment: &Attachment,
        sink: Box<dyn AttachmentSink>,
        there: u64,
    ) -> Result<Download, Error> {
        let is_html = |kind: &str| kind.to_ascii_lowercase().contains("html");
        let shared = Arc::new(Shared(Mutex::new(Coming {
            sink,
            there,
            began: false,
            cut: false,
            problem: None,
            failed: None,
            expects_no_page: !attachment.content_type.as_deref().is_some_and(is_html),
        })));
        let lock = || shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unusable = |problem: String| {
            let url = self.attachment_url(attachment);
            let error = DecodeError::Malformed { offset: 0, problem };
            Error::of_answer(url.as_str(), error)
        };
        if attachment.size.is_some_and(|size| there > size) {
            let mut coming = lock();
            coming.sink.restart().map_err(Error::Attachment)?;
            coming.there = 0;
        }
        let (mut resumes, mut fruitless) = (0, 0);
        loop {
            let before = lock().there;
            if attachment.size == Some(before) && before > 0 {
                break;
            }
            {
                let mut coming = lock();
                (coming.began, coming.cut) = (false, false);
            }
            let request = self
                .part(attachment, before)
                .with_sink(Arc::clone(&shared) as _);
            let result = self.transport().send(request).await;
            let (problem, failed, cut) = {
                let mut coming = lock();
                (coming.problem.take(), coming.failed.take(), coming.cut)
            };
            if let Some(error) = failed {
                return Err(Error::Attachment(error));
            }
            if let Some(problem) = problem {
                return Err(unusable(problem));
            }
            match result {
                Ok(response) if response.streamed().is_some() => {}
                Ok(response)
                    if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && before > 0 =>
                {
                    let mut coming = lock();
                    coming.sink.restart().map_err(Error::Attachment)?;
                    coming.there = 0;
                    continue;
                }
                // A short one, or a transport that gives bodies whole.
                Ok(response) => {
                    let (status, headers) = (response.status(), response.headers().clone());
                    let body = response.into_ok()?;
                    let mut coming = lock();
                    let written = coming
                        .begin(status, &headers)
                        .and_then(|()| coming.write(&body));
                    if let Some(problem) = coming.problem.take() {
                        return Err(unusable(problem));
                    }
                    if let Some(error) = coming.failed.take() {
                        return Err(Error::Attachment(error));
                    }
                    written.map_err(Error::Attachment)?;
                }
                Err(error) if cut || broke_off(&error) => {
                    fruitless = if lock().there > before {
                        0
                    } else {
                        fruitless + 1
                    };
                    if fruitless > FRUITLESS {
                        return Err(error.into());
                    }
                    if let Some(before) = fruitless.checked_sub(1) {
                        tokio::time::sleep(FIRST_WAIT * (1 << before)).await;
                    }
                    resumes += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            break;
        }
        let bytes = lock().there;
        if let Some(size) = attachment.size.filter(|size| *size != bytes) {
            return Err(unusable(format!("{bytes} bytes came of {size}")));
        }
        Ok(Download {
            bytes,
            resumed_at: there.min(bytes),
            resumes,
        })
    }

    fn part(&self, attachment: &Attachment, from: u64) -> Request {
        let identity = HeaderValue::from_static("identity");
        let mut request = Request::read(self.attachment_url(attachment))
            .with_accept(Accept::Any)
            // Of what is packed, no part means anything.
            .with_header(ACCEPT_ENCODING, identity);
        if let Some(size) = attachment.size {
            // One byte more shows that there is more; an error needs its room.
            request = request.with_max_answer(size.saturating_add(1).max(64 * 1024));
        }
        if from > 0 {
            if let Ok(range) = HeaderValue::from_str(&format!("bytes={from}-")) {
                request = request.with_header(RANGE, range);
            }
        }
        request
    }
}

/// Whether an answer ended before its end, and the rest may still come.
fn broke_off(error: &arcgis_auth_core::Error) -> bool {
    let arcgis_auth_core::Error::Transport(error) = error else {
        return false;
    };
    matches!(
        error.kind(),
        TransportErrorKind::Interrupted
            | TransportErrorKind::Timeout
            | TransportErrorKind::Protocol
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_say_where_they_begin() {
        let at = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, HeaderValue::from_str(text).unwrap());
            starts_at(&headers)
        };
        assert_eq!(at("bytes 10-19/20"), Some(10));
        assert_eq!(at("bytes 0-0/*"), Some(0));
        assert_eq!(at("bytes */20"), None);
        assert_eq!(at("lines 1-2/3"), None);
        assert_eq!(starts_at(&HeaderMap::new()), None);
    }
}
