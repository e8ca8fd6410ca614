use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Ends a connection from within an answer.
#[derive(Debug, Default)]
pub(crate) struct Hangup {
    reset: AtomicBool,
    pub(crate) now: Notify,
}

impl Hangup {
    /// Has the connection closed with a reset instead of an orderly end.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::SeqCst);
        self.now.notify_one();
    }

    /// Has the connection closed.
    pub(crate) fn close(&self) {
        self.now.notify_one();
    }
}

/// A stream that resets its connection on drop if it was told to.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    hangup: Arc<Hangup>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, hangup: Arc<Hangup>) -> Self {
        Self { stream, hangup }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.hangup.reset.load(Ordering::SeqCst) {
            // Closing without lingering sends a reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
