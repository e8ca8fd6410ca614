//! One ring: its area, what is inside it, and its direction.

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
    pub(super) area: f64,
    pub(super) collinear: bool,
    pub(super) bounds: [f64; 4],
}

/// Twice the signed area, and whether all positions lie on one line (or there are none).
pub(super) fn measure(coords: &[f64], size: usize) -> Measured {
    let mut measured = Measured {
        area: 0.0,
        collinear: true,
        bounds: [
            f64::INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        ],
    };
    // Relative to the first position, because products of whole coordinates would eat the digits.
    let &[x0, y0, ..] = coords else {
        return measured;
    };
    let (mut last_x, mut last_y) = (0.0, 0.0);
    for position in coords.chunks_exact(size) {
        let &[x, y, ..] = position else { continue };
        let [xmin, ymin, xmax, ymax] = &mut measured.bounds;
        *xmin = xmin.min(x);
        *ymin = ymin.min(y);
        *xmax = xmax.max(x);
        *ymax = ymax.max(y);
        let (x, y) = (x - x0, y - y0);
        let cross = last_x * y - x * last_y;
        measured.area += cross;
        measured.collinear &= cross == 0.0;
        (last_x, last_y) = (x, y);
    }
    measured
}

pub(super) fn is_closed(coords: &[f64], size: usize) -> bool {
    let last = coords.len().saturating_sub(size);
    coords.get(..2) == coords.get(last..last + 2)
}

pub(super) fn reverse(coords: &mut [f64], size: usize) {
    // Numbers first, then the numbers of each position back.
    coords.reverse();
    for position in coords.chunks_exact_mut(size) {
        position.reverse();
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
