//! Bodies that are taken piece by piece.

use std::fmt;
use std::io;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};

use crate::request::Request;

/// Takes the body of an answer piece by piece: a file that may be larger than memory.
///
/// It sees only what was judged to be good: an answer that is an error, and one that is shorter than some 64 KiB, comes
/// back whole in the [`Response`](crate::Response), and nothing is told here. Whether the sink has it, says
/// [`Response::streamed`](crate::Response::streamed); a [`Transport`](crate::Transport) that knows nothing of sinks leaves
/// it out, and gives the whole body.
pub trait BodySink: fmt::Debug + Send + Sync {
    /// A good answer begins, before its first piece; for each attempt anew.
    ///
    /// # Errors
    ///
    /// Whatever should end the exchange; it is not tried again.
    fn begin(&self, status: StatusCode, headers: &HeaderMap) -> io::Result<()>;

    /// The next piece of it.
    ///
    /// # Errors
    ///
    /// As [`BodySink::begin`].
    fn write(&self, piece: &[u8]) -> io::Result<()>;
}

impl Request {
    /// Hands the body of a good answer to `sink`. The time limit is then one for the head and for each piece, not for
    /// the whole exchange, and of the limits of size only [`Request::with_max_answer`] counts.
    #[must_use]
    pub fn with_sink(mut self, sink: Arc<dyn BodySink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Who takes the body.
    #[must_use]
    pub fn sink(&self) -> Option<&Arc<dyn BodySink>> {
        self.sink.as_ref()
    }
}
