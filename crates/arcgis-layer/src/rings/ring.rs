//! One ring: its area, what is inside it, and its direction.

use crate::geometry::{Bbox, Dimensions};

#[derive(Debug, Clone, Copy)]
pub(super) struct Ring {
    /// From and to, in positions.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Twice the area; positive if counter-clockwise.
    pub(super) area: f64,
    pub(super) bounds: [f64; 4],
    /// A point strictly inside.
    pub(super) inside: [f64; 2],
    /// The smallest ring around it.
    pub(super) parent: Option<usize>,
    pub(super) root: usize,
    pub(super) shell: bool,
    /// Of a root: whether some ring within it runs the other way.
    pub(super) mixed: bool,
    /// Of a shell its first hole, of a hole the next of the same shell.
    pub(super) next: Option<usize>,
}

pub(super) struct Measured {
    /// Twice the area; positive if counter-clockwise.
    pub(super) area: f64,
    /// All positions lie on one line, or there are none.
    pub(super) collinear: bool,
}

pub(super) fn measure(coords: &[f64], size: usize) -> Measured {
    // Of each size a loop of its own, in which the compiler knows where the numbers are.
    match size {
        2 => measure_sized::<2>(coords),
        3 => measure_sized::<3>(coords),
        _ => measure_sized::<4>(coords),
    }
}

#[inline]
fn measure_sized<const SIZE: usize>(coords: &[f64]) -> Measured {
    let &[x0, y0, ..] = coords else {
        return Measured {
            area: 0.0,
            collinear: true,
        };
    };
    // Relative to the first position, because products of whole coordinates would eat the digits.
    let cross = |from: &[f64], to: &[f64]| match (from, to) {
        (&[ax, ay, ..], &[bx, by, ..]) => (ax - x0) * (by - y0) - (bx - x0) * (ay - y0),
        _ => 0.0,
    };
    let ends = coords.get(SIZE..).unwrap_or_default();
    // Four edges side by side, so that no sum waits for the one before.
    let mut areas = [0.0; 4];
    let mut turns = [false; 4];
    let (fours, next) = (coords.chunks_exact(4 * SIZE), ends.chunks_exact(4 * SIZE));
    let last = next.remainder();
    for (from, to) in fours.zip(next) {
        let edges = from.chunks_exact(SIZE).zip(to.chunks_exact(SIZE));
        for ((from, to), (area, turns)) in edges.zip(areas.iter_mut().zip(&mut turns)) {
            let cross = cross(from, to);
            *area += cross;
            *turns |= cross != 0.0;
        }
    }
    let mut area = (areas[0] + areas[1]) + (areas[2] + areas[3]);
    let mut collinear = !turns.contains(&true);
    let from = coords.get(ends.len() - last.len()..).unwrap_or_default();
    for (from, to) in from.chunks_exact(SIZE).zip(last.chunks_exact(SIZE)) {
        let cross = cross(from, to);
        area += cross;
        collinear &= cross == 0.0;
    }
    Measured { area, collinear }
}

/// xmin, ymin, xmax, ymax
pub(super) fn bounds(coords: &[f64], size: usize) -> [f64; 4] {
    let dims = match size {
        2 => Dimensions::Xy,
        3 => Dimensions::Xyz,
        _ => Dimensions::Xyzm,
    };
    let bbox = Bbox::around(coords, dims);
    [bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax]
}

pub(super) fn is_closed(coords: &[f64], size: usize) -> bool {
    let last = coords.len().saturating_sub(size);
    coords.get(..2) == coords.get(last..last + 2)
}

pub(super) fn reverse(coords: &mut [f64], size: usize) {
    match size {
        2 => reverse_sized::<2>(coords),
        3 => reverse_sized::<3>(coords),
        _ => reverse_sized::<4>(coords),
    }
}

#[inline]
fn reverse_sized<const SIZE: usize>(coords: &mut [f64]) {
    let half = coords.len() / SIZE / 2 * SIZE;
    let (front, back) = coords.split_at_mut(half);
    for (front, back) in front
        .chunks_exact_mut(SIZE)
        .zip(back.rchunks_exact_mut(SIZE))
    {
        front.swap_with_slice(back);
    }
}

/// Whether a ring may be around another by its size. Copies of one ring can differ in area by rounding.
pub(super) fn is_larger(candidate: &Ring, ring: &Ring) -> bool {
    let (large, small) = (candidate.area.abs(), ring.area.abs());
    large > small && (candidate.bounds != ring.bounds || (large - small) > 1e-12 * large)
}

pub(super) fn within([xmin, ymin, xmax, ymax]: &[f64; 4], [x, y]: [f64; 2]) -> bool {
    *xmin <= x && x <= *xmax && *ymin <= y && y <= *ymax
}

/// Where the edge crosses the height `y`, if it does. An edge has its lower end and not its upper.
#[inline]
pub(super) fn crossing(a: [f64; 2], b: [f64; 2], y: f64) -> Option<f64> {
    if (a[1] > y) == (b[1] > y) {
        return None;
    }
    // Always computed from the lower end, so that an edge that two rings share crosses at one place.
    let (low, high) = if a[1] <= b[1] { (a, b) } else { (b, a) };
    Some(low[0] + (y - low[1]) / (high[1] - low[1]) * (high[0] - low[0]))
}

pub(super) fn edges(
    coords: &[f64],
    size: usize,
) -> impl Iterator<Item = ([f64; 2], [f64; 2])> + '_ {
    let positions = coords.chunks_exact(size).map(|position| match position {
        &[x, y, ..] => [x, y],
        _ => [f64::NAN; 2],
    });
    positions.clone().zip(positions.skip(1))
}

pub(super) fn is_inside(coords: &[f64], size: usize, [x, y]: [f64; 2]) -> bool {
    edges(coords, size)
        .filter(|&(a, b)| crossing(a, b, y).is_some_and(|at| at < x))
        .count()
        % 2
        == 1
}

/// A point strictly inside the ring: halfway along the longest stretch of a level line within, which passes no position.
pub(super) fn point_inside(
    coords: &[f64],
    size: usize,
    [_, ymin, _, ymax]: &[f64; 4],
    crossings: &mut Vec<f64>,
) -> [f64; 2] {
    let middle = ymin + (ymax - ymin) / 2.0;
    // The heights next to the middle at which there are positions.
    let (mut below, mut above) = (*ymin, *ymax);
    for position in coords.chunks_exact(size) {
        let &[_, y, ..] = position else { continue };
        if y <= middle {
            below = below.max(y);
        } else {
            above = above.min(y);
        }
    }
    let y = below + (above - below) / 2.0;
    crossings.clear();
    crossings.extend(edges(coords, size).filter_map(|(a, b)| crossing(a, b, y)));
    crossings.sort_unstable_by(f64::total_cmp);
    let mut best = (f64::NAN, f64::NEG_INFINITY);
    for pair in crossings.chunks_exact(2) {
        let &[from, to] = pair else { continue };
        if to - from > best.1 {
            best = (from + (to - from) / 2.0, to - from);
        }
    }
    [best.0, y]
}
