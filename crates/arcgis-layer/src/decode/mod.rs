//! From the bytes of a page to a sink, in one pass.

mod absent;
mod column_names;
mod coordinate_grid;
mod geometry_buffer;
mod header;
mod json;
mod object_id;
mod pbf;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use arcgis_auth_core::ServiceError;

use crate::layout::Layout;
use crate::sink::SinkError;

pub use coordinate_grid::{CoordinateGrid, Coordinates};
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
    /// Where coordinates in JSON are to be rounded as they are in PBF: to the grid of the service.
    pub grid: Option<CoordinateGrid>,
}

impl<'a> DecodeContext<'a> {
    /// A context that cannot be cancelled, with coordinates as they come.
    #[must_use]
    pub fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            cancelled: None,
            grid: None,
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
    /// A text that is not UTF-8, in an answer that did not merely end too early: asking again gives the same.
    #[error("the text at byte {offset} is not UTF-8")]
    Encoding {
        /// Where, in bytes from the start.
        offset: usize,
    },
    /// A geometry that this library does not decode, such as curves and multipatches.
    #[error("{}: {problem}", RowName(*row, *object_id))]
    Geometry {
        /// The row in the page, from 0.
        row: usize,
        /// The row's object id, if it was read before the geometry.
        object_id: Option<i64>,
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
    #[error("{}: {source}", RowName(*row, *object_id))]
    Sink {
        /// The row in the page, from 0.
        row: usize,
        /// The row's object id, if it was read before the value.
        object_id: Option<i64>,
        /// Why.
        #[source]
        source: SinkError,
    },
    /// Nobody wants the page any more.
    #[error("cancelled")]
    Cancelled,
}

/// What a person can find a row by: its object id, else its place.
struct RowName(usize, Option<i64>);

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(id) => write!(f, "object id {id}"),
            None => write!(f, "row {} of the answer", self.0),
        }
    }
}

impl DecodeError {
    /// A value that the sink refused.
    #[cold]
    fn refused(row: usize, source: SinkError) -> Self {
        Self::Sink {
            row,
            object_id: None,
            source,
        }
    }

    /// A text that is not UTF-8, `before` bytes into the answer: broken off, or wrong.
    #[cold]
    fn not_text(before: usize, error: std::str::Utf8Error, at_the_end: bool) -> Self {
        let offset = before + error.valid_up_to();
        if at_the_end && error.error_len().is_none() {
            return Self::Malformed {
                offset,
                problem: "the text ends inside a character".to_owned(),
            };
        }
        Self::Encoding { offset }
    }

    /// Adds the row's object id, if it was read by then: the last of `ids`, which holds one for each row before.
    #[cold]
    fn identified(mut self, ids: &[i64]) -> Self {
        if let Self::Geometry { row, object_id, .. } | Self::Sink { row, object_id, .. } = &mut self
        {
            *object_id = object_id.or(ids.get(*row).copied());
        }
        self
    }
}
