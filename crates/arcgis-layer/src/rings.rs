//! Rings into polygons, by containment.
//!
//! Esri draws shells clockwise and holes counter-clockwise, and lists them in any order; servers get
//! both wrong. What certainly holds is which ring lies within which, so that this decides, and the
//! direction of a ring is only asked where nesting alone is ambiguous:
//!
//! - A ring within no other is a shell, whatever its direction.
//! - A ring directly within a hole is a shell: an island.
//! - A ring directly within a shell is its hole. The exception is a ring that runs the same way as both that
//!   shell and the outermost ring around it, where some other ring therein runs the other way, so that
//!   direction means something there: it is a shell of its own, as Esri reads it.
//!
//! "Within" is tested with a point strictly inside the smaller ring, so that rings may share
//! positions and edges. Rings of equal area are never within one another.

use std::fmt;

/// A polygon has so many rings at most where each is compared with each.
const FEW: usize = 12;

/// Edges that may be looked at for each position, beyond [`SPARE`]; what needs more is refused, so
/// that the time stays linear in the number of positions.
const EDGES_PER_POSITION: usize = 1_000;
const SPARE: usize = 1_000_000;

/// The rings lie across each other in a way that would take too long to sort out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tangled {
    rings: usize,
}

impl fmt::Display for Tangled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the polygon's {} rings overlap so much that shells and holes cannot be told apart",
            self.rings
        )
    }
}

/// Assembles rings, with buffers that are used again for the next polygon.
#[derive(Debug, Default)]
pub(crate) struct RingAssembler {
    rings: Vec<Ring>,
    crossings: Vec<f64>,
    order: Vec<usize>,
    coords: Vec<f64>,
    index: EdgeIndex,
}

#[derive(Debug, Clone, Copy)]
struct Ring {
    /// From and to, in positions.
    start: usize,
    end: usize,
    /// Twice the area; positive if counter-clockwise.
    area: f64,
    bounds: [f64; 4],
    /// A point strictly inside.
    inside: [f64; 2],
    /// The smallest ring around it.
    parent: Option<usize>,
    root: usize,
    shell: bool,
    /// Of a root: whether some ring within it runs the other way.
    mixed: bool,
    /// Of a shell its first hole, of a hole the next of the same shell.
    next: Option<usize>,
}

impl RingAssembler {
    /// Closes the rings of one polygon geometry, drops those without area, and puts each shell, counter-clockwise, before its
    /// holes, clockwise. Shells keep the order in which they came, and so do the holes of each.
    ///
    /// `size` is the count of numbers in a position, at least 2. All numbers of a position move with it.
    /// Gives the number of dropped rings.
    ///
    /// One ring takes one pass. Several take O(n log n) for ordinary data; the worst is bounded as
    /// [`EDGES_PER_POSITION`] says.
    pub(crate) fn assemble(
        &mut self,
        size: usize,
        coords: &mut Vec<f64>,
        ring_ends: &mut Vec<usize>,
        part_ends: &mut Vec<usize>,
    ) -> Result<usize, Tangled> {
        part_ends.clear();
        if let [end] = ring_ends.as_mut_slice() {
            if !is_closed(coords, size) {
                coords.extend_from_within(..size);
                *end += 1;
            }
            let measured = measure(coords, size);
            if measured.collinear {
                coords.clear();
                ring_ends.clear();
                return Ok(1);
            }
            if measured.area < 0.0 {
                reverse(coords, size);
            }
            part_ends.push(1);
            return Ok(0);
        }
        let dropped = self.collect(size, coords, ring_ends);
        self.nest()?;
        self.tell_shells();
        self.emit(size, coords, ring_ends, part_ends);
        Ok(dropped)
    }

    /// Copies the rings that have an area, closed, and measures them.
    fn collect(&mut self, size: usize, coords: &[f64], ring_ends: &[usize]) -> usize {
        self.coords.clear();
        self.rings.clear();
        let mut dropped = 0;
        let mut from = 0;
        for &end in ring_ends {
            let ring = coords.get(from * size..end * size).unwrap_or_default();
            from = end;
            let measured = measure(ring, size);
            if measured.collinear {
                dropped += 1;
                continue;
            }
            let start = self.coords.len() / size;
            self.coords.extend_from_slice(ring);
            if !is_closed(ring, size) {
                self.coords
                    .extend_from_slice(ring.get(..size).unwrap_or_default());
            }
            self.rings.push(Ring {
                start,
                end: self.coords.len() / size,
                area: measured.area,
                bounds: measured.bounds,
                inside: [f64::NAN; 2],
                parent: None,
                root: 0,
                shell: true,
                mixed: false,
                next: None,
            });
        }
        self.index.size = size;
        dropped
    }

