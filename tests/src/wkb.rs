//! A reader of ISO WKB, written from the standard (OGC 06-103r4, 8.2; ISO/IEC 13249-3, 5.1.46).

/// A geometry: its shape, and how many numbers a position has.
#[derive(Debug, Clone, PartialEq)]
pub struct Wkb {
    /// 2 without z, 3 with it.
    pub dims: usize,
    /// What it is.
    pub shape: Shape,
}

/// Positions, as deep as the type nests them. Numbers are those of the file, bit for bit.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A position; `None` for the point whose numbers are all not-a-number.
    Point(Option<Vec<f64>>),
    /// Positions.
    LineString(Vec<Vec<f64>>),
    /// Rings of positions, the shell first.
    Polygon(Vec<Vec<Vec<f64>>>),
    /// Positions, of points.
    MultiPoint(Vec<Vec<f64>>),
    /// Lines of positions.
    MultiLineString(Vec<Vec<Vec<f64>>>),
    /// Polygons of rings of positions.
    MultiPolygon(Vec<Vec<Vec<Vec<f64>>>>),
}

impl Wkb {
    /// Reads a geometry, to the last byte.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut reader = Reader(bytes);
        let geometry = reader.geometry();
        assert!(reader.0.is_empty(), "bytes behind the geometry");
        geometry
    }

    /// All positions, in order.
    #[must_use]
    pub fn positions(&self) -> Vec<&[f64]> {
        match &self.shape {
            Shape::Point(position) => position.iter().map(Vec::as_slice).collect(),
            Shape::LineString(line) | Shape::MultiPoint(line) => {
                line.iter().map(Vec::as_slice).collect()
            }
            Shape::Polygon(rings) | Shape::MultiLineString(rings) => {
                rings.iter().flatten().map(Vec::as_slice).collect()
            }
            Shape::MultiPolygon(polygons) => polygons
                .iter()
                .flatten()
                .flatten()
                .map(Vec::as_slice)
                .collect(),
        }
    }

    /// The polygons of a polygon or multipolygon.
    #[must_use]
    pub fn polygons(&self) -> &[Vec<Vec<Vec<f64>>>] {
        match &self.shape {
            Shape::MultiPolygon(polygons) => polygons,
            Shape::Polygon(rings) => std::slice::from_ref(rings),
            other => panic!("no polygon: {other:?}"),
        }
    }

    /// Least x and y, greatest x and y; `None` where there is no position.
    #[must_use]
    pub fn bounds(&self) -> Option<[f64; 4]> {
        self.positions().into_iter().fold(None, |bounds, position| {
            let (x, y) = (position[0], position[1]);
            let [xmin, ymin, xmax, ymax] = bounds.unwrap_or([x, y, x, y]);
            Some([xmin.min(x), ymin.min(y), xmax.max(x), ymax.max(y)])
        })
    }
}

/// Whether a closed ring runs counter-clockwise, by the sign of its area.
#[must_use]
pub fn is_counter_clockwise(ring: &[Vec<f64>]) -> bool {
    assert_eq!(ring.first(), ring.last(), "the ring is closed");
    let (x, y) = (ring[0][0], ring[0][1]);
    let double_area: f64 = ring
        .windows(2)
        .map(|edge| {
            let [a, b] = edge else { unreachable!() };
            (a[0] - x) * (b[1] - y) - (b[0] - x) * (a[1] - y)
        })
        .sum();
    double_area > 0.0
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_at(N);
        self.0 = rest;
        head.try_into().unwrap()
    }

    fn count(&mut self) -> usize {
        u32::from_le_bytes(self.take()) as usize
    }

    /// Byte order and code: the type, and how many numbers a position has.
    fn header(&mut self) -> (u32, usize) {
        assert_eq!(self.take::<1>(), [1], "little-endian");
        let code = u32::from_le_bytes(self.take());
        match code / 1000 {
            0 => (code, 2),
            1 => (code - 1000, 3),
            _ => panic!("code {code}: GeoParquet 1.1 knows no m"),
        }
    }

    fn position(&mut self, dims: usize) -> Vec<f64> {
        (0..dims).map(|_| f64::from_le_bytes(self.take())).collect()
    }

    fn line(&mut self, dims: usize) -> Vec<Vec<f64>> {
        (0..self.count()).map(|_| self.position(dims)).collect()
    }

    fn rings(&mut self, dims: usize) -> Vec<Vec<Vec<f64>>> {
        (0..self.count()).map(|_| self.line(dims)).collect()
    }

    /// The parts of a multi-geometry, each with a header of its own, which has to agree.
    fn parts<T>(&mut self, of: (u32, usize), read: impl Fn(&mut Self, usize) -> T) -> Vec<T> {
        (0..self.count())
            .map(|_| {
                assert_eq!(self.header(), of);
                read(self, of.1)
            })
            .collect()
    }

    fn geometry(&mut self) -> Wkb {
        let (kind, dims) = self.header();
        let shape = match kind {
            1 => {
                let position = self.position(dims);
                let empty = position.iter().all(|number| number.is_nan());
                Shape::Point((!empty).then_some(position))
            }
            2 => Shape::LineString(self.line(dims)),
            3 => Shape::Polygon(self.rings(dims)),
            4 => Shape::MultiPoint(self.parts((1, dims), Self::position)),
            5 => Shape::MultiLineString(self.parts((2, dims), Self::line)),
            6 => Shape::MultiPolygon(self.parts((3, dims), Self::rings)),
            other => panic!("type {other}"),
        };
        Wkb { dims, shape }
    }
}
