//! Bodies that go to a sink as they come, once their beginning has been judged.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arcgis_auth_core::Bytes;
use bytes::Buf;
use http_body::Body;
use http_body_util::BodyExt;

use crate::body::{BodyError, BoxError};

/// Of a body that goes to a sink, so much is read before it is judged.
const HEAD: usize = 64 * 1024;

/// How a body ended that was to go to a sink.
#[derive(Debug)]
pub(crate) enum Poured {
    /// It is short, or not what was asked for: here it is, or its beginning.
    Kept(Bytes),
    /// The sink has it: so many bytes. Its beginning is here too, for the judgement.
    Streamed { head: Bytes, bytes: u64 },
}

/// Reads the head of `body`, and hands head and rest to `sink` if `is_good` says so. At most `limit` bytes; each wait
/// for a piece is `patience` long at most.
pub(crate) async fn pour<B>(
    body: B,
    limit: u64,
    wire: &AtomicU64,
    patience: Duration,
    is_good: impl FnOnce(&Bytes) -> bool,
    begin: impl FnOnce() -> io::Result<()>,
    write: impl Fn(&[u8]) -> io::Result<()>,
) -> Result<Poured, BodyError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut head = Some(Vec::new());
    let (mut is_good, mut begin) = (Some(is_good), Some(begin));
    let mut kept = Bytes::new();
    let mut received = 0_u64;
    let mut body = pin!(body);
    loop {
        let frame = tokio::time::timeout(patience, body.frame()).await;
        let Some(frame) = frame.map_err(|_| BodyError::Late(patience))? else {
            break;
        };
        let frame = frame.map_err(|error| BodyError::Broken(error.into()))?;
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        while data.has_remaining() {
            let piece = data.chunk();
            let length = piece.len();
            received = received.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            wire.fetch_add(u64::try_from(length).unwrap_or(u64::MAX), Ordering::Relaxed);
            if received > limit {
                return Err(BodyError::TooLarge(limit));
            }
            match &mut head {
                Some(head) => head.extend_from_slice(piece),
                None => write(piece).map_err(BodyError::Sink)?,
            }
            data.advance(length);
        }
        if head.as_ref().is_some_and(|head| head.len() >= HEAD) {
            kept = head.take().unwrap_or_default().into();
            if !is_good.take().is_some_and(|is_good| is_good(&kept)) {
                return Ok(Poured::Kept(kept));
            }
            if let Some(begin) = begin.take() {
                begin().map_err(BodyError::Sink)?;
            }
            write(&kept).map_err(BodyError::Sink)?;
        }
    }
    Ok(match head {
        Some(head) => Poured::Kept(head.into()),
        None => Poured::Streamed {
            head: kept,
            bytes: received,
        },
    })
}
