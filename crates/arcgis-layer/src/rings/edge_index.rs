//! Which rings are around a point, found without looking at all edges.

use std::ops::Range;

use super::ring::{Ring, crossing, edges};

/// Edges by height: which of them a level line meets. Turned by [`EdgeIndex::sideways`] all is the same, with x for y.
///
/// Heights are cut into cells, 2^k of them on level k. An edge is listed on the finest level where it
/// lies within two neighbouring cells, so that it is listed twice at most, and a level line meets one cell of each level.
#[derive(Debug, Default)]
pub(super) struct EdgeIndex {
    pub(super) size: usize,
    /// Whether x and y are exchanged.
    sideways: bool,
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
    /// An index whose level lines are upright.
    pub(super) fn sideways() -> Self {
        Self {
            sideways: true,
            ..Self::default()
        }
    }

    /// A position as the index sees it.
    #[inline]
    fn seen(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        if self.sideways { [y, x] } else { [x, y] }
    }

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

    pub(super) fn build(&mut self, coords: &[f64], rings: &[Ring]) {
        let (mut ymin, mut ymax) = (f64::INFINITY, f64::NEG_INFINITY);
        for ring in rings {
            let [left, bottom, right, top] = ring.bounds;
            ymin = ymin.min(self.seen([left, bottom])[1]);
            ymax = ymax.max(self.seen([right, top])[1]);
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
        if self.touched.capacity() == 0 {
            self.touched.reserve(64);
        }
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
                let (a, b) = (self.seen(a), self.seen(b));
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

    /// Which edges the cell of a level lists that the height `y` is in.
    #[inline]
    fn listed(&self, level: u32, y: f64) -> Range<usize> {
        let cell = (1 << level) + (self.cell(y) >> (self.levels - level));
        let start = self.ends.get(cell).copied().unwrap_or(0);
        let end = self.ends.get(cell + 1).copied().unwrap_or(self.edges.len());
        start..end
    }

    /// How many edges have to be looked at for a point.
    pub(super) fn cost(&self, point: [f64; 2]) -> usize {
        let [_, y] = self.seen(point);
        (0..=self.levels)
            .map(|level| self.listed(level, y).len())
            .sum()
    }

    /// The rings around a point.
    pub(super) fn around(&mut self, point: [f64; 2], coords: &[f64]) -> &[usize] {
        let [x, y] = self.seen(point);
        self.touched.clear();
        for level in 0..=self.levels {
            let edges = self.edges.get(self.listed(level, y)).unwrap_or_default();
            for &(ring, at) in edges {
                let at = at as usize * self.size;
                let (Some(&a), Some(&b)) = (
                    coords.get(at..).and_then(|rest| rest.first_chunk::<2>()),
                    coords
                        .get(at + self.size..)
                        .and_then(|rest| rest.first_chunk::<2>()),
                ) else {
                    continue;
                };
                let ([ax, ay], [bx, by]) = (self.seen(a), self.seen(b));
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
        &self.touched
    }
}
