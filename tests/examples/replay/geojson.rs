//! `f=geojson`.

use std::fmt::Write as _;

use crate::esri_json::{attributes, positions};
use crate::geometry::{Geometry, Position, Ring};
use crate::layers::Layer;

/// A page up to its rows.
pub(crate) fn head(exceeded: bool) -> String {
    let exceeded = if exceeded {
        r#""properties":{"exceededTransferLimit":true},"exceededTransferLimit":true,"#
    } else {
        ""
    };
    format!(
        r#"{{"type":"FeatureCollection","crs":{{"type":"name","properties":{{"name":"EPSG:4326"}}}},{exceeded}"features":["#
    )
}

/// One row.
pub(crate) fn row(layer: &Layer, row: u64, out: &mut String) {
    let _ = write!(out, r#"{{"type":"Feature","id":{row},"geometry":"#);
    match layer.geometry {
        Some((_, geometry)) => write_geometry(geometry(row), out),
        None => out.push_str("null"),
    }
    out.push_str(r#","properties":{"#);
    attributes(layer, row, out);
    out.push_str("}}");
}

fn write_geometry(geometry: Geometry, out: &mut String) {
    match geometry {
        Geometry::Point([x, y]) => {
            let _ = write!(out, r#"{{"type":"Point","coordinates":[{x},{y}]}}"#);
        }
        Geometry::Paths(paths) => match paths.as_slice() {
            [path] => {
                out.push_str(r#"{"type":"LineString","coordinates":"#);
                positions(path, out);
                out.push('}');
            }
            paths => {
                out.push_str(r#"{"type":"MultiLineString","coordinates":"#);
                all(paths, out);
                out.push('}');
            }
        },
        Geometry::Polygons(polygons) => match polygons.as_slice() {
            [polygon] => {
                out.push_str(r#"{"type":"Polygon","coordinates":"#);
                all(&turned(polygon), out);
                out.push('}');
            }
            polygons => {
                out.push_str(r#"{"type":"MultiPolygon","coordinates":["#);
                for (at, polygon) in polygons.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    all(&turned(polygon), out);
                }
                out.push_str("]}");
            }
        },
    }
}

/// The rings in the direction that GeoJSON wants: shells counter-clockwise.
pub(crate) fn turned(polygon: &[Ring]) -> Vec<Ring> {
    let mut turned = polygon.to_vec();
    turned.iter_mut().for_each(|ring| ring.reverse());
    turned
}

fn all(parts: &[Vec<Position>], out: &mut String) {
    out.push('[');
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        positions(part, out);
    }
    out.push(']');
}
