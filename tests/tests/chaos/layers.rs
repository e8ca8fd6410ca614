//! The layers that things happen to. Their rows follow from formulas, which are also what the exported
//! file is compared with.

use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer, Row};
use arcgis_tests::{ParquetFile, Wkb};
use arrow_array::types::{Float64Type, Int16Type, Int32Type, Int64Type, TimestampMillisecondType};

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

    /// Before the first object id: ids beyond what a float can hold, ids on both sides of 32 bits, and small ones.
    fn base(self) -> i64 {
        match self {
            Self::Points => 9_007_199_254_740_992,
            Self::Polygons => 2_147_483_600,
            Self::Table => 0,
        }
    }

    /// The object id of the `n`th row: no place, with gaps.
    pub(crate) fn id(self, n: i64) -> i64 {
        self.base() + n * 3 + i64::from(n > 30) * 1000
    }
}

/// The rings of the `n`th row's polygon, clockwise outside and counter-clockwise inside, as Esri has them.
fn rings(n: i64) -> Vec<Vec<(f64, f64)>> {
    let at = n as f64;
    let triangle = vec![(at, 0.0), (at, 1.0), (at + 1.0, 1.0), (at, 0.0)];
    let shell = vec![
        (at, 0.0),
        (at, 9.0),
        (at + 9.0, 9.0),
        (at + 9.0, 0.0),
        (at, 0.0),
    ];
    let hole = vec![
        (at + 1.0, 1.0),
        (at + 2.0, 1.0),
        (at + 2.0, 2.0),
        (at + 1.0, 2.0),
        (at + 1.0, 1.0),
    ];
    if n % 4 == 0 {
        vec![triangle]
    } else {
        vec![shell, hole]
    }
}

/// One row in six has no geometry.
fn has_geometry(n: i64) -> bool {
    n % 6 != 0
}

fn geometry(shape: Shape, n: i64) -> Option<Geometry> {
    let at = n as f64;
    match shape {
        Shape::Table => None,
        _ if !has_geometry(n) => None,
        Shape::Points => Some(Geometry::point((at, -at / 2.0))),
        Shape::Polygons => Some(Geometry::polygon(rings(n))),
    }
}

/// The positions of the `n`th row in the file: shells counter-clockwise, holes clockwise.
fn positions(shape: Shape, n: i64) -> Option<Vec<(f64, f64)>> {
    let at = n as f64;
    match shape {
        Shape::Table => None,
        _ if !has_geometry(n) => None,
        Shape::Points => Some(vec![(at, -at / 2.0)]),
        Shape::Polygons => {
            let reversed = rings(n).into_iter().map(|ring| ring.into_iter().rev());
            Some(reversed.flatten().collect())
        }
    }
}

fn name(n: i64) -> Option<String> {
    match n % 7 {
        0 => None,
        1 => Some(String::new()),
        _ => Some(format!("Row {n} – ü'\"")),
    }
}

fn small(n: i64) -> Option<i16> {
    (n % 8 != 3).then(|| i16::try_from(n).unwrap() - 3000)
}

fn big(n: i64) -> Option<i64> {
    (n % 9 != 4).then_some(9_007_199_254_740_993 + n)
}

fn value(n: i64) -> Option<f64> {
    (n % 6 != 5).then_some(n as f64 / 8.0)
}

fn seen(n: i64) -> Option<i64> {
    (n % 5 != 0).then_some((n - 20) * 86_400_000)
}

/// One row, with its object id or without.
pub(crate) fn row(shape: Shape, n: i64, id: bool) -> Row {
    let mut row = Row::new();
    if id {
        row = row.with("OBJECTID", shape.id(n));
    }
    let row = row
        .with("KEY", n)
        .with("NAME", name(n))
        .with("SMALL", small(n).map(i64::from))
        .with("BIG", big(n))
        .with("VALUE", value(n))
        .with("SEEN", seen(n));
    match geometry(shape, n) {
        Some(geometry) => row.at(geometry),
        None => row,
    }
}

/// The fields of each layer.
pub(crate) const FIELDS: [&str; 7] = ["OBJECTID", "KEY", "NAME", "SMALL", "BIG", "VALUE", "SEEN"];

/// A layer of so many rows in pages of [`PAGE`].
pub(crate) fn layer(shape: Shape, rows: i64) -> Layer {
    let layer = match shape {
        Shape::Points => Layer::new("t", GeometryType::Point),
        Shape::Polygons => Layer::new("t", GeometryType::Polygon),
        Shape::Table => Layer::table("t"),
    };
    [
        ("OBJECTID", FieldType::Oid),
        ("KEY", FieldType::Integer),
        ("NAME", FieldType::String),
        ("SMALL", FieldType::SmallInteger),
        ("BIG", FieldType::BigInteger),
        ("VALUE", FieldType::Double),
        ("SEEN", FieldType::Date),
    ]
    .into_iter()
    .fold(layer, |layer, (name, kind)| {
        layer.with_field(Field::new(name, kind))
    })
    .with_max_record_count(PAGE)
    .with_rows((1..=rows).map(|n| row(shape, n, true)))
}

/// Whether a file holds the rows 1 to `rows` as the formulas say, each once; with its object id if it has its own. Coordinates to a
/// millionth of their unit, since PBF has a grid.
pub(crate) fn assert_formulas(file: &ParquetFile, shape: Shape, rows: i64, ids: bool) {
    let keys: Vec<i64> = file
        .numbers::<Int32Type>("KEY")
        .into_iter()
        .map(|key| i64::from(key.unwrap()))
        .collect();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=rows).collect::<Vec<_>>(), "each row once");
    if ids {
        assert_eq!(sorted, keys, "by their ids");
        let expected: Vec<_> = keys.iter().map(|n| Some(shape.id(*n))).collect();
        assert_eq!(file.numbers::<Int64Type>("OBJECTID"), expected);
    }
    let each =
        |formula: fn(i64) -> Option<i64>| keys.iter().map(|n| formula(*n)).collect::<Vec<_>>();
    assert_eq!(file.numbers::<Int64Type>("BIG"), each(big));
    assert_eq!(file.numbers::<TimestampMillisecondType>("SEEN"), each(seen));
    let expected: Vec<_> = keys.iter().map(|n| small(*n)).collect();
    assert_eq!(file.numbers::<Int16Type>("SMALL"), expected);
    let expected: Vec<_> = keys.iter().map(|n| value(*n)).collect();
    assert_eq!(file.numbers::<Float64Type>("VALUE"), expected);
    let names: Vec<_> = keys.iter().map(|n| name(*n)).collect();
    let expected: Vec<_> = names.iter().map(Option::as_deref).collect();
    assert_eq!(file.texts("NAME"), expected);
    if shape == Shape::Table {
        assert!(!file.names().iter().any(|name| name == "geometry"));
        return;
    }
    for (geometry, n) in file.geometries().iter().zip(&keys) {
        let expected = positions(shape, *n);
        let got = geometry.as_ref().map(Wkb::positions);
        let (Some(got), Some(expected)) = (&got, &expected) else {
            assert_eq!(got.is_some(), expected.is_some(), "row {n}");
            continue;
        };
        assert_eq!(got.len(), expected.len(), "row {n}: {got:?}");
        for (got, (x, y)) in got.iter().zip(expected) {
            let far = (got[0] - x).abs().max((got[1] - y).abs());
            assert!(far < 1e-6, "row {n}: {got:?}, not {x} {y}");
        }
    }
}
