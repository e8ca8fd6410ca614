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

mod edge_index;
mod ring;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use edge_index::EdgeIndex;
use ring::{Ring, bounds, is_closed, is_inside, is_larger, measure, point_inside, reverse, within};

/// A polygon has so many rings at most where each is compared with each.
const FEW: usize = 12;

/// Edges that may be looked at for each position, beyond [`SPARE`]; what needs more is refused, so
/// that the time stays linear in the number of positions. A grid of n cells, each a ring of its own, as rasters
/// become polygons, needs about the square root of n: this is enough for a hundred thousand.
const EDGES_PER_POSITION: usize = 500;
const SPARE: usize = 1_000_000;

/// Of more edges than these it is asked whether there are fewer the other way.
const MANY_EDGES: usize = 500;

/// Why rings were not assembled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The rings lie across each other in a way that would take too long to sort out.
    Tangled {
        /// How many there are.
        rings: usize,
    },
    /// Nobody wants them any more.
    Cancelled,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tangled { rings } => write!(
                f,
                "the polygon's {rings} rings overlap so much that shells and holes cannot be told apart"
            ),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// Assembles rings, with buffers that are used again for the next polygon.
#[derive(Debug)]
pub(crate) struct RingAssembler {
    rings: Vec<Ring>,
    crossings: Vec<f64>,
    order: Vec<usize>,
    coords: Vec<f64>,
    index: EdgeIndex,
    /// For rings side by side, which one level line all meets. Built where the other has too much to look at.
    sideways: EdgeIndex,
    edges_per_position: usize,
    /// Edges that were looked at for the last polygon: what its time goes by, and the same in every run.
    #[cfg(test)]
    looked_at: usize,
}

impl Default for RingAssembler {
    fn default() -> Self {
        Self {
            rings: Vec::new(),
            crossings: Vec::new(),
            order: Vec::new(),
            coords: Vec::new(),
            index: EdgeIndex::default(),
            sideways: EdgeIndex::sideways(),
            edges_per_position: EDGES_PER_POSITION,
            #[cfg(test)]
            looked_at: 0,
        }
    }
}

impl RingAssembler {
    /// Closes the rings of one polygon geometry, drops those without area, and puts each shell, counter-clockwise, before its
    /// holes, clockwise. Shells keep the order in which they came, and so do the holes of each.
    ///
    /// `size` is the count of numbers in a position, at least 2. All numbers of a position move with it.
    /// Gives the number of dropped rings. `cancelled` is looked at once a ring.
    ///
    /// One ring takes one pass. Several take O(n log n) for ordinary data; the worst is bounded as
    /// [`EDGES_PER_POSITION`] says.
    pub(crate) fn assemble(
        &mut self,
        size: usize,
        coords: &mut Vec<f64>,
        ring_ends: &mut Vec<usize>,
        part_ends: &mut Vec<usize>,
        cancelled: Option<&AtomicBool>,
    ) -> Result<usize, Stopped> {
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
        self.nest(cancelled)?;
        self.tell_shells();
        self.emit(size, coords, ring_ends, part_ends);
        Ok(dropped)
    }

    /// Copies the rings that have an area, closed, and measures them.
    fn collect(&mut self, size: usize, coords: &[f64], ring_ends: &[usize]) -> usize {
        self.coords.clear();
        self.rings.clear();
        // Room for all of them, each with one more position to close it.
        self.coords.reserve(coords.len() + ring_ends.len() * size);
        self.rings.reserve(ring_ends.len());
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
                bounds: bounds(ring, size),
                inside: [f64::NAN; 2],
                parent: None,
                root: 0,
                shell: true,
                mixed: false,
                next: None,
            });
        }
        self.index.size = size;
        self.sideways.size = size;
        dropped
    }

    /// Finds the smallest ring around each.
    fn nest(&mut self, cancelled: Option<&AtomicBool>) -> Result<(), Stopped> {
        let size = self.index.size;
        let count = self.rings.len();
        self.order.clear();
        if count < 2 {
            self.order.extend(0..count);
            return Ok(());
        }
        if self.crossings.capacity() == 0 {
            self.crossings.reserve(64);
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
        // No two are equal, so that this is as good as a sort that takes memory to keep the order of equals.
        self.order.sort_unstable_by(|&a, &b| {
            let area = |ring: usize| rings.get(ring).map_or(0.0, |ring| ring.area.abs());
            area(b).total_cmp(&area(a)).then(a.cmp(&b))
        });
        if count <= FEW {
            self.nest_few();
            return Ok(());
        }
        #[cfg(test)]
        {
            self.looked_at = 0;
        }
        self.index.build(&self.coords, &self.rings);
        let mut has_sideways = false;
        let positions = self.coords.len() / size;
        let mut budget = positions
            .saturating_mul(self.edges_per_position)
            .saturating_add(SPARE);
        for place in 0..count {
            if cancelled.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                return Err(Stopped::Cancelled);
            }
            let Some(ring) = self.rings.get(place).copied() else {
                continue;
            };
            let mut cost = self.index.cost(ring.inside);
            let mut index = &mut self.index;
            if cost > MANY_EDGES {
                if !has_sideways {
                    has_sideways = true;
                    self.sideways.build(&self.coords, &self.rings);
                }
                let other = self.sideways.cost(ring.inside);
                if other < cost {
                    (cost, index) = (other, &mut self.sideways);
                }
            }
            budget = budget
                .checked_sub(cost)
                .ok_or(Stopped::Tangled { rings: count })?;
            #[cfg(test)]
            {
                self.looked_at += cost;
            }
            let around = index.around(ring.inside, &self.coords);
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
            let same = |other: &Ring| (other.area > 0.0) == (ring.area > 0.0);
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
        coords.reserve(self.coords.len());
        ring_ends.clear();
        part_ends.reserve(self.rings.len());
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
