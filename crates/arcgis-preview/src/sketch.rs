//! All geometries in little memory: positions on a grid that coarsens as the extent grows, so that one pass over
//! rows of an unknown extent is enough to draw all of them.

use crate::outline::{Extent, Outline, PartKind, doubled_area};

/// Cells along the longer side of the extent, at least half of this: several for each pixel of a large picture.
const CELLS: f64 = 8192.0;

/// Below this many cells nothing coarsens any more.
const FEWEST_CELLS: f64 = 64.0;

/// Bits of a position on the grid.
const BITS: i32 = 30;

/// Positions of lines and rings that are kept, about: 8 bytes each.
const MOST_VERTICES: usize = 5_000_000;

/// Points that are kept, about: 12 bytes each.
const MOST_POINTS: usize = 3_000_000;

/// A position on the grid.
pub(crate) type Cell = [i32; 2];

/// A cell with points in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dot {
    pub(crate) cell: Cell,
    pub(crate) count: u32,
}

/// A line or a ring.
#[derive(Debug, Clone, Copy)]
struct Path {
    kind: PartKind,
    end: usize,
}

/// Everything there is to draw.
#[derive(Debug)]
pub(crate) struct Sketch {
    /// A cell is 2 to the power of this wide, so that coarsening is exact.
    exponent: Option<i32>,
    extent: Extent,
    points: Dots,
    /// Lines and polygons smaller than a cell.
    specks: Dots,
    vertices: Vec<Cell>,
    paths: Vec<Path>,
    most_vertices: usize,
    most_points: usize,
}

impl Default for Sketch {
    fn default() -> Self {
        Self {
            exponent: None,
            extent: Extent::EMPTY,
            points: Dots::default(),
            specks: Dots::default(),
            vertices: Vec::new(),
            paths: Vec::new(),
            most_vertices: MOST_VERTICES,
            most_points: MOST_POINTS,
        }
    }
}

impl Sketch {
    pub(crate) fn add(&mut self, outline: &Outline) {
        if outline.is_empty() {
            return;
        }
        self.extent.join(&outline.extent());
        let needed = needed_exponent(&self.extent);
        match self.exponent {
            None => self.exponent = Some(needed),
            Some(exponent) if needed > exponent => self.coarsen(needed - exponent),
            Some(_) => {}
        }
        let size = self.cell_size();
        // A conversion to i32 ends at its limits.
        let cell = |[x, y]: [f64; 2]| [(x / size).floor() as i32, (y / size).floor() as i32];
        for (kind, positions) in outline.parts() {
            if kind == PartKind::Points {
                for position in positions {
                    self.points.add(cell(*position), 1);
                }
                continue;
            }
            let start = self.vertices.len();
            for position in positions {
                push(&mut self.vertices, start, cell(*position));
            }
            self.end_path(kind, start);
        }
        self.keep_small();
    }

    /// Around all positions, lines and rings across the antimeridian as they go on there.
    pub(crate) fn extent(&self) -> Extent {
        self.extent
    }

    /// The side of a cell.
    pub(crate) fn cell_size(&self) -> f64 {
        2.0_f64.powi(self.exponent.unwrap_or(0))
    }

    /// The position in the middle of a cell.
    pub(crate) fn position(&self, [x, y]: Cell) -> [f64; 2] {
        let size = self.cell_size();
        [(f64::from(x) + 0.5) * size, (f64::from(y) + 0.5) * size]
    }

    pub(crate) fn points(&self) -> &[Dot] {
        &self.points.dots
    }

    pub(crate) fn specks(&self) -> &[Dot] {
        &self.specks.dots
    }

