//! Files that belong to rows.

mod attachment;
mod download;
mod list;

use std::sync::Arc;

use arcgis_auth_core::Url;

use crate::error::Error;
use crate::ids::IdSet;
use crate::layer::{Layer, unsupported};

pub use attachment::Attachment;
pub use download::{AttachmentSink, Download};

/// Rows whose attachments are asked for at once: the ids of so many fit into any form.
const AT_ONCE: usize = 200;

/// The attachments of rows of a layer, some hundred rows at a time. Made by [`Layer::attachments`].
#[derive(Debug, Clone)]
pub struct Attachments {
    layer: Layer,
    ids: Arc<[i64]>,
    at: usize,
}

impl Layer {
    /// The attachments of the rows with these object ids, in their order.
    ///
    /// They are asked for with `queryAttachments`, some hundred rows at a time, page by page, and with fewer rows where a
    /// server gives fewer than it counts or says that there are more; row by row where it knows no such operation.
    ///
    /// ```no_run
    /// use arcgis_layer::{Layer, Query};
    ///
    /// # async fn example(layer: Layer) -> Result<(), arcgis_layer::Error> {
    /// let rows = layer.object_ids(&Query::new().resolve(layer.info())?).await?;
    /// let mut attachments = layer.attachments(&rows)?;
    /// while let Some(some) = attachments.next().await? {
    ///     for attachment in some {
    ///         println!("{}: {}", attachment.object_id, attachment.name);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Query`] where the layer's rows have no attachments.
    pub fn attachments(&self, object_ids: &IdSet) -> Result<Attachments, Error> {
        if !self.info().has_attachments {
            return Err(unsupported("attachments", "the layer's rows have none"));
        }
        Ok(Attachments {
            layer: self.clone(),
            ids: object_ids.iter().collect(),
            at: 0,
        })
    }

    /// Where the contents of an attachment are.
    #[must_use]
    pub fn attachment_url(&self, attachment: &Attachment) -> Url {
        let mut url = self.address().url().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend([
                &attachment.object_id.to_string(),
                "attachments",
                &attachment.id.to_string(),
            ]);
        }
        url
    }
}

impl Attachments {
    /// The attachments of the next rows, which may have none; `None` behind the last row.
    ///
    /// # Errors
    ///
    /// [`Error::Service`] if the server does not answer or answers with an error, [`Error::Answer`] if the answer is no
    /// list of attachments.
    pub async fn next(&mut self) -> Result<Option<Vec<Attachment>>, Error> {
        let end = self.ids.len().min(self.at + AT_ONCE);
        let Some(ids) = self.ids.get(self.at..end).filter(|ids| !ids.is_empty()) else {
            return Ok(None);
        };
        let some = list::of(&self.layer, ids).await?;
        self.at = end;
        Ok(Some(some))
    }
}
