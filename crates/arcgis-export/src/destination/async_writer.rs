//! Anything that takes bytes asynchronously.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{self, BoxFuture, FutureExt as _};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::runtime::Handle;

use super::carried::Carried;
use super::courier::{Courier, Errand, Order, Orders, Pieces};
use super::{Destination, Output, refused};
use crate::error::Error;

/// How much is handed over at once, and how much may wait.
const PIECES: Pieces = Pieces {
    first: 256 * 1024,
    doubled_after: u32::MAX,
    most: u32::MAX,
    under_way: 1024 * 1024,
};

type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Anything that implements [`AsyncWrite`]: a socket, a pipe, the body of an answer, a writer of another crate.
///
/// **What was written cannot be taken back.** After an error the other side has the beginning of a file; whoever
/// reads it has to learn of the error in another way. At the end the writer is shut down
/// ([`AsyncWriteExt::shutdown`](tokio::io::AsyncWriteExt::shutdown)), and only then; a reader that gets a
/// whole file of a format with an end of its own (all but CSV and GeoJSON by lines) can tell it by that.
///
/// It can be opened once. It is polled by a thread of its own, within the runtime that it was opened in.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use arcgis_export::{AsyncWriter, Conversion, FileFormat};
/// use tokio::io::AsyncReadExt as _;
///
/// let answer = br#"{"fields": [{"name": "NAME", "type": "esriFieldTypeString"}],
///     "features": [{"attributes": {"NAME": "Cairo"}}]}"#;
/// let (ours, mut theirs) = tokio::io::duplex(64);
/// let conversion = tokio::task::spawn_blocking(move || {
///     let to = AsyncWriter::new(ours, "the other side");
///     Conversion::new(answer).with_format(FileFormat::Csv).to(&to)
/// });
/// let mut text = String::new();
/// theirs.read_to_string(&mut text).await?;
/// assert_eq!(text, "NAME\nCairo\n");
/// assert_eq!(conversion.await??.output.as_deref(), Some("the other side"));
/// # Ok(())
/// # }
/// ```
pub struct AsyncWriter {
    writer: Mutex<Option<Writer>>,
    name: String,
}

impl AsyncWriter {
    /// A writer, and what people call it. Its extension says the format, unless one is set.
    pub fn new(writer: impl AsyncWrite + Send + Unpin + 'static, name: impl Into<String>) -> Self {
        Self {
            writer: Mutex::new(Some(Box::new(writer))),
            name: name.into(),
        }
    }
}

impl fmt::Debug for AsyncWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncWriter")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Destination for AsyncWriter {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn open(&self) -> Result<Box<dyn Output>, Error> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = writer
            .take()
            .ok_or_else(|| refused(&self.name, io::Error::other("it was written to before")))?;
        let courier = Courier::start(Writing(writer), Handle::try_current().ok(), PIECES)
            .map_err(|error| refused(&self.name, error))?;
        Ok(Box::new(Carried::new(courier, self.name.clone())))
    }
}

struct Writing(Writer);

impl Errand for Writing {
    fn begin(&mut self) -> BoxFuture<'_, io::Result<()>> {
        future::ready(Ok(())).boxed()
    }

    fn carry<'a>(&'a mut self, orders: &'a mut Orders) -> BoxFuture<'a, io::Result<()>> {
        async move {
            loop {
                match orders.next().await? {
                    Order::Piece(piece) => {
                        self.0.write_all(&piece).await?;
                        orders.taken(piece.len());
                    }
                    Order::Settle => {
                        self.0.flush().await?;
                        orders.settled();
                    }
                    Order::Complete => return self.0.shutdown().await,
                }
            }
        }
        .boxed()
    }

    fn take_back(&mut self) -> BoxFuture<'_, ()> {
        // Nothing can be.
        future::ready(()).boxed()
    }
}
