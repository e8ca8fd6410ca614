//! Geometry as it passes from decoder to sink: borrowed, flat, finished.

use std::fmt;

/// The kind of geometry that a layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GeometryType {
    /// One position.
    Point,
    /// Several positions.
    Multipoint,
    /// Paths.
    Polyline,
    /// Rings.
    Polygon,
    /// A rectangle.
    Envelope,
    /// Surfaces in three dimensions; not decoded.
    Multipatch,
}

impl GeometryType {
    /// Reads `esriGeometryPolygon` and the like; `None` for what is not known.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "esrigeometrypoint" => Self::Point,
            "esrigeometrymultipoint" => Self::Multipoint,
            "esrigeometrypolyline" | "esrigeometryline" => Self::Polyline,
            "esrigeometrypolygon" => Self::Polygon,
            "esrigeometryenvelope" => Self::Envelope,
            "esrigeometrymultipatch" => Self::Multipatch,
            _ => return None,
        })
    }

    /// Esri's name, such as `esriGeometryPolygon`.
    #[must_use]
    pub fn esri_name(self) -> &'static str {
        match self {
            Self::Point => "esriGeometryPoint",
            Self::Multipoint => "esriGeometryMultipoint",
            Self::Polyline => "esriGeometryPolyline",
            Self::Polygon => "esriGeometryPolygon",
            Self::Envelope => "esriGeometryEnvelope",
            Self::Multipatch => "esriGeometryMultiPatch",
        }
    }
}

impl fmt::Display for GeometryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.esri_name().trim_start_matches("esriGeometry"))
    }
}

/// Which ordinates a position has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dimensions {
    /// x, y
    #[default]
    Xy,
    /// x, y, z
    Xyz,
    /// x, y, m
    Xym,
    /// x, y, z, m
    Xyzm,
}

impl Dimensions {
    /// The dimensions with or without z and m.
    #[must_use]
    pub fn new(has_z: bool, has_m: bool) -> Self {
        match (has_z, has_m) {
            (false, false) => Self::Xy,
            (true, false) => Self::Xyz,
            (false, true) => Self::Xym,
            (true, true) => Self::Xyzm,
        }
    }

    /// How many numbers a position takes.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Xy => 2,
            Self::Xyz | Self::Xym => 3,
            Self::Xyzm => 4,
        }
    }

    /// Whether there is a z, as the third number.
    #[must_use]
    pub fn has_z(self) -> bool {
        matches!(self, Self::Xyz | Self::Xyzm)
    }

    /// Whether there is an m, as the last number.
    #[must_use]
    pub fn has_m(self) -> bool {
        matches!(self, Self::Xym | Self::Xyzm)
    }
}

/// One finished geometry, in buffers that the decoder reuses for the next.
///
/// | kind | coordinates | `ring_ends` | `part_ends` |
/// |---|---|---|---|
/// | point | one position, none if empty | empty | empty |
/// | multipoint | the positions | empty | empty |
/// | polyline | all paths | where each path ends, in positions | empty |
/// | polygon | all rings | where each ring ends, in positions | where each polygon ends, in rings |
///
/// The rings of a polygon are closed and assigned: each part is a shell, counter-clockwise, and then
/// its holes, clockwise. A missing z or m is NaN. No coordinates at all is an empty geometry; a null
/// geometry is not passed to a sink.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeometryRef<'a> {
    /// Point, multipoint, polyline or polygon.
    pub kind: GeometryType,
    /// What each position holds.
    pub dims: Dimensions,
    /// The positions, their numbers one after another.
    pub coords: &'a [f64],
    /// Where each path or ring ends, in positions.
    pub ring_ends: &'a [usize],
    /// Where each polygon ends, in rings.
    pub part_ends: &'a [usize],
}

impl GeometryRef<'_> {
    /// Whether there is no position.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.coords.is_empty()
    }

    /// How many positions there are.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.coords.len() / self.dims.size()
    }
}

/// The least rectangle around some positions, in x and y.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bbox {
    /// Least x.
    pub xmin: f64,
    /// Least y.
    pub ymin: f64,
    /// Greatest x.
    pub xmax: f64,
    /// Greatest y.
    pub ymax: f64,
}

impl Bbox {
    /// The rectangle around nothing.
    pub const EMPTY: Self = Self {
        xmin: f64::INFINITY,
        ymin: f64::INFINITY,
        xmax: f64::NEG_INFINITY,
        ymax: f64::NEG_INFINITY,
    };

    /// The rectangle around positions, their numbers one after another; NaN widens nothing.
    #[must_use]
    pub fn around(coords: &[f64], dims: Dimensions) -> Self {
        let mut bbox = Self::EMPTY;
        // Of each size a loop of its own, in which the compiler knows where the numbers are.
        match dims.size() {
            2 => bbox.add_all::<2>(coords),
            3 => bbox.add_all::<3>(coords),
            _ => bbox.add_all::<4>(coords),
        }
        bbox
    }

    #[inline]
    fn add_all<const SIZE: usize>(&mut self, coords: &[f64]) {
        let (mut least, mut greatest) = ([self.xmin, self.ymin], [self.xmax, self.ymax]);
        let mut rest = coords;
        if SIZE == 2 && coords.len() >= 16 {
            // Four positions side by side, so that none waits for the one before.
            let (mut lows, mut highs) = ([f64::INFINITY; 8], [f64::NEG_INFINITY; 8]);
            let fours = coords.chunks_exact(8);
            rest = fours.remainder();
            for four in fours {
                for ((low, high), &number) in lows.iter_mut().zip(&mut highs).zip(four) {
                    *low = if number < *low { number } else { *low };
                    *high = if number > *high { number } else { *high };
                }
            }
            for (low, high) in lows.chunks_exact(2).zip(highs.chunks_exact(2)) {
                for ((least, &low), (greatest, &high)) in
                    least.iter_mut().zip(low).zip(greatest.iter_mut().zip(high))
                {
                    *least = if low < *least { low } else { *least };
                    *greatest = if high > *greatest { high } else { *greatest };
                }
            }
        }
        for position in rest.chunks_exact(SIZE) {
            let &[x, y, ..] = position else { continue };
            // Comparisons are false of NaN, and one instruction.
            least[0] = if x < least[0] { x } else { least[0] };
            least[1] = if y < least[1] { y } else { least[1] };
            greatest[0] = if x > greatest[0] { x } else { greatest[0] };
            greatest[1] = if y > greatest[1] { y } else { greatest[1] };
        }
        [self.xmin, self.ymin] = least;
        [self.xmax, self.ymax] = greatest;
    }

    /// Whether it is around nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !(self.xmin <= self.xmax && self.ymin <= self.ymax)
    }

    /// Widens the rectangle to a position; NaN widens nothing.
    pub fn add(&mut self, x: f64, y: f64) {
        self.xmin = self.xmin.min(x);
        self.ymin = self.ymin.min(y);
        self.xmax = self.xmax.max(x);
        self.ymax = self.ymax.max(y);
    }

    /// Widens the rectangle to another.
    pub fn merge(&mut self, other: &Self) {
        self.xmin = self.xmin.min(other.xmin);
        self.ymin = self.ymin.min(other.ymin);
        self.xmax = self.xmax.max(other.xmax);
        self.ymax = self.ymax.max(other.ymax);
    }
}
