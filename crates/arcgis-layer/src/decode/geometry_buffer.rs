//! One geometry in flat buffers, from its positions to the sink.

use super::{CoordinateGrid, DecodeContext, DecodeError};
use crate::geometry::{Bbox, Dimensions, GeometryRef, GeometryType};
use crate::rings::{RingAssembler, Stopped};
use crate::sink::{FeatureSink, PageFacts};

/// Takes the positions of one geometry after the other, in buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct GeometryBuffer {
    dims: Dimensions,
    coords: Vec<f64>,
    ring_ends: Vec<usize>,
    part_ends: Vec<usize>,
    rings: RingAssembler,
    /// Whether something without meaning was left out.
    repaired: bool,
    /// What positions are rounded to.
    grid: Option<CoordinateGrid>,
}

/// Something about a geometry that cannot be decoded.
#[cold]
pub(super) fn refuse(row: usize, problem: impl Into<String>) -> DecodeError {
    DecodeError::Geometry {
        row,
        object_id: None,
        problem: problem.into(),
    }
}

pub(super) const CURVES: &str = "true curves in PBF are not decoded; ask for JSON";

pub(super) const MULTIPATCH: &str = "multipatch geometry is not supported; leave the geometry out";

impl GeometryBuffer {
    /// Rounds the positions that come one by one from now on.
    pub(super) fn round_to(&mut self, grid: Option<CoordinateGrid>) {
        self.grid = grid;
    }

    /// A new geometry begins.
    pub(super) fn begin(&mut self, dims: Dimensions) {
        self.dims = dims;
        if self.coords.capacity() == 0 {
            // So that they do not grow in many small steps in each page.
            self.coords.reserve(512);
            self.ring_ends.reserve(64);
        }
        self.coords.clear();
        self.ring_ends.clear();
        self.part_ends.clear();
        self.repaired = false;
    }

    pub(super) fn dims(&self) -> Dimensions {
        self.dims
    }

    /// Makes room, where it is known how much will come.
    pub(super) fn reserve(&mut self, positions: usize) {
        self.coords
            .reserve(positions.saturating_mul(self.dims.size()));
    }

    /// Appends a position; false if it is none, because x or y is not a finite number.
    #[inline]
    pub(super) fn position(&mut self, position: [f64; 4]) -> bool {
        let [x, y, z, m] = match &self.grid {
            None => position,
            Some(grid) => grid.rounded(position),
        };
        if !(x.is_finite() && y.is_finite()) {
            return false;
        }
        match self.dims {
            Dimensions::Xy => self.coords.extend_from_slice(&[x, y]),
            Dimensions::Xyz => self.coords.extend_from_slice(&[x, y, z]),
            Dimensions::Xym => self.coords.extend_from_slice(&[x, y, m]),
            Dimensions::Xyzm => self.coords.extend_from_slice(&[x, y, z, m]),
        }
        true
    }

    /// Appends so many positions of x and y, all finite, which `fill` puts in place. None are appended, and it is
    /// false, where it cannot.
    #[inline]
    pub(super) fn plane(
        &mut self,
        positions: usize,
        fill: impl FnOnce(&mut [f64]) -> Option<()>,
    ) -> bool {
        let start = self.coords.len();
        self.coords.resize(start + 2 * positions, 0.0);
        let new = self.coords.get_mut(start..).unwrap_or_default();
        let filled = fill(new).is_some();
        if !filled {
            self.coords.truncate(start);
        }
        filled
    }

    /// A position was none, and is left out.
    pub(super) fn leave_out(&mut self) {
        self.repaired = true;
    }

    /// The positions since the last end are a path. One of a single position is no line, and what
    /// reads the output would refuse it: it is left out.
    pub(super) fn end_path(&mut self) {
        let end = self.coords.len() / self.dims.size();
        let start = self.ring_ends.last().copied().unwrap_or(0);
        if end == start + 1 {
            self.coords.truncate(start * self.dims.size());
            self.repaired = true;
        } else if end > start {
            self.ring_ends.push(end);
        }
    }

    /// The positions since the last end are a ring.
    pub(super) fn end_ring(&mut self) {
        let end = self.coords.len() / self.dims.size();
        if end > self.ring_ends.last().copied().unwrap_or(0) {
            self.ring_ends.push(end);
        }
    }

    /// The rings are complete: makes them polygons.
    pub(super) fn assemble(
        &mut self,
        row: usize,
        context: &DecodeContext<'_>,
    ) -> Result<(), DecodeError> {
        let dropped = self
            .rings
            .assemble(
                self.dims.size(),
                &mut self.coords,
                &mut self.ring_ends,
                &mut self.part_ends,
                context.cancelled,
            )
            .map_err(|stopped| match stopped {
                Stopped::Cancelled => DecodeError::Cancelled,
                Stopped::Tangled { .. } => refuse(row, stopped.to_string()),
            })?;
        self.repaired |= dropped > 0;
        Ok(())
    }

    /// A rectangle as a polygon, counter-clockwise.
    pub(super) fn envelope(&mut self, [xmin, ymin, xmax, ymax]: [f64; 4]) {
        if ![xmin, ymin, xmax, ymax]
            .iter()
            .all(|corner| corner.is_finite())
        {
            return;
        }
        let (xmin, xmax) = (xmin.min(xmax), xmin.max(xmax));
        let (ymin, ymax) = (ymin.min(ymax), ymin.max(ymax));
        for (x, y) in [
            (xmin, ymin),
            (xmax, ymin),
            (xmax, ymax),
            (xmin, ymax),
            (xmin, ymin),
        ] {
            self.position([x, y, f64::NAN, f64::NAN]);
        }
        self.ring_ends.push(5);
        self.part_ends.push(1);
    }

    /// Gives the geometry to the sink and notes what the page says of its geometry; false if it is empty.
    pub(super) fn deliver<S: FeatureSink>(
        &self,
        kind: GeometryType,
        row: usize,
        facts: &mut PageFacts,
        sink: &mut S,
    ) -> Result<bool, DecodeError> {
        if self.repaired {
            facts.repaired += 1;
            facts.repaired_rows.push(row);
        }
        let geometry = GeometryRef {
            kind,
            dims: self.dims,
            coords: &self.coords,
            ring_ends: &self.ring_ends,
            part_ends: &self.part_ends,
        };
        facts
            .bbox
            .merge(&Bbox::around(geometry.coords, geometry.dims));
        let located = !geometry.is_empty();
        sink.geometry(geometry)
            .map_err(|source| DecodeError::refused(row, source))?;
        Ok(located)
    }
}
