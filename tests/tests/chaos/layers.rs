//! The layers that things happen to. Their rows follow from formulas, which are also what the exported
//! file is compared with.

use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer, Row};
use arcgis_tests::ParquetFile;
use arrow_array::types::{Float64Type, Int64Type, TimestampMillisecondType};

/// Rows of each layer.
pub(crate) const ROWS: i64 = 47;
/// Rows of a page.
pub(crate) const PAGE: usize = 10;

/// What the rows have for a geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Points,
    Polygons,
    Table,
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Self::Points, Self::Polygons, Self::Table];
}

/// The object id of the `n`th row: no place, with gaps, and from `base` on.
pub(crate) fn id(base: i64, n: i64) -> i64 {
    base + n * 3 + i64::from(n > 30) * 1000
}

fn geometry(shape: Shape, n: i64) -> Option<Geometry> {
    // One row in four has none.
    if n % 4 == 0 {
        return None;
    }
    let at = n as f64;
    match shape {
        Shape::Table => None,
        Shape::Points => Some(Geometry::point((at, -at / 2.0))),
        Shape::Polygons if n % 3 == 0 => Some(Geometry::polygon([[
            (at, 0.0),
            (at, 1.0),
            (at + 1.0, 1.0),
            (at, 0.0),
        ]])),
        Shape::Polygons => Some(Geometry::polygon([
            [
                (at, 0.0),
                (at, 9.0),
                (at + 9.0, 9.0),
                (at + 9.0, 0.0),
                (at, 0.0),
            ],
            [
                (at + 1.0, 1.0),
                (at + 2.0, 1.0),
                (at + 2.0, 2.0),
                (at + 1.0, 2.0),
                (at + 1.0, 1.0),
            ],
        ])),
    }
}

fn name(n: i64) -> String {
    format!("Row {n} – ü'\"")
}

fn seen(n: i64) -> Option<i64> {
    (n % 5 != 0).then_some((n - 20) * 86_400_000)
}

/// One row.
pub(crate) fn row(shape: Shape, base: i64, n: i64) -> Row {
    let mut row = Row::new()
        .with("OBJECTID", id(base, n))
        .with("NAME", name(n))
        .with("VALUE", n as f64 / 8.0);
    if let Some(seen) = seen(n) {
        row = row.with("SEEN", seen);
    }
    match geometry(shape, n) {
        Some(geometry) => row.at(geometry),
        None => row,
    }
}

/// A layer of [`ROWS`] rows in pages of [`PAGE`].
pub(crate) fn layer(shape: Shape, base: i64) -> Layer {
    let layer = match shape {
        Shape::Points => Layer::new("t", GeometryType::Point),
        Shape::Polygons => Layer::new("t", GeometryType::Polygon),
        Shape::Table => Layer::table("t"),
    };
    layer
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("VALUE", FieldType::Double))
        .with_field(Field::new("SEEN", FieldType::Date))
        .with_max_record_count(PAGE)
        .with_rows((1..=ROWS).map(|n| row(shape, base, n)))
}

/// Whether a file holds what the formulas say, with ids or without; geometry to a millionth of its unit,
/// since PBF has a grid.
pub(crate) fn assert_undisturbed(file: &ParquetFile, shape: Shape, base: i64, ids: bool) {
    assert_eq!(file.rows(), ROWS as usize);
    let numbers = file.numbers::<Float64Type>("VALUE");
    let mut rows: Vec<i64> = Vec::new();
    for value in &numbers {
        rows.push((value.unwrap() * 8.0) as i64);
    }
    let mut sorted = rows.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=ROWS).collect::<Vec<_>>(), "each row once");
    if ids {
        let expected: Vec<_> = rows.iter().map(|n| Some(id(base, *n))).collect();
        assert_eq!(file.numbers::<Int64Type>("OBJECTID"), expected);
    }
    let names = file.texts("NAME");
    let moments = file.numbers::<TimestampMillisecondType>("SEEN");
    for (place, n) in rows.iter().enumerate() {
        assert_eq!(names[place], Some(name(*n).as_str()));
        assert_eq!(moments[place], seen(*n));
    }
    if shape == Shape::Table {
        return;
    }
    let boxes = file.boxes();
    for (place, n) in rows.iter().enumerate() {
        let at = *n as f64;
        let expected = (n % 4 != 0).then(|| match shape {
            Shape::Points => [at, -at / 2.0, at, -at / 2.0],
            _ if n % 3 == 0 => [at, 0.0, at + 1.0, 1.0],
            _ => [at, 0.0, at + 9.0, 9.0],
        });
        match (boxes[place], expected) {
            (None, None) => {}
            (Some(got), Some(expected)) => {
                for (got, expected) in got.iter().zip(expected) {
                    assert!((got - expected).abs() < 1e-6, "row {n}: {got} {expected}");
                }
            }
            other => panic!("row {n}: {other:?}"),
        }
    }
}
