//! Whether a geometry meets an envelope.

use crate::geometry::{Envelope, Geometry, Vertex};

/// Whether any point of the geometry lies in the envelope, its border included.
///
/// Lines meet it where a segment crosses it; polygons also where they cover it, unless it lies in a hole. Empty geometries meet nothing.
pub(crate) fn intersects(geometry: &Geometry, envelope: &Envelope) -> bool {
    let Some(bounds) = Envelope::of(geometry.vertices()) else {
        return false;
    };
    if !bounds.overlaps(envelope) {
        return false;
    }
    match geometry {
        Geometry::Point(_) | Geometry::Multipoint(_) => geometry
            .vertices()
            .any(|vertex| envelope.contains(vertex.x, vertex.y)),
        Geometry::Polyline(paths) => paths.iter().any(|path| path_meets(path, envelope)),
        // No ring crosses the envelope: then it lies wholly inside or outside, and one of its corners tells.
        Geometry::Polygon(rings) => {
            rings.iter().any(|ring| path_meets(ring, envelope))
                || covers(rings, envelope.xmin, envelope.ymin)
        }
    }
}

/// Whether the geometry's own envelope meets the envelope.
pub(crate) fn envelope_intersects(geometry: &Geometry, envelope: &Envelope) -> bool {
    Envelope::of(geometry.vertices()).is_some_and(|bounds| bounds.overlaps(envelope))
}

fn path_meets(path: &[Vertex], envelope: &Envelope) -> bool {
    if let [only] = path {
        return envelope.contains(only.x, only.y);
    }
    path.windows(2)
        .any(|pair| matches!(pair, [a, b] if segment_meets(a, b, envelope)))
}

/// Clips the segment to the envelope (Liang–Barsky): something is left where the two meet.
fn segment_meets(a: &Vertex, b: &Vertex, envelope: &Envelope) -> bool {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let mut from = 0.0_f64;
    let mut to = 1.0_f64;
    for (direction, distance) in [
        (-dx, a.x - envelope.xmin),
        (dx, envelope.xmax - a.x),
        (-dy, a.y - envelope.ymin),
        (dy, envelope.ymax - a.y),
    ] {
        if direction == 0.0 {
            if distance < 0.0 {
                return false;
            }
        } else if direction < 0.0 {
            from = from.max(distance / direction);
        } else {
            to = to.min(distance / direction);
        }
    }
    from <= to
}

/// Whether the place lies inside the rings by the even-odd rule, which lets holes be holes whatever their orientation.
pub(crate) fn covers(rings: &[Vec<Vertex>], x: f64, y: f64) -> bool {
    rings
        .iter()
        .filter(|ring| ring_contains(ring, x, y))
        .count()
        % 2
        == 1
}

/// Whether the place lies inside one ring, closed or not.
pub(crate) fn ring_contains(ring: &[Vertex], x: f64, y: f64) -> bool {
    let Some(mut previous) = ring.last() else {
        return false;
    };
    let mut inside = false;
    for vertex in ring {
        if (vertex.y > y) != (previous.y > y) {
            let crossing =
                (previous.x - vertex.x) * (y - vertex.y) / (previous.y - vertex.y) + vertex.x;
            if x < crossing {
                inside = !inside;
            }
        }
        previous = vertex;
    }
    inside
}

/// Twice the signed area: positive for a counter-clockwise ring.
pub(crate) fn doubled_area(ring: &[Vertex]) -> f64 {
    let Some(origin) = ring.first() else {
        return 0.0;
    };
    let Some(mut previous) = ring.last() else {
        return 0.0;
    };
    let mut sum = 0.0;
    for vertex in ring {
        // Relative to the first vertex, so that large coordinates cancel before they are multiplied.
        sum += (previous.x - origin.x) * (vertex.y - origin.y)
            - (vertex.x - origin.x) * (previous.y - origin.y);
        previous = vertex;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Envelope = Envelope {
        xmin: 0.0,
        ymin: 0.0,
        xmax: 10.0,
        ymax: 10.0,
    };

    fn square(from: f64, to: f64) -> [(f64, f64); 5] {
        [(from, from), (from, to), (to, to), (to, from), (from, from)]
    }

    #[test]
    fn points_on_the_border_are_inside() {
        assert!(intersects(&Geometry::point((0.0, 10.0)), &BOX));
        assert!(!intersects(&Geometry::point((-0.001, 5.0)), &BOX));
        assert!(!intersects(&Geometry::empty_point(), &BOX));
        assert!(intersects(
            &Geometry::multipoint([(99.0, 99.0), (5.0, 5.0)]),
            &BOX
        ));
        assert!(!intersects(
            &Geometry::multipoint([(-5.0, 5.0), (15.0, 5.0)]),
            &BOX
        ));
    }

    #[test]
    fn a_line_meets_the_box_only_where_it_passes_through() {
        assert!(intersects(
            &Geometry::polyline([[(-5.0, 5.0), (15.0, 6.0)]]),
            &BOX
        ));
        // Around a corner: the bounding boxes overlap, the line and the box do not.
        let around = Geometry::polyline([[(-5.0, 8.0), (5.0, 18.0)]]);
        assert!(!intersects(&around, &BOX));
        assert!(envelope_intersects(&around, &BOX));
        assert!(intersects(
            &Geometry::polyline([[(10.0, -5.0), (10.0, 15.0)]]),
            &BOX
        ));
    }

    #[test]
    fn a_polygon_meets_the_box_unless_the_box_lies_in_its_hole() {
        assert!(intersects(&Geometry::polygon([square(-5.0, 15.0)]), &BOX));
        assert!(intersects(&Geometry::polygon([square(2.0, 3.0)]), &BOX));
        let with_hole = Geometry::polygon([square(-5.0, 15.0), square(-1.0, 11.0)]);
        assert!(!intersects(&with_hole, &BOX));
        assert!(envelope_intersects(&with_hole, &BOX));
        let hole_inside = Geometry::polygon([square(-5.0, 15.0), square(4.0, 5.0)]);
        assert!(intersects(&hole_inside, &BOX));
        let triangle =
            Geometry::polygon([[(-10.0, 5.0), (5.0, 20.0), (-10.0, 20.0), (-10.0, 5.0)]]);
        assert!(!intersects(&triangle, &BOX));
        assert!(envelope_intersects(&triangle, &BOX));
    }

    #[test]
    fn the_area_of_a_counter_clockwise_ring_is_positive() {
        let ring = |points: &[(f64, f64)]| {
            points
                .iter()
                .map(|&place| Vertex::from(place))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            doubled_area(&ring(&[(0.0, 0.0), (2.0, 0.0), (2.0, 3.0), (0.0, 3.0)])),
            12.0
        );
        assert_eq!(doubled_area(&ring(&square(0.0, 2.0))), -8.0);
    }
}
