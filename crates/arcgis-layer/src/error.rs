//! What can go wrong with a layer, by what the caller can do next.

use crate::decode::DecodeError;
use crate::spatial_reference::SpatialReference;

/// The error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The service could not be reached, refused access, or answered with an error.
    #[error(transparent)]
    Service(#[from] arcgis_auth_core::Error),

    /// The address is not one of a layer: give another.
    #[error("{address} is no layer: {problem}")]
    Address {
        /// The address, without secrets.
        address: String,
        /// What is missing, and what to give instead.
        problem: String,
    },

    /// The layer cannot give rows: a group, a raster, no Query capability.
    #[error("layer {layer}: {problem}")]
    NotQueryable {
        /// The layer's name.
        layer: String,
        /// Why.
        problem: String,
    },

    /// The query does not fit the layer; nothing was asked for.
    #[error("{0}")]
    Query(#[from] QueryError),

    /// An answer is not what the protocol says, and asking again did not help.
    #[error("the answer of {url} cannot be used: {source}")]
    Answer {
        /// The address, without secrets.
        url: String,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },

    /// The server gave coordinates in another reference than it was asked for, or did not say in which.
    #[error("coordinates were asked for in {asked} and came in {}", reference(.got))]
    SpatialReference {
        /// What was asked for.
        asked: Box<SpatialReference>,
        /// What the answer says; `None` if it says nothing, where coordinates in the layer's own reference would
        /// not do.
        got: Option<Box<SpatialReference>>,
    },

    /// Rows are missing or came twice, and no strategy brought them right.
    #[error("{0}")]
    Incomplete(Box<crate::engine::Incomplete>),

    /// A fetch cannot go on from what was kept of it: begin anew.
    #[error(transparent)]
    Checkpoint(#[from] crate::engine::CheckpointError),

    /// Who takes the contents of an attachment failed: make room, or choose another place.
    #[error("the attachment could not be written")]
    Attachment(#[source] std::io::Error),

    /// The time budget of the fetch is spent: give it more, or go on from a checkpoint.
    #[error("the time budget of {budget:?} is spent")]
    OutOfTime {
        /// The budget.
        budget: std::time::Duration,
    },

    /// The fetch failed before; there is nothing more to get from it.
    #[error("the fetch has failed already")]
    Failed,
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A field that the layer does not have.
    #[error("the layer has no field {name}{}", hint(.suggestion))]
    UnknownField {
        /// The name that was given.
        name: String,
        /// The name that was perhaps meant.
        suggestion: Option<String>,
    },
    /// No columns and no geometry are left.
    #[error("nothing is left to fetch: no fields and no geometry")]
    Nothing,
    /// A rectangle that is none.
    #[error("the bounding box {given} is not usable: {problem}")]
    Bbox {
        /// What was given.
        given: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A geometry that is no filter.
    #[error("the geometry of the filter is not usable: {problem}")]
    Geometry {
        /// What is wrong with it.
        problem: String,
    },
    /// Something that the layer cannot do.
    #[error("{option}: {problem}")]
    Unsupported {
        /// The option.
        option: &'static str,
        /// Why not.
        problem: String,
    },
}

fn reference(got: &Option<Box<SpatialReference>>) -> String {
    got.as_ref().map_or_else(
        || "one that the answer does not name".to_owned(),
        |got| got.to_string(),
    )
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map(|name| format!(" (did you mean {name}?)"))
        .unwrap_or_default()
}
