//! Polygons that are not valid, made valid.

mod edges;
mod overlay;

use arcgis_layer::{GeometryRef, GeometryType};
use rstar::RTree;
use rstar::primitives::GeomWithData;

use edges::{Meeting, meeting};
use overlay::{Shape, area, whole};

/// Mends polygons, in buffers that are used again.
///
/// Each ring that crosses itself becomes what lies inside an odd number of its turns; then shells are joined,
/// and holes cut out of them. The overlay works on a grid of 2^-30 of the polygon's extent, so what it gives back is
/// put on the vertices that were there before; only where edges crossed do vertices come new.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    coords: Vec<f64>,
    ring_ends: Vec<usize>,
    part_ends: Vec<usize>,
    tangle: bool,
}

/// One ring without its closing position, and whether it bounds a hole.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) positions: Vec<[f64; 2]>,
    pub(super) is_hole: bool,
}

/// A position that was there before, and its place.
type Vertex = GeomWithData<[f64; 2], usize>;

impl Repair {
    /// The polygon made valid; `None` if it is valid already, if nothing with an area would be left, and if it is
    /// [a tangle](Repair::is_tangle).
    pub(crate) fn mend(&mut self, geometry: &GeometryRef<'_>) -> Option<GeometryRef<'_>> {
        self.tangle = false;
        if geometry.kind != GeometryType::Polygon || geometry.is_empty() {
            return None;
        }
        let rings = rings(geometry)?;
        let extent = extent(&rings)?;
        let (selves, crossing) = match meeting(&rings) {
            Meeting::Crossing { selves } => (selves, true),
            Meeting::Apart if rings.len() == 1 => return None,
            Meeting::Apart => (Vec::new(), false),
            Meeting::Tangle => {
                self.tangle = true;
                return None;
            }
        };
        self.take(geometry, &whole(&rings, &selves), extent);
        // Rings that lie apart or touch may still lie wrong: a hole outside, a shell cut in two.
        if self.ring_ends.is_empty() || (!crossing && self.is_same(geometry)) {
            return None;
        }
        Some(GeometryRef {
            kind: GeometryType::Polygon,
            dims: geometry.dims,
            coords: &self.coords,
            ring_ends: &self.ring_ends,
            part_ends: &self.part_ends,
        })
    }

    /// Whether the last polygon crosses itself so often that mending it would take more time and memory than it is worth.
    pub(crate) fn is_tangle(&self) -> bool {
        self.tangle
    }

    /// Takes over what the overlay gave, on the vertices that were there before.
    fn take(&mut self, geometry: &GeometryRef<'_>, shapes: &[Shape], extent: f64) {
        self.coords.clear();
        self.ring_ends.clear();
        self.part_ends.clear();
        let near = extent * 2_f64.powi(-28);
        let stride = geometry.dims.size();
        let positions = geometry.coords.chunks_exact(stride).enumerate();
        let known = positions.filter_map(|(place, position)| {
            let [x, y, ..] = position else { return None };
            Some(Vertex::new([*x, *y], place))
        });
        let known = RTree::bulk_load(known.collect());
        for shape in shapes {
            let first = self.ring_ends.len();
            for (place, ring) in shape.iter().enumerate() {
                let start = self.coords.len();
                let mut last: Option<[f64; 2]> = None;
                for position in ring {
                    let nearest = known.nearest_neighbor(position);
                    let at = match nearest.map(|vertex| *vertex.geom()) {
                        Some([x, y]) if (x - position[0]).hypot(y - position[1]) <= near => [x, y],
                        _ => *position,
                    };
                    if last == Some(at) {
                        continue;
                    }
                    last = Some(at);
                    self.coords.extend_from_slice(&at);
                    // Heights and measures are those of the nearest vertex.
                    let rest = nearest
                        .and_then(|vertex| {
                            let from = vertex.data * stride + 2;
                            geometry.coords.get(from..from + stride - 2)
                        })
                        .unwrap_or_default();
                    self.coords.extend_from_slice(rest);
                }
                self.close(start, stride);
                // Without its shell a hole is nothing.
                if place == 0 && self.ring_ends.len() == first {
                    break;
                }
            }
            if self.ring_ends.len() > first {
                self.part_ends.push(self.ring_ends.len());
            }
        }
    }

    /// Whether nothing had to be changed: there are as many parts and rings as before, and the same area.
    fn is_same(&self, geometry: &GeometryRef<'_>) -> bool {
        let mended = GeometryRef {
            coords: &self.coords,
            ring_ends: &self.ring_ends,
            part_ends: &self.part_ends,
            ..*geometry
        };
        let counts = |geometry: &GeometryRef<'_>| {
            let rings = geometry.ring_ends.len();
            (geometry.part_ends.len(), rings)
        };
        let [before, after] = [geometry, &mended].map(|geometry| {
            let rings = rings(geometry).unwrap_or_default();
            let areas = rings.iter().map(|ring| {
                let area = area(&ring.positions).abs();
                (if ring.is_hole { -area } else { area }, area)
            });
            areas.fold((0.0, 0.0), |sum, area| (sum.0 + area.0, sum.1 + area.1))
        });
        counts(geometry) == counts(&mended) && (before.0 - after.0).abs() <= before.1 * 1e-9
    }

