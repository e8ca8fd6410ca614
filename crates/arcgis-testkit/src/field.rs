use serde_json::{Map, Value as Json, json};

/// A field's Esri type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldType {
    /// `esriFieldTypeOID`: the object id. A [length](Field::with_length) of 8 says that it has 64 bits.
    Oid,
    /// `esriFieldTypeSmallInteger`, 16 bits.
    SmallInteger,
    /// `esriFieldTypeInteger`, 32 bits.
    Integer,
    /// `esriFieldTypeBigInteger`, 64 bits.
    BigInteger,
    /// `esriFieldTypeSingle`.
    Single,
    /// `esriFieldTypeDouble`.
    Double,
    /// `esriFieldTypeString`.
    String,
    /// `esriFieldTypeDate`: milliseconds since 1970 in UTC, may be negative.
    Date,
    /// `esriFieldTypeDateOnly`: `YYYY-MM-DD`.
    DateOnly,
    /// `esriFieldTypeTimeOnly`: `HH:MM:SS[.fff]`.
    TimeOnly,
    /// `esriFieldTypeTimestampOffset`: ISO 8601 with an offset.
    TimestampOffset,
    /// `esriFieldTypeGUID`.
    Guid,
    /// `esriFieldTypeGlobalID`.
    GlobalId,
    /// `esriFieldTypeXML`.
    Xml,
    /// `esriFieldTypeBlob`: base64 on the wire.
    Blob,
    /// `esriFieldTypeRaster`.
    Raster,
    /// `esriFieldTypeGeometry`: map services list their `Shape` so.
    Geometry,
}

impl FieldType {
    const NAMES: [(Self, &'static str); 17] = [
        (Self::Oid, "esriFieldTypeOID"),
        (Self::SmallInteger, "esriFieldTypeSmallInteger"),
        (Self::Integer, "esriFieldTypeInteger"),
        (Self::BigInteger, "esriFieldTypeBigInteger"),
        (Self::Single, "esriFieldTypeSingle"),
        (Self::Double, "esriFieldTypeDouble"),
        (Self::String, "esriFieldTypeString"),
        (Self::Date, "esriFieldTypeDate"),
        (Self::DateOnly, "esriFieldTypeDateOnly"),
        (Self::TimeOnly, "esriFieldTypeTimeOnly"),
        (Self::TimestampOffset, "esriFieldTypeTimestampOffset"),
        (Self::Guid, "esriFieldTypeGUID"),
        (Self::GlobalId, "esriFieldTypeGlobalID"),
        (Self::Xml, "esriFieldTypeXML"),
        (Self::Blob, "esriFieldTypeBlob"),
        (Self::Raster, "esriFieldTypeRaster"),
        (Self::Geometry, "esriFieldTypeGeometry"),
    ];

    /// The name that the protocol uses, for example `esriFieldTypeOID`.
    #[must_use]
    pub fn esri_name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }

    pub(crate) fn from_esri_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(kind, _)| *kind)
    }

    pub(crate) fn is_numeric(self) -> bool {
        matches!(
            self,
            Self::Oid
                | Self::SmallInteger
                | Self::Integer
                | Self::BigInteger
                | Self::Single
                | Self::Double
        )
    }
}

/// A field of a layer, as its metadata describes it.
///
/// ```
/// use arcgis_testkit::{Field, FieldType};
///
/// let field = Field::new("KIND", FieldType::String).with_alias("Kind of place").with_length(40);
/// assert_eq!(field.name(), "KIND");
/// ```
#[derive(Debug, Clone)]
pub struct Field {
    name: String,
    kind: FieldType,
    definition: Map<String, Json>,
}

impl Field {
    /// A nullable field whose alias is its name. Object ids, GUIDs and global ids get the lengths that servers give them.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: FieldType) -> Self {
        let name = name.into();
        let mut definition = Map::new();
        definition.insert("name".into(), json!(name));
        definition.insert("type".into(), json!(kind.esri_name()));
        definition.insert("alias".into(), json!(name));
        definition.insert("domain".into(), Json::Null);
        definition.insert("defaultValue".into(), Json::Null);
        definition.insert("nullable".into(), json!(kind != FieldType::Oid));
        definition.insert(
            "editable".into(),
            json!(!matches!(kind, FieldType::Oid | FieldType::GlobalId)),
        );
        let length = match kind {
            FieldType::String => Some(255),
            FieldType::Guid | FieldType::GlobalId => Some(38),
            FieldType::Date => Some(8),
            _ => None,
        };
        if let Some(length) = length {
            definition.insert("length".into(), json!(length));
        }
        Self {
            name,
            kind,
            definition,
        }
    }

    /// Reads an Esri field object. None where `name` or a known `type` is missing.
    #[must_use]
    pub fn from_esri_json(definition: &Json) -> Option<Self> {
        let definition = definition.as_object()?.clone();
        let name = definition.get("name")?.as_str()?.to_owned();
        let kind = FieldType::from_esri_name(definition.get("type")?.as_str()?)?;
        Some(Self {
            name,
            kind,
            definition,
        })
    }

    /// Sets the alias.
    #[must_use]
    pub fn with_alias(self, alias: &str) -> Self {
        self.with("alias", json!(alias))
    }

    /// Sets the length: characters for text, bytes for an object id (8 marks 64 bits).
    #[must_use]
    pub fn with_length(self, length: u32) -> Self {
        self.with("length", json!(length))
    }

    /// Sets `nullable`.
    #[must_use]
    pub fn with_nullable(self, nullable: bool) -> Self {
        self.with("nullable", json!(nullable))
    }

    /// Sets the domain to this Esri domain object.
    #[must_use]
    pub fn with_domain(self, domain: Json) -> Self {
        self.with("domain", domain)
    }

    /// Sets any member of the field object.
    #[must_use]
    pub fn with(mut self, member: &str, value: Json) -> Self {
        // The name and the type are what rows are served by: they stay as constructed.
        if member != "name" && member != "type" {
            self.definition.insert(member.to_owned(), value);
        }
        self
    }

    /// The field's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The field's type.
    #[must_use]
    pub fn kind(&self) -> FieldType {
        self.kind
    }

    pub(crate) fn definition(&self) -> &Map<String, Json> {
        &self.definition
    }
}
