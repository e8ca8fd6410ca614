//! GeoJSON (RFC 7946) as the geometry of a filter.

use geo_types::{
    Coord, Geometry, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon,
};
use serde_json::{Map, Value};

use super::shape::{Shape, from_geo, refuse};
use crate::error::QueryError;

/// The geometries of a text: one, or one for each feature.
pub(super) fn shapes(text: &str) -> Result<Vec<Shape>, QueryError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return refuse(format!("it is no JSON: {error}")),
    };
    let Some(top) = value.as_object() else {
        return refuse("it is no GeoJSON object");
    };
    if kind(top)? != "FeatureCollection" {
        return match geometry(top)? {
            Some(geometry) => Ok(vec![from_geo(geometry)?]),
            None => refuse("the feature has no geometry"),
        };
    }
    let Some(features) = top.get("features").and_then(Value::as_array) else {
        return refuse("the collection has no features");
    };
    let mut shapes = Vec::new();
    for feature in features {
        let Some(feature) = feature.as_object() else {
            return refuse("a feature is no object");
        };
        if let Some(geometry) = geometry(feature)? {
            shapes.push(from_geo(geometry)?);
        }
    }
    if shapes.is_empty() {
        return refuse("none of the features has a geometry");
    }
    Ok(shapes)
}

fn kind(object: &Map<String, Value>) -> Result<&str, QueryError> {
    match object.get("type").and_then(Value::as_str) {
        Some(kind) => Ok(kind),
        None => refuse("it has no type, as GeoJSON has"),
    }
}

/// The geometry that an object is, or that a feature has.
fn geometry(object: &Map<String, Value>) -> Result<Option<Geometry<f64>>, QueryError> {
    let kind = kind(object)?;
    if kind == "Feature" {
        return match object.get("geometry") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(inner)) => geometry_of(inner, self::kind(inner)?).map(Some),
            Some(_) => refuse("the geometry of a feature is no object"),
        };
    }
    geometry_of(object, kind).map(Some)
}

fn geometry_of(object: &Map<String, Value>, kind: &str) -> Result<Geometry<f64>, QueryError> {
    let coordinates = || match object.get("coordinates") {
        Some(coordinates) => Ok(coordinates),
        None => refuse(format!("the {kind} has no coordinates")),
    };
    Ok(match kind {
        "Point" => Geometry::Point(position(coordinates()?)?.into()),
        "MultiPoint" => Geometry::MultiPoint(MultiPoint::new(list(coordinates()?, |at| {
            position(at).map(Point::from)
        })?)),
        "LineString" => Geometry::LineString(line(coordinates()?)?),
        "MultiLineString" => {
            Geometry::MultiLineString(MultiLineString::new(list(coordinates()?, line)?))
        }
        "Polygon" => Geometry::Polygon(polygon(coordinates()?)?),
        "MultiPolygon" => Geometry::MultiPolygon(MultiPolygon::new(list(coordinates()?, polygon)?)),
        "GeometryCollection" => {
            return refuse("a GeometryCollection is no filter; give one kind of geometry");
        }
        other => return refuse(format!("{other} is no kind of GeoJSON geometry")),
    })
}

fn list<T>(
    value: &Value,
    read: impl Fn(&Value) -> Result<T, QueryError>,
) -> Result<Vec<T>, QueryError> {
    match value.as_array() {
        Some(items) => items.iter().map(read).collect(),
        None => refuse("its coordinates are not nested as those of its type are"),
    }
}

fn position(value: &Value) -> Result<Coord<f64>, QueryError> {
    match value.as_array().map(Vec::as_slice) {
        Some([x, y, ..]) => match (x.as_f64(), y.as_f64()) {
            (Some(x), Some(y)) => Ok(Coord { x, y }),
            _ => refuse("a coordinate is no number"),
        },
        _ => refuse("a position has fewer than two numbers"),
    }
}

fn line(value: &Value) -> Result<LineString<f64>, QueryError> {
    let line = list(value, position)?;
    if line.len() == 1 {
        return refuse("a line has only one position");
    }
    Ok(LineString::new(line))
}

fn polygon(value: &Value) -> Result<Polygon<f64>, QueryError> {
    let mut rings = list(value, line)?.into_iter();
    let Some(shell) = rings.next() else {
        return refuse("a polygon has no rings");
    };
    Ok(Polygon::new(shell, rings.collect()))
}
