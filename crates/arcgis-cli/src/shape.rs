//! A geometry as text: WKT, or the object that GeoJSON has for it. Coordinates stay in their reference system.

use arcgis_rest::layer::Feature;
use geo_types::{Coord, Geometry};
use serde_json::{Value, json};

/// A geometry taken apart: polygons or the like, their rings or the like, and positions.
struct Shape {
    kind: &'static str,
    depth: Depth,
    parts: Vec<Vec<Vec<Vec<f64>>>>,
}

/// How far positions are nested.
enum Depth {
    Position,
    /// Positions that stand each for itself.
    Positions,
    Line,
    Lines,
    Polygons,
}

impl Shape {
    fn of(feature: &Feature) -> Option<Self> {
        use Depth::{Line, Lines, Polygons, Position, Positions};
        let line = |line: &geo_types::LineString<f64>| line.0.clone();
        let polygon = |polygon: &geo_types::Polygon<f64>| {
            let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
            rings.map(line).collect()
        };
        let (kind, depth, parts): (_, _, Vec<Vec<Vec<Coord<f64>>>>) =
            match feature.geometry.as_ref()? {
                Geometry::Point(point) => ("Point", Position, vec![vec![vec![point.0]]]),
                Geometry::MultiPoint(points) => {
                    let all = points.iter().map(|point| vec![point.0]).collect();
                    ("MultiPoint", Positions, vec![all])
                }
                Geometry::LineString(one) => ("LineString", Line, vec![vec![line(one)]]),
                Geometry::MultiLineString(lines) => {
                    let all = lines.iter().map(line).collect();
                    ("MultiLineString", Lines, vec![all])
                }
                Geometry::Polygon(one) => ("Polygon", Lines, vec![polygon(one)]),
                Geometry::MultiPolygon(polygons) => {
                    let all = polygons.iter().map(polygon).collect();
                    ("MultiPolygon", Polygons, all)
                }
                // No layer has geometry of another kind.
                _ => return None,
            };
        let mut heights = feature.z.iter().flatten().copied();
        let has_z = feature.z.is_some();
        let parts = parts
            .into_iter()
            .map(|rings| {
                let positions = |ring: Vec<Coord<f64>>| {
                    let mut position = |at: Coord<f64>| {
                        let mut numbers = vec![at.x, at.y];
                        numbers.extend(has_z.then(|| heights.next().unwrap_or(f64::NAN)));
                        numbers
                    };
                    ring.into_iter().map(&mut position).collect()
                };
                rings.into_iter().map(positions).collect()
            })
            .collect();
        Some(Self { kind, depth, parts })
    }
}

/// The geometry as WKT, with Z where there are heights; nothing where there is none.
pub(crate) fn wkt(feature: &Feature) -> String {
    let Some(shape) = Shape::of(feature) else {
        return String::new();
    };
    let z = if feature.z.is_some() { " Z" } else { "" };
    let kind = shape.kind.to_ascii_uppercase();
    let positions = |ring: &Vec<Vec<f64>>| {
        let all: Vec<String> = ring
            .iter()
            .map(|numbers| {
                let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
                numbers.join(" ")
            })
            .collect();
        in_brackets(&all)
    };
    let rings = |rings: &Vec<Vec<Vec<f64>>>| {
        let all: Vec<String> = rings.iter().map(positions).collect();
        all
    };
    let body: String = match shape.depth {
        Depth::Position | Depth::Line => shape.parts.iter().flat_map(rings).collect(),
        Depth::Positions | Depth::Lines => {
            let all: Vec<String> = shape.parts.iter().flat_map(rings).collect();
            in_brackets(&all)
        }
        Depth::Polygons => {
            let all: Vec<String> = shape
                .parts
                .iter()
                .map(|part| in_brackets(&rings(part)))
                .collect();
            in_brackets(&all)
        }
    };
    format!("{kind}{z} {body}")
}

fn in_brackets(parts: &[String]) -> String {
    if parts.is_empty() {
        return "EMPTY".to_owned();
    }
    format!("({})", parts.join(", "))
}

/// The geometry as an object with `type` and `coordinates`; null where there is none.
pub(crate) fn json(feature: &Feature) -> Value {
    let Some(Shape { kind, depth, parts }) = Shape::of(feature) else {
        return Value::Null;
    };
    let coordinates = match depth {
        Depth::Polygons => json!(parts),
        Depth::Lines => json!(parts.first()),
        Depth::Positions => json!(parts.concat().concat()),
        Depth::Line => json!(parts.first().and_then(|rings| rings.first())),
        Depth::Position => {
            json!(parts.first().and_then(|rings| rings.first()?.first()))
        }
    };
    json!({ "type": kind, "coordinates": coordinates })
}
