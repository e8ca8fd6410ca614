//! Geometry as separated coordinates, the encodings that GeoParquet 1.1 takes from GeoArrow.

use std::sync::Arc;

use arcgis_layer::GeometryType;
use arrow_array::{Array, ArrayRef, BinaryArray, Float64Array, ListArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};

use crate::geometry_summary::WkbType;
use crate::wkb::GeometryError;

/// The encodings that a layer's geometry can take, one for each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NativeEncoding {
    Point,
    MultiPoint,
    MultiLineString,
    MultiPolygon,
}

/// Why a column of WKB does not become one of coordinates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NativeError {
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

impl NativeEncoding {
    pub(crate) fn of(kind: GeometryType) -> Option<Self> {
        Some(match kind {
            GeometryType::Point => Self::Point,
            GeometryType::Multipoint => Self::MultiPoint,
            GeometryType::Polyline => Self::MultiLineString,
            GeometryType::Polygon | GeometryType::Envelope => Self::MultiPolygon,
            _ => return None,
        })
    }

    /// GeoParquet's name; GeoArrow's behind `geoarrow.`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::MultiPoint => "multipoint",
            Self::MultiLineString => "multilinestring",
            Self::MultiPolygon => "multipolygon",
        }
    }

    /// The one type that its geometries have.
    pub(crate) fn wkb_type(self) -> WkbType {
        match self {
            Self::Point => WkbType::Point,
            Self::MultiPoint => WkbType::MultiPoint,
            Self::MultiLineString => WkbType::MultiLineString,
            Self::MultiPolygon => WkbType::MultiPolygon,
        }
    }

    /// The names of the lists around coordinates, from the outermost, as GeoArrow has them.
    fn lists(self) -> &'static [&'static str] {
        match self {
            Self::Point => &[],
            Self::MultiPoint => &["points"],
            Self::MultiLineString => &["linestrings", "vertices"],
            Self::MultiPolygon => &["polygons", "rings", "vertices"],
        }
    }

    pub(crate) fn data_type(self, has_z: bool) -> DataType {
        let coordinates = DataType::Struct(axes(has_z));
        self.lists().iter().rev().fold(coordinates, |inside, name| {
            DataType::List(Arc::new(Field::new(*name, inside, false)))
        })
    }

    /// The geometries of a column of WKB.
    pub(crate) fn column(self, wkb: &BinaryArray, has_z: bool) -> Result<ArrayRef, NativeError> {
        let mut column = Column::new(self, has_z, wkb.len());
        for geometry in wkb {
            let mut rest = geometry.unwrap_or_default();
            match geometry {
                Some(_) => column.geometry(&mut rest)?,
                None => column.null(),
            }
            column.end_row()?;
        }
        Ok(column.finish(wkb.nulls().cloned())?)
    }
}

fn axes(has_z: bool) -> Fields {
    let names: &[&str] = if has_z { &["x", "y", "z"] } else { &["x", "y"] };
    let axis = |name: &&str| Field::new(*name, DataType::Float64, false);
    names.iter().map(axis).collect()
}

/// Coordinates, and where each list ends.
struct Column {
    encoding: NativeEncoding,
    axes: Vec<Vec<f64>>,
    /// From the outermost.
    ends: Vec<Vec<i32>>,
}

impl Column {
    fn new(encoding: NativeEncoding, has_z: bool, rows: usize) -> Self {
        let list = || {
            let mut ends = Vec::with_capacity(rows + 1);
            ends.push(0);
            ends
        };
        Self {
            encoding,
            axes: vec![Vec::with_capacity(rows); axes(has_z).len()],
            ends: encoding.lists().iter().map(|_| list()).collect(),
        }
    }

    fn refuse(&self) -> GeometryError {
        GeometryError::Encoding {
            encoding: self.encoding.name(),
        }
    }

    /// A row without geometry has no lists; a point has coordinates all the same, which count for nothing.
    fn null(&mut self) {
        if self.encoding == NativeEncoding::Point {
            for axis in &mut self.axes {
                axis.push(0.0);
            }
        }
    }

