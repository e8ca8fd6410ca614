//! One geometry of a filter, in the form that it is cut and sent in.

use geo_types::{Coord, Geometry, LineString, Polygon};
use serde_json::{Map, Value, json};

use super::{kind_of, split};
use crate::error::QueryError;
use crate::geometry::GeometryType;
use crate::metadata::document::Members;
use crate::spatial_reference::SpatialReference;

/// A geometry of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Point(Coord<f64>),
    Multipoint(Vec<Coord<f64>>),
    Polyline(Vec<Vec<Coord<f64>>>),
    /// Closed rings, shells clockwise and holes counter-clockwise.
    Polygon(Vec<Vec<Coord<f64>>>),
    /// Corners: least, greatest.
    Envelope(Coord<f64>, Coord<f64>),
    /// Esri JSON as it came.
    Esri(GeometryType, Map<String, Value>),
}

pub(super) fn refuse<T>(problem: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Geometry {
        problem: problem.into(),
    })
}

fn ring(line: LineString<f64>, clockwise: bool) -> Vec<Coord<f64>> {
    let mut ring = line.0;
    if ring.first() != ring.last() {
        ring.extend(ring.first().copied());
    }
    if (split::signed_area(&ring) < 0.0) != clockwise {
        ring.reverse();
    }
    ring
}

fn rings(polygon: Polygon<f64>) -> Vec<Vec<Coord<f64>>> {
    let (shell, holes) = polygon.into_inner();
    let mut rings = vec![ring(shell, true)];
    rings.extend(holes.into_iter().map(|hole| ring(hole, false)));
    rings.retain(|ring| ring.len() > 3);
    rings
}

fn lines(lines: impl IntoIterator<Item = LineString<f64>>) -> Vec<Vec<Coord<f64>>> {
    lines
        .into_iter()
        .map(|line| line.0)
        .filter(|line| line.len() > 1)
        .collect()
}

pub(super) fn from_geo(geometry: Geometry<f64>) -> Result<Shape, QueryError> {
    let shape = match geometry {
        Geometry::Point(point) => Shape::Point(point.0),
        Geometry::MultiPoint(points) => {
            Shape::Multipoint(points.0.into_iter().map(|point| point.0).collect())
        }
        Geometry::Line(line) => Shape::Polyline(vec![vec![line.start, line.end]]),
        Geometry::LineString(line) => Shape::Polyline(lines([line])),
        Geometry::MultiLineString(many) => Shape::Polyline(lines(many.0)),
        Geometry::Polygon(polygon) => Shape::Polygon(rings(polygon)),
        Geometry::MultiPolygon(many) => {
            Shape::Polygon(many.0.into_iter().flat_map(rings).collect())
        }
        Geometry::Triangle(triangle) => Shape::Polygon(rings(triangle.to_polygon())),
        Geometry::Rect(rectangle) => Shape::Envelope(rectangle.min(), rectangle.max()),
        Geometry::GeometryCollection(_) => {
            return refuse("a collection of geometries is no filter; give one kind of geometry");
        }
    };
    let mut positions = shape.positions().peekable();
    if positions.peek().is_none() {
        return refuse("it is empty");
    }
    if let Some(bad) = positions.find(|at| !(at.x.is_finite() && at.y.is_finite())) {
        return refuse(format!("{},{} is no position", bad.x, bad.y));
    }
    drop(positions);
    Ok(shape)
}

/// The geometry, and the reference that it names.
pub(super) fn from_esri(text: &str) -> Result<(Shape, SpatialReference), QueryError> {
    let Ok(Value::Object(mut members)) = serde_json::from_str(text) else {
        return refuse("it is no JSON object");
    };
    // A feature with its geometry.
    if let (Some(Value::Object(geometry)), true) =
        (members.get("geometry"), members.contains_key("attributes"))
    {
        members = geometry.clone();
    }
    let Some(kind) = kind_of(&members) else {
        return refuse("it has neither x and y, points, paths, rings nor the sides of a rectangle");
    };
    let reference = members
        .get("spatialReference")
        .map(SpatialReference::from_json)
        .unwrap_or_default();
    let lists = ["points", "paths", "rings", "curvePaths", "curveRings"];
    for name in lists {
        let Some(list) = members.get(name) else {
            continue;
        };
        let longest = check_positions(list, if name == "points" { 1 } else { 2 })?;
        // The third number is a z unless the geometry says that it is an m.
        let known = Value::Object(members.clone());
        let flags = Members::of(&known);
        let says = |flag: &str| flags.and_then(|flags| flags.flag(flag));
        if longest > 2 && says("hasZ").is_none() && says("hasM").is_none() {
            members.insert("hasZ".to_owned(), true.into());
            if longest > 3 {
                members.insert("hasM".to_owned(), true.into());
            }
        }
        break;
    }
    Ok((Shape::Esri(kind, members), reference))
}

