use serde_json::json;

use crate::field::{Field, FieldType};
use crate::quirk::Quirk;
use crate::store::StoredRow;
use crate::value::write_text;

use super::page::Page;

/// A page as `f=json`, and how many features it holds.
pub(super) fn write(page: &Page<'_>) -> (Vec<u8>, usize) {
    let features_first = page.table.has_quirk(Quirk::FeaturesFirst);
    let (list, written, cut) = features(page);
    let mut features = b"\"features\":".to_vec();
    features.extend_from_slice(&list);

    let header = header(page, written, cut);
    let mut body = Vec::with_capacity(features.len() + header.len() + 3);
    let (first, second) = if features_first {
        (&features, &header)
    } else {
        (&header, &features)
    };
    body.push(b'{');
    body.extend_from_slice(first);
    if !first.is_empty() && !second.is_empty() {
        body.push(b',');
    }
    body.extend_from_slice(second);
    body.push(b'}');
    (body, written)
}

/// The list of features, how many it holds, and whether it ended early.
pub(super) fn features(page: &Page<'_>) -> (Vec<u8>, usize, bool) {
    let features_first = page.table.has_quirk(Quirk::FeaturesFirst);
    let bare_nan = page.table.has_quirk(Quirk::BareNan);
    let names: Vec<(usize, Vec<u8>)> = page
        .fields()
        .map(|(at, field)| (at, name_of(field)))
        .collect();

    let mut features = Vec::with_capacity(page.rows.len().min(50_000) * 128);
    features.push(b'[');
    let (written, cut) = page.write_features(&mut features, |row, out| {
        out.push(b'{');
        if features_first {
            if write_geometry(page, row, bare_nan, out) {
                out.push(b',');
            }
            write_attributes(&names, row, bare_nan, out);
        } else {
            write_attributes(&names, row, bare_nan, out);
            let before = out.len();
            out.push(b',');
            if !write_geometry(page, row, bare_nan, out) {
                out.truncate(before);
            }
        }
        write_stand_ins(page, row, out);
        out.push(b'}');
    });
    features.push(b']');
    (features, written, cut)
}

pub(super) fn header(page: &Page<'_>, written: usize, cut: bool) -> Vec<u8> {
    let layer = &page.table.layer;
    let mut members: Vec<String> = Vec::new();
    if let Some(id) = page.table.object_id.and_then(|at| layer.fields.get(at)) {
        members.push(format!(r#""objectIdFieldName":{}"#, json!(id.name())));
        members.push(format!(
            r#""uniqueIdField":{{"name":{},"isSystemMaintained":true}}"#,
            json!(id.name())
        ));
    }
    let global = layer
        .fields
        .iter()
        .find(|field| field.kind() == FieldType::GlobalId)
        .map_or("", Field::name);
    members.push(format!(r#""globalIdFieldName":{}"#, json!(global)));
    // An answer without rows does not describe them.
    if written > 0 {
        let stand_ins = page
            .stand_ins
            .as_ref()
            .map(|stand_ins| &stand_ins.geometries);
        if let Some(geometries) = page.geometries.as_ref().or(stand_ins) {
            members.push(format!(
                r#""geometryType":"{}""#,
                geometries.kind.esri_name()
            ));
            members.push(format!(
                r#""spatialReference":{}"#,
                geometries.spatial_reference.esri_json()
            ));
            if geometries.has_z {
                members.push(r#""hasZ":true"#.to_owned());
            }
            if geometries.has_m {
                members.push(r#""hasM":true"#.to_owned());
            }
        }
        if let (Some(geometries), Some(grid)) = (&page.geometries, &page.grid) {
            let transform = grid.transform(geometries.has_z, geometries.has_m);
            members.push(format!(r#""transform":{transform}"#));
        }
        let fields: Vec<_> = page.fields().map(|(_, field)| answered(field)).collect();
        members.push(format!(r#""fields":{}"#, json!(fields)));
    }
    if let Some(exceeded) = page.exceeded(cut) {
        members.push(format!(r#""exceededTransferLimit":{exceeded}"#));
    }
    members.join(",").into_bytes()
}

/// The field object of an answer: the metadata's, without what only editors need.
fn answered(field: &Field) -> serde_json::Map<String, serde_json::Value> {
    let mut definition = field.definition().clone();
    definition.remove("nullable");
    definition.remove("editable");
    definition
}

fn name_of(field: &Field) -> Vec<u8> {
    let mut name = Vec::new();
    write_text(field.name(), &mut name);
    name.push(b':');
    name
}

fn write_attributes(
    names: &[(usize, Vec<u8>)],
    row: &StoredRow,
    bare_nan: bool,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"\"attributes\":{");
    for (position, (at, name)) in names.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name);
        match row.values.get(*at) {
            Some(value) => value.write_json(bare_nan, out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

/// Nothing for a row without geometry: the member is left out, as servers do.
fn write_geometry(page: &Page<'_>, row: &StoredRow, bare_nan: bool, out: &mut Vec<u8>) -> bool {
    let (Some(geometries), Some(geometry)) = (&page.geometries, &row.geometry) else {
        return false;
    };
    out.extend_from_slice(b"\"geometry\":");
    if let Some(curves) = row.curves.as_ref().filter(|_| page.curves) {
        out.extend_from_slice(curves.as_bytes());
        return true;
    }
    if let Some(grid) = &page.grid {
        let prepared = geometries.prepare(geometry);
        let written = grid.esri_json(&prepared, geometries.has_z, geometries.has_m);
        out.extend_from_slice(written.to_string().as_bytes());
        return true;
    }
    geometries
        .prepare(geometry)
        .write_esri_json(geometries.has_z, geometries.has_m, bare_nan, out);
    true
}

/// Nothing for a row without geometry either.
fn write_stand_ins(page: &Page<'_>, row: &StoredRow, out: &mut Vec<u8>) {
    let (Some(stand_ins), Some(geometry)) = (&page.stand_ins, &row.geometry) else {
        return;
    };
    for (name, value) in stand_ins.members(geometry) {
        out.extend_from_slice(format!(r#","{name}":{value}"#).as_bytes());
    }
}