    /// Lines and rings: shells run counter-clockwise, and their holes, which follow, the other way around.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (PartKind, &[Cell])> {
        let mut start = 0;
        self.paths.iter().filter_map(move |path| {
            let vertices = self.vertices.get(start..path.end)?;
            start = path.end;
            Some((path.kind, vertices))
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.extent.is_empty()
    }

    /// Ends the path whose vertices begin at `start`; one that is nearly nothing becomes a speck.
    fn end_path(&mut self, kind: PartKind, start: usize) {
        let Some(path) = self.vertices.get_mut(start..) else {
            return;
        };
        let Some(first) = path.first().copied() else {
            return;
        };
        let (is_speck, turns) = match kind {
            PartKind::Line | PartKind::Points => (path.len() < 2, false),
            PartKind::Shell | PartKind::Hole => {
                let area = doubled_area(path);
                let wants_positive = kind == PartKind::Shell;
                (path.len() < 4, (area > 0.0) != wants_positive)
            }
        };
        if is_speck {
            self.vertices.truncate(start);
            if kind != PartKind::Hole {
                self.specks.add(first, 1);
            }
            return;
        }
        if turns {
            path.reverse();
        }
        let end = self.vertices.len();
        self.paths.push(Path { kind, end });
    }

    fn keep_small(&mut self) {
        for dots in [&mut self.points, &mut self.specks] {
            // Merging is for many at once.
            let new = dots.dots.len() - dots.merged;
            if dots.dots.len() > self.most_points && new > self.most_points / 4 {
                dots.merge();
            }
        }
        while self.is_too_much()
            && self.extent.width().max(self.extent.height()) / self.cell_size() > FEWEST_CELLS
        {
            self.coarsen(1);
        }
    }

    /// Less than what is allowed may be left after merging, so that the next is not soon.
    fn is_too_much(&self) -> bool {
        let merged = self.most_points - self.most_points / 4;
        self.vertices.len() > self.most_vertices
            || [&self.points, &self.specks]
                .iter()
                .any(|dots| dots.is_merged() && dots.dots.len() > merged)
    }

    /// Makes cells 2 to the power of `steps` as large.
    fn coarsen(&mut self, steps: i32) {
        self.exponent = self.exponent.map(|exponent| exponent + steps);
        let by = u32::try_from(steps).unwrap_or(0).min(31);
        self.points.coarsen(by);
        self.specks.coarsen(by);
        let old = std::mem::take(&mut self.vertices);
        let paths = std::mem::take(&mut self.paths);
        self.paths.reserve(paths.len());
        // Written over itself: what is read lies behind what is written.
        let mut vertices = old;
        let (mut read, mut write) = (0, 0);
        for path in paths {
            let start = write;
            for at in read..path.end {
                let Some([x, y]) = vertices.get(at).copied() else {
                    break;
                };
                let cell = [x >> by, y >> by];
                let repeats = write > start && vertices.get(write - 1) == Some(&cell);
                if !repeats && let Some(place) = vertices.get_mut(write) {
                    *place = cell;
                    write += 1;
                }
            }
            read = path.end;
            let least = if path.kind == PartKind::Line { 2 } else { 4 };
            if write - start >= least {
                self.paths.push(Path {
                    kind: path.kind,
                    end: write,
                });
                continue;
            }
            if path.kind != PartKind::Hole
                && let Some(cell) = vertices.get(start)
            {
                self.specks.add(*cell, 1);
            }
            write = start;
        }
        vertices.truncate(write);
        self.vertices = vertices;
    }
}

/// Adds a vertex to the path that begins at `start`, unless it is where the last one was.
fn push(vertices: &mut Vec<Cell>, start: usize, cell: Cell) {
    if vertices.len() == start || vertices.last() != Some(&cell) {
        vertices.push(cell);
    }
}

/// The size of cells that this extent needs, as a power of 2.
fn needed_exponent(extent: &Extent) -> i32 {
    let side = extent.width().max(extent.height());
    let by_side = (side / CELLS).log2().ceil();
    let by_reach = extent.reach().log2().ceil() - f64::from(BITS);
    let needed = by_side.max(by_reach);
    // Of a single position at 0 both are minus infinity.
    needed.clamp(-300.0, 300.0) as i32
}

/// Cells and how many there are in each.
#[derive(Debug, Default)]
struct Dots {
    dots: Vec<Dot>,
    /// So many of them, the first, are in order and unlike each other.
    merged: usize,
}

impl Dots {
    fn add(&mut self, cell: Cell, count: u32) {
        self.dots.push(Dot { cell, count });
    }

