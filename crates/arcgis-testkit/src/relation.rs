//! How two geometries lie to each other, in the plane.

use crate::geometry::{Envelope, Geometry, Vertex};
use crate::spatial::{covers, ring_contains};

/// Whether the two have any point in common.
pub(crate) fn meet(a: &Geometry, b: &Geometry) -> bool {
    let (Some(left), Some(right)) = (Envelope::of(a.vertices()), Envelope::of(b.vertices())) else {
        return false;
    };
    left.overlaps(&right)
        && (a.vertices().any(|vertex| holds(b, vertex))
            || b.vertices().any(|vertex| holds(a, vertex))
            || segments(a).any(|one| segments(b).any(|other| cross(one, other))))
}

/// Whether all of `inner` lies in `outer`, whose border belongs to it.
pub(crate) fn lies_in(inner: &Geometry, outer: &Geometry) -> bool {
    let mut vertices = inner.vertices().peekable();
    if vertices.peek().is_none() || !vertices.all(|vertex| holds(outer, vertex)) {
        return false;
    }
    // Between two vertices inside, the way may still lead outside: then it crosses the border, or its middle lies outside.
    let leaves = segments(inner).any(|one| {
        let middle = Vertex::xy(
            f64::midpoint(one.0.x, one.1.x),
            f64::midpoint(one.0.y, one.1.y),
        );
        !holds(outer, &middle) || segments(outer).any(|other| cross_properly(one, other))
    });
    let has_hole_inside = match inner {
        Geometry::Polygon(rings) => outer.vertices().any(|vertex| {
            covers(rings, vertex.x, vertex.y)
                && !segments(inner).any(|segment| lies_on(vertex, segment))
        }),
        _ => false,
    };
    !leaves && !has_hole_inside
}

/// The shortest way between the two: 0 where they meet, None where one is empty. `scale` stretches both axes before measuring.
pub(crate) fn distance(a: &Geometry, b: &Geometry, scale: (f64, f64)) -> Option<f64> {
    if meet(a, b) {
        return Some(0.0);
    }
    let one_way = |from: &Geometry, to: &Geometry| {
        let vertices = from.vertices().filter(|vertex| vertex.x.is_finite());
        vertices
            .flat_map(|vertex| {
                let to_vertices = to
                    .vertices()
                    .map(move |other| length(other.x - vertex.x, other.y - vertex.y, scale));
                let to_segments =
                    segments(to).map(move |segment| to_segment(vertex, segment, scale));
                to_vertices.chain(to_segments).collect::<Vec<_>>()
            })
            .filter(|distance| distance.is_finite())
            .reduce(f64::min)
    };
    match (one_way(a, b), one_way(b, a)) {
        (Some(there), Some(back)) => Some(there.min(back)),
        (there, back) => there.or(back),
    }
}

fn length(dx: f64, dy: f64, scale: (f64, f64)) -> f64 {
    (dx * scale.0).hypot(dy * scale.1)
}

