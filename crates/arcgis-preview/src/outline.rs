//! A geometry as it is drawn: runs of positions.

/// Coordinates beyond this stand for no place.
const FARTHEST: f64 = 1e30;

/// What a run of positions is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// Each position for itself.
    Points,
    Line,
    /// The border of a polygon, outside.
    Shell,
    /// The border of a hole in the shell before it.
    Hole,
}

/// A run of positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) kind: PartKind,
    /// Where it ends among the positions.
    pub(crate) end: usize,
}

/// One geometry; its memory is used again for the next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outline {
    pub(crate) positions: Vec<[f64; 2]>,
    parts: Vec<Part>,
}

impl Outline {
    pub(crate) fn clear(&mut self) {
        self.positions.clear();
        self.parts.clear();
    }

    /// Adds a position to the part that is under way. One that is nowhere is left out: not a number, as in an empty
    /// point, or as far out as what some writers put for nothing (-1.8e308).
    pub(crate) fn push(&mut self, x: f64, y: f64) {
        if x.abs() <= FARTHEST && y.abs() <= FARTHEST {
            self.positions.push([x, y]);
        }
    }

    /// Ends the part that is under way. Nothing is left of one without positions.
    pub(crate) fn end(&mut self, kind: PartKind) {
        let end = self.positions.len();
        if self.parts.last().map_or(0, |part| part.end) < end {
            self.parts.push(Part { kind, end });
        }
    }

    /// The parts with their positions.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (PartKind, &[[f64; 2]])> {
        let mut start = 0;
        self.parts.iter().filter_map(move |part| {
            let positions = self.positions.get(start..part.end)?;
            start = part.end;
            Some((part.kind, positions))
        })
    }

    /// Calls `change` with the positions of each part.
    pub(crate) fn change(&mut self, mut change: impl FnMut(PartKind, &mut [[f64; 2]])) {
        let mut start = 0;
        for part in &self.parts {
            if let Some(positions) = self.positions.get_mut(start..part.end) {
                change(part.kind, positions);
            }
            start = part.end;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    pub(crate) fn extent(&self) -> Extent {
        let mut extent = Extent::EMPTY;
        for position in &self.positions {
            extent.add(*position);
        }
        extent
    }
}

/// A rectangle around positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// The least x.
    pub xmin: f64,
    /// The least y.
    pub ymin: f64,
    /// The greatest x.
    pub xmax: f64,
    /// The greatest y.
    pub ymax: f64,
}

impl Extent {
    /// Around nothing.
    pub(crate) const EMPTY: Self = Self {
        xmin: f64::INFINITY,
        ymin: f64::INFINITY,
        xmax: f64::NEG_INFINITY,
        ymax: f64::NEG_INFINITY,
    };

    pub(crate) fn add(&mut self, [x, y]: [f64; 2]) {
        self.xmin = self.xmin.min(x);
        self.ymin = self.ymin.min(y);
        self.xmax = self.xmax.max(x);
        self.ymax = self.ymax.max(y);
    }

    pub(crate) fn join(&mut self, other: &Self) {
        self.xmin = self.xmin.min(other.xmin);
        self.ymin = self.ymin.min(other.ymin);
        self.xmax = self.xmax.max(other.xmax);
        self.ymax = self.ymax.max(other.ymax);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.xmin > self.xmax
    }

    pub(crate) fn width(&self) -> f64 {
        (self.xmax - self.xmin).max(0.0)
    }

    pub(crate) fn height(&self) -> f64 {
        (self.ymax - self.ymin).max(0.0)
    }

    /// The greatest distance of any side from 0.
    pub(crate) fn reach(&self) -> f64 {
        [self.xmin, self.ymin, self.xmax, self.ymax]
            .into_iter()
            .map(f64::abs)
            .fold(0.0, f64::max)
    }

    pub(crate) fn middle(&self) -> [f64; 2] {
        [
            self.xmin / 2.0 + self.xmax / 2.0,
            self.ymin / 2.0 + self.ymax / 2.0,
        ]
    }
}

/// Twice the area within a ring: positive where it runs counter-clockwise. Whether the ring is closed does not matter.
pub(crate) fn doubled_area<T: Copy + Into<f64>>(ring: &[[T; 2]]) -> f64 {
    let Some([x0, y0]) = ring.first().copied() else {
        return 0.0;
    };
    let (x0, y0) = (x0.into(), y0.into());
    ring.windows(2)
        .map(|pair| match pair {
            [[ax, ay], [bx, by]] => {
                let (ax, ay) = ((*ax).into() - x0, (*ay).into() - y0);
                let (bx, by) = ((*bx).into() - x0, (*by).into() - y0);
                ax * by - bx * ay
            }
            _ => 0.0,
        })
        .sum()
}
