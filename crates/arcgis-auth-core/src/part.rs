//! A part of a multipart body: a file to send.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;

/// Content that can be read from its beginning more than once: a request may have to be sent again.
///
/// ```
/// use std::io;
///
/// use arcgis_auth_core::{Bytes, PartSource};
/// use futures_util::stream::{self, BoxStream, StreamExt};
///
/// /// A thousand lines that are made while they are sent.
/// #[derive(Debug)]
/// struct Lines;
///
/// impl PartSource for Lines {
///     fn length(&self) -> Option<u64> {
///         Some(1000 * 5)
///     }
///     fn open(&self) -> BoxStream<'static, io::Result<Bytes>> {
///         stream::iter(0..1000).map(|line| Ok(format!("{line:04}\n").into())).boxed()
///     }
/// }
/// ```
pub trait PartSource: fmt::Debug + Send + Sync {
    /// How many bytes [`PartSource::open`] gives, if that is known. Where all parts know it, the
    /// request has a `Content-Length`; servers behind IIS often want one.
    fn length(&self) -> Option<u64>;

    /// Begins anew. That it cannot is the first item's error.
    fn open(&self) -> BoxStream<'static, io::Result<Bytes>>;
}

/// One file of a [`Body::Multipart`](crate::Body::Multipart), as a form field of this name.
///
/// ```
/// use arcgis_auth_core::{Body, Part, Request};
///
/// let url = "https://host/arcgis/rest/services/x/FeatureServer/0/1/addAttachment".parse()?;
/// let photo = Part::bytes("attachment", &b"\xff\xd8\xff"[..])
///     .with_file_name("site.jpg")
///     .with_content_type("image/jpeg");
/// let request = Request::write(url).with_param("f", "json").with_body(Body::Multipart(vec![photo]));
/// let http = request.to_http()?;
/// assert_eq!(http.method(), "POST");
/// assert!(http.headers()["content-type"].to_str()?.starts_with("multipart/form-data; boundary="));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Part {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    content: Content,
}

#[derive(Clone)]
pub(crate) enum Content {
    Bytes(Bytes),
    Source(Arc<dyn PartSource>),
}

impl Part {
    /// A part with this content.
    #[must_use]
    pub fn bytes(name: impl Into<String>, content: impl Into<Bytes>) -> Self {
        Self::new(name.into(), Content::Bytes(content.into()))
    }

    /// A part that is read from `source` each time the request is sent.
    #[must_use]
    pub fn source(name: impl Into<String>, source: Arc<dyn PartSource>) -> Self {
        Self::new(name.into(), Content::Source(source))
    }

    fn new(name: String, content: Content) -> Self {
        Self {
            name,
            file_name: None,
            content_type: None,
            content,
        }
    }

    /// Sets the file's name, as the server is to know it. What would end the header is
    /// percent-encoded, as browsers do (RFC 7578 section 4.2); all else goes as UTF-8.
    #[must_use]
    pub fn with_file_name(mut self, file_name: impl Into<String>) -> Self {
        self.file_name = Some(file_name.into());
        self
    }

    /// Sets the content type, such as `image/jpeg`. Without one, a part with a file name is
    /// `application/octet-stream`.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// The field's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's name.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// The content type that was set.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The size of the content in bytes, if it is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Bytes(bytes) => u64::try_from(bytes.len()).ok(),
            Content::Source(source) => source.length(),
        }
    }

    pub(crate) fn content(&self) -> &Content {
        &self.content
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("name", &self.name)
            .field("file_name", &self.file_name)
            .field("content_type", &self.content_type)
            .field("length", &self.length())
            .finish()
    }
}