fn to_segment(point: &Vertex, segment: Segment<'_>, scale: (f64, f64)) -> f64 {
    let (ax, ay) = (
        (segment.0.x - point.x) * scale.0,
        (segment.0.y - point.y) * scale.1,
    );
    let (dx, dy) = (
        (segment.1.x - segment.0.x) * scale.0,
        (segment.1.y - segment.0.y) * scale.1,
    );
    let squared = dx * dx + dy * dy;
    let along = if squared > 0.0 {
        (-(ax * dx + ay * dy) / squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (ax + along * dx).hypot(ay + along * dy)
}

type Segment<'a> = (&'a Vertex, &'a Vertex);

fn segments(geometry: &Geometry) -> Box<dyn Iterator<Item = Segment<'_>> + '_> {
    match geometry {
        Geometry::Point(_) | Geometry::Multipoint(_) => Box::new(std::iter::empty()),
        Geometry::Polyline(paths) => Box::new(paths.iter().flat_map(|path| pairs(path))),
        Geometry::Polygon(rings) => Box::new(rings.iter().flat_map(|ring| {
            // A ring may lack its closing vertex.
            let closing = ring.last().zip(ring.first());
            pairs(ring).chain(closing)
        })),
    }
}

fn pairs(path: &[Vertex]) -> impl Iterator<Item = Segment<'_>> {
    path.iter().zip(path.iter().skip(1))
}

/// Whether the place belongs to the geometry.
fn holds(geometry: &Geometry, place: &Vertex) -> bool {
    let on_border = || segments(geometry).any(|segment| lies_on(place, segment));
    match geometry {
        Geometry::Point(_) | Geometry::Multipoint(_) => geometry
            .vertices()
            .any(|vertex| vertex.x == place.x && vertex.y == place.y),
        Geometry::Polyline(_) => on_border(),
        Geometry::Polygon(rings) => {
            on_border()
                || rings
                    .iter()
                    .filter(|ring| ring_contains(ring, place.x, place.y))
                    .count()
                    % 2
                    == 1
        }
    }
}

/// Twice the area of the triangle: positive where it turns left.
fn turn(a: &Vertex, b: &Vertex, c: &Vertex) -> f64 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

fn lies_on(place: &Vertex, (a, b): Segment<'_>) -> bool {
    turn(a, b, place) == 0.0
        && (a.x.min(b.x)..=a.x.max(b.x)).contains(&place.x)
        && (a.y.min(b.y)..=a.y.max(b.y)).contains(&place.y)
}

fn cross(one: Segment<'_>, other: Segment<'_>) -> bool {
    cross_properly(one, other)
        || lies_on(one.0, other)
        || lies_on(one.1, other)
        || lies_on(other.0, one)
        || lies_on(other.1, one)
}

/// Whether each segment passes from one side of the other to the other side.
fn cross_properly(one: Segment<'_>, other: Segment<'_>) -> bool {
    let sides = |segment: Segment<'_>, by: Segment<'_>| {
        turn(by.0, by.1, segment.0) * turn(by.0, by.1, segment.1) < 0.0
    };
    sides(one, other) && sides(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(from: f64, to: f64) -> [(f64, f64); 5] {
        [(from, from), (from, to), (to, to), (to, from), (from, from)]
    }

    /// A square with a square hole in its middle.
    fn frame() -> Geometry {
        Geometry::polygon([square(0.0, 10.0), square(4.0, 6.0)])
    }

    #[test]
    fn geometries_meet_where_they_share_a_point() {
        for (geometry, meets) in [
            (Geometry::point((1.0, 1.0)), true),
            (Geometry::point((10.0, 3.0)), true),
            (Geometry::point((5.0, 5.0)), false),
            (Geometry::point((4.0, 5.0)), true),
            (Geometry::multipoint([(5.0, 5.0), (1.0, 1.0)]), true),
            (Geometry::polyline([[(-1.0, 5.0), (11.0, 5.0)]]), true),
            (Geometry::polyline([[(4.5, 5.0), (5.5, 5.0)]]), false),
            (Geometry::polyline([[(-1.0, 9.0), (1.0, 12.0)]]), false),
            (Geometry::polygon([square(4.5, 5.5)]), false),
            (Geometry::polygon([square(-5.0, 15.0)]), true),
            (Geometry::polygon([square(10.0, 11.0)]), true),
            (Geometry::polygon([square(10.5, 11.0)]), false),
        ] {
            assert_eq!(meet(&geometry, &frame()), meets, "{geometry:?}");
            assert_eq!(meet(&frame(), &geometry), meets, "{geometry:?}");
        }
    }

    #[test]
    fn what_lies_in_a_polygon_keeps_out_of_its_holes() {
        for (geometry, inside) in [
            (Geometry::point((1.0, 1.0)), true),
            (Geometry::point((5.0, 5.0)), false),
            (Geometry::polyline([[(1.0, 1.0), (9.0, 1.0)]]), true),
            (Geometry::polyline([[(1.0, 5.0), (9.0, 5.0)]]), false),
            (Geometry::polyline([[(1.0, 1.0), (11.0, 1.0)]]), false),
            (Geometry::polygon([square(1.0, 3.0)]), true),
            (Geometry::polygon([square(3.0, 7.0)]), false),
            (Geometry::polygon([square(-1.0, 3.0)]), false),
            (frame(), true),
        ] {
            assert_eq!(lies_in(&geometry, &frame()), inside, "{geometry:?}");
        }
    }

    #[test]
    fn distances_are_the_shortest_ways() {
        let flat = (1.0, 1.0);
        let line = Geometry::polyline([[(0.0, 0.0), (10.0, 0.0)]]);
        assert_eq!(
            distance(&Geometry::point((5.0, 3.0)), &line, flat),
            Some(3.0)
        );
        assert_eq!(
            distance(&Geometry::point((13.0, 4.0)), &line, flat),
            Some(5.0)
        );
        assert_eq!(
            distance(&Geometry::point((13.0, 4.0)), &line, (2.0, 1.0)),
            Some(52_f64.sqrt())
        );
        assert_eq!(
            distance(&Geometry::polygon([square(-5.0, 5.0)]), &line, flat),
            Some(0.0)
        );
        assert_eq!(distance(&Geometry::empty_point(), &line, flat), None);
    }
}