    /// Closes the ring that begins at a place; one of fewer than three vertices is none.
    fn close(&mut self, start: usize, stride: usize) {
        let ring = self.coords.get(start..).unwrap_or_default();
        let same = |a: &[f64], b: &[f64]| a.get(..2) == b.get(..2);
        let (mut count, first) = (ring.len() / stride, ring.get(..stride));
        let first = first.unwrap_or_default().to_vec();
        if count > 1 && same(ring.get((count - 1) * stride..).unwrap_or_default(), &first) {
            count -= 1;
        }
        if count < 3 {
            self.coords.truncate(start);
            return;
        }
        self.coords.truncate(start + count * stride);
        self.coords.extend_from_slice(&first);
        self.ring_ends.push(self.coords.len() / stride);
    }
}

/// The rings of a polygon, without positions that only repeat the one before; `None` if it contradicts itself.
fn rings(geometry: &GeometryRef<'_>) -> Option<Vec<Ring>> {
    let stride = geometry.dims.size();
    let mut rings = Vec::with_capacity(geometry.ring_ends.len());
    let mut parts = geometry.part_ends.iter().copied();
    let mut part_end = parts.next();
    let (mut start, mut is_hole) = (0, false);
    for (place, &end) in geometry.ring_ends.iter().enumerate() {
        let numbers = geometry.coords.get(start * stride..end * stride)?;
        let mut positions: Vec<[f64; 2]> = Vec::with_capacity(end - start);
        for position in numbers.chunks_exact(stride) {
            let position = [*position.first()?, *position.get(1)?];
            if positions.last() != Some(&position) {
                positions.push(position);
            }
        }
        if positions.len() > 1 && positions.first() == positions.last() {
            positions.pop();
        }
        rings.push(Ring { positions, is_hole });
        start = end;
        is_hole = true;
        if part_end == Some(place + 1) {
            part_end = parts.next();
            is_hole = false;
        }
    }
    Some(rings)
}

/// The longer side of the rectangle around all; `None` if the overlay could not reckon with it.
fn extent(rings: &[Ring]) -> Option<f64> {
    let mut sides = [
        f64::INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NEG_INFINITY,
    ];
    for [x, y] in rings.iter().flat_map(|ring| &ring.positions) {
        sides = [
            sides[0].min(*x),
            sides[1].min(*y),
            sides[2].max(*x),
            sides[3].max(*y),
        ];
    }
    let longest = (sides[2] - sides[0]).max(sides[3] - sides[1]);
    (longest.is_finite() && longest > 0.0 && longest < 1e150).then_some(longest)
}

#[cfg(test)]
mod tests;
