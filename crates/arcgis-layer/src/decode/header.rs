//! What an answer says of itself beside its rows, whatever its format.

use std::sync::Arc;

use crate::field::{Field, FieldType};
use crate::geometry::{Dimensions, GeometryType};
use crate::layout::{GeometryLayout, Layout};
use crate::spatial_reference::SpatialReference;

/// What a query's answer says of itself, for answers whose layer is out of reach, such as saved ones.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AnswerHeader {
    /// The fields, those without a name left out. Empty where the answer has none, as some empty answers do.
    pub fields: Arc<[Field]>,
    /// The kind of geometry: as declared, else as the first row that has a geometry shows it.
    pub geometry_type: Option<GeometryType>,
    /// The reference of the coordinates; empty if that is not said.
    pub spatial_reference: SpatialReference,
    /// Whether positions have a z: as declared by the answer, else by the first geometry.
    pub has_z: bool,
    /// Whether positions have an m, likewise.
    pub has_m: bool,
    /// The object id field, in the case that `fields` has: as declared, else the one field of type OID.
    pub object_id_field: Option<String>,
    /// The field of the rows' GUIDs, as declared.
    pub global_id_field: Option<String>,
    /// Whether the layer has more rows that fit the query (`exceededTransferLimit`).
    pub exceeded: bool,
    /// How many rows the answer has.
    pub rows: usize,
}

impl AnswerHeader {
    /// The layout that decodes this answer: all fields that are attributes, and the geometry.
    ///
    /// Without an object id, rows are fingerprinted.
    #[must_use]
    pub fn layout(&self) -> Layout {
        let fields: Vec<Field> = self
            .fields
            .iter()
            .filter(|field| field.field_type.is_attribute())
            .cloned()
            .collect();
        let mut layout = Layout::new(fields);
        layout = match &self.object_id_field {
            Some(name) => layout.with_object_id(name),
            None => layout.with_fingerprint(true),
        };
        if let Some(kind) = self.geometry_type {
            layout = layout.with_geometry(GeometryLayout {
                kind,
                dims: Dimensions::new(self.has_z, self.has_m),
                spatial_reference: self.spatial_reference.clone(),
            });
        }
        layout
    }
}

/// The object id field among the fields: as declared, in any case if need be, else the one of type OID.
pub(super) fn object_id_field(fields: &[Field], declared: Option<&str>) -> Option<String> {
    let found = |name: &str| {
        fields.iter().find(|field| field.name == name).or_else(|| {
            fields
                .iter()
                .find(|field| field.name.eq_ignore_ascii_case(name))
        })
    };
    let only = || {
        let mut ids = fields
            .iter()
            .filter(|field| field.field_type == FieldType::Oid);
        let first = ids.next()?;
        ids.next().is_none().then_some(first)
    };
    declared
        .and_then(found)
        .or_else(only)
        .map(|field| field.name.clone())
}
