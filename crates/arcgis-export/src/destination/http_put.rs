//! Files that a web server takes by one PUT.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arcgis_layer::arcgis_auth_core::http::header::{
    AUTHORIZATION, HeaderName, HeaderValue, IF_NONE_MATCH, RANGE,
};
use arcgis_layer::arcgis_auth_core::{
    self as auth, PartSource, Request, Transport, TransportErrorKind, Url,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use percent_encoding::percent_decode_str;
use tokio::sync::oneshot;

use super::courier::apart;
use super::{Canceller, Committed, Destination, Output, refused};
use crate::error::Error;

/// What Azure wants of every PUT of a whole blob.
const BLOB_TYPE: HeaderName = HeaderName::from_static("x-ms-blob-type");

/// So much is read at once while it is sent.
const PIECE: usize = 256 * 1024;

/// The time for a PUT: this, and as much as its bytes take at the least speed.
const PATIENCE: Duration = Duration::from_secs(300);
const LEAST_BYTES_A_SECOND: u64 = 50_000;

/// The most of an answer that is read; it says no more than whether it went well.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// A file that is put to an `http` or `https` address: a presigned address of a bucket, a web server with WebDAV,
/// a repository of artefacts.
///
/// It is one PUT, at the end. Until then the file is one without a name on this machine (in
/// [`HttpPut::with_folder`]), because signed addresses want its length, and because what was not sent need not be
/// taken back: whatever happens before, the server sees nothing of it. A PUT that breaks off is sent again where that may
/// help; no redirect is followed.
///
/// The query of the address is a signature, mostly: it goes along byte for byte, and is never shown. A user name
/// and password in the address go as `Authorization: Basic`, and are not shown either.
///
/// A file that exists is not replaced, unless that is allowed: a GET of one byte looks for it, before anything is
/// fetched, and the PUT has `If-None-Match: *`, which web servers and buckets heed, and others may not. An
/// address that is signed for a PUT alone answers the GET with a refusal, and goes on.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use arcgis_auth_http::HyperTransport;
/// use arcgis_export::{Destination, HttpPut};
///
/// let url = "https://bucket.s3.eu-west-1.amazonaws.com/towns.parquet?X-Amz-Signature=5ec7e7";
/// let put = HttpPut::new(Arc::new(HyperTransport::builder().build()?), url.parse()?);
/// assert_eq!(put.name(), "https://bucket.s3.eu-west-1.amazonaws.com/towns.parquet");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HttpPut {
    transport: Arc<dyn Transport>,
    url: Url,
    authorization: Option<HeaderValue>,
    name: String,
    overwrite: bool,
    folder: Option<PathBuf>,
}

impl HttpPut {
    /// The file at `url`, which must not exist yet, by way of `transport`. Its credentials go there only if they
    /// are for that server; one that adds headers of a gateway to every request is not the right one.
    pub fn new(transport: Arc<dyn Transport>, mut url: Url) -> Self {
        let authorization = take_user(&mut url);
        url.set_fragment(None);
        let mut shown = url.clone();
        shown.set_query(None);
        Self {
            transport,
            authorization,
            name: shown.into(),
            url,
            overwrite: false,
            folder: None,
        }
    }

