//! Separated coordinates as the WKB that they were made of.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, BinaryArray};
use arrow_schema::ArrowError;

use crate::geometry_summary::WkbType;

/// The geometries of a column of separated coordinates, whose kind is that of all of them.
///
/// # Errors
///
/// A column of another form.
pub(super) fn wkb(column: &ArrayRef, kind: WkbType) -> Result<BinaryArray, ArrowError> {
    let other = || ArrowError::SchemaError("the geometry is in another encoding".to_owned());
    let mut lists = Vec::new();
    let mut inside = column;
    while let Some(list) = inside.as_list_opt::<i32>() {
        lists.push(list.value_offsets());
        inside = list.values();
    }
    let axes = inside.as_struct_opt().ok_or_else(other)?;
    let axes = axes.columns().iter().map(|axis| {
        let axis = axis.as_primitive_opt::<Float64Type>()?;
        Some(axis.values().as_ref())
    });
    let axes: Vec<&[f64]> = axes.collect::<Option<_>>().ok_or_else(other)?;
    let depth = match kind {
        WkbType::Point => 0,
        WkbType::MultiPoint => 1,
        WkbType::MultiLineString => 2,
        WkbType::MultiPolygon => 3,
        WkbType::LineString | WkbType::Polygon => return Err(other()),
    };
    if lists.len() != depth || !(2..=3).contains(&axes.len()) {
        return Err(other());
    }
    let column_of = Coordinates { axes, lists };
    let mut bytes = Vec::new();
    let rows = (0..column.len()).map(|row| {
        if column.is_null(row) {
            return Ok(None);
        }
        bytes.clear();
        column_of
            .write(kind, 0, row, &mut bytes)
            .ok_or_else(other)?;
        Ok(Some(bytes.clone()))
    });
    let rows: Vec<Option<Vec<u8>>> = rows.collect::<Result<_, ArrowError>>()?;
    Ok(rows.iter().map(Option::as_deref).collect())
}

struct Coordinates<'a> {
    axes: Vec<&'a [f64]>,
    /// Where the elements of each list begin and end, from the outermost.
    lists: Vec<&'a [i32]>,
}

impl Coordinates<'_> {
    /// Writes one geometry, or one part of one, which begins so deep in the lists.
    fn write(&self, kind: WkbType, depth: usize, at: usize, out: &mut Vec<u8>) -> Option<()> {
        let z = if self.axes.len() == 3 { 1000 } else { 0 };
        out.push(1);
        out.extend((kind as u32 + z).to_le_bytes());
        let part = match kind {
            WkbType::Point => return self.position(at, out),
            WkbType::MultiPoint => WkbType::Point,
            WkbType::MultiLineString => WkbType::LineString,
            WkbType::MultiPolygon => WkbType::Polygon,
            WkbType::LineString => return self.positions(depth, at, out),
            WkbType::Polygon => {
                for ring in self.elements(depth, at, out)? {
                    self.positions(depth + 1, ring, out)?;
                }
                return Some(());
            }
        };
        for element in self.elements(depth, at, out)? {
            self.write(part, depth + 1, element, out)?;
        }
        Some(())
    }

    /// The elements of a list, whose number is written.
    fn elements(
        &self,
        depth: usize,
        at: usize,
        out: &mut Vec<u8>,
    ) -> Option<std::ops::Range<usize>> {
        let ends = self.lists.get(depth)?;
        let [start, end] = [at, at + 1].map(|place| usize::try_from(*ends.get(place)?).ok());
        let elements = start?..end?;
        out.extend(u32::try_from(elements.len()).ok()?.to_le_bytes());
        Some(elements)
    }

    fn positions(&self, depth: usize, at: usize, out: &mut Vec<u8>) -> Option<()> {
        for position in self.elements(depth, at, out)? {
            self.position(position, out)?;
        }
        Some(())
    }

    fn position(&self, at: usize, out: &mut Vec<u8>) -> Option<()> {
        for axis in &self.axes {
            out.extend(axis.get(at)?.to_le_bytes());
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geoparquet::NativeEncoding;

    /// Little-endian ISO WKB of nested lists, by hand.
    fn geometry(code: u32, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![1];
        bytes.extend(code.to_le_bytes());
        bytes.extend((parts.len() as u32).to_le_bytes());
        parts.iter().for_each(|part| bytes.extend(part));
        bytes
    }

    fn line(positions: &[[f64; 2]]) -> Vec<u8> {
        let mut bytes = (positions.len() as u32).to_le_bytes().to_vec();
        for number in positions.iter().flatten() {
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    fn polygon(rings: &[Vec<u8>]) -> Vec<u8> {
        geometry(3, rings)
    }

    #[test]
    fn polygons_come_back_as_they_were() {
        let ring = line(&[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 0.0]]);
        let hole = line(&[[1.0, 1.0], [2.0, 2.0], [2.0, 1.0], [1.0, 1.0]]);
        let many = geometry(
            6,
            &[
                polygon(&[ring.clone(), hole]),
                polygon(std::slice::from_ref(&ring)),
            ],
        );
        let empty = geometry(6, &[]);
        let rows: BinaryArray = [Some(&many), None, Some(&empty), Some(&many)]
            .into_iter()
            .map(|row| row.map(Vec::as_slice))
            .collect();
        let native = NativeEncoding::MultiPolygon.column(&rows, false).unwrap();
        assert_eq!(wkb(&native, WkbType::MultiPolygon).unwrap(), rows);
        // As where some rows of a batch were left out before.
        let part = native.slice(2, 2);
        assert_eq!(wkb(&part, WkbType::MultiPolygon).unwrap(), rows.slice(2, 2));
        assert!(wkb(&native, WkbType::MultiPoint).is_err());
        // One polygon becomes several of one.
        let single: BinaryArray = [Some(polygon(std::slice::from_ref(&ring)))]
            .iter()
            .map(|row| row.as_deref())
            .collect();
        let native = NativeEncoding::MultiPolygon.column(&single, false).unwrap();
        let expected = geometry(6, &[polygon(&[ring])]);
        assert_eq!(
            wkb(&native, WkbType::MultiPolygon).unwrap().value(0),
            expected
        );
    }

    #[test]
    fn points_come_back_as_they_were() {
        let point = |x: f64, y: f64| {
            let mut bytes = vec![1, 1, 0, 0, 0];
            bytes.extend(x.to_le_bytes());
            bytes.extend(y.to_le_bytes());
            bytes
        };
        let rows = [Some(point(1.0, 2.0)), None, Some(point(f64::NAN, f64::NAN))];
        let rows: BinaryArray = rows.iter().map(|row| row.as_deref()).collect();
        let native = NativeEncoding::Point.column(&rows, false).unwrap();
        assert_eq!(wkb(&native, WkbType::Point).unwrap(), rows);
    }
}
