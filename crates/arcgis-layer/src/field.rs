//! Fields and their domains, as layer metadata declares them.

use std::fmt;

use serde_json::Value;

use crate::metadata::document::Members;

/// The Esri type of a field (`esriFieldType…`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldType {
    /// 16-bit integer.
    SmallInteger,
    /// 32-bit integer.
    Integer,
    /// 64-bit integer.
    BigInteger,
    /// 32-bit float.
    Single,
    /// 64-bit float.
    Double,
    /// Text.
    String,
    /// A moment, in milliseconds since 1970 UTC.
    Date,
    /// A calendar date, `YYYY-MM-DD`.
    DateOnly,
    /// A time of day, `HH:MM:SS[.fff]`.
    TimeOnly,
    /// A moment with its offset from UTC, ISO 8601.
    TimestampOffset,
    /// The object id.
    Oid,
    /// The geometry column, which map services list among the fields.
    Geometry,
    /// Bytes, base64 in JSON.
    Blob,
    /// A raster; not served as a value.
    Raster,
    /// A GUID in braces.
    Guid,
    /// The layer's own GUID of a row.
    GlobalId,
    /// XML text.
    Xml,
    /// A type that this library does not know, under the server's name for it.
    Other(String),
}

impl FieldType {
    /// Reads a type as servers name it: `esriFieldTypeInteger`, whatever the case, with or without the prefix.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        let short = name
            .get(..13)
            .filter(|prefix| prefix.eq_ignore_ascii_case("esriFieldType"))
            .and_then(|_| name.get(13..))
            .unwrap_or(name);
        match short.to_ascii_lowercase().as_str() {
            "smallinteger" => Self::SmallInteger,
            "integer" => Self::Integer,
            "biginteger" => Self::BigInteger,
            "single" => Self::Single,
            "double" => Self::Double,
            "string" => Self::String,
            "date" => Self::Date,
            "dateonly" => Self::DateOnly,
            "timeonly" => Self::TimeOnly,
            "timestampoffset" => Self::TimestampOffset,
            "oid" => Self::Oid,
            "geometry" => Self::Geometry,
            "blob" => Self::Blob,
            "raster" => Self::Raster,
            "guid" => Self::Guid,
            "globalid" => Self::GlobalId,
            "xml" => Self::Xml,
            _ => Self::Other(name.to_owned()),
        }
    }

    /// The name without `esriFieldType`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::SmallInteger => "SmallInteger",
            Self::Integer => "Integer",
            Self::BigInteger => "BigInteger",
            Self::Single => "Single",
            Self::Double => "Double",
            Self::String => "String",
            Self::Date => "Date",
            Self::DateOnly => "DateOnly",
            Self::TimeOnly => "TimeOnly",
            Self::TimestampOffset => "TimestampOffset",
            Self::Oid => "OID",
            Self::Geometry => "Geometry",
            Self::Blob => "Blob",
            Self::Raster => "Raster",
            Self::Guid => "GUID",
            Self::GlobalId => "GlobalID",
            Self::Xml => "XML",
            Self::Other(name) => name,
        }
    }

    /// Whether rows carry values of this type as attributes. Geometry comes beside the attributes,
    /// and rasters are not served.
    #[must_use]
    pub fn is_attribute(&self) -> bool {
        !matches!(self, Self::Geometry | Self::Raster)
    }

    /// Whether values are whole numbers.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        matches!(
            self,
            Self::SmallInteger | Self::Integer | Self::BigInteger | Self::Oid
        )
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One field of a layer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Field {
    /// The name, in the server's case. Joined map-service tables have names like `db.table.FIELD`.
    pub name: String,
    /// The type.
    pub field_type: FieldType,
    /// The name for people, where it differs from the name.
    pub alias: Option<String>,
    /// The length in characters of text, or in bytes (8 for a 64-bit object id).
    pub length: Option<u32>,
    /// Whether values may be null; true where the server does not say.
    pub nullable: bool,
    /// Whether clients may edit the field; false where the server does not say.
    pub editable: bool,
    /// The values that the field may take.
    pub domain: Option<Domain>,
    /// The default value as the server gives it, in JSON.
    pub default_value: Option<serde_json::Value>,
}

impl Field {
    /// A nullable field without alias, length and domain.
    #[must_use]
    pub fn new(name: impl Into<String>, field_type: FieldType) -> Self {
        Self {
            name: name.into(),
            field_type,
            alias: None,
            length: None,
            nullable: true,
            editable: false,
            domain: None,
            default_value: None,
        }
    }

    /// Reads a field as layer metadata and answers declare it; `None` for one without a name, or with a
    /// type that is no text. A field that names no type is one of an unknown type.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        let members = Members::of(value)?;
        // Not trimmed: the name is the key in each row.
        let name = members
            .get("name")?
            .as_str()
            .filter(|name| !name.is_empty())?;
        let field_type = match members.get("type") {
            None => FieldType::Other(String::new()),
            Some(Value::String(name)) => FieldType::parse(name),
            Some(_) => return None,
        };
        Some(Self {
            alias: members.string("alias").filter(|alias| alias != name),
            length: members.positive("length"),
            nullable: members.flag("nullable").unwrap_or(true),
            editable: members.flag("editable").unwrap_or(false),
            domain: members.get("domain").and_then(Domain::from_json),
            default_value: members.get("defaultValue").cloned(),
            ..Self::new(name, field_type)
        })
    }
}

/// The values that a field may take.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Domain {
    /// A list of codes with a name each.
    CodedValue {
        /// The domain's name.
        name: String,
        /// The codes (numbers or text) and their names.
        values: Vec<CodedValue>,
    },
    /// A range, bounds included.
    Range {
        /// The domain's name.
        name: String,
        /// The least value, as the server gives it.
        min: serde_json::Value,
        /// The greatest value, as the server gives it.
        max: serde_json::Value,
    },
    /// The domain of the subtype applies.
    Inherited,
}

impl Domain {
    /// Reads a domain; `None` for one of an unknown type. Malformed codes are left out.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        let members = Members::of(value)?;
        let name = members.string("name").unwrap_or_default();
        let kind = members
            .text("type")
            .unwrap_or_default()
            .to_ascii_lowercase();
        match kind.as_str() {
            "codedvalue" => Some(Self::CodedValue {
                name,
                values: members
                    .list("codedValues")
                    .iter()
                    .filter_map(CodedValue::from_json)
                    .collect(),
            }),
            "range" => {
                let (min, max) = match members.list("range") {
                    [min, max] => (min, max),
                    _ => (members.get("minValue")?, members.get("maxValue")?),
                };
                let bound = |value: &Value| value.is_number() || value.is_string();
                (bound(min) && bound(max)).then(|| Self::Range {
                    name,
                    min: min.clone(),
                    max: max.clone(),
                })
            }
            "inherited" => Some(Self::Inherited),
            _ => None,
        }
    }
}

impl CodedValue {
    fn from_json(value: &Value) -> Option<Self> {
        let members = Members::of(value)?;
        let code = members
            .get("code")
            .filter(|code| code.is_number() || code.is_string())?;
        Some(Self {
            code: code.clone(),
            name: members.get("name")?.as_str()?.to_owned(),
        })
    }
}

/// One code of a [`Domain::CodedValue`].
#[derive(Debug, Clone, PartialEq)]
pub struct CodedValue {
    /// The value in the rows: a number or text.
    pub code: serde_json::Value,
    /// Its name for people.
    pub name: String,
}
