//! The geometries by formula, in degrees.

use crate::mixture::{below, between, unit};

pub(crate) type Position = [f64; 2];
/// Closed: the last position is the first.
pub(crate) type Ring = Vec<Position>;

/// A row's geometry.
pub(crate) enum Geometry {
    Point(Position),
    Paths(Vec<Vec<Position>>),
    /// Each has its shell first, clockwise, and then its holes, counter-clockwise: Esri's order.
    Polygons(Vec<Vec<Ring>>),
}

/// The kinds of geometry, with the names and numbers that the protocol has for them.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Point,
    Line,
    Polygon,
}

impl Kind {
    pub(crate) fn esri(self) -> &'static str {
        match self {
            Self::Point => "esriGeometryPoint",
            Self::Line => "esriGeometryPolyline",
            Self::Polygon => "esriGeometryPolygon",
        }
    }

    pub(crate) fn pbf(self) -> u64 {
        match self {
            Self::Point => 0,
            Self::Line => 2,
            Self::Polygon => 3,
        }
    }
}

const PLACE: u64 = 1_000;

/// Somewhere in the contiguous United States.
fn center(row: u64) -> Position {
    [
        between(row, PLACE, -124.5, -67.0),
        between(row, PLACE + 1, 25.0, 49.0),
    ]
}

pub(crate) fn point(row: u64) -> Geometry {
    Geometry::Point(center(row))
}

/// A walk that keeps its direction more or less; every eighth row has two.
pub(crate) fn line(row: u64) -> Geometry {
    let paths = if row.is_multiple_of(8) { 2 } else { 1 };
    let [mut x, mut y] = center(row);
    let mut direction = unit(row, PLACE + 2) * std::f64::consts::TAU;
    let paths = (0..paths).map(|path| {
        let seed = PLACE + 10_000 * (path + 1);
        let count = 10 + below(row, seed, 180);
        x += 0.01;
        (0..count)
            .map(|at| {
                direction += between(row, seed + 2 * at, -0.4, 0.4);
                let step = between(row, seed + 2 * at + 1, 0.0003, 0.002);
                x += step * direction.cos();
                y += step * direction.sin();
                [x, y]
            })
            .collect()
    });
    Geometry::Paths(paths.collect())
}

/// A star-shaped shell; every 20th row has a hole in it, every 50th a second shell beside it.
pub(crate) fn polygon(row: u64) -> Geometry {
    let [x, y] = center(row);
    let count = 20 + below(row, PLACE + 3, 210);
    let size = between(row, PLACE + 4, 0.002, 0.03);
    let mut first = vec![ring(row, 1, [x, y], size, count)];
    if row.is_multiple_of(20) {
        let mut hole = ring(row, 2, [x, y], size * 0.4, 12);
        hole.reverse();
        first.push(hole);
    }
    let mut polygons = vec![first];
    if row.is_multiple_of(50) {
        let beside = [x + 2.2 * size, y];
        polygons.push(vec![ring(row, 3, beside, size * 0.5, 30)]);
    }
    Geometry::Polygons(polygons)
}

/// Clockwise. Its distance from the center is from 0.6 to 1 times `size`.
fn ring(row: u64, number: u64, center: Position, size: f64, count: u64) -> Ring {
    let seed = PLACE + 10_000 * number;
    let mut ring: Ring = (0..count)
        .map(|at| {
            let angle = -(at as f64) / count as f64 * std::f64::consts::TAU;
            let distance = size * between(row, seed + at, 0.6, 1.0);
            [
                center[0] + distance * angle.cos(),
                center[1] + distance * angle.sin(),
            ]
        })
        .collect();
    ring.extend(ring.first().copied());
    ring
}

impl Geometry {
    /// The parts in the order of the wire: paths, or all rings.
    pub(crate) fn parts(&self) -> Vec<&[Position]> {
        match self {
            Self::Point(position) => vec![std::slice::from_ref(position)],
            Self::Paths(paths) => paths.iter().map(Vec::as_slice).collect(),
            Self::Polygons(polygons) => polygons.iter().flatten().map(Vec::as_slice).collect(),
        }
    }
}