    /// Whether an earlier file may be replaced. Default: no.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Sets the folder for the file until it is sent. Default: where the system keeps temporary files.
    #[must_use]
    pub fn with_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Whether a text is an address for this.
    #[must_use]
    pub fn is_address(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| {
            scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
        })
    }

    fn with_authorization(&self, request: Request) -> Request {
        match &self.authorization {
            Some(value) => request.with_header(AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    /// Finds out whether the server is there, and the file.
    async fn look(&self) -> io::Result<()> {
        let request = Request::get(self.url.clone())
            .with_header(RANGE, HeaderValue::from_static("bytes=0-0"))
            .with_max_answer(LONGEST_ANSWER);
        match self.transport.send(self.with_authorization(request)).await {
            Ok(response) if response.status().is_success() && !self.overwrite => {
                Err(io::ErrorKind::AlreadyExists.into())
            }
            Ok(response) if response.status().as_u16() == 401 => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "401: the server wants to know who asks",
            )),
            Ok(_) => Ok(()),
            // A server that sends the whole file in place of its first byte has it.
            Err(auth::Error::Transport(error)) if error.kind() == TransportErrorKind::TooLarge => {
                if self.overwrite {
                    return Ok(());
                }
                Err(io::ErrorKind::AlreadyExists.into())
            }
            Err(auth::Error::Transport(error)) if error.kind() == TransportErrorKind::Redirect => {
                Ok(())
            }
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn request(&self, content: Arc<Content>) -> Request {
        let time = PATIENCE + Duration::from_secs(content.length / LEAST_BYTES_A_SECOND);
        let mut request = Request::put(self.url.clone(), content)
            .with_timeout(time)
            .with_max_answer(LONGEST_ANSWER);
        if !self.overwrite {
            request = request.with_header(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        if self.is_azure() {
            request = request.with_header(BLOB_TYPE, HeaderValue::from_static("BlockBlob"));
        }
        self.with_authorization(request)
    }

    /// Whether a shared access signature of Azure is in the address: `sv` is its version, `sig` the signature.
    fn is_azure(&self) -> bool {
        let has = |wanted: &str| self.url.query_pairs().any(|(name, _)| name == wanted);
        has("sv") && has("sig")
    }

    async fn put(&self, content: Arc<Content>) -> io::Result<()> {
        let response = self.transport.send(self.request(content)).await;
        let response = response.map_err(io::Error::other)?;
        // Azure calls it a conflict.
        let there = match response.status().as_u16() {
            412 => true,
            409 => self.is_azure(),
            _ => false,
        };
        if !self.overwrite && there {
            if response.attempts() > 1 {
                return Err(io::Error::other(
                    "a file is there now, which an earlier try of this very PUT may have put there",
                ));
            }
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        response.into_ok().map_err(io::Error::other)?;
        Ok(())
    }
}

/// The user name and password of an address, taken out of it.
fn take_user(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = decoded(url.username());
    let password = decoded(url.password().unwrap_or_default());
    // Both go for every address that can have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl fmt::Debug for HttpPut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpPut")
            .field("name", &self.name)
            .field("overwrite", &self.overwrite)
            .finish_non_exhaustive()
    }
}

impl Destination for HttpPut {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn open(&self) -> Result<Box<dyn Output>, Error> {
        let unwritable = |error| refused(&self.name, error);
        if !matches!(self.url.scheme(), "http" | "https") {
            return Err(unwritable(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no address of a web server",
            )));
        }
        apart(None, self.look()).map_err(unwritable)?;
        let folder = self.folder.clone().unwrap_or_else(std::env::temp_dir);
        let file = tempfile::tempfile_in(&folder).map_err(|error| {
            unwritable(io::Error::new(
                error.kind(),
                format!("no file can be made in {}: {error}", folder.display()),
            ))
        })?;
        let (cancel, cancelled) = oneshot::channel();
        Ok(Box::new(PutOutput {
            to: self.clone(),
            file: BufWriter::with_capacity(1024 * 1024, file),
            cancel: Some(cancel),
            cancelled,
        }))
    }
}

struct PutOutput {
    to: HttpPut,
    file: BufWriter<File>,
    cancel: Option<oneshot::Sender<()>>,
    cancelled: oneshot::Receiver<()>,
}

impl Write for PutOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Output for PutOutput {
    fn canceller(&mut self) -> Option<Canceller> {
        let cancel = self.cancel.take()?;
        Some(Canceller::new(move || {
            // It may be over.
            let _ = cancel.send(());
        }))
    }

    fn settle(&mut self) -> Result<(), Error> {
        self.flush().map_err(|error| refused(&self.to.name, error))
    }

    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        let Self {
            to,
            file,
            cancel: _cancel,
            cancelled,
        } = *self;
        let put = || {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            let length = file.metadata()?.len();
            let content = Arc::new(Content {
                file: Arc::new(Mutex::new(file)),
                length,
            });
            apart(Some(cancelled), to.put(content)).map(|()| length)
        };
        match put() {
            Ok(bytes) => Ok(Committed::new(to.name, bytes)),
            Err(error) => Err(refused(&to.name, error)),
        }
    }
}

/// The file, read from its beginning each time it is sent.
struct Content {
    file: Arc<Mutex<File>>,
    length: u64,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl PartSource for Content {
    fn length(&self) -> Option<u64> {
        Some(self.length)
    }

    fn open(&self) -> BoxStream<'static, io::Result<Bytes>> {
        let file = Arc::clone(&self.file);
        stream::try_unfold(0_u64, move |at| {
            let piece = read_at(&file, at);
            async move {
                let piece = piece?;
                let next = at + piece.len() as u64;
                Ok((!piece.is_empty()).then_some((Bytes::from(piece), next)))
            }
        })
        .boxed()
    }
}

/// Reading blocks, on a thread that has nothing else to do.
fn read_at(file: &Mutex<File>, at: u64) -> io::Result<Vec<u8>> {
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(at))?;
    let mut piece = Vec::with_capacity(PIECE);
    (&mut *file).take(PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece)
}
