//! Files that belong to rows.

use bytes::Bytes;
use serde_json::{Value as Json, json};

use crate::layer::Layer;

/// A file that belongs to a row.
#[derive(Debug, Clone)]
pub struct Attachment {
    pub(crate) name: String,
    pub(crate) content_type: &'static str,
    pub(crate) keywords: String,
    pub(crate) content: Bytes,
    pub(crate) said_size: Option<u64>,
}

impl Attachment {
    /// A file of this name, type and content.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        content_type: &'static str,
        content: impl Into<Bytes>,
    ) -> Self {
        Self {
            name: name.into(),
            content_type,
            keywords: String::new(),
            content: content.into(),
            said_size: None,
        }
    }

    /// Sets the keywords.
    #[must_use]
    pub fn with_keywords(mut self, keywords: &str) -> Self {
        self.keywords = keywords.to_owned();
        self
    }

    /// Lets the service say another size than the file has.
    #[must_use]
    pub fn with_said_size(mut self, bytes: u64) -> Self {
        self.said_size = Some(bytes);
        self
    }

    /// How a service lists it, under this number.
    pub(crate) fn describe(&self, id: usize) -> Json {
        json!({
            "id": id,
            "globalId": format!("{{00000000-0000-0000-0000-{id:012}}}"),
            "name": self.name,
            "contentType": self.content_type,
            "size": self.said_size.unwrap_or(self.content.len() as u64),
            "keywords": self.keywords,
            "exifInfo": null,
        })
    }
}

impl Layer {
    /// Attaches a file to the row of this object id. The attachments of a layer are counted from 1, in the order in which
    /// they are given.
    #[must_use]
    pub fn with_attachment(mut self, object_id: i64, attachment: Attachment) -> Self {
        let id = self.options.attachments.len() + 1;
        self.options.attachments.push((object_id, id, attachment));
        self
    }

    /// What the metadata say about attachments.
    pub(crate) fn has_attachments(&self) -> bool {
        !self.options.attachments.is_empty()
    }
}
