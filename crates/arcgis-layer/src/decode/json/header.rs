//! What an answer says of itself beside its rows.

use serde_json::Value;

use super::geometry::Flags;
use super::page::{Member, service_error, spatial_reference};
use super::scanner::{Scalar, Scanner};
use crate::decode::DecodeError;
use crate::decode::header::{AnswerHeader, object_id_field};
use crate::field::Field;
use crate::geometry::GeometryType;
use crate::spatial_reference::SpatialReference;

/// Reads the header of an answer in Esri JSON, wherever its members stand. Rows are only counted.
///
/// # Errors
///
/// [`DecodeError::Malformed`] if the text is not that of an answer with features, [`DecodeError::Service`] if
/// it is an error.
///
/// ```
/// use arcgis_layer::{GeometryType, read_header};
///
/// let header = read_header(br#"{
///     "objectIdFieldName": "FID", "geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326},
///     "fields": [{"name": "FID", "type": "esriFieldTypeOID"}],
///     "features": [{"attributes": {"FID": 1}, "geometry": {"x": 31.2, "y": 30.1}}]
/// }"#)?;
/// assert_eq!(header.geometry_type, Some(GeometryType::Point));
/// assert_eq!(header.layout().fields[0].name, "FID");
/// assert_eq!(header.rows, 1);
/// # Ok::<(), arcgis_layer::DecodeError>(())
/// ```
pub fn read_header(body: &[u8]) -> Result<AnswerHeader, DecodeError> {
    let mut scanner = Scanner::new(body)?;
    let mut scratch = String::new();
    let mut fields: Vec<Field> = Vec::new();
    let mut geometry_type = None;
    let mut reference = None;
    let mut flags = Flags::default();
    let mut object_id = None;
    let mut global_id = None;
    let mut exceeded = false;
    let mut rows = None;
    let mut first = FirstGeometry::default();
    let mut more = scanner.open(b'{')?;
    while more {
        let key = scanner.key()?;
        let name = key.decode(&mut scratch);
        match (Member::of(name), name) {
            (Member::Features, _) => rows = Some(count_rows(&mut scanner, &mut first)?),
            (Member::SpatialReference, _) => reference = spatial_reference(scanner.raw()?),
            (Member::HasZ, _) => flags.z = Some(scanner.flag()?),
            (Member::HasM, _) => flags.m = Some(scanner.flag()?),
            (Member::Exceeded, _) => exceeded = scanner.flag()?,
            (Member::Error, _) => {
                if let Some(error) = service_error(scanner.raw()?) {
                    return Err(DecodeError::Service(error));
                }
            }
            (_, "fields") => {
                let start = scanner;
                let value: Value = serde_json::from_str(scanner.raw()?)
                    .map_err(|error| start.error(format!("the fields: {error}")))?;
                let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
                fields = list.iter().filter_map(Field::from_json).collect();
            }
            (_, "geometryType") => {
                geometry_type = text(&mut scanner)?.and_then(|name| GeometryType::parse(&name));
            }
            (_, "objectIdFieldName") => object_id = text(&mut scanner)?,
            (_, "globalIdFieldName") => global_id = text(&mut scanner)?,
            _ => scanner.skip()?,
        }
        more = scanner.more(b'{')?;
    }
    if !scanner.at_end() {
        return Err(scanner.error("there is more behind the end of the answer"));
    }
    let Some(rows) = rows else {
        return Err(scanner.error("the answer has no features member"));
    };
    if !flags.said() {
        flags = first.flags;
    }
    Ok(AnswerHeader {
        object_id_field: object_id_field(&fields, object_id.as_deref()),
        global_id_field: global_id.filter(|name| !name.is_empty()),
        fields: fields.into(),
        geometry_type: geometry_type.or(first.kind),
        spatial_reference: reference.or(first.reference).unwrap_or_default(),
        has_z: flags.z.unwrap_or(false),
        has_m: flags.m.unwrap_or(false),
        exceeded,
        rows,
    })
}

/// Passes a value; its text, if it is one.
fn text(scanner: &mut Scanner<'_>) -> Result<Option<String>, DecodeError> {
    if matches!(scanner.peek()?, b'{' | b'[') {
        scanner.skip()?;
        return Ok(None);
    }
    Ok(match scanner.scalar()? {
        Scalar::Text(text) => Some(text.decode(&mut String::new()).to_owned()),
        _ => None,
    })
}

/// What the first geometry shows.
#[derive(Default)]
struct FirstGeometry {
    kind: Option<GeometryType>,
    flags: Flags,
    reference: Option<SpatialReference>,
}

fn count_rows(scanner: &mut Scanner<'_>, first: &mut FirstGeometry) -> Result<usize, DecodeError> {
    let mut rows = 0;
    let mut scratch = String::new();
    let mut outer = scanner.open(b'[')?;
    while outer {
        let mut more = scanner.open(b'{')?;
        while more {
            let key = scanner.key()?;
            let geometry = Member::of(key.decode(&mut scratch)) == Member::Geometry;
            if geometry && first.kind.is_none() && scanner.peek()? == b'{' {
                look_at(scanner, first)?;
            } else {
                scanner.skip()?;
            }
            more = scanner.more(b'{')?;
        }
        rows += 1;
        outer = scanner.more(b'[')?;
    }
    Ok(rows)
}

fn look_at(scanner: &mut Scanner<'_>, first: &mut FirstGeometry) -> Result<(), DecodeError> {
    let mut scratch = String::new();
    let mut found = FirstGeometry::default();
    let mut more = scanner.open(b'{')?;
    while more {
        let key = scanner.key()?;
        let name = key.decode(&mut scratch);
        let kind = match name {
            "rings" | "curveRings" => Some(GeometryType::Polygon),
            "paths" | "curvePaths" => Some(GeometryType::Polyline),
            "points" => Some(GeometryType::Multipoint),
            "x" => Some(GeometryType::Point),
            "xmin" => Some(GeometryType::Envelope),
            _ => None,
        };
        match name {
            "hasZ" => found.flags.z = Some(scanner.flag()?),
            "hasM" => found.flags.m = Some(scanner.flag()?),
            "spatialReference" => found.reference = spatial_reference(scanner.raw()?),
            _ => {
                let value = scanner.raw()?;
                if value != "null" {
                    found.kind = found.kind.or(kind);
                    // Points have no flags of their own.
                    match name {
                        "z" => found.flags.z = Some(true),
                        "m" => found.flags.m = Some(true),
                        _ => {}
                    }
                }
            }
        }
        more = scanner.more(b'{')?;
    }
    if found.kind.is_some() {
        *first = found;
    }
    Ok(())
}
