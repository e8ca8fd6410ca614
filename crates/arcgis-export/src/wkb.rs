//! Geometry as ISO WKB, with everything that a GeoParquet footer wants to know, in one pass.

use std::sync::Arc;

use arcgis_layer::{Bbox, Dimensions, GeometryRef, GeometryType, SinkError};
use arrow_array::types::BinaryType;
use arrow_array::{ArrayRef, Float64Array, StructArray};
use arrow_buffer::{ScalarBuffer, ToByteSlice};
use arrow_schema::ArrowError;

use crate::block::{Block, Growing, Pieces};
use crate::bytes_builder::BytesBuilder;
use crate::column_options::ColumnOptions;
use crate::columns::MAX_OFFSET;
use crate::geometry_summary::{Mending, RowGeometry, WkbType};
use crate::geoparquet::covering;
use crate::nulls::Nulls;

/// Why a geometry cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// The ends of its rings or parts contradict its positions.
    #[error("the parts of the geometry do not fit its positions")]
    Parts,
    /// A kind that has no form in WKB here.
    #[error("a {0} has no form in WKB")]
    Kind(GeometryType),
    /// The geometries, or the texts, of one page take more than 2 GiB.
    #[error("the page holds more than 2 GiB in one column; ask for smaller pages")]
    PageTooLarge,
    /// It does not go into a column of one type: write the geometry as WKB.
    #[error(
        "a geometry that does not go into a column of the encoding {encoding}: write it as WKB"
    )]
    Encoding {
        /// GeoParquet's name of the encoding.
        encoding: &'static str,
    },
}

impl From<GeometryError> for SinkError {
    fn from(error: GeometryError) -> Self {
        Self::Other(Box::new(error))
    }
}

/// Geometries one after another in one buffer, and the bounding box of each.
#[derive(Debug)]
pub(crate) struct WkbBuilder {
    geometries: BytesBuilder,
    covering: [Vec<f64>; 4],
    uncovered: Nulls,
    rows: Vec<RowGeometry>,
    keep_m: bool,
    #[cfg(feature = "repair")]
    repair: Option<crate::repair::Repair>,
}

impl WkbBuilder {
    pub(crate) fn new(options: &ColumnOptions) -> Self {
        Self {
            geometries: BytesBuilder::new(32),
            covering: Default::default(),
            uncovered: Nulls::default(),
            rows: Vec::new(),
            keep_m: options.m,
            #[cfg(feature = "repair")]
            repair: options.repair.then(crate::repair::Repair::default),
        }
    }

    pub(crate) fn append_null(&mut self) {
        self.geometries.append_null();
        self.end(RowGeometry::NULL, &Bbox::EMPTY);
    }

    /// # Errors
    ///
    /// [`GeometryError`]; the builder is then of no further use.
    pub(crate) fn append(&mut self, geometry: &GeometryRef<'_>) -> Result<(), GeometryError> {
        #[cfg(feature = "repair")]
        if let Some(mut repair) = self.repair.take() {
            let written = match repair.mend(geometry) {
                Some(mended) => self.write(&mended, Mending::Mended),
                None => {
                    let mending = match repair.is_tangle() {
                        true => Mending::Tangle,
                        false => Mending::None,
                    };
                    self.write(geometry, mending)
                }
            };
            self.repair = Some(repair);
            return written;
        }
        self.write(geometry, Mending::None)
    }

    fn write(&mut self, geometry: &GeometryRef<'_>, mending: Mending) -> Result<(), GeometryError> {
        let mut row = Row::new(geometry, self.keep_m, self.geometries.values());
        let wkb_type = row.write()?;
        let (bbox, z, dims) = (row.bbox, row.z, row.dims);
        if self.geometries.bytes() > MAX_OFFSET {
            return Err(GeometryError::PageTooLarge);
        }
        self.geometries.end();
        let row = RowGeometry {
            wkb_type: Some(wkb_type),
            dims,
            dropped_m: geometry.dims.has_m() && !dims.has_m() && !bbox.is_empty(),
            mending,
            z,
        };
        self.end(row, &bbox);
        Ok(())
    }

    fn end(&mut self, row: RowGeometry, bbox: &Bbox) {
        let covered = !bbox.is_empty();
        if !covered {
            self.uncovered.mark(self.rows.len(), self.rows.capacity());
        }
        self.rows.push(row);
        let sides = [bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax];
        for (column, side) in self.covering.iter_mut().zip(sides) {
            // Null and empty geometries have no box; infinities would spoil readers' statistics.
            // The sum makes a negative zero positive: which of the two comes out of min and max is
            // not defined.
            column.push(if covered { side + 0.0 } else { 0.0 });
        }
    }

