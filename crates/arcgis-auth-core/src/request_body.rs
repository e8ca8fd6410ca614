//! The body of a request as HTTP libraries take it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http_body::{Body, Frame, SizeHint};
use secrecy::zeroize::Zeroizing;

use crate::part::PartSource;

/// What is sent with a request: nothing, a form, or the parts of a multipart form one after the other.
///
/// An [`http_body::Body`], for hyper and all that is built on it. For clients of another kind,
/// [`RequestBody::bytes`] has the whole where it is in memory. `Debug` shows no content.
pub struct RequestBody {
    pieces: VecDeque<Piece>,
    /// Bytes that are still to come, if every piece knows its own.
    left: Option<u64>,
}

enum Piece {
    Bytes(Bytes),
    /// Opened when its turn comes.
    Closed(Arc<dyn PartSource>),
    Open(Open),
}

struct Open {
    /// In a lock that nobody ever waits for: streams are not `Sync`, and some clients want bodies to be.
    stream: Mutex<BoxStream<'static, io::Result<Bytes>>>,
    length: Option<u64>,
    given: u64,
}

/// What is wiped from memory when the last that reads it is done.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// `text` as shared bytes that are wiped in the end.
pub(crate) fn wiped(text: Zeroizing<Vec<u8>>) -> Bytes {
    Bytes::from_owner(Wiped(text))
}

impl RequestBody {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            pieces: VecDeque::new(),
            left: Some(0),
        }
    }

    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.add(u64::try_from(bytes.len()).ok());
        if !bytes.is_empty() {
            self.pieces.push_back(Piece::Bytes(bytes));
        }
    }

    pub(crate) fn push_source(&mut self, source: Arc<dyn PartSource>) {
        self.add(source.length());
        self.pieces.push_back(Piece::Closed(source));
    }

    fn add(&mut self, length: Option<u64>) {
        self.left = self
            .left
            .zip(length)
            .and_then(|(left, length)| left.checked_add(length));
    }

    /// The whole body, where it is one piece in memory: all but multipart bodies. Empty if there is none.
    #[must_use]
    pub fn bytes(&self) -> Option<Bytes> {
        match (self.pieces.front(), self.pieces.len()) {
            (None, _) => Some(Bytes::new()),
            (Some(Piece::Bytes(bytes)), 1) => Some(bytes.clone()),
            _ => None,
        }
    }

    /// How many bytes are to come, if that is known ahead.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.left
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        let mut body = Self::empty();
        body.push(bytes);
        body
    }
}

impl Open {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let stream = self
            .stream
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let next = std::task::ready!(stream.as_mut().poll_next(context));
        let Some(length) = self.length else {
            return Poll::Ready(next);
        };
        // More or fewer bytes than announced would shift where the body ends.
        let wrong = || io::Error::other("a part has another length than it said");
        Poll::Ready(match next {
            Some(Ok(bytes)) => {
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.given = self.given.saturating_add(size);
                Some(if self.given > length {
                    Err(wrong())
                } else {
                    Ok(bytes)
                })
            }
            None if self.given < length => Some(Err(wrong())),
            other => other,
        })
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        loop {
            let bytes = match this.pieces.front_mut() {
                None => return Poll::Ready(None),
                Some(Piece::Bytes(bytes)) => {
                    let bytes = std::mem::take(bytes);
                    this.pieces.pop_front();
                    bytes
                }
                Some(piece @ Piece::Closed(_)) => {
                    if let Piece::Closed(source) = piece {
                        *piece = Piece::Open(Open {
                            stream: Mutex::new(source.open()),
                            length: source.length(),
                            given: 0,
                        });
                    }
                    continue;
                }
                Some(Piece::Open(open)) => match std::task::ready!(open.poll(context)) {
                    None => {
                        this.pieces.pop_front();
                        continue;
                    }
                    Some(Err(error)) => {
                        this.pieces.clear();
                        return Poll::Ready(Some(Err(error)));
                    }
                    Some(Ok(bytes)) => bytes,
                },
            };
            if bytes.is_empty() {
                continue;
            }
            let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            this.left = this.left.map(|left| left.saturating_sub(size));
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("length", &self.left)
            .finish_non_exhaustive()
    }
}
