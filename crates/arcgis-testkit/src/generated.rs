use std::ops::Range;
use std::sync::Arc;

use crate::geometry::{Envelope, Geometry, GeometryType};
use crate::row::Row;

/// Rows that are computed when they are asked for, and never stored: ten million of them cost nothing until they are served.
///
/// ```
/// use arcgis_testkit::{Field, FieldType, Generated, GeometryType, Geometry, Layer, Row};
///
/// // Every third id, above 2^53.
/// let rows = Generated::new(10_000_000, |id| {
///     Row::new().with("NUMBER", id % 1000).at(Geometry::point((f64::from((id % 360) as i32) - 180.0, 0.0)))
/// })
/// .with_ids(|index| 9_007_199_254_740_993 + 3 * index as i64);
/// let layer = Layer::new("many", GeometryType::Point).with_field(Field::new("NUMBER", FieldType::BigInteger)).with_generated_rows(rows);
/// # let _ = layer;
/// ```
#[derive(Clone)]
pub struct Generated {
    pub(crate) count: usize,
    id: Arc<dyn Fn(u64) -> i64 + Send + Sync>,
    row: Arc<dyn Fn(i64) -> Row + Send + Sync>,
    pub(crate) extent: Envelope,
}

impl Generated {
    /// So many rows, with the object ids 1, 2, 3 …; `row` makes one from its object id, which it need not name.
    #[must_use]
    pub fn new(count: usize, row: impl Fn(i64) -> Row + Send + Sync + 'static) -> Self {
        Self {
            count,
            id: Arc::new(|index| i64::try_from(index).map_or(i64::MAX, |index| index + 1)),
            row: Arc::new(row),
            extent: Envelope {
                xmin: -180.0,
                ymin: -90.0,
                xmax: 180.0,
                ymax: 90.0,
            },
        }
    }

    /// Sets the object id of each row, counted from 0. It has to grow from row to row.
    #[must_use]
    pub fn with_ids(mut self, id: impl Fn(u64) -> i64 + Send + Sync + 'static) -> Self {
        self.id = Arc::new(id);
        self
    }

    /// Sets the extent that the metadata tells, since nobody looks at all the rows: the whole world in degrees unless set.
    #[must_use]
    pub fn with_extent(mut self, xmin: f64, ymin: f64, xmax: f64, ymax: f64) -> Self {
        self.extent = Envelope {
            xmin,
            ymin,
            xmax,
            ymax,
        };
        self
    }

    pub(crate) fn id(&self, at: usize) -> i64 {
        (self.id)(at as u64)
    }

    pub(crate) fn row(&self, at: usize) -> (i64, Row) {
        let id = self.id(at);
        (id, (self.row)(id))
    }

    /// The positions of the rows whose ids lie between these two, both included.
    pub(crate) fn between(&self, low: i64, high: i64) -> Range<usize> {
        let first = self.first_where(|id| id >= low);
        let end = self.first_where(|id| id > high);
        first..end.max(first)
    }

    /// The first position whose id passes a test that no id passes before, and all do after.
    fn first_where(&self, passes: impl Fn(i64) -> bool) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if passes(self.id(middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }
}

impl std::fmt::Debug for Generated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generated")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// The row that [`Layer::generated`](crate::Layer::generated) serves for an object id: `kind` is None in a table.
///
/// `NAME` is `row <id>`; `NUMBER` is 7919 · id modulo 1,000,003, and null where 11 divides the id; `AMOUNT` is id / 8; `MOMENT` is 1970 and id
/// minutes. The place is x = (37 · id modulo 36,000) / 100 − 180, y = (17 · id modulo 17,000) / 100 − 85; polylines, polygons (clockwise squares) and
/// multipoints reach 0.01 further.
#[must_use]
pub fn generated_row(kind: Option<GeometryType>, id: i64) -> Row {
    let residue = |factor: i64, modulus: i64| id.rem_euclid(modulus) * factor % modulus;
    let number = (id % 11 != 0).then(|| residue(7919, 1_000_003));
    let row = Row::new()
        .with("NAME", format!("row {id}"))
        .with("NUMBER", number)
        .with("AMOUNT", id as f64 / 8.0)
        .with("MOMENT", id.saturating_mul(60_000));
    let Some(kind) = kind else { return row };
    let x = residue(37, 36_000) as f64 / 100.0 - 180.0;
    let y = residue(17, 17_000) as f64 / 100.0 - 85.0;
    let (right, top) = (x + 0.01, y + 0.01);
    row.at(match kind {
        GeometryType::Point => Geometry::point((x, y)),
        GeometryType::Multipoint => Geometry::multipoint([(x, y), (right, top)]),
        GeometryType::Polyline => Geometry::polyline([[(x, y), (right, top)]]),
        GeometryType::Polygon => {
            Geometry::polygon([[(x, y), (x, top), (right, top), (right, y), (x, y)]])
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_by_their_order() {
        // 10, 13, 16 … 307
        let rows = Generated::new(100, |_| Row::new()).with_ids(|index| 10 + 3 * index as i64);
        assert_eq!(rows.between(i64::MIN, i64::MAX), 0..100);
        assert_eq!(rows.between(10, 13), 0..2);
        assert_eq!(rows.between(11, 12), 1..1);
        assert_eq!(rows.between(14, 16), 2..3);
        assert_eq!(rows.between(307, 400), 99..100);
        assert_eq!(rows.between(400, 300), 100..100);
    }
}
