//! What the pages of one query look like: the contract between query, decoder and sink.

use std::sync::Arc;

use crate::field::Field;
use crate::geometry::{Dimensions, GeometryType};
use crate::spatial_reference::SpatialReference;

/// The columns and the geometry of the pages that one query gives, known before the first of them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Layout {
    /// The columns that the caller gets, in order.
    pub fields: Arc<[Field]>,
    /// The object id, if the layer has one.
    pub object_id: Option<ObjectIdColumn>,
    /// The geometry that the caller gets, and that is asked for; `None` for tables.
    pub geometry: Option<GeometryLayout>,
    /// Whether each row is fingerprinted: for layers without ids.
    pub fingerprint: bool,
}

impl Layout {
    /// Columns without object id or geometry.
    #[must_use]
    pub fn new(fields: impl Into<Arc<[Field]>>) -> Self {
        Self {
            fields: fields.into(),
            object_id: None,
            geometry: None,
            fingerprint: false,
        }
    }

    /// Adds the object id. It is a column for the caller too if `fields` has it.
    #[must_use]
    pub fn with_object_id(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        let column = self.fields.iter().position(|field| field.name == name);
        self.object_id = Some(ObjectIdColumn { name, column });
        self
    }

    /// Adds geometry.
    #[must_use]
    pub fn with_geometry(mut self, geometry: GeometryLayout) -> Self {
        self.geometry = Some(geometry);
        self
    }

    /// Asks for a fingerprint of each row.
    #[must_use]
    pub fn with_fingerprint(mut self, fingerprint: bool) -> Self {
        self.fingerprint = fingerprint;
        self
    }
}

/// Where the object id is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectIdColumn {
    /// The field's name.
    pub name: String,
    /// Its place among the caller's columns; `None` if the caller did not ask for it. It is fetched
    /// all the same, since it is what proves that every row came once.
    pub column: Option<usize>,
}

/// What the geometry of a query's pages is.
#[derive(Debug, Clone, PartialEq)]
pub struct GeometryLayout {
    /// The layer's kind.
    pub kind: GeometryType,
    /// The ordinates that are asked for.
    pub dims: Dimensions,
    /// The reference in which coordinates are expected; empty if that is not known.
    pub spatial_reference: SpatialReference,
}
