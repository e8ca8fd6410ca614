//! What an answer says of itself beside its rows.

use super::answer::{self, Kind};
use super::features::{Declared, Features, geometry_type};
use crate::decode::DecodeError;
use crate::decode::geometry_buffer::refuse;
use crate::decode::header::{AnswerHeader, object_id_field};
use crate::field::{Domain, Field, FieldType};
use crate::geometry::GeometryType;

/// Reads the header of an answer in protocol buffers, wherever its members stand. Rows are only counted.
///
/// The format knows neither the length of a field nor whether it may be null. A layer of points and a table look the
/// same in it: it is points if there is a transform, a spatial reference or a row with geometry.
///
/// # Errors
///
/// [`DecodeError::Malformed`] if the bytes are not those of an answer with features, [`DecodeError::Service`] if it is
/// an error, which comes as JSON, and [`DecodeError::Geometry`] if rows have geometry of a kind that is not known.
///
/// ```
/// use arcgis_layer::{FieldType, read_pbf_header};
///
/// let header = read_pbf_header(b"\x12\x12\x0a\x10\x6a\x0c\x0a\x08OBJECTID\x10\x06\x7a\x00")?;
/// assert_eq!(header.fields[0].field_type, FieldType::Oid);
/// assert_eq!((header.geometry_type, header.rows), (None, 1));
/// # Ok::<(), arcgis_layer::DecodeError>(())
/// ```
pub fn read_pbf_header(body: &[u8]) -> Result<AnswerHeader, DecodeError> {
    let mut features = Features::read(answer::open(body, Kind::Features)?)?;
    let first = FirstGeometry::find(&mut features)?;
    let fields: Vec<Field> = features
        .fields
        .iter()
        .filter(|field| !field.name.is_empty())
        .map(field)
        .collect();
    let said = features.transform.is_some() || features.spatial_reference.is_some();
    Ok(AnswerHeader {
        object_id_field: object_id_field(&fields, Some(features.object_id_field)),
        global_id_field: Some(features.global_id_field.to_owned()).filter(|name| !name.is_empty()),
        fields: fields.into(),
        geometry_type: first.kind(&features, said)?,
        spatial_reference: features.spatial_reference.unwrap_or_default(),
        has_z: features.has_z,
        has_m: features.has_m,
        exceeded: features.exceeded,
        rows: features.count,
    })
}

/// The first row with geometry, and what kind the geometry says it is.
struct FirstGeometry(Option<(usize, i32)>);

impl FirstGeometry {
    fn find(features: &mut Features<'_>) -> Result<Self, DecodeError> {
        let mut row = 0;
        while let Some(mut message) = features.next_row()? {
            while let Some(member) = message.next()? {
                if member.number == 2 {
                    let mut geometry = member.message()?;
                    let mut kind = 0;
                    while let Some(member) = geometry.next()? {
                        if member.number == 1 {
                            kind = member.choice()?;
                        }
                    }
                    return Ok(Self(Some((row, kind))));
                }
                if !matches!(member.number, 1 | 4..=6) {
                    return Ok(Self(Some((row, 0))));
                }
            }
            row += 1;
        }
        Ok(Self(None))
    }

    fn kind(
        &self,
        features: &Features<'_>,
        said: bool,
    ) -> Result<Option<GeometryType>, DecodeError> {
        let number = match (features.geometry_type, self.0) {
            (0, None) => return Ok(said.then_some(GeometryType::Point)),
            (0, Some((_, own))) => own,
            (declared, _) => declared,
        };
        match (geometry_type(number), self.0) {
            (None, Some((row, _))) => Err(refuse(
                row,
                format!("the kind of geometry {number} is not known"),
            )),
            (kind, _) => Ok(kind),
        }
    }
}

fn field(declared: &Declared<'_>) -> Field {
    let json = |text: &str| serde_json::from_str(text).ok();
    let mut field = Field::new(declared.name, field_type(declared.field_type));
    field.alias = Some(declared.alias)
        .filter(|alias| !alias.trim().is_empty() && *alias != declared.name)
        .map(str::to_owned);
    field.domain = json(declared.domain).and_then(|domain| Domain::from_json(&domain));
    let numeric = field.field_type.is_integer()
        || matches!(field.field_type, FieldType::Single | FieldType::Double);
    field.default_value = Some(declared.default_value)
        .filter(|value| !value.is_empty())
        .map(|value| match numeric {
            true => json(value).unwrap_or_else(|| value.into()),
            false => value.into(),
        });
    field
}

/// The type that a number means. New ones come with new versions of ArcGIS.
fn field_type(number: i32) -> FieldType {
    match number {
        0 => FieldType::SmallInteger,
        1 => FieldType::Integer,
        2 => FieldType::Single,
        3 => FieldType::Double,
        4 => FieldType::String,
        5 => FieldType::Date,
        6 => FieldType::Oid,
        7 => FieldType::Geometry,
        8 => FieldType::Blob,
        9 => FieldType::Raster,
        10 => FieldType::Guid,
        11 => FieldType::GlobalId,
        12 => FieldType::Xml,
        13 => FieldType::BigInteger,
        14 => FieldType::DateOnly,
        15 => FieldType::TimeOnly,
        16 => FieldType::TimestampOffset,
        other => FieldType::Other(format!("type {other}")),
    }
}