    /// The geometries and their bounding boxes, of the copies of its pieces.
    pub(crate) fn taken(
        &self,
        block: &mut Block,
        into: &mut Vec<ArrayRef>,
    ) -> Result<(), ArrowError> {
        let geometries = self.geometries.taken::<BinaryType>(block)?;
        let sides = self.covering.iter().map(|side| -> ArrayRef {
            let side = block.take(side.to_byte_slice().len());
            Arc::new(Float64Array::new(ScalarBuffer::from(side), None))
        });
        let sides = sides.collect();
        let covered = self.uncovered.taken(self.rows.len(), block);
        let covering = StructArray::try_new(covering::fields(), sides, covered)?;
        into.extend([Arc::new(geometries) as ArrayRef, Arc::new(covering)]);
        Ok(())
    }

    /// What else is to be known of each geometry.
    pub(crate) fn rows(&self) -> &[RowGeometry] {
        &self.rows
    }
}

impl Growing for WkbBuilder {
    fn reserve(&mut self, rows: usize) {
        self.geometries.reserve(rows);
        self.rows.reserve(rows);
        for side in &mut self.covering {
            side.reserve(rows);
        }
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn seal(&mut self) {
        self.geometries.seal();
        self.uncovered.seal(self.rows.len());
    }

    fn pieces<'a>(&'a self, pieces: &mut Pieces<'a>) {
        self.geometries.pieces(pieces);
        for side in &self.covering {
            pieces.add(side.to_byte_slice());
        }
        self.uncovered.pieces(pieces);
    }

    fn clear(&mut self) {
        self.geometries.clear();
        self.rows.clear();
        self.uncovered.clear();
        for side in &mut self.covering {
            side.clear();
        }
    }

    fn capacity(&self) -> usize {
        let sides: usize = self.covering.iter().map(Vec::capacity).sum();
        let rows = self.rows.capacity() * size_of::<RowGeometry>();
        self.geometries.capacity() + sides * 8 + rows + self.uncovered.capacity()
    }
}

/// One geometry on its way into the buffer.
struct Row<'a> {
    geometry: &'a GeometryRef<'a>,
    out: &'a mut Vec<u8>,
    stride: usize,
    /// What is written.
    dims: Dimensions,
    bbox: Bbox,
    z: (f64, f64),
}

impl<'a> Row<'a> {
    fn new(geometry: &'a GeometryRef<'a>, keep_m: bool, out: &'a mut Vec<u8>) -> Self {
        let dims = geometry.dims;
        Self {
            geometry,
            out,
            stride: dims.size(),
            dims: Dimensions::new(dims.has_z(), dims.has_m() && keep_m),
            bbox: Bbox::EMPTY,
            z: (f64::INFINITY, f64::NEG_INFINITY),
        }
    }

    fn write(&mut self) -> Result<WkbType, GeometryError> {
        let geometry = self.geometry;
        if !geometry.coords.len().is_multiple_of(self.stride) {
            return Err(GeometryError::Parts);
        }
        if let (GeometryType::Point, Dimensions::Xy, &[x, y]) =
            (geometry.kind, self.dims, geometry.coords)
        {
            let mut point = *b"\x01\x01\0\0\0xxxxxxxxyyyyyyyy";
            point[5..13].copy_from_slice(&x.to_le_bytes());
            point[13..].copy_from_slice(&y.to_le_bytes());
            self.out.extend_from_slice(&point);
            self.bbox.add(x, y);
            return Ok(WkbType::Point);
        }
        let positions = geometry.positions();
        // WKB, and a factor for the headers of one-position parts.
        self.out.reserve(geometry.coords.len() * 8 + 32);
        match geometry.kind {
            GeometryType::Point => {
                if positions > 1 {
                    return Err(GeometryError::Parts);
                }
                self.point(0)?;
                Ok(WkbType::Point)
            }
            GeometryType::Multipoint => {
                self.header(WkbType::MultiPoint);
                self.count(positions)?;
                for position in 0..positions {
                    self.point(position)?;
                }
                Ok(WkbType::MultiPoint)
            }
            GeometryType::Polyline => {
                check(geometry.ring_ends, positions)?;
                match geometry.ring_ends {
                    [] | [_] => {
                        self.line(0, positions)?;
                        Ok(WkbType::LineString)
                    }
                    paths => {
                        self.header(WkbType::MultiLineString);
                        self.count(paths.len())?;
                        let mut start = 0;
                        for &end in paths {
                            self.line(start, end)?;
                            start = end;
                        }
                        Ok(WkbType::MultiLineString)
                    }
                }
            }
            GeometryType::Polygon => {
                check(geometry.ring_ends, positions)?;
                check(geometry.part_ends, geometry.ring_ends.len())?;
                match geometry.part_ends {
                    [] | [_] => {
                        self.polygon(0, geometry.ring_ends.len())?;
                        Ok(WkbType::Polygon)
                    }
                    parts => {
                        self.header(WkbType::MultiPolygon);
                        self.count(parts.len())?;
                        let mut start = 0;
                        for &end in parts {
                            self.polygon(start, end)?;
                            start = end;
                        }
                        Ok(WkbType::MultiPolygon)
                    }
                }
            }
            kind => Err(GeometryError::Kind(kind)),
        }
    }

