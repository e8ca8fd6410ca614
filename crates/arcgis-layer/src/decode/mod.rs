//! From the bytes of a page to a sink, in one pass.

mod column_names;
mod geometry_buffer;
mod header;
mod json;
mod object_id;
mod pbf;

use std::sync::atomic::{AtomicBool, Ordering};

use arcgis_auth_core::ServiceError;

use crate::layout::Layout;
use crate::sink::SinkError;

pub use header::AnswerHeader;
pub use json::{decode_json, read_header};
pub use pbf::{decode_pbf, read_pbf_count, read_pbf_extent, read_pbf_header, read_pbf_ids};

/// What a decoder works with beside the bytes.
#[derive(Debug, Clone, Copy)]
pub struct DecodeContext<'a> {
    /// What the page should look like.
    pub layout: &'a Layout,
    /// Set when nobody wants the page any more; looked at once a row.
    pub cancelled: Option<&'a AtomicBool>,
}

impl<'a> DecodeContext<'a> {
    /// A context that cannot be cancelled.
    #[must_use]
    pub fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            cancelled: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        match self.cancelled {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(DecodeError::Cancelled),
            _ => Ok(()),
        }
    }
}

/// Why a page cannot be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not what the format says, or end too early: asking again may help.
    #[error("malformed at byte {offset}: {problem}")]
    Malformed {
        /// Where, in bytes from the start.
        offset: usize,
        /// What is wrong there.
        problem: String,
    },
    /// The page turned into an error half-way.
    #[error(transparent)]
    Service(ServiceError),
    /// A geometry that this library does not decode, such as curves and multipatches.
    #[error("row {row}: {problem}")]
    Geometry {
        /// The row in the page, from 0.
        row: usize,
        /// What it is.
        problem: String,
    },
    /// A row without a usable object id.
    #[error("row {row} has no usable object id: {problem}")]
    ObjectId {
        /// The row in the page, from 0.
        row: usize,
        /// What is there instead.
        problem: String,
    },
    /// The sink refused a value.
    #[error("row {row}: {source}")]
    Sink {
        /// The row in the page, from 0.
        row: usize,
        /// Why.
        #[source]
        source: SinkError,
    },
    /// Nobody wants the page any more.
    #[error("cancelled")]
    Cancelled,
}
