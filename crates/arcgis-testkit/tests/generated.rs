#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! Layers of computed rows: large, sparse, with ids of 64 bits.

mod towns;
mod wire;

use std::time::{Duration, Instant};

use arcgis_testkit::{
    Error, Field, FieldType, Generated, Geometry, GeometryType, Layer, Row, Testkit, generated_row,
};
use serde_json::{Value, json};
use towns::{ids, start};
use wire::{get, query};

const MANY: usize = 10_000_000;

fn one(service: &Testkit, parameters: &[(&str, &str)]) -> Value {
    query(service, "many", parameters)
}

#[tokio::test]
async fn ten_million_rows_are_served_page_by_page() {
    let layer = Layer::generated("many", GeometryType::Point, MANY).with_max_record_count(1000);
    let service = start(layer).await;
    let started = Instant::now();
    assert_eq!(
        one(&service, &[("where", "1=1"), ("returnCountOnly", "true")]),
        json!({"count": MANY})
    );
    let bounds = r#"[{"statisticType":"min","onStatisticField":"OBJECTID","outStatisticFieldName":"low"},{"statisticType":"max","onStatisticField":"OBJECTID","outStatisticFieldName":"high"}]"#;
    let found = one(&service, &[("where", "1=1"), ("outStatistics", bounds)]);
    assert_eq!(
        found["features"][0]["attributes"],
        json!({"low": 1, "high": MANY})
    );
    let middle = one(
        &service,
        &[
            ("where", "1=1"),
            ("outFields", "*"),
            ("orderByFields", "OBJECTID"),
            ("resultOffset", "5000000"),
            ("resultRecordCount", "2"),
        ],
    );
    assert_eq!(middle["exceededTransferLimit"], true);
    // 5000001 · 7919 mod 1000003, 5000001 / 8, and so on, worked out by hand.
    assert_eq!(
        middle["features"][0],
        json!({
            "attributes": {"OBJECTID": 5_000_001, "NAME": "row 5000001", "NUMBER": 889_137, "AMOUNT": 625_000.125, "MOMENT": 300_000_060_000_i64},
            "geometry": {"x": 140.37, "y": -84.83}
        })
    );
    assert_eq!(ids(&middle), [5_000_001, 5_000_002]);
    let keyset = one(
        &service,
        &[
            ("where", "OBJECTID > 9999998"),
            ("orderByFields", "OBJECTID ASC"),
        ],
    );
    assert_eq!(ids(&keyset), [9_999_999, 10_000_000]);
    assert!(keyset.get("exceededTransferLimit").is_none());
    let last = one(
        &service,
        &[
            ("where", "1=1"),
            ("orderByFields", "OBJECTID DESC"),
            ("resultRecordCount", "2"),
        ],
    );
    assert_eq!(ids(&last), [10_000_000, 9_999_999]);
    let listed = one(&service, &[("where", "OBJECTID IN (7, 3, 20000000)")]);
    assert_eq!(ids(&listed), [3, 7]);
    let by_id = one(&service, &[("objectIds", "8,2"), ("where", "OBJECTID < 5")]);
    assert_eq!(ids(&by_id), [2]);
    let range = one(
        &service,
        &[
            ("where", "OBJECTID >= 100 AND OBJECTID <= 199999"),
            ("returnCountOnly", "true"),
        ],
    );
    assert_eq!(range, json!({"count": 199_900}));
    let path = service.layer_url("many").replace(service.origin(), "");
    let metadata = get(&service, &path, &[("f", "json")]).json();
    assert_eq!(metadata["extent"]["xmin"], -180.0);
    let page = get(
        &service,
        &format!("{path}/query"),
        &[
            ("where", "OBJECTID > 9000000"),
            ("outFields", "*"),
            ("f", "pbf"),
        ],
    );
    assert_eq!(page.header("content-type"), Some("application/x-protobuf"));
    assert!(page.body.len() > 20_000);
    // None of this looks at all the rows.
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn ids_may_be_sparse_and_large() {
    let first = 9_007_199_254_740_993_i64;
    let layer =
        Layer::generated_table("many", 1000).with_generated_ids(move |at| first + 7 * at as i64);
    let service = start(layer).await;
    let clause = format!("OBJECTID BETWEEN {} AND {}", first + 1, first + 15);
    let found = one(&service, &[("where", &clause), ("outFields", "NAME")]);
    let names: Vec<&str> = found["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["attributes"]["NAME"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["row 9007199254741000", "row 9007199254741007"]);
    assert!(found["features"][0].get("geometry").is_none());
    let listed = one(&service, &[("where", "1=1"), ("returnIdsOnly", "true")]);
    let all = listed["objectIds"].as_array().unwrap();
    assert_eq!((all.len(), all[999].as_i64()), (1000, Some(first + 6993)));
    // A condition on another field looks at each row: 11 divides every eleventh id.
    let nulls = one(
        &service,
        &[("where", "NUMBER IS NULL"), ("returnCountOnly", "true")],
    );
    let expected = (0..1000).filter(|at| (first + 7 * at) % 11 == 0).count();
    assert_eq!(nulls, json!({"count": expected}));
}

#[tokio::test]
async fn rows_come_from_a_formula_of_ones_own() {
    let rows = Generated::new(50, |id| {
        let row = Row::new().with("N", id * id);
        if id % 2 == 0 {
            row
        } else {
            row.at(Geometry::point((id as f64, 0.0)))
        }
    })
    .with_extent(0.0, -1.0, 50.0, 1.0);
    let layer = Layer::new("many", GeometryType::Point)
        .with_field(Field::new("N", FieldType::Integer))
        .with_generated_rows(rows);
    let service = start(layer).await;
    let near = one(&service, &[("geometry", "0,-1,5,1"), ("outFields", "N")]);
    let squares: Vec<i64> = near["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["attributes"]["N"].as_i64().unwrap())
        .collect();
    assert_eq!(squares, [1, 9, 25]);
    let ordered = one(
        &service,
        &[
            ("where", "1=1"),
            ("orderByFields", "N DESC"),
            ("resultRecordCount", "1"),
        ],
    );
    assert_eq!(ids(&ordered), [50]);
    let rows = service.layer("many").unwrap();
    assert_eq!(
        (rows.len(), rows.object_ids()[49], rows.rows()[1].geometry()),
        (50, 50, None)
    );
    assert!(matches!(rows.insert(Row::new()), Err(Error::Generated(_))));
    assert!(matches!(rows.delete(1), Err(Error::Generated(_))));
}

#[tokio::test]
async fn every_geometry_type_has_its_formula() {
    for kind in [
        GeometryType::Point,
        GeometryType::Multipoint,
        GeometryType::Polyline,
        GeometryType::Polygon,
    ] {
        let service = start(Layer::generated("many", kind, 20)).await;
        let served = service.layer("many").unwrap().rows();
        for (row, id) in served.iter().zip(1..) {
            assert_eq!(row.geometry(), generated_row(Some(kind), id).geometry());
        }
    }
}
