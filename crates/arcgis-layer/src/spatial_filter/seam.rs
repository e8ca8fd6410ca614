//! Where the parts of a geometry meet.

use std::collections::HashMap;

use geo_types::Coord;

use super::split::Polygon;

/// How much two parts overlap on each side of a cut, as a share of the coordinates: more than any server's arithmetic
/// loses, and too little to be seen.
const OVERLAP: f64 = 1e-9;

/// A cut along `x = …`, at two places: the left part ends behind it, the right part begins before it. A row that lies on
/// the cut, up to the last digit, is so within both, and rows are taken once by their ids.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    /// Where the right part begins.
    pub(super) low: f64,
    /// Where the left part ends.
    pub(super) high: f64,
}

impl Cut {
    /// Between two neighbouring positions of a part that reaches from `least` to `most`; `None` where they are too close.
    pub(super) fn between(left: f64, right: f64, least: f64, most: f64) -> Option<Self> {
        let middle = left + (right - left) / 2.0;
        let size = (most - least).max(least.abs()).max(most.abs());
        let overlap = (size * OVERLAP).min((right - left) / 4.0);
        let cut = Self {
            low: middle - overlap,
            high: middle + overlap,
        };
        (left < cut.low && cut.low < cut.high && cut.high < right).then_some(cut)
    }
}

/// The cuts that a geometry was taken apart by.
///
/// A server moves positions into the layer's reference system one by one, and joins them by straight edges there. A position
/// that only one side of a cut has, where another cut ends on it, would bend the edge of that side away from the other
/// side's: on a map of a country by metres. Rows in between would be in neither part. So both sides get the positions of both.
#[derive(Debug, Default)]
pub(super) struct Seams {
    /// The seam of each side, by its direction (whether it is a cut along `x = …`) and place.
    sides: HashMap<(bool, u64), usize>,
    count: usize,
}

impl Seams {
    pub(super) fn add(&mut self, upright: bool, cut: Cut) {
        let next = self.count;
        let seam = *self.sides.entry((upright, bits(cut.low))).or_insert(next);
        self.sides.insert((upright, bits(cut.high)), seam);
        self.count = next + 1;
    }

    /// Gives each side of each seam the positions of the other.
    pub(super) fn close(&self, parts: &mut [Polygon]) {
        if self.count == 0 {
            return;
        }
        let mut ends: Vec<Vec<f64>> = vec![Vec::new(); self.count];
        for at in parts.iter().flatten().flatten() {
            for (upright, place, along) in [(true, at.x, at.y), (false, at.y, at.x)] {
                if let Some(ends) = self
                    .seam(upright, place)
                    .and_then(|seam| ends.get_mut(seam))
                {
                    ends.push(along);
                }
            }
        }
        for ends in &mut ends {
            ends.sort_by(f64::total_cmp);
            ends.dedup();
        }
        for ring in parts.iter_mut().flatten() {
            let mut closed = Vec::with_capacity(ring.len());
            for pair in ring.windows(2) {
                if let [from, to] = *pair {
                    closed.push(from);
                    self.passed(from, to, &ends, &mut closed);
                }
            }
            closed.extend(ring.last());
            *ring = closed;
        }
    }

    /// The positions between the ends of an edge, if it lies along a seam.
    fn passed(
        &self,
        from: Coord<f64>,
        to: Coord<f64>,
        ends: &[Vec<f64>],
        into: &mut Vec<Coord<f64>>,
    ) {
        let upright = bits(from.x) == bits(to.x);
        let (place, start, end) = if upright {
            (from.x, from.y, to.y)
        } else if bits(from.y) == bits(to.y) {
            (from.y, from.x, to.x)
        } else {
            return;
        };
        let Some(ends) = self.seam(upright, place).and_then(|seam| ends.get(seam)) else {
            return;
        };
        let (least, most) = (start.min(end), start.max(end));
        let first = ends.partition_point(|along| *along <= least);
        let behind = ends.partition_point(|along| *along < most);
        let between = ends.get(first..behind.max(first)).unwrap_or_default();
        let position = |along: &f64| match upright {
            true => Coord {
                x: place,
                y: *along,
            },
            false => Coord {
                x: *along,
                y: place,
            },
        };
        if start < end {
            into.extend(between.iter().map(position));
        } else {
            into.extend(between.iter().rev().map(position));
        }
    }

    fn seam(&self, upright: bool, place: f64) -> Option<usize> {
        self.sides.get(&(upright, bits(place))).copied()
    }
}

/// One number for both zeros.
fn bits(place: f64) -> u64 {
    (place + 0.0).to_bits()
}