    /// Finds the smallest ring around each.
    fn nest(&mut self) -> Result<(), Tangled> {
        let size = self.index.size;
        let count = self.rings.len();
        self.order.clear();
        if count < 2 {
            self.order.extend(0..count);
            return Ok(());
        }
        for ring in &mut self.rings {
            let coords = self
                .coords
                .get(ring.start * size..ring.end * size)
                .unwrap_or_default();
            ring.inside = point_inside(coords, size, &ring.bounds, &mut self.crossings);
        }
        self.order.extend(0..count);
        let rings = &self.rings;
        self.order.sort_by(|&a, &b| {
            let area = |ring: usize| rings.get(ring).map_or(0.0, |ring| ring.area.abs());
            area(b).total_cmp(&area(a)).then(a.cmp(&b))
        });
        if count <= FEW {
            self.nest_few();
            return Ok(());
        }
        self.index.build(&self.coords, &self.rings);
        let positions = self.coords.len() / size;
        let mut budget = positions
            .saturating_mul(EDGES_PER_POSITION)
            .saturating_add(SPARE);
        for place in 0..count {
            let Some(ring) = self.rings.get(place).copied() else {
                continue;
            };
            let around =
                self.index
                    .around(ring.inside, &self.coords, &mut budget)
                    .ok_or(Tangled { rings: count })?;
            let mut parent: Option<usize> = None;
            for &other in around {
                let Some(candidate) = self.rings.get(other) else {
                    continue;
                };
                let least = parent
                    .and_then(|parent| self.rings.get(parent))
                    .is_none_or(|parent| candidate.area.abs() < parent.area.abs());
                if least && is_larger(candidate, &ring) {
                    parent = Some(other);
                }
            }
            if let Some(ring) = self.rings.get_mut(place) {
                ring.parent = parent;
            }
        }
        Ok(())
    }

    fn nest_few(&mut self) {
        let size = self.index.size;
        for place in 0..self.rings.len() {
            let Some(ring) = self.rings.get(place).copied() else {
                continue;
            };
            // From the smallest up: the first that is around it is the smallest around it.
            let parent = self.order.iter().rev().copied().find(|&other| {
                self.rings.get(other).is_some_and(|candidate| {
                    is_larger(candidate, &ring)
                        && within(&candidate.bounds, ring.inside)
                        && is_inside(
                            self.coords
                                .get(candidate.start * size..candidate.end * size)
                                .unwrap_or_default(),
                            size,
                            ring.inside,
                        )
                })
            });
            if let Some(ring) = self.rings.get_mut(place) {
                ring.parent = parent;
            }
        }
    }

    /// Decides which rings are shells, from the outside in: a parent is always larger than its child.
    fn tell_shells(&mut self) {
        for &place in &self.order {
            let Some(ring) = self.rings.get(place).copied() else {
                continue;
            };
            let root = ring
                .parent
                .and_then(|parent| self.rings.get(parent))
                .map_or(place, |parent| parent.root);
            let Some(outermost) = self.rings.get_mut(root) else {
                continue;
            };
            outermost.mixed |= (outermost.area > 0.0) != (ring.area > 0.0);
            if let Some(ring) = self.rings.get_mut(place) {
                ring.root = root;
            }
        }
        for &place in &self.order {
            let Some(ring) = self.rings.get(place).copied() else {
                continue;
            };
            let (Some(parent), Some(root)) = (
                ring.parent.and_then(|parent| self.rings.get(parent)),
                self.rings.get(ring.root),
            ) else {
                continue;
            };
            let same =
                |other: &Ring| (other.area > 0.0) == (ring.area > 0.0);
            let shell = !parent.shell || (root.mixed && same(root) && same(parent));
            if let Some(ring) = self.rings.get_mut(place) {
                ring.shell = shell;
            }
        }
    }