/// Checks a list of positions, or of lists of them; gives how many numbers the longest position has.
fn check_positions(list: &Value, depth: usize) -> Result<usize, QueryError> {
    let Some(items) = list.as_array() else {
        return refuse("its coordinates are no list");
    };
    let mut longest = 0;
    for item in items {
        if depth > 1 {
            longest = longest.max(check_positions(item, depth - 1)?);
            continue;
        }
        match item {
            Value::Object(_) => {}
            Value::Array(numbers) if numbers.len() >= 2 => longest = longest.max(numbers.len()),
            _ => return refuse("a position has fewer than two numbers"),
        }
    }
    Ok(longest)
}

impl Shape {
    pub(super) fn geometry_type(&self) -> GeometryType {
        match self {
            Self::Point(_) => GeometryType::Point,
            Self::Multipoint(_) => GeometryType::Multipoint,
            Self::Polyline(_) => GeometryType::Polyline,
            Self::Polygon(_) => GeometryType::Polygon,
            Self::Envelope(..) => GeometryType::Envelope,
            Self::Esri(kind, _) => *kind,
        }
    }

    fn positions(&self) -> Box<dyn Iterator<Item = Coord<f64>> + '_> {
        match self {
            Self::Point(at) => Box::new(std::iter::once(*at)),
            Self::Multipoint(points) => Box::new(points.iter().copied()),
            Self::Polyline(lines) | Self::Polygon(lines) => {
                Box::new(lines.iter().flatten().copied())
            }
            Self::Envelope(least, greatest) => Box::new([*least, *greatest].into_iter()),
            Self::Esri(..) => Box::new(std::iter::empty()),
        }
    }

    /// Parts of so many positions at most, as far as it can be cut, that are together the same.
    pub(super) fn split(&self, most: usize) -> Vec<Self> {
        if self.positions().count() <= most {
            return vec![self.clone()];
        }
        match self {
            Self::Multipoint(points) => points
                .chunks(most)
                .map(|chunk| Self::Multipoint(chunk.to_vec()))
                .collect(),
            Self::Polyline(lines) => split::lines(lines, most)
                .into_iter()
                .map(Self::Polyline)
                .collect(),
            Self::Polygon(rings) => split::polygon(rings, most)
                .into_iter()
                .map(Self::Polygon)
                .collect(),
            _ => vec![self.clone()],
        }
    }

    pub(super) fn to_esri(&self, reference: &SpatialReference) -> Value {
        let pairs =
            |line: &[Coord<f64>]| -> Value { line.iter().map(|at| json!([at.x, at.y])).collect() };
        let lists =
            |lines: &[Vec<Coord<f64>>]| -> Value { lines.iter().map(|line| pairs(line)).collect() };
        let mut geometry = match self {
            Self::Point(at) => json!({"x": at.x, "y": at.y}),
            Self::Multipoint(points) => json!({"points": pairs(points)}),
            Self::Polyline(paths) => json!({"paths": lists(paths)}),
            Self::Polygon(rings) => json!({"rings": lists(rings)}),
            Self::Envelope(least, greatest) => json!({
                "xmin": least.x, "ymin": least.y, "xmax": greatest.x, "ymax": greatest.y,
            }),
            Self::Esri(_, members) => Value::Object(members.clone()),
        };
        if let Value::Object(members) = &mut geometry {
            members.insert("spatialReference".to_owned(), reference.to_json());
        }
        geometry
    }
}
