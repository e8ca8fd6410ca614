//! Bodies: read to their end, unpacked, and never beyond the limit.

use std::error::Error as StdError;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};

use arcgis_auth_core::Bytes;
use arcgis_auth_core::http::{HeaderMap, header};
use bytes::Buf;
use flate2::write::MultiGzDecoder;
use http_body::Body;
use http_body_util::BodyExt;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// Room that is made ahead at most, however long the server says the body is.
const ROOM: u64 = 16 * 1024 * 1024;

/// What can go wrong on the way to the end of a body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("more than {0} bytes")]
    TooLarge(u64),
    #[error("{0}")]
    Broken(#[source] BoxError),
    #[error("the compressed answer is not whole")]
    Short,
    #[error("the compressed answer is damaged")]
    Damaged(#[source] io::Error),
    #[error("an answer in an encoding that was not asked for")]
    Encoding,
    #[cfg(feature = "hyper")]
    #[error("nothing came for {0:?}")]
    Late(std::time::Duration),
    #[cfg(feature = "hyper")]
    #[error("{0}")]
    Sink(#[source] io::Error),
}

/// Reads `body` to its end and takes gzip off. At most `limit` bytes, unpacked. Counts the bytes on
/// the wire in `wire`.
pub(crate) async fn read<B>(
    body: B,
    headers: &mut HeaderMap,
    limit: u64,
    wire: &AtomicU64,
) -> Result<Bytes, BodyError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let gzip = match headers
        .get(header::CONTENT_ENCODING)
        .map(|value| value.as_bytes())
    {
        None | Some(b"identity" | b"") => false,
        Some(encoding) if is(encoding, "gzip") || is(encoding, "x-gzip") => true,
        Some(_) => return Err(BodyError::Encoding),
    };
    let announced = body.size_hint().exact();
    if announced.is_some_and(|length| length > limit) {
        return Err(BodyError::TooLarge(limit));
    }
    let room = announced.unwrap_or(0).min(ROOM);
    let mut sink = if gzip {
        Sink::Gzip(Box::new(MultiGzDecoder::new(Limited::new(
            room.saturating_mul(4).min(ROOM),
            limit,
        ))))
    } else {
        Sink::Plain(Limited::new(room, limit))
    };
    let mut received = 0_u64;
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Broken(error.into()))?;
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        while data.has_remaining() {
            let piece = data.chunk();
            let length = piece.len();
            sink.push(piece)?;
            data.advance(length);
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            received = received.saturating_add(length);
            wire.fetch_add(length, Ordering::Relaxed);
        }
    }
    if gzip {
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
    }
    sink.finish(received)
}

fn is(encoding: &[u8], name: &str) -> bool {
    encoding.eq_ignore_ascii_case(name.as_bytes())
}

enum Sink {
    Plain(Limited),
    Gzip(Box<MultiGzDecoder<Limited>>),
}

impl Sink {
    fn push(&mut self, data: &[u8]) -> Result<(), BodyError> {
        match self {
            Self::Plain(plain) => plain
                .write_all(data)
                .map_err(|_| BodyError::TooLarge(plain.limit)),
            Self::Gzip(decoder) => match decoder.write_all(data) {
                Ok(()) => Ok(()),
                Err(error) => Err(unpacking(decoder.get_ref(), error)),
            },
        }
    }

    fn finish(self, received: u64) -> Result<Bytes, BodyError> {
        match self {
            Self::Plain(plain) => Ok(plain.bytes.into()),
            // An empty body is not a gzip stream, whatever the header says of it.
            Self::Gzip(_) if received == 0 => Ok(Bytes::new()),
            Self::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => Ok(std::mem::take(&mut decoder.get_mut().bytes).into()),
                Err(_) if decoder.get_ref().full => {
                    Err(BodyError::TooLarge(decoder.get_ref().limit))
                }
                // Whatever is wrong at the end is a missing end, or a checksum that does not agree.
                Err(_) => Err(BodyError::Short),
            },
        }
    }
}

fn unpacking(out: &Limited, error: io::Error) -> BodyError {
    if out.full {
        BodyError::TooLarge(out.limit)
    } else {
        BodyError::Damaged(error)
    }
}

/// A buffer that refuses to grow beyond its limit.
struct Limited {
    bytes: Vec<u8>,
    limit: u64,
    full: bool,
}

impl Limited {
    fn new(room: u64, limit: u64) -> Self {
        Self {
            bytes: Vec::with_capacity(usize::try_from(room.min(limit)).unwrap_or(0)),
            limit,
            full: false,
        }
    }
}

impl Write for Limited {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let length = self.bytes.len().saturating_add(data.len());
        if u64::try_from(length).unwrap_or(u64::MAX) > self.limit {
            self.full = true;
            return Err(io::Error::other("too large"));
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_gzip_stream_passes_for_the_whole() {
        let text: String = (0..2000).map(|n| format!("{n},")).collect();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        let packed = encoder.finish().unwrap();
        let unpack = |packed: &[u8], piece: usize| {
            let out = Limited::new(0, 1 << 20);
            let mut sink = Sink::Gzip(Box::new(MultiGzDecoder::new(out)));
            for piece in packed.chunks(piece) {
                sink.push(piece)?;
            }
            sink.finish(1)
        };
        for piece in [1, 7, 1000, 1 << 20] {
            assert_eq!(unpack(&packed, piece).unwrap(), text.as_bytes());
        }
        for end in 0..packed.len() {
            let result = unpack(&packed[..end], 1 << 20);
            assert!(matches!(result, Err(BodyError::Short)), "{end}: {result:?}");
        }
        let mut wrong = packed;
        let checksum = wrong.len() - 8;
        wrong[checksum] ^= 1;
        assert!(unpack(&wrong, 1000).is_err());
    }
}
