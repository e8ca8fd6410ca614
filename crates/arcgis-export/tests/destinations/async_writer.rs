//! Anything that takes bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use arcgis_export::{AsyncWriter, Destination as _, Error, FileFormat, LayerExport};
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWrite};

use crate::generated::Generated;
use crate::{answer, pages};

/// Whole, also by way of a narrow pipe to a reader on the same thread.
#[tokio::test]
async fn all_bytes_arrive_and_then_the_end() {
    let (ours, mut theirs) = tokio::io::duplex(1_000);
    let server = Generated::new(20_000, 1_000);
    let export = LayerExport::new(server.open().await)
        .with_lenient(true)
        .to(AsyncWriter::new(ours, "pipe.parquet"));
    let mut bytes = Vec::new();
    let (report, read) = tokio::join!(export, theirs.read_to_end(&mut bytes));
    let report = report.unwrap();
    assert_eq!(report.file_bytes, Some(read.unwrap() as u64));
    assert_eq!(report.output.as_deref(), Some("pipe.parquet"));
    assert_eq!(pages::read(&Bytes::from(bytes)).num_rows(), 20_000);
}

/// Takes so many bytes.
struct Full {
    room: usize,
}

impl AsyncWrite for Full {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.room < bytes.len() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "no more room",
            )));
        }
        self.room -= bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        panic!("it is not whole");
    }
}

#[test]
fn its_error_is_the_error_and_it_is_not_shut_down() {
    let answer = answer::of_rows(20_000);
    let to = AsyncWriter::new(Full { room: 300_000 }, "a place that fills up");
    let error = answer::put(&answer, FileFormat::Csv, &to).unwrap_err();
    assert!(format!("{error:?}").contains("no more room"), "{error:?}");
    let again = to.open().err().unwrap();
    assert!(matches!(again, Error::Unwritable { .. }), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_fails_leaves_it_open_for_no_more() {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let server = Generated::new(2_000, 100);
    server.break_after(5);
    let export = LayerExport::new(server.open().await)
        .with_lenient(true)
        .to(AsyncWriter::new(ours, "pipe.parquet"));
    assert!(matches!(export.await.unwrap_err(), Error::Layer(_)));
    let mut bytes = Vec::new();
    theirs.read_to_end(&mut bytes).await.unwrap();
    assert!(
        !bytes.ends_with(b"PAR1"),
        "a reader would take it for whole"
    );
}
