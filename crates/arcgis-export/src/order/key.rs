//! By what rows are sorted.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, PrimitiveArray, RecordBatch, StructArray};

use super::curve;
use crate::partition::Ranks;
use crate::schema::ExportSchema;

/// Where a row stands. Rows of one key keep the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// How far along the curve; the greatest number for rows without a place. Where rows are cut into files, the rank of
    /// a row's file stands in the highest 16 bits.
    place: u64,
    /// The object id, if the rows have one.
    id: u64,
}

/// What rows are sorted by, and in which columns it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SortBy {
    /// The bounding boxes; `None` to sort by id alone.
    covering: Option<usize>,
    id: Option<usize>,
}

impl SortBy {
    /// As rows come.
    pub(crate) const ARRIVAL: Self = Self {
        covering: None,
        id: None,
    };

    /// By place; `None` if rows have none.
    pub(crate) fn place(schema: &ExportSchema) -> Option<Self> {
        let covering = schema.file().index_of(schema.covering_name()?).ok()?;
        Some(Self {
            covering: Some(covering),
            id: schema.id_place(),
        })
    }

    /// By object id; `None` if the file does not have it.
    pub(crate) fn id(schema: &ExportSchema) -> Option<Self> {
        Some(Self {
            covering: None,
            id: Some(schema.id_place()?),
        })
    }

    /// Widens an extent to the places of rows.
    pub(crate) fn widen(&self, extent: &mut Extent, rows: &RecordBatch) {
        for (x, y) in self.boxes(rows).iter().flat_map(Boxes::centres).flatten() {
            extent.add(x, y);
        }
    }

    /// The key of each row, behind those that are there. The extent has to be that of all rows that are sorted.
    pub(crate) fn keys(&self, rows: &RecordBatch, extent: &Extent, keys: &mut Vec<Key>) {
        let ids = self
            .id
            .and_then(|id| rows.columns().get(id)?.as_primitive_opt::<Int64Type>());
        let boxes = self.boxes(rows);
        let mut centres = boxes.iter().flat_map(Boxes::centres);
        keys.extend((0..rows.num_rows()).map(|row| Key {
            place: match (self.covering, centres.next().flatten()) {
                (None, _) => 0,
                (Some(_), None) => u64::MAX,
                // The last cell of the curve is given away: the one before it is its neighbour.
                (Some(_), Some((x, y))) => extent.distance(x, y).min(u64::MAX - 1),
            },
            id: ids.map_or(0, |ids| ascending(ids, row)),
        }));
    }

    fn boxes<'a>(&self, rows: &'a RecordBatch) -> Option<Boxes<'a>> {
        Boxes::of(rows.columns().get(self.covering?)?.as_struct_opt()?)
    }
}

/// By what rows are sorted, once all of them are known.
#[derive(Debug, Clone)]
pub(crate) struct Sorting {
    pub(crate) by: SortBy,
    pub(crate) extent: Extent,
    /// Of the files that rows are cut into, which come before all else.
    pub(crate) ranks: Option<Arc<Ranks>>,
}

impl Sorting {
    /// The key of each row, behind those that are there.
    pub(crate) fn keys(&self, rows: &RecordBatch, keys: &mut Vec<Key>) {
        let first = keys.len();
        self.by.keys(rows, &self.extent, keys);
        let Some(ranks) = &self.ranks else {
            return;
        };
        for (key, rank) in keys.iter_mut().skip(first).zip(ranks.of_rows(rows)) {
            key.place = within(rank, key.place);
        }
    }
}

/// A place among those of a rank: 48 bits tell 16 million by 16 million cells apart.
fn within(rank: u16, place: u64) -> u64 {
    const LAST: u64 = u64::MAX >> 16;
    let place = if place == u64::MAX {
        LAST
    } else {
        (place >> 16).min(LAST - 1)
    };
    u64::from(rank) << 48 | place
}

/// An id as a number that has no sign and the same order.
fn ascending(ids: &PrimitiveArray<Int64Type>, row: usize) -> u64 {
    let id = ids.values().get(row).copied().unwrap_or_default();
    id.cast_unsigned() ^ (1 << 63)
}

/// The bounding boxes of rows.
struct Boxes<'a> {
    all: &'a StructArray,
    sides: [&'a [f64]; 4],
}

impl<'a> Boxes<'a> {
    fn of(all: &'a StructArray) -> Option<Self> {
        let sides = all.columns().iter().map(|side| {
            let side = side.as_primitive_opt::<Float64Type>()?;
            Some(side.values().as_ref())
        });
        let sides: Vec<&[f64]> = sides.collect::<Option<_>>()?;
        Some(Self {
            all,
            sides: sides.try_into().ok()?,
        })
    }

