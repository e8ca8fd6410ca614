//! `f=json`: the layer's description, and pages.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::geometry::{Geometry, Position};
use crate::layers::{Field, FieldType, Layer, Value};

pub(crate) fn type_name(kind: FieldType) -> &'static str {
    match kind {
        FieldType::ObjectId => "esriFieldTypeOID",
        FieldType::SmallInteger => "esriFieldTypeSmallInteger",
        FieldType::Integer => "esriFieldTypeInteger",
        FieldType::Single => "esriFieldTypeSingle",
        FieldType::Double => "esriFieldTypeDouble",
        FieldType::Text => "esriFieldTypeString",
        FieldType::Date => "esriFieldTypeDate",
    }
}

fn field(field: &Field) -> Json {
    let mut described = json!({
        "name": field.name,
        "type": type_name(field.kind),
        "alias": field.name,
        "nullable": field.kind != FieldType::ObjectId,
        "editable": false,
        "domain": null,
        "defaultValue": null,
    });
    if let Some(length) = match field.kind {
        FieldType::Text => Some(255),
        FieldType::Date => Some(8),
        _ => None,
    } {
        described["length"] = length.into();
    }
    described
}

pub(crate) fn fields(layer: &Layer) -> Json {
    layer.fields.iter().map(field).collect()
}

/// Where all rows lie.
pub(crate) fn extent() -> Json {
    json!({ "xmin": -125, "ymin": 24, "xmax": -66, "ymax": 50, "spatialReference": reference() })
}

fn reference() -> Json {
    json!({ "wkid": 4326, "latestWkid": 4326 })
}

/// What the service says of a layer.
pub(crate) fn description(layer: &Layer, id: usize) -> Json {
    let mut described = json!({
        "currentVersion": 11.2,
        "id": id,
        "name": layer.name,
        "type": if layer.geometry.is_some() { "Feature Layer" } else { "Table" },
        "description": "",
        "copyrightText": "",
        "displayField": "NAME",
        "objectIdField": "OBJECTID",
        "globalIdField": "",
        "capabilities": "Query",
        "maxRecordCount": layer.page,
        "supportedQueryFormats": "JSON, geoJSON, PBF",
        "supportsStatistics": true,
        "supportsAdvancedQueries": true,
        "hasAttachments": false,
        "hasZ": false,
        "hasM": false,
        "relationships": [],
        "types": [],
        "advancedQueryCapabilities": {
            "useStandardizedQueries": true,
            "supportsStatistics": true,
            "supportsOrderBy": true,
            "supportsDistinct": false,
            "supportsPagination": true,
            "supportsQueryWithResultType": false,
            "supportsMaxRecordCountFactor": false,
            "supportsReturningQueryExtent": true,
        },
        "fields": fields(layer),
    });
    if let Some((kind, _)) = layer.geometry {
        described["geometryType"] = kind.esri().into();
        described["extent"] = extent();
    }
    described
}

/// A page up to its rows.
pub(crate) fn head(layer: &Layer, exceeded: bool) -> String {
    let mut head = String::from(r#"{"objectIdFieldName":"OBJECTID","globalIdFieldName":"","#);
    if let Some((kind, _)) = layer.geometry {
        let _ = write!(
            head,
            r#""geometryType":"{}","spatialReference":{},"#,
            kind.esri(),
            reference()
        );
    }
    let _ = write!(head, r#""fields":{},"#, fields(layer));
    if exceeded {
        head.push_str(r#""exceededTransferLimit":true,"#);
    }
    head.push_str(r#""features":["#);
    head
}

pub(crate) const TAIL: &str = "]}";

/// One row.
pub(crate) fn row(layer: &Layer, row: u64, out: &mut String) {
    out.push_str(r#"{"attributes":{"#);
    attributes(layer, row, out);
    out.push('}');
    if let Some((_, geometry)) = layer.geometry {
        out.push_str(r#","geometry":"#);
        write_geometry(&geometry(row), out);
    }
    out.push('}');
}

/// The members of the row's attributes: GeoJSON has the same.
pub(crate) fn attributes(layer: &Layer, row: u64, out: &mut String) {
    for (at, field) in layer.fields.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(out, r#"{comma}"{}":"#, field.name);
        let _ = match (field.value)(row) {
            Value::Null => write!(out, "null"),
            Value::Integer(number) | Value::Date(number) => write!(out, "{number}"),
            Value::Single(number) => write!(out, "{number}"),
            Value::Double(number) => write!(out, "{number}"),
            Value::Text(text) => write!(out, "{}", Json::String(text)),
        };
    }
}

fn write_geometry(geometry: &Geometry, out: &mut String) {
    match geometry {
        Geometry::Point([x, y]) => {
            let _ = write!(out, r#"{{"x":{x},"y":{y}}}"#);
        }
        Geometry::Paths(_) | Geometry::Polygons(_) => {
            let member = match geometry {
                Geometry::Paths(_) => "paths",
                _ => "rings",
            };
            let _ = write!(out, r#"{{"{member}":["#);
            for (at, part) in geometry.parts().into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                positions(part, out);
            }
            out.push_str("]}");
        }
    }
}

/// An array of positions.
pub(crate) fn positions(positions: &[Position], out: &mut String) {
    out.push('[');
    for (at, [x, y]) in positions.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(out, "{comma}[{x},{y}]");
    }
    out.push(']');
}