    /// Writes shells and holes where the rings came from.
    fn emit(
        &mut self,
        size: usize,
        coords: &mut Vec<f64>,
        ring_ends: &mut Vec<usize>,
        part_ends: &mut Vec<usize>,
    ) {
        // Backwards, so that each list of holes ends up in the order in which they came.
        for place in (0..self.rings.len()).rev() {
            let Some(ring) = self.rings.get(place).copied() else {
                continue;
            };
            let (false, Some(parent)) = (ring.shell, ring.parent) else {
                continue;
            };
            let first = self
                .rings
                .get_mut(parent)
                .and_then(|shell| shell.next.replace(place));
            if let Some(ring) = self.rings.get_mut(place) {
                ring.next = first;
            }
        }
        coords.clear();
        ring_ends.clear();
        for ring in &self.rings {
            if !ring.shell {
                continue;
            }
            let mut next = Some(ring);
            while let Some(ring) = next {
                let start = coords.len();
                coords.extend_from_slice(
                    self.coords
                        .get(ring.start * size..ring.end * size)
                        .unwrap_or_default(),
                );
                if (ring.area > 0.0) != ring.shell {
                    reverse(coords.get_mut(start..).unwrap_or_default(), size);
                }
                ring_ends.push(coords.len() / size);
                next = ring.next.and_then(|place| self.rings.get(place));
            }
            part_ends.push(ring_ends.len());
        }
    }
}

struct Measured {
    area: f64,
    collinear: bool,
    bounds: [f64; 4],
}

/// Twice the signed area, and whether all positions lie on one line (or there are none).
fn measure(coords: &[f64], size: usize) -> Measured {
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

fn is_closed(coords: &[f64], size: usize) -> bool {
    let last = coords.len().saturating_sub(size);
    coords.get(..2) == coords.get(last..last + 2)
}

fn reverse(coords: &mut [f64], size: usize) {
    // Numbers first, then the numbers of each position back.
    coords.reverse();
    for position in coords.chunks_exact_mut(size) {
        position.reverse();
    }
}

/// Whether a ring may be around another by its size. Copies of one ring can differ in area by rounding.
fn is_larger(candidate: &Ring, ring: &Ring) -> bool {
    let (large, small) = (candidate.area.abs(), ring.area.abs());
    large > small && (candidate.bounds != ring.bounds || (large - small) > 1e-12 * large)
}

fn within([xmin, ymin, xmax, ymax]: &[f64; 4], [x, y]: [f64; 2]) -> bool {
    *xmin <= x && x <= *xmax && *ymin <= y && y <= *ymax
}

/// Where the edge crosses the height `y`, if it does. An edge has its lower end and not its upper.
#[inline]
fn crossing(a: [f64; 2], b: [f64; 2], y: f64) -> Option<f64> {
    if (a[1] > y) == (b[1] > y) {
        return None;
    }
    // Always computed from the lower end, so that an edge that two rings share crosses at one place.
    let (low, high) = if a[1] <= b[1] { (a, b) } else { (b, a) };
    Some(low[0] + (y - low[1]) / (high[1] - low[1]) * (high[0] - low[0]))
}

fn edges(coords: &[f64], size: usize) -> impl Iterator<Item = ([f64; 2], [f64; 2])> + '_ {
    let positions = coords.chunks_exact(size).map(|position| match position {
        &[x, y, ..] => [x, y],
        _ => [f64::NAN; 2],
    });
    positions.clone().zip(positions.skip(1))
}

fn is_inside(coords: &[f64], size: usize, [x, y]: [f64; 2]) -> bool {
    edges(coords, size)
        .filter(|&(a, b)| crossing(a, b, y).is_some_and(|at| at < x))
        .count()
        % 2
        == 1
}

