//! `maxAllowableOffset`: fewer vertices, none further off than the offset (Douglas–Peucker).

use crate::geometry::{Geometry, Vertex};

pub(crate) fn generalize(geometry: &mut Geometry, offset: f64) {
    match geometry {
        Geometry::Point(_) | Geometry::Multipoint(_) => {}
        Geometry::Polyline(paths) => {
            for path in paths {
                *path = simplified(path, offset);
            }
        }
        Geometry::Polygon(rings) => {
            for ring in rings {
                *ring = simplified_ring(ring, offset);
            }
        }
    }
}

fn simplified(path: &[Vertex], offset: f64) -> Vec<Vertex> {
    let mut keep = vec![false; path.len()];
    if let Some(last) = path.len().checked_sub(1) {
        mark(path, 0, last, offset, &mut keep);
    }
    kept(path, &keep)
}

/// A ring stays closed and keeps at least three corners: without an area it would be no ring.
fn simplified_ring(ring: &[Vertex], offset: f64) -> Vec<Vertex> {
    let Some(last) = ring.len().checked_sub(1) else {
        return Vec::new();
    };
    if ring.len() <= 4 {
        return ring.to_vec();
    }
    let Some((far, _)) = farthest(ring, 0, last, 0, last) else {
        return ring.to_vec();
    };
    let mut keep = vec![false; ring.len()];
    mark(ring, 0, far, offset, &mut keep);
    mark(ring, far, last, offset, &mut keep);
    if keep.iter().filter(|kept| **kept).count() < 4 {
        // Only the two ends of the longest chord are left: the vertex furthest from it gives the ring its third corner.
        let third = [
            farthest(ring, 0, far, 0, far),
            farthest(ring, far, last, 0, far),
        ]
        .into_iter()
        .flatten()
        .max_by(|(_, a), (_, b)| a.total_cmp(b));
        if let Some(kept) = third.and_then(|(at, _)| keep.get_mut(at)) {
            *kept = true;
        }
    }
    kept(ring, &keep)
}

fn kept(path: &[Vertex], keep: &[bool]) -> Vec<Vertex> {
    path.iter()
        .zip(keep)
        .filter(|(_, keep)| **keep)
        .map(|(vertex, _)| *vertex)
        .collect()
}

fn mark(path: &[Vertex], first: usize, last: usize, offset: f64, keep: &mut [bool]) {
    let mut open = vec![(first, last)];
    while let Some((first, last)) = open.pop() {
        for end in [first, last] {
            if let Some(kept) = keep.get_mut(end) {
                *kept = true;
            }
        }
        if let Some((far, distance)) = farthest(path, first, last, first, last) {
            if distance > offset {
                open.push((first, far));
                open.push((far, last));
            }
        }
    }
}

/// The vertex strictly between `first` and `last` that is furthest from the chord between `a` and `b`.
fn farthest(
    path: &[Vertex],
    first: usize,
    last: usize,
    a: usize,
    b: usize,
) -> Option<(usize, f64)> {
    let (a, b) = (path.get(a)?, path.get(b)?);
    let between = path.get(first + 1..last)?;
    between
        .iter()
        .enumerate()
        .map(|(at, vertex)| (first + 1 + at, distance(vertex, a, b)))
        .max_by(|(_, x), (_, y)| x.total_cmp(y))
}

fn distance(vertex: &Vertex, a: &Vertex, b: &Vertex) -> f64 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length = dx * dx + dy * dy;
    let along = if length == 0.0 {
        0.0
    } else {
        (((vertex.x - a.x) * dx + (vertex.y - a.y) * dy) / length).clamp(0.0, 1.0)
    };
    (vertex.x - a.x - along * dx).hypot(vertex.y - a.y - along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_only_what_is_further_off_than_the_offset() {
        let mut line = Geometry::polyline([[
            (0.0, 0.0),
            (1.0, 0.1),
            (2.0, -0.1),
            (3.0, 5.0),
            (4.0, 6.0),
            (5.0, 7.0),
        ]]);
        generalize(&mut line, 0.5);
        assert_eq!(
            line,
            Geometry::polyline([[(0.0, 0.0), (2.0, -0.1), (3.0, 5.0), (5.0, 7.0)]])
        );
    }

    #[test]
    fn a_ring_stays_closed_and_keeps_three_corners() {
        let corners = (0..=64).map(|step| {
            let angle = -f64::from(step % 64) / 64.0 * std::f64::consts::TAU;
            (angle.cos(), angle.sin())
        });
        for (offset, most) in [(1e-6, 65), (0.01, 40), (100.0, 4)] {
            let mut circle = Geometry::polygon([corners.clone()]);
            generalize(&mut circle, offset);
            let Geometry::Polygon(rings) = &circle else {
                panic!("no polygon")
            };
            let ring = rings.first().unwrap();
            assert!(
                (4..=most).contains(&ring.len()),
                "{} vertices at {offset}",
                ring.len()
            );
            assert_eq!(ring.first(), ring.last());
            assert!(
                crate::spatial::doubled_area(ring) < 0.0,
                "the ring turned over"
            );
        }
    }
}
