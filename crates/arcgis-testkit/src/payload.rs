use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// A body that is whole, or that breaks off.
#[derive(Debug)]
pub(crate) enum Payload {
    Whole(Bytes),
    /// Sends what it has, and then breaks the connection: the announced length is never reached.
    Broken(Bytes),
    Breaking(Pin<Box<Sleep>>),
}

impl Body for Payload {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        match this {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Broken(bytes) => {
                let bytes = std::mem::take(bytes);
                // A moment between the two, so that what was sent leaves the buffers first.
                *this = Self::Breaking(Box::pin(tokio::time::sleep(Duration::from_millis(20))));
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Breaking(pause) => {
                std::task::ready!(pause.as_mut().poll(context));
                Poll::Ready(Some(Err(std::io::Error::from(
                    std::io::ErrorKind::ConnectionAborted,
                ))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