/// A point strictly inside the ring: halfway along the longest stretch of a level line within, which passes no position.
fn point_inside(
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

/// Edges by height: which of them a level line meets.
///
/// Heights are cut into cells, 2^k of them on level k. An edge is listed on the finest level where it
/// lies within two neighbouring cells, so that it is listed twice at most, and a level line meets one cell of each level.
#[derive(Debug, Default)]
struct EdgeIndex {
    size: usize,
    ymin: f64,
    cells_per_unit: f64,
    levels: u32,
    /// Where the edges of each cell end in `edges`; the cells of level k begin at 2^k.
    ends: Vec<usize>,
    edges: Vec<(u32, u32)>,
    odd: Vec<bool>,
    touched: Vec<usize>,
}

impl EdgeIndex {
    fn cell(&self, y: f64) -> usize {
        let last = (1usize << self.levels) - 1;
        // The cast saturates, and takes NaN to 0.
        (((y - self.ymin) * self.cells_per_unit) as usize).min(last)
    }

    /// The cells that list an edge between two heights: first and last, numbered over all levels.
    fn cells(&self, a: f64, b: f64) -> (usize, usize) {
        let mut first = self.cell(a.min(b));
        let mut last = self.cell(a.max(b));
        let mut level = self.levels;
        while last > first + 1 {
            first >>= 1;
            last >>= 1;
            level -= 1;
        }
        ((1 << level) + first, (1 << level) + last)
    }

    fn build(&mut self, coords: &[f64], rings: &[Ring]) {
        let (mut ymin, mut ymax) = (f64::INFINITY, f64::NEG_INFINITY);
        for ring in rings {
            ymin = ymin.min(ring.bounds[1]);
            ymax = ymax.max(ring.bounds[3]);
        }
        let positions = coords.len() / self.size;
        self.levels = positions.max(2).ilog2().min(20);
        self.ymin = ymin;
        let cells = (1u64 << self.levels) as f64;
        self.cells_per_unit = cells / (ymax - ymin);
        // Counted, summed up, and then filled from behind.
        self.ends.clear();
        self.ends.resize(2 << self.levels, 0);
        self.odd.clear();
        self.odd.resize(rings.len(), false);
        self.touched.clear();
        let mut ends = std::mem::take(&mut self.ends);
        self.each_edge(coords, rings, |cell, _| {
            if let Some(count) = ends.get_mut(cell) {
                *count += 1;
            }
        });
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        let mut edges = std::mem::take(&mut self.edges);
        edges.clear();
        edges.resize(sum, (0, 0));
        self.each_edge(coords, rings, |cell, edge| {
            if let Some(end) = ends.get_mut(cell) {
                *end = end.saturating_sub(1);
                if let Some(place) = edges.get_mut(*end) {
                    *place = edge;
                }
            }
        });
        // Now each holds its cell's start, which is the end of the one before.
        self.ends = ends;
        self.edges = edges;
    }

    /// Calls back for each cell of each edge, with the edge's ring and first position.
    fn each_edge(&self, coords: &[f64], rings: &[Ring], mut found: impl FnMut(usize, (u32, u32))) {
        for (place, ring) in rings.iter().enumerate() {
            let ring_coords = coords
                .get(ring.start * self.size..ring.end * self.size)
                .unwrap_or_default();
            for (at, (a, b)) in (ring.start..).zip(edges(ring_coords, self.size)) {
                // A level edge is crossed by no level line.
                if a[1] == b[1] {
                    continue;
                }
                let (Ok(ring), Ok(at)) = (u32::try_from(place), u32::try_from(at)) else {
                    continue;
                };
                let (first, last) = self.cells(a[1], b[1]);
                found(first, (ring, at));
                if last != first {
                    found(last, (ring, at));
                }
            }
        }
    }

    /// The rings around a point; `None` if that takes more than the budget has.
    fn around(
        &mut self,
        [x, y]: [f64; 2],
        coords: &[f64],
        budget: &mut usize,
    ) -> Option<&[usize]> {
        self.touched.clear();
        let finest = self.cell(y);
        for level in 0..=self.levels {
            let cell = (1 << level) + (finest >> (self.levels - level));
            let start = self.ends.get(cell).copied().unwrap_or(0);
            let end = self
                .ends
                .get(cell + 1)
                .copied()
                .unwrap_or(self.edges.len());
            let edges = self.edges.get(start..end).unwrap_or_default();
            *budget = budget.checked_sub(edges.len())?;
            for &(ring, at) in edges {
                let at = at as usize * self.size;
                let (Some(&[ax, ay]), Some(&[bx, by])) = (
                    coords.get(at..).and_then(|rest| rest.first_chunk::<2>()),
                    coords
                        .get(at + self.size..)
                        .and_then(|rest| rest.first_chunk::<2>()),
                ) else {
                    continue;
                };
                // Most edges lie to the right, or above or below within the cell.
                if (ax > x && bx > x) || !crossing([ax, ay], [bx, by], y).is_some_and(|at| at < x) {
                    continue;
                }
                let ring = ring as usize;
                if let Some(odd) = self.odd.get_mut(ring) {
                    *odd = !*odd;
                    self.touched.push(ring);
                }
            }
        }
        // A ring stays for its odd count, once.
        let odd = &mut self.odd;
        self.touched.retain(|&ring| {
            odd.get_mut(ring)
                .is_some_and(|odd| std::mem::replace(odd, false))
        });
        Some(&self.touched)
    }
}
