//! Pages of features.

use serde_json::Value as Json;

use super::grid::Grid;
use super::result;
use super::value::value;
use super::writer::Message;
use crate::field::{Field, FieldType};
use crate::geometry::GeometryType;
use crate::layer::LayerKind;
use crate::projection::SpatialReference;
use crate::query::page::Page;
use crate::quirk::Quirk;
use crate::store::StoredRow;

/// A page as `f=pbf`, and how many features it holds.
pub(crate) fn features(page: &Page<'_>) -> (Vec<u8>, usize) {
    let quirk = |quirk| page.table.has_quirk(quirk);
    let features_first = quirk(Quirk::FeaturesFirst);
    let grid = page
        .geometries
        .as_ref()
        .map(|geometries| Grid::new(geometries, quirk(Quirk::LowerLeftOrigin)));

    let mut features = Message::default();
    let mut written = 0;
    let mut cut = false;
    for row in &page.rows {
        if written > 0 && features.length() >= page.most_bytes {
            cut = true;
            break;
        }
        features.message(15, &feature(page, row, grid.as_ref(), features_first));
        written += 1;
    }
    let header = header(page, grid.as_ref(), written, cut);
    let (mut answer, rest) = if features_first {
        (features, header)
    } else {
        (header, features)
    };
    answer.append(&rest);
    (result(1, &answer), written)
}

fn feature(page: &Page<'_>, row: &StoredRow, grid: Option<&Grid>, geometry_first: bool) -> Message {
    let mut attributes = Message::default();
    for (at, field) in page.fields() {
        let message = row
            .values
            .get(at)
            .map_or_else(Message::default, |found| value(found, field));
        attributes.message(1, &message);
    }
    // A row without geometry has no such member.
    let mut geometry = Message::default();
    if let (Some(geometries), Some(grid), Some(found)) = (&page.geometries, grid, &row.geometry) {
        geometry.message(2, &grid.geometry(&geometries.prepare(found)));
    }
    let (mut feature, rest) = if geometry_first {
        (geometry, attributes)
    } else {
        (attributes, geometry)
    };
    feature.append(&rest);
    feature
}

fn header(page: &Page<'_>, grid: Option<&Grid>, written: usize, cut: bool) -> Message {
    let layer = &page.table.layer;
    let mut header = Message::default();
    if let Some(id) = page.table.object_id.and_then(|at| layer.fields.get(at)) {
        header.text(1, id.name());
        let mut unique = Message::default();
        unique.text(1, id.name());
        unique.flag(2, true);
        header.message(2, &unique);
    }
    let global = layer
        .fields
        .iter()
        .find(|field| field.kind() == FieldType::GlobalId);
    header.text(3, global.map_or("", Field::name));
    // An answer without rows does not describe them.
    if written > 0 {
        if let LayerKind::Features(kind) = layer.kind {
            // Also where no geometry is wanted.
            let reference = page
                .geometries
                .as_ref()
                .map_or(layer.spatial_reference, |geometries| {
                    geometries.spatial_reference
                });
            header.uint(7, geometry_type(kind));
            header.message(8, &spatial_reference(reference));
        }
    }
    header.flag(9, page.exceeded(cut).unwrap_or(false));
    if written > 0 {
        if let Some(geometries) = &page.geometries {
            header.flag(10, geometries.has_z);
            header.flag(11, geometries.has_m);
        }
        if let Some(grid) = grid.filter(|_| !page.table.has_quirk(Quirk::NoTransform)) {
            header.message(12, &grid.transform());
        }
        for (_, declared) in page.fields() {
            header.message(13, &field(declared));
        }
    }
    header
}

fn geometry_type(kind: GeometryType) -> u64 {
    match kind {
        GeometryType::Point => 0,
        GeometryType::Multipoint => 1,
        GeometryType::Polyline => 2,
        GeometryType::Polygon => 3,
    }
}

pub(super) fn spatial_reference(reference: SpatialReference) -> Message {
    let latest = reference.latest_wkid();
    let mut message = Message::default();
    // Web Mercator is always answered by Esri's number with the EPSG one beside it.
    let wkid = if latest == 3857 {
        102_100
    } else {
        reference.wkid
    };
    message.uint(1, u64::from(wkid));
    message.uint(2, u64::from(latest));
    message
}

fn field(field: &Field) -> Message {
    let definition = field.definition();
    let text = |member: &str| match definition.get(member) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let mut message = Message::default();
    message.text(1, field.name());
    message.uint(2, field_type(field.kind()));
    message.text(3, &text("alias"));
    message.uint(4, sql_type(&text("sqlType")));
    message.text(5, &text("domain"));
    message.text(6, &text("defaultValue"));
    message
}

fn field_type(kind: FieldType) -> u64 {
    match kind {
        FieldType::SmallInteger => 0,
        FieldType::Integer => 1,
        FieldType::Single => 2,
        FieldType::Double => 3,
        FieldType::String => 4,
        FieldType::Date => 5,
        FieldType::Oid => 6,
        FieldType::Geometry => 7,
        FieldType::Blob => 8,
        FieldType::Raster => 9,
        FieldType::Guid => 10,
        FieldType::GlobalId => 11,
        FieldType::Xml => 12,
        FieldType::BigInteger => 13,
        FieldType::DateOnly => 14,
        FieldType::TimeOnly => 15,
        FieldType::TimestampOffset => 16,
    }
}

/// Those that services send; all others are "other".
fn sql_type(name: &str) -> u64 {
    match name {
        "sqlTypeDouble" => 6,
        "sqlTypeFloat" => 7,
        "sqlTypeInteger" => 10,
        "sqlTypeNVarchar" => 15,
        "sqlTypeReal" => 17,
        "sqlTypeSmallInt" => 18,
        _ => 16,
    }
}