    /// Byte order and type. ISO adds 1000 for z and 2000 for m, where EWKB sets bits.
    fn header(&mut self, wkb_type: WkbType) {
        let dims = match self.dims {
            Dimensions::Xy => 0,
            Dimensions::Xyz => 1000,
            Dimensions::Xym => 2000,
            Dimensions::Xyzm => 3000,
        };
        let code = wkb_type as u32 + dims;
        self.out.push(1);
        self.out.extend_from_slice(&code.to_le_bytes());
    }

    fn count(&mut self, count: usize) -> Result<(), GeometryError> {
        let count = u32::try_from(count).map_err(|_| GeometryError::PageTooLarge)?;
        self.out.extend_from_slice(&count.to_le_bytes());
        Ok(())
    }

    /// A position that is not there is an empty point, which WKB writes as NaN.
    fn point(&mut self, position: usize) -> Result<(), GeometryError> {
        self.header(WkbType::Point);
        if self.geometry.is_empty() {
            for _ in 0..self.dims.size() {
                self.out.extend_from_slice(&f64::NAN.to_le_bytes());
            }
            return Ok(());
        }
        self.positions(position, position + 1)
    }

    fn line(&mut self, start: usize, end: usize) -> Result<(), GeometryError> {
        self.header(WkbType::LineString);
        self.count(end - start)?;
        self.positions(start, end)
    }

    fn polygon(&mut self, first: usize, last: usize) -> Result<(), GeometryError> {
        self.header(WkbType::Polygon);
        self.count(last - first)?;
        let mut start = match first.checked_sub(1) {
            Some(before) => self.ring_end(before)?,
            None => 0,
        };
        for ring in first..last {
            let end = self.ring_end(ring)?;
            self.count(end - start)?;
            self.positions(start, end)?;
            start = end;
        }
        Ok(())
    }

    fn ring_end(&self, ring: usize) -> Result<usize, GeometryError> {
        self.geometry
            .ring_ends
            .get(ring)
            .copied()
            .ok_or(GeometryError::Parts)
    }

    /// Writes positions, without their m where that has no place, and widens the bounds to them.
    fn positions(&mut self, start: usize, end: usize) -> Result<(), GeometryError> {
        let numbers = self
            .geometry
            .coords
            .get(start * self.stride..end * self.stride)
            .ok_or(GeometryError::Parts)?;
        self.bbox.merge(&Bbox::around(numbers, self.geometry.dims));
        if self.dims.has_z() {
            for position in numbers.chunks_exact(self.stride) {
                if let [_, _, z, ..] = position {
                    self.z = (self.z.0.min(*z), self.z.1.max(*z));
                }
            }
        }
        if cfg!(target_endian = "little") && self.dims == self.geometry.dims {
            // As they lie in memory.
            self.out.extend_from_slice(numbers.to_byte_slice());
            return Ok(());
        }
        for position in numbers.chunks_exact(self.stride) {
            // Only m is ever left out, and it is last.
            for number in position.iter().take(self.dims.size()) {
                self.out.extend_from_slice(&number.to_le_bytes());
            }
        }
        Ok(())
    }
}

/// Ends ascend and the last one is that of the whole; no ends at all go with nothing.
fn check(ends: &[usize], whole: usize) -> Result<(), GeometryError> {
    let ascending = ends
        .iter()
        .zip(ends.iter().skip(1))
        .all(|(end, next)| end <= next);
    if ascending && ends.last().copied().unwrap_or(0) == whole {
        Ok(())
    } else {
        Err(GeometryError::Parts)
    }
}
