//! The demo service's real data, against its source files.

use std::io::Read as _;

use arcgis_testkit::{Security, Testkit};
use arcgis_tests::{Bench, ParquetFile, Shape, Wkb, is_counter_clockwise};
use arrow_array::Array;
use arrow_array::types::{Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use arrow_schema::DataType;
use serde_json::Value as Json;

/// The features of a source file, without the definition in its first line.
fn source(layer: &str) -> Vec<Json> {
    let path = format!(
        "{}/../crates/arcgis-testkit/data/{layer}.ndjson.zst",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    zstd::Decoder::new(file)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn exported(layer: &str) -> ParquetFile {
    let service = Testkit::builder()
        .demo_layers()
        .security(Security::token("demo", "demo"));
    let bench = Bench::signed_in(service, "demo", "demo").await;
    let (report, file) = bench.exported(layer).await;
    assert_eq!(report.proof.unwrap().level, "object-ids");
    assert_eq!(report.notes, []);
    assert_eq!(bench.service.mints(), 1);
    file
}

/// A column as the JSON that stands for its values.
fn as_json(file: &ParquetFile, name: &str) -> Vec<Json> {
    fn list<T>(values: Vec<Option<T>>) -> Vec<Json>
    where
        Json: From<T>,
    {
        values
            .into_iter()
            .map(|value| value.map_or(Json::Null, Json::from))
            .collect()
    }
    match file.column(name).data_type() {
        DataType::Int16 => list(file.numbers::<Int16Type>(name)),
        DataType::Int32 => list(file.numbers::<Int32Type>(name)),
        DataType::Int64 => list(file.numbers::<Int64Type>(name)),
        // By way of its text: the shortest that gives the same 32 bits is what the source has.
        DataType::Float32 => list(
            file.numbers::<Float32Type>(name)
                .into_iter()
                .map(|value| value.map(|value| value.to_string().parse::<f64>().unwrap()))
                .collect(),
        ),
        DataType::Float64 => list(file.numbers::<Float64Type>(name)),
        DataType::Utf8 => list(file.texts(name)),
        other => panic!("{name} is {other}"),
    }
}

/// Every attribute of every row, and the sum of a column as whole numbers.
fn compare(file: &ParquetFile, source: &[Json], column: &str) {
    assert_eq!(file.rows(), source.len());
    let names: Vec<_> = file
        .names()
        .into_iter()
        .filter(|name| !["geometry", "bbox"].contains(&name.as_str()))
        .collect();
    for name in names {
        let number = |value: &Json| value.as_f64();
        for (got, row) in as_json(file, &name).iter().zip(source) {
            let wanted = &row["attributes"][&name];
            // A whole number in a column of floats is written without a point.
            let same = got == wanted || (number(got).is_some() && number(got) == number(wanted));
            assert!(
                same,
                "{name}: {got} is not {wanted} in {}",
                row["attributes"]
            );
        }
    }
    let sum = |values: &mut dyn Iterator<Item = Json>| {
        values.filter_map(|value| value.as_i64()).sum::<i64>()
    };
    let wanted = sum(&mut source.iter().map(|row| row["attributes"][column].clone()));
    assert!(wanted > 0);
    assert_eq!(
        sum(&mut as_json(file, column).into_iter()),
        wanted,
        "the sum of {column}"
    );
}

fn position(json: &Json) -> Vec<f64> {
    json.as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap())
        .collect()
}

#[tokio::test]
async fn places() {
    let (file, source) = (exported("places").await, source("places"));
    assert_eq!(file.rows(), 7322);
    compare(&file, &source, "pop_max");
    for (wkb, row) in file.geometries().into_iter().zip(&source) {
        let at = ["x", "y"].map(|axis| row["geometry"][axis].as_f64().unwrap());
        assert_eq!(wkb.unwrap().shape, Shape::Point(Some(at.to_vec())));
    }
    assert_eq!(
        file.geo_column()["geometry_types"],
        serde_json::json!(["Point"])
    );
}

#[tokio::test]
async fn rivers() {
    let (file, source) = (exported("rivers").await, source("rivers"));
    assert_eq!(file.rows(), 1454);
    compare(&file, &source, "scalerank");
    for (wkb, row) in file.geometries().into_iter().zip(&source) {
        let Some(wkb) = wkb else {
            assert!(row["geometry"].is_null());
            continue;
        };
        let paths: Vec<Vec<Vec<f64>>> = row["geometry"]["paths"]
            .as_array()
            .unwrap()
            .iter()
            .map(|path| path.as_array().unwrap().iter().map(position).collect())
            .collect();
        match wkb.shape {
            Shape::LineString(line) => assert_eq!(vec![line], paths),
            Shape::MultiLineString(lines) => assert_eq!(lines, paths),
            other => panic!("{other:?}"),
        }
    }
}

/// Twice the area, with its sign: positive for counter-clockwise.
fn double_area(ring: &[Vec<f64>]) -> f64 {
    ring.windows(2)
        .map(|edge| edge[0][0] * edge[1][1] - edge[1][0] * edge[0][1])
        .sum()
}

#[tokio::test]
async fn countries() {
    let (file, source) = (exported("countries").await, source("countries"));
    assert_eq!(file.rows(), 250);
    compare(&file, &source, "pop_est");
    let geometries: Vec<Wkb> = file.geometries().into_iter().map(Option::unwrap).collect();
    for (wkb, row) in geometries.iter().zip(&source) {
        let name = &row["attributes"]["name"];
        let rings: Vec<Vec<Vec<f64>>> = row["geometry"]["rings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ring| ring.as_array().unwrap().iter().map(position).collect())
            .collect();
        let written: Vec<&Vec<Vec<f64>>> = wkb.polygons().iter().flatten().collect();
        assert_eq!(written.len(), rings.len(), "{name}");
        for polygon in wkb.polygons() {
            let (shell, holes) = polygon.split_first().unwrap();
            assert!(is_counter_clockwise(shell), "{name}");
            assert!(
                !holes.iter().any(|hole| is_counter_clockwise(hole)),
                "{name}"
            );
        }
        // Esri's rings run the other way, so that the areas of all rings add up to the opposite.
        let area: f64 = written.iter().map(|ring| double_area(ring)).sum();
        let esri: f64 = rings.iter().map(|ring| double_area(ring)).sum();
        assert!(
            (area + esri).abs() < 1e-9 * area.abs().max(1.0),
            "{name}: {area} {esri}"
        );
    }
    let names = file.texts("name");
    let of = |name: &str| &geometries[names.iter().position(|known| *known == Some(name)).unwrap()];
    // Lesotho lies within South Africa.
    let with_holes = of("South Africa")
        .polygons()
        .iter()
        .filter(|polygon| polygon.len() == 2)
        .count();
    assert_eq!(with_holes, 1);
    assert!(matches!(&of("Lesotho").shape, Shape::Polygon(rings) if rings.len() == 1));
    assert_eq!(
        file.geo_column()["geometry_types"],
        serde_json::json!(["MultiPolygon", "Polygon"])
    );
}
