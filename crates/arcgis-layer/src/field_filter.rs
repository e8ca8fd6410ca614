//! Which fields of a layer: by name, by type, and by what may be done with them.

use crate::error::QueryError;
use crate::field::{Field, FieldType};
use crate::metadata::LayerInfo;
use crate::query::field as find;

/// Picks fields out of a layer's metadata: those with these names or of these types, and of them those that can be edited or hold
/// nulls. Without any of these, all fields.
///
/// ```
/// use arcgis_layer::{FieldFilter, LayerInfo};
///
/// let info = LayerInfo::from_json(br#"{"name": "Wells", "type": "Table", "fields": [
///     {"name": "OBJECTID", "type": "esriFieldTypeOID", "nullable": false},
///     {"name": "drilled", "type": "esriFieldTypeDate", "editable": true},
///     {"name": "depth", "type": "esriFieldTypeDouble", "editable": true}
/// ]}"#)?;
/// let dates = FieldFilter::new().with_types(["Date", "DateOnly"]).with_editable(true);
/// let names: Vec<&str> = info.select_fields(&dates)?.iter().map(|field| field.name.as_str()).collect();
/// assert_eq!(names, ["drilled"]);
/// # Ok::<(), arcgis_layer::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldFilter {
    names: Option<Vec<String>>,
    types: Option<Vec<String>>,
    editable: Option<bool>,
    nullable: Option<bool>,
}

impl FieldFilter {
    /// All fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These fields, in this order: exact names, or names that differ from one field's in case alone. Not together with types.
    #[must_use]
    pub fn with_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Fields of these types, as Esri names them, whatever the case: `esriFieldTypeDate`, or `Date`. Not together with names.
    #[must_use]
    pub fn with_types<S: Into<String>>(mut self, types: impl IntoIterator<Item = S>) -> Self {
        self.types = Some(types.into_iter().map(Into::into).collect());
        self
    }

    /// Fields that can be edited, or those that cannot. Where the server does not say, they cannot.
    #[must_use]
    pub fn with_editable(mut self, editable: bool) -> Self {
        self.editable = Some(editable);
        self
    }

    /// Fields that can hold nulls, or those that cannot. Where the server does not say, they can.
    #[must_use]
    pub fn with_nullable(mut self, nullable: bool) -> Self {
        self.nullable = Some(nullable);
        self
    }
}

impl LayerInfo {
    /// The fields that the filter picks: in its order where it names them, else in the server's.
    ///
    /// # Errors
    ///
    /// [`QueryError::UnknownField`] for a name that no field has, [`QueryError::Unsupported`] for a type that Esri does not have,
    /// and for names together with types.
    pub fn select_fields(&self, filter: &FieldFilter) -> Result<Vec<&Field>, QueryError> {
        let unsupported = |problem: String| QueryError::Unsupported {
            option: "field filter",
            problem,
        };
        let mut fields: Vec<&Field> = match (&filter.names, &filter.types) {
            (Some(_), Some(_)) => {
                return Err(unsupported(
                    "fields are picked by their names or by their types, not by both".to_owned(),
                ));
            }
            (Some(names), None) => {
                let mut named: Vec<&Field> = Vec::with_capacity(names.len());
                for name in names {
                    let field = match self.field(name.trim()) {
                        Some(field) => field,
                        None => find(self, name.trim())?,
                    };
                    if !named.contains(&field) {
                        named.push(field);
                    }
                }
                named
            }
            (None, Some(types)) => {
                let types: Vec<FieldType> = types
                    .iter()
                    .map(|name| match FieldType::parse(name.trim()) {
                        FieldType::Other(_) => Err(unsupported(format!(
                            "{name} is no type of a field; types are esriFieldTypeString and the like"
                        ))),
                        known => Ok(known),
                    })
                    .collect::<Result<_, _>>()?;
                let of_these = |field: &&Field| types.contains(&field.field_type);
                self.fields.iter().filter(of_these).collect()
            }
            (None, None) => self.fields.iter().collect(),
        };
        fields.retain(|field| {
            filter
                .editable
                .is_none_or(|editable| field.editable == editable)
                && filter
                    .nullable
                    .is_none_or(|nullable| field.nullable == nullable)
        });
        Ok(fields)
    }
}