    /// Half of the centre of each, which no sum can take beyond the largest number; none without a box, or
    /// where a side is infinite.
    fn centres(&self) -> impl Iterator<Item = Option<(f64, f64)>> {
        let [xmin, ymin, xmax, ymax] = self.sides;
        let least = xmin.iter().zip(ymin);
        let most = xmax.iter().zip(ymax);
        least
            .zip(most)
            .enumerate()
            .map(|(row, ((xmin, ymin), (xmax, ymax)))| {
                let x = xmin / 4.0 + xmax / 4.0;
                let y = ymin / 4.0 + ymax / 4.0;
                (self.all.is_valid(row) && x.is_finite() && y.is_finite()).then_some((x, y))
            })
    }
}

/// The rectangle that the curve runs through. Whatever the layer says of its own is not asked: rows lie where
/// they lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Extent {
    least: [f64; 2],
    most: [f64; 2],
}

impl Extent {
    pub(crate) const EMPTY: Self = Self {
        least: [f64::INFINITY; 2],
        most: [f64::NEG_INFINITY; 2],
    };

    fn add(&mut self, x: f64, y: f64) {
        self.least = [self.least[0].min(x), self.least[1].min(y)];
        self.most = [self.most[0].max(x), self.most[1].max(y)];
    }

    fn distance(&self, x: f64, y: f64) -> u64 {
        curve::distance(
            cell(x, self.least[0], self.most[0]),
            cell(y, self.least[1], self.most[1]),
        )
    }
}

/// Which of 2^32 equal parts of an axis a number lies in.
fn cell(number: f64, least: f64, most: f64) -> u32 {
    let part = (number - least) / (most - least);
    // Casts saturate, and what is no number, as on an axis without length, becomes zero.
    (part * 4_294_967_296.0) as u32
}

#[cfg(test)]
mod tests {
    use super::super::sort_spool::tests::page;
    use super::*;

    #[test]
    fn axes_are_cut_into_even_parts() {
        assert_eq!(cell(0.0, 0.0, 8.0), 0);
        assert_eq!(cell(4.0, 0.0, 8.0), 1 << 31);
        assert_eq!(cell(8.0, 0.0, 8.0), u32::MAX);
        assert_eq!(cell(3.0, 3.0, 3.0), 0);
        // The widest axis that there is.
        let most = f64::MAX / 2.0;
        assert_eq!(cell(most, -most, most), u32::MAX);
        assert_eq!(cell(0.0, -most, most), 1 << 31);
    }

    #[test]
    fn ranks_come_before_places() {
        let places = [0, 1 << 20, u64::MAX - 1, u64::MAX];
        let keys: Vec<u64> = [0, 1, u16::MAX]
            .iter()
            .flat_map(|rank| places.map(|place| within(*rank, place)))
            .collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
    }

    fn order(places: &[(i64, Option<(f64, f64)>)]) -> Vec<i64> {
        let (schema, page) = page(places);
        let rows = page.batch;
        let by = SortBy::place(&schema).unwrap();
        let (mut extent, mut keys) = (Extent::EMPTY, Vec::new());
        by.widen(&mut extent, &rows);
        by.keys(&rows, &extent, &mut keys);
        let mut order: Vec<_> = keys
            .into_iter()
            .zip(places.iter().map(|row| row.0))
            .collect();
        order.sort();
        order.into_iter().map(|(_, id)| id).collect()
    }

    #[test]
    fn rows_stand_along_the_curve_then_by_id_and_without_a_place_last() {
        let corner = |x, y| Some((x, y));
        assert_eq!(
            order(&[
                (9, None),
                (8, corner(10.0, 0.0)),
                (7, corner(10.0, 10.0)),
                (6, corner(0.0, 10.0)),
                (5, corner(0.0, 0.0)),
                (-4, corner(0.0, 0.0)),
                (3, None),
                (2, corner(f64::NAN, f64::NAN)),
            ]),
            [-4, 5, 6, 7, 8, 2, 3, 9]
        );
        // Nothing to spread them over.
        assert_eq!(
            order(&[(2, corner(1.0, 1.0)), (1, corner(1.0, 1.0))]),
            [1, 2]
        );
        assert_eq!(order(&[(2, None), (1, None)]), [1, 2]);
    }

    #[test]
    fn far_away_is_no_trouble() {
        let far = f64::MAX;
        assert_eq!(
            order(&[
                (1, Some((far, -far))),
                (2, Some((-far, -far))),
                (3, Some((0.0, far)))
            ]),
            [2, 3, 1]
        );
    }

    #[test]
    fn by_id_alone_places_do_not_count() {
        let (schema, page) = page(&[(2, Some((0.0, 0.0))), (-1, None), (1, Some((5.0, 5.0)))]);
        let rows = page.batch;
        let by = SortBy::id(&schema).unwrap();
        let mut keys = Vec::new();
        by.keys(&rows, &Extent::EMPTY, &mut keys);
        assert!(keys[1] < keys[2] && keys[2] < keys[0], "{keys:?}");
    }
}
