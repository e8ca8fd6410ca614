use serde_json::{Value as Json, json};

/// How the rows of a layer belong to rows of another layer of the same service: those whose field holds the same value.
///
/// Both layers name it with the same id, each from its own side.
///
/// ```
/// use arcgis_testkit::{Field, FieldType, GeometryType, Layer, Relationship};
///
/// let parcels = Layer::new("parcels", GeometryType::Polygon)
///     .with_field(Field::new("APN", FieldType::String))
///     .with_relationship(Relationship::new(0, "owners", 1, "APN", "PARCEL"));
/// let owners = Layer::table("owners")
///     .with_field(Field::new("PARCEL", FieldType::String))
///     .with_relationship(Relationship::new(0, "parcels", 0, "PARCEL", "APN").as_destination());
/// # let _ = (parcels, owners);
/// ```
#[derive(Debug, Clone)]
pub struct Relationship {
    pub(crate) id: u32,
    name: String,
    pub(crate) related: u32,
    pub(crate) key: String,
    pub(crate) foreign_key: String,
    is_destination: bool,
}

impl Relationship {
    /// The relationship of this id to the layer of the id `related`: a row belongs to those rows there whose field `foreign_key` equals its own field `key`.
    #[must_use]
    pub fn new(id: u32, name: &str, related: u32, key: &str, foreign_key: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            related,
            key: key.to_owned(),
            foreign_key: foreign_key.to_owned(),
            is_destination: false,
        }
    }

    /// Says that this layer is the destination of the relationship, not its origin.
    #[must_use]
    pub fn as_destination(mut self) -> Self {
        self.is_destination = true;
        self
    }

    pub(crate) fn describe(&self) -> Json {
        json!({
            "id": self.id,
            "name": self.name,
            "relatedTableId": self.related,
            "cardinality": "esriRelCardinalityOneToMany",
            "role": if self.is_destination { "esriRelRoleDestination" } else { "esriRelRoleOrigin" },
            "keyField": self.key,
            "composite": false,
        })
    }
}