    fn geometry(&mut self, wkb: &mut &[u8]) -> Result<(), GeometryError> {
        let (kind, size) = self.head(wkb)?;
        let (single, many) = match self.encoding {
            NativeEncoding::Point if kind == WkbType::Point as u32 => {
                return self.positions(wkb, 1, size);
            }
            NativeEncoding::Point => return Err(self.refuse()),
            NativeEncoding::MultiPoint => (WkbType::Point, WkbType::MultiPoint),
            NativeEncoding::MultiLineString => (WkbType::LineString, WkbType::MultiLineString),
            NativeEncoding::MultiPolygon => (WkbType::Polygon, WkbType::MultiPolygon),
        };
        if kind == single as u32 {
            // A line or polygon without positions has no part either.
            if many != WkbType::MultiPoint && wkb.iter().all(|byte| *byte == 0) {
                *wkb = &[];
                return Ok(());
            }
            return self.part(wkb, size);
        }
        if kind != many as u32 {
            return Err(self.refuse());
        }
        for _ in 0..number(wkb)? {
            let (kind, size) = self.head(wkb)?;
            if kind != single as u32 {
                return Err(self.refuse());
            }
            self.part(wkb, size)?;
        }
        Ok(())
    }

    /// One point, line or polygon, behind its header.
    fn part(&mut self, wkb: &mut &[u8], size: usize) -> Result<(), GeometryError> {
        match self.encoding {
            NativeEncoding::Point | NativeEncoding::MultiPoint => self.positions(wkb, 1, size),
            NativeEncoding::MultiLineString => {
                let positions = number(wkb)?;
                self.positions(wkb, positions, size)?;
                self.end(1)
            }
            NativeEncoding::MultiPolygon => {
                for _ in 0..number(wkb)? {
                    let positions = number(wkb)?;
                    self.positions(wkb, positions, size)?;
                    self.end(2)?;
                }
                self.end(1)
            }
        }
    }

    /// The type, and how many numbers a position has.
    fn head(&self, wkb: &mut &[u8]) -> Result<(u32, usize), GeometryError> {
        let [1, code @ ..] = *take::<5>(wkb)? else {
            return Err(GeometryError::Parts);
        };
        let code = u32::from_le_bytes(code);
        match (code / 1000, self.axes.len()) {
            (0, _) => Ok((code % 1000, 2)),
            (1, 3) => Ok((code % 1000, 3)),
            // A z that the layer does not declare, or an m.
            _ => Err(self.refuse()),
        }
    }

    fn positions(&mut self, wkb: &mut &[u8], count: u32, size: usize) -> Result<(), GeometryError> {
        for _ in 0..count {
            for axis in 0..self.axes.len() {
                let number = if axis < size {
                    f64::from_le_bytes(*take(wkb)?)
                } else {
                    f64::NAN
                };
                if let Some(axis) = self.axes.get_mut(axis) {
                    axis.push(number);
                }
            }
        }
        Ok(())
    }

    /// Ends an element of a list that is so deep inside.
    fn end(&mut self, depth: usize) -> Result<(), GeometryError> {
        let inside = match self.ends.get(depth + 1) {
            Some(inside) => inside.len() - 1,
            None => self.axes.first().map_or(0, Vec::len),
        };
        let end = i32::try_from(inside).map_err(|_| GeometryError::PageTooLarge)?;
        if let Some(ends) = self.ends.get_mut(depth) {
            ends.push(end);
        }
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), GeometryError> {
        self.end(0)
    }

    fn finish(self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let has_z = self.axes.len() == 3;
        let axes_of = self
            .axes
            .into_iter()
            .map(|axis| Arc::new(Float64Array::from(axis)) as ArrayRef)
            .collect();
        let is_point = self.ends.is_empty();
        let of_points = nulls.clone().filter(|_| is_point);
        let mut column: ArrayRef = Arc::new(StructArray::try_new(axes(has_z), axes_of, of_points)?);
        let lists = self.encoding.lists();
        for (depth, (name, ends)) in lists.iter().zip(self.ends).enumerate().rev() {
            let field: FieldRef = Arc::new(Field::new(*name, column.data_type().clone(), false));
            let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
            let of_rows = nulls.clone().filter(|_| depth == 0);
            column = Arc::new(ListArray::try_new(field, offsets, column, of_rows)?);
        }
        Ok(column)
    }
}

fn take<'a, const N: usize>(wkb: &mut &'a [u8]) -> Result<&'a [u8; N], GeometryError> {
    let (head, rest) = wkb.split_first_chunk().ok_or(GeometryError::Parts)?;
    *wkb = rest;
    Ok(head)
}

fn number(wkb: &mut &[u8]) -> Result<u32, GeometryError> {
    Ok(u32::from_le_bytes(*take(wkb)?))
}
