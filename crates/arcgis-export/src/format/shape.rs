//! Geometry read back from WKB, for formats that write it in another way.

use arrow_schema::ArrowError;

use crate::geometry_summary::WkbType;

/// A geometry: positions, the ends of lines or rings in them, and the ends of polygons in those.
/// Reused from row to row.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) kind: WkbType,
    pub(crate) has_z: bool,
    pub(crate) has_m: bool,
    pub(crate) xy: Vec<[f64; 2]>,
    pub(crate) z: Vec<f64>,
    pub(crate) m: Vec<f64>,
    /// Where lines and rings end, in positions.
    pub(crate) ends: Vec<usize>,
    /// Where polygons end, in rings.
    pub(crate) parts: Vec<usize>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            kind: WkbType::Point,
            has_z: false,
            has_m: false,
            xy: Vec::new(),
            z: Vec::new(),
            m: Vec::new(),
            ends: Vec::new(),
            parts: Vec::new(),
        }
    }
}

impl Shape {
    /// Whether it has no position.
    pub(crate) fn is_empty(&self) -> bool {
        self.xy.is_empty()
    }

    /// A coordinate that is no number, or none that has digits.
    pub(crate) fn not_finite(&self) -> Option<f64> {
        let mut numbers = self.xy.iter().flatten().chain(&self.z);
        numbers.find(|number| !number.is_finite()).copied()
    }

    /// Around all positions.
    pub(crate) fn bounds(&self) -> Option<Bounds> {
        let mut bounds = Bounds::NONE;
        for [x, y] in &self.xy {
            bounds.add(*x, *y);
        }
        (bounds.xmin <= bounds.xmax && bounds.ymin <= bounds.ymax).then_some(bounds)
    }

    /// The lines, or the rings, by their positions.
    pub(crate) fn lines(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        ranges(&self.ends)
    }

    /// The polygons, by their rings.
    pub(crate) fn polygons(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        ranges(&self.parts)
    }

    /// A ring, by its positions.
    pub(crate) fn ring(&self, ring: usize) -> std::ops::Range<usize> {
        let start = ring.checked_sub(1).and_then(|before| self.ends.get(before));
        let end = self.ends.get(ring).copied().unwrap_or(0);
        start.copied().unwrap_or(0)..end
    }

    /// Reads a geometry in ISO WKB.
    ///
    /// # Errors
    ///
    /// Anything else.
    pub(crate) fn read(&mut self, wkb: &[u8]) -> Result<(), ArrowError> {
        self.read_or_none(wkb)
            .ok_or_else(|| ArrowError::ParseError("a geometry is not in WKB".to_owned()))
    }

    fn read_or_none(&mut self, mut wkb: &[u8]) -> Option<()> {
        self.xy.clear();
        self.z.clear();
        self.m.clear();
        self.ends.clear();
        self.parts.clear();
        let bytes = &mut wkb;
        let (kind, has_z, has_m) = header(bytes)?;
        (self.kind, self.has_z, self.has_m) = (kind, has_z, has_m);
        match kind {
            WkbType::Point => self.point(bytes)?,
            WkbType::LineString => self.line(bytes)?,
            WkbType::Polygon => self.polygon(bytes)?,
            WkbType::MultiPoint | WkbType::MultiLineString | WkbType::MultiPolygon => {
                for _ in 0..number(bytes)? {
                    // Each with a header of its own.
                    let (part, ..) = header(bytes)?;
                    match (kind, part) {
                        (WkbType::MultiPoint, WkbType::Point) => self.point(bytes)?,
                        (WkbType::MultiLineString, WkbType::LineString) => self.line(bytes)?,
                        (WkbType::MultiPolygon, WkbType::Polygon) => self.polygon(bytes)?,
                        _ => return None,
                    }
                }
            }
        }
        bytes.is_empty().then_some(())
    }

    /// An empty point is one of NaN.
    fn point(&mut self, bytes: &mut &[u8]) -> Option<()> {
        self.position(bytes)?;
        if self
            .xy
            .last()
            .is_some_and(|[x, y]| x.is_nan() && y.is_nan())
        {
            self.xy.pop();
            self.z.pop();
            self.m.pop();
        }
        Some(())
    }

    fn position(&mut self, bytes: &mut &[u8]) -> Option<()> {
        let (x, y) = (float(bytes)?, float(bytes)?);
        self.xy.push([x, y]);
        if self.has_z {
            self.z.push(float(bytes)?);
        }
        if self.has_m {
            self.m.push(float(bytes)?);
        }
        Some(())
    }

    fn line(&mut self, bytes: &mut &[u8]) -> Option<()> {
        for _ in 0..number(bytes)? {
            self.position(bytes)?;
        }
        self.ends.push(self.xy.len());
        Some(())
    }

    fn polygon(&mut self, bytes: &mut &[u8]) -> Option<()> {
        for _ in 0..number(bytes)? {
            self.line(bytes)?;
        }
        self.parts.push(self.ends.len());
        Some(())
    }
}

fn ranges(ends: &[usize]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut start = 0;
    ends.iter().map(move |end| {
        let range = start..*end;
        start = *end;
        range
    })
}

/// The type, and whether positions have z and m. Only little-endian is written here.
fn header(bytes: &mut &[u8]) -> Option<(WkbType, bool, bool)> {
    let (order, rest) = bytes.split_first()?;
    *bytes = rest;
    if *order != 1 {
        return None;
    }
    let code = number(bytes)?;
    let kind = match code % 1000 {
        1 => WkbType::Point,
        2 => WkbType::LineString,
        3 => WkbType::Polygon,
        4 => WkbType::MultiPoint,
        5 => WkbType::MultiLineString,
        6 => WkbType::MultiPolygon,
        _ => return None,
    };
    match code / 1000 {
        0 => Some((kind, false, false)),
        1 => Some((kind, true, false)),
        2 => Some((kind, false, true)),
        3 => Some((kind, true, true)),
        _ => None,
    }
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

fn float(bytes: &mut &[u8]) -> Option<f64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(f64::from_le_bytes(*number))
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) xmin: f64,
    pub(crate) ymin: f64,
    pub(crate) xmax: f64,
    pub(crate) ymax: f64,
}

impl Bounds {
    /// Around nothing.
    pub(crate) const NONE: Self = Self {
        xmin: f64::INFINITY,
        ymin: f64::INFINITY,
        xmax: f64::NEG_INFINITY,
        ymax: f64::NEG_INFINITY,
    };

    pub(crate) fn add(&mut self, x: f64, y: f64) {
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
}
