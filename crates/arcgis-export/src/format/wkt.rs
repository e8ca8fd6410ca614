//! Geometry as well-known text.

use crate::geometry_summary::WkbType;

use super::numbers::push_double;
use super::shape::Shape;

/// Appends a geometry.
pub(crate) fn push_wkt(out: &mut String, shape: &Shape) {
    out.push_str(match shape.kind {
        WkbType::Point => "POINT",
        WkbType::LineString => "LINESTRING",
        WkbType::Polygon => "POLYGON",
        WkbType::MultiPoint => "MULTIPOINT",
        WkbType::MultiLineString => "MULTILINESTRING",
        WkbType::MultiPolygon => "MULTIPOLYGON",
    });
    out.push_str(match (shape.has_z, shape.has_m) {
        (true, true) => " ZM ",
        (true, false) => " Z ",
        (false, true) => " M ",
        (false, false) => " ",
    });
    if shape.is_empty() {
        out.push_str("EMPTY");
        return;
    }
    match shape.kind {
        WkbType::Point | WkbType::LineString => positions(out, shape, 0..shape.xy.len()),
        WkbType::MultiPoint => list(out, 0..shape.xy.len(), |out, place| {
            positions(out, shape, place..place + 1);
        }),
        WkbType::Polygon | WkbType::MultiLineString => {
            list(out, shape.lines(), |out, line| positions(out, shape, line));
        }
        WkbType::MultiPolygon => list(out, shape.polygons(), |out, rings| {
            list(out, rings, |out, ring| {
                positions(out, shape, shape.ring(ring));
            });
        }),
    }
}

fn list<T>(out: &mut String, items: impl Iterator<Item = T>, push: impl Fn(&mut String, T)) {
    out.push('(');
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push_str(", ");
        }
        push(out, item);
    }
    out.push(')');
}

fn positions(out: &mut String, shape: &Shape, places: std::ops::Range<usize>) {
    if places.is_empty() {
        out.push_str("EMPTY");
        return;
    }
    list(out, places, |out, place| {
        let [x, y] = shape.xy.get(place).copied().unwrap_or([f64::NAN; 2]);
        push_double(out, x);
        for number in [Some(&y), shape.z.get(place), shape.m.get(place)]
            .into_iter()
            .flatten()
        {
            out.push(' ');
            push_double(out, *number);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_simple_features() {
        let square = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 0.0]];
        let twice: Vec<_> = square.iter().chain(&square).copied().collect();
        for (kind, xy, z, ends, parts, expected) in [
            (
                WkbType::Point,
                vec![[1.5, -2.0]],
                vec![7.0],
                vec![],
                vec![],
                "POINT Z (1.5 -2 7)",
            ),
            (
                WkbType::Point,
                vec![],
                vec![],
                vec![],
                vec![],
                "POINT EMPTY",
            ),
            (
                WkbType::MultiPoint,
                vec![[1.0, 2.0], [3.0, 4.0]],
                vec![],
                vec![],
                vec![],
                "MULTIPOINT ((1 2), (3 4))",
            ),
            (
                WkbType::Polygon,
                square,
                vec![],
                vec![4],
                vec![1],
                "POLYGON ((0 0, 4 0, 4 4, 0 0))",
            ),
            (
                WkbType::MultiPolygon,
                twice,
                vec![],
                vec![4, 8],
                vec![1, 2],
                "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 0)), ((0 0, 4 0, 4 4, 0 0)))",
            ),
        ] {
            let shape = Shape {
                kind,
                has_z: !z.is_empty(),
                xy,
                z,
                ends,
                parts,
                ..Shape::default()
            };
            let mut text = String::new();
            push_wkt(&mut text, &shape);
            assert_eq!(text, expected);
        }
    }
}
