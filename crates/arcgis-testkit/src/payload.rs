use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::connection::Hangup;

/// A moment in which what was sent leaves the buffers before the connection ends.
const MOMENT: Duration = Duration::from_millis(20);

/// A body that is whole, or that comes in parts and may break off.
#[derive(Debug)]
pub(crate) enum Payload {
    Whole(Bytes),
    Parts(Parts),
}

#[derive(Debug)]
pub(crate) struct Parts {
    parts: VecDeque<Bytes>,
    /// Between two parts.
    pause: Duration,
    /// Before the end.
    wait: Duration,
    end: End,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// What comes after the last part.
#[derive(Debug)]
pub(crate) enum End {
    Complete,
    /// The connection closes.
    Close,
    /// The connection is reset.
    Reset(Arc<Hangup>),
}

impl Payload {
    /// Sends what it has, and then ends the connection after a while: the announced length is never reached.
    pub(crate) fn broken(bytes: Bytes, wait: Duration, end: End) -> Self {
        Self::Parts(Parts {
            parts: VecDeque::from([bytes]),
            pause: Duration::ZERO,
            wait: wait.max(MOMENT),
            end,
            sleep: None,
        })
    }

    /// Sends all, over so long a time.
    pub(crate) fn slow(bytes: &Bytes, time: Duration) -> Self {
        const PARTS: usize = 10;
        let size = bytes.len().div_ceil(PARTS).max(1);
        let parts: VecDeque<Bytes> = (0..bytes.len())
            .step_by(size)
            .map(|from| bytes.slice(from..bytes.len().min(from + size)))
            .collect();
        let pauses = u32::try_from(parts.len().saturating_sub(1).max(1)).unwrap_or(1);
        Self::Parts(Parts {
            parts,
            pause: time / pauses,
            wait: Duration::ZERO,
            end: End::Complete,
            sleep: None,
        })
    }
}

impl Parts {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, std::io::Error>>> {
        if let Some(sleep) = &mut self.sleep {
            std::task::ready!(sleep.as_mut().poll(context));
            self.sleep = None;
        }
        if let Some(part) = self.parts.pop_front() {
            let wait = if self.parts.is_empty() {
                self.wait
            } else {
                self.pause
            };
            if !wait.is_zero() {
                self.sleep = Some(Box::pin(tokio::time::sleep(wait)));
            }
            return Poll::Ready(Some(Ok(part)));
        }
        match &self.end {
            End::Complete => Poll::Ready(None),
            End::Close => Poll::Ready(Some(Err(std::io::Error::from(
                std::io::ErrorKind::ConnectionAborted,
            )))),
            End::Reset(hangup) => {
                hangup.reset();
                Poll::Pending
            }
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Parts(parts) => parts
                .poll(context)
                .map(|part| part.map(|part| part.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            // A stated length is that of the header.
            Self::Parts(_) => SizeHint::default(),
        }
    }
}