    fn is_merged(&self) -> bool {
        self.merged == self.dots.len()
    }

    fn merge(&mut self) {
        self.dots.sort_unstable();
        self.dots.dedup_by(|next, kept| {
            let same = next.cell == kept.cell;
            if same {
                kept.count = kept.count.saturating_add(next.count);
            }
            same
        });
        self.merged = self.dots.len();
    }

    fn coarsen(&mut self, by: u32) {
        let was_merged = self.merged > 0;
        for dot in &mut self.dots {
            let [x, y] = dot.cell;
            dot.cell = [x >> by, y >> by];
        }
        self.merged = 0;
        if was_merged {
            self.merge();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f64, y: f64) -> Outline {
        let mut outline = Outline::default();
        outline.push(x, y);
        outline.end(PartKind::Points);
        outline
    }

    fn square(x: f64, y: f64, side: f64, kind: PartKind, outline: &mut Outline) {
        for [dx, dy] in [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]] {
            outline.push(x + dx * side, y + dy * side);
        }
        outline.end(kind);
    }

    #[test]
    fn positions_stay_within_a_cell_while_the_extent_grows() {
        let mut sketch = Sketch::default();
        let places: Vec<[f64; 2]> = (0..1000)
            .map(|n| {
                let n = f64::from(n);
                [n * n * 0.37 - 500.0, 1e6 - n * 11.0]
            })
            .collect();
        for [x, y] in &places {
            sketch.add(&point(*x, *y));
        }
        let size = sketch.cell_size();
        let side = sketch.extent().width();
        assert!(
            side / size > CELLS / 4.0 && side / size <= CELLS,
            "{}",
            side / size
        );
        for (dot, [x, y]) in sketch.points().iter().zip(&places) {
            let [px, py] = sketch.position(dot.cell);
            assert!((px - x).abs() <= size && (py - y).abs() <= size);
        }
    }

    #[test]
    fn small_polygons_become_specks_and_large_ones_keep_their_holes() {
        let mut sketch = Sketch::default();
        let mut outline = Outline::default();
        square(0.0, 0.0, 100.0, PartKind::Shell, &mut outline);
        square(40.0, 40.0, 20.0, PartKind::Hole, &mut outline);
        square(10.0, 10.0, 0.000_1, PartKind::Shell, &mut outline);
        square(40.0, 70.0, 0.000_1, PartKind::Hole, &mut outline);
        sketch.add(&outline);
        let kinds: Vec<_> = sketch.paths().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [PartKind::Shell, PartKind::Hole]);
        let areas: Vec<bool> = sketch
            .paths()
            .map(|(_, path)| doubled_area(path) > 0.0)
            .collect();
        assert_eq!(areas, [true, false]);
        assert_eq!(sketch.specks().len(), 1);
        // As the extent grows, so does what is too small to be told apart.
        sketch.add(&point(1e7, 0.0));
        assert_eq!(sketch.paths().count(), 0);
        assert_eq!(sketch.specks().len(), 2);
    }

    #[test]
    fn memory_is_bounded() {
        let mut sketch = Sketch {
            most_points: 1000,
            most_vertices: 1000,
            ..Sketch::default()
        };
        for n in 0..20_000_u32 {
            let (x, y) = (f64::from(n % 141), f64::from(n / 141));
            sketch.add(&point(x, y));
            let mut outline = Outline::default();
            square(x, y, 0.5, PartKind::Shell, &mut outline);
            sketch.add(&outline);
        }
        assert!(
            sketch.points().len() <= 1001 * 4,
            "{}",
            sketch.points().len()
        );
        assert!(
            sketch.vertices.len() <= 1001 * 4,
            "{}",
            sketch.vertices.len()
        );
        let all: u32 = sketch.points().iter().map(|dot| dot.count).sum();
        assert_eq!(all, 20_000);
    }

    #[test]
    fn places_far_out_are_no_trouble() {
        let mut sketch = Sketch::default();
        for x in [0.0, 1e30, -1e30, 1.0, -1.0, 5e-324] {
            sketch.add(&point(x, x));
        }
        assert_eq!(sketch.points().len(), 6);
    }
}
