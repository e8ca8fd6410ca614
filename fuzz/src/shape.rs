//! One geometry as it has to be, worked out by hand, against what a sink was given.

use arcgis_layer::{Dimensions, GeometryType};

use super::recorder::Shape;

/// x, y, z, m; NaN where there is none.
pub(crate) type Position = [f64; 4];

/// What a geometry has to become.
#[derive(Debug)]
pub(crate) enum Read {
    /// Nothing.
    None,
    /// Just this: what its kind is, its positions, and where its parts end.
    Exactly {
        kind: GeometryType,
        dims: Dimensions,
        positions: Vec<Position>,
        ends: Vec<usize>,
        repaired: bool,
    },
    /// A polygon of these rings.
    Rings {
        dims: Dimensions,
        rings: Vec<Vec<Position>>,
        repaired: bool,
    },
    Unknown,
}

impl Read {
    /// What the parts of a geometry become: empty ones are left out, and paths of one position.
    pub(crate) fn of_parts(
        kind: GeometryType,
        mut parts: Vec<Vec<Position>>,
        dims: Dimensions,
        mut repaired: bool,
    ) -> Self {
        if kind == GeometryType::Polygon {
            parts.retain(|ring| !ring.is_empty());
            return Self::Rings {
                dims,
                rings: parts,
                repaired,
            };
        }
        let paths = kind == GeometryType::Polyline;
        if paths {
            repaired |= parts.iter().any(|path| path.len() == 1);
            parts.retain(|path| path.len() > 1);
        }
        let mut end = 0;
        let ends = parts.iter().map(|part| {
            end += part.len();
            end
        });
        let ends = if paths { ends.collect() } else { Vec::new() };
        Self::Exactly {
            kind,
            dims,
            positions: parts.concat(),
            ends,
            repaired,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::None | Self::Unknown => true,
            Self::Exactly { positions, .. } => positions.is_empty(),
            Self::Rings { rings, .. } => rings.iter().all(|ring| is_flat(ring)),
        }
    }

    pub(crate) fn repaired(&self) -> Option<bool> {
        match self {
            Self::None => Some(false),
            Self::Unknown => None,
            Self::Exactly { repaired, .. } => Some(*repaired),
            Self::Rings {
                repaired, rings, ..
            } => Some(*repaired || rings.iter().any(|ring| is_flat(ring))),
        }
    }

    pub(crate) fn check(&self, found: Option<&Shape>) {
        match (self, found) {
            (Self::Unknown, _) | (Self::None, None) => {}
            (
                Self::Exactly {
                    kind,
                    dims,
                    positions,
                    ends,
                    ..
                },
                Some(shape),
            ) => {
                assert_eq!((*kind, *dims), (shape.kind, shape.dims));
                let found = positions_of(shape);
                assert_eq!(keys(positions, *dims), keys(&found, *dims));
                assert_eq!(*ends, shape.ring_ends);
                let parts: &[usize] = match kind {
                    GeometryType::Polygon if !positions.is_empty() => &[1],
                    _ => &[],
                };
                assert_eq!(parts, shape.part_ends);
            }
            (Self::Rings { dims, rings, .. }, Some(shape)) => {
                assert_eq!((GeometryType::Polygon, *dims), (shape.kind, shape.dims));
                let mut wanted: Vec<_> = rings
                    .iter()
                    .filter(|ring| !is_flat(ring))
                    .map(|ring| either_way(ring, *dims))
                    .collect();
                let mut found: Vec<_> = rings_of(shape)
                    .iter()
                    .map(|ring| either_way(ring, *dims))
                    .collect();
                wanted.sort();
                found.sort();
                assert_eq!(wanted, found);
                directions_fit(shape);
            }
            (wanted, found) => panic!("{wanted:?} was expected, not {found:?}"),
        }
    }
}

fn positions_of(shape: &Shape) -> Vec<Position> {
    let size = shape.dims.size();
    let position = |numbers: &[f64]| {
        let z = if shape.dims.has_z() {
            numbers[2]
        } else {
            f64::NAN
        };
        let m = if shape.dims.has_m() {
            numbers[size - 1]
        } else {
            f64::NAN
        };
        [numbers[0], numbers[1], z, m]
    };
    shape.coords.chunks(size).map(position).collect()
}

/// The rings of a shape.
pub(crate) fn rings_of(shape: &Shape) -> Vec<Vec<Position>> {
    let positions = positions_of(shape);
    let mut from = 0;
    shape
        .ring_ends
        .iter()
        .map(|&end| positions[std::mem::replace(&mut from, end)..end].to_vec())
        .collect()
}

type Key = [u64; 4];

/// Positions by their bits, what the dimensions lack left out.
fn keys(positions: &[Position], dims: Dimensions) -> Vec<Key> {
    let key = |number: f64| {
        if number.is_nan() {
            u64::MAX
        } else {
            number.to_bits()
        }
    };
    let kept = |&[x, y, z, m]: &Position| {
        let z = if dims.has_z() { z } else { f64::NAN };
        let m = if dims.has_m() { m } else { f64::NAN };
        [x, y, z, m].map(key)
    };
    positions.iter().map(kept).collect()
}

/// A ring, closed, the same whichever way it runs.
pub(crate) fn either_way(ring: &[Position], dims: Dimensions) -> Vec<Key> {
    let mut closed = ring.to_vec();
    if let (Some(first), Some(last)) = (ring.first(), ring.last())
        && first[..2] != last[..2]
    {
        closed.push(*first);
    }
    let forth = keys(&closed, dims);
    let mut back = forth.clone();
    back.reverse();
    forth.min(back)
}

/// Whether all positions lie on one line with the first.
fn is_flat(ring: &[Position]) -> bool {
    crosses(ring).all(|cross| cross == 0.0)
}

/// Twice the area of each triangle with the first position.
fn crosses(ring: &[Position]) -> impl Iterator<Item = f64> + '_ {
    let [x0, y0] = ring.first().map_or([0.0; 2], |first| [first[0], first[1]]);
    ring.windows(2).map(move |pair| {
        let [ax, ay, bx, by] = [
            pair[0][0] - x0,
            pair[0][1] - y0,
            pair[1][0] - x0,
            pair[1][1] - y0,
        ];
        ax * by - bx * ay
    })
}

/// Shells run counter-clockwise, holes clockwise, as far as rounding tells.
pub(crate) fn directions_fit(shape: &Shape) {
    let rings = rings_of(shape);
    let mut first = 0;
    for &end in &shape.part_ends {
        assert!(end > first, "a part without rings");
        for (place, ring) in rings[first..end].iter().enumerate() {
            assert_eq!(ring[0][..2], ring[ring.len() - 1][..2], "a ring is open");
            let area: f64 = crosses(ring).sum();
            let scale: f64 = crosses(ring).map(f64::abs).sum();
            if scale.is_finite() && area.abs() > scale * 1e-9 {
                assert_eq!(area > 0.0, place == 0, "a ring runs the wrong way");
            }
        }
        first = end;
    }
    assert_eq!(first, rings.len());
}
