#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! How attributes and geometries are written.

mod towns;
mod wire;

use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer, Row, Value};
use serde_json::{Value as Json, json};
use towns::{ids, start};
use wire::{get, query};

#[tokio::test]
async fn every_field_type_is_served_as_given() {
    let values: Vec<(FieldType, Value, Json)> = vec![
        (FieldType::SmallInteger, Value::Int(-32768), json!(-32768)),
        (
            FieldType::Integer,
            Value::Int(2_147_483_647),
            json!(2_147_483_647),
        ),
        (
            FieldType::BigInteger,
            Value::Int(9_007_199_254_740_993),
            json!(9_007_199_254_740_993_i64),
        ),
        (FieldType::Single, Value::Single(0.1), json!(0.1)),
        (
            FieldType::Double,
            Value::Double(0.1 + 0.2),
            json!(0.300_000_000_000_000_04),
        ),
        (FieldType::Double, Value::Double(f64::NAN), json!("NaN")),
        (
            FieldType::String,
            Value::from("a\"\\\n\u{1}é漢🌍"),
            json!("a\"\\\n\u{1}é漢🌍"),
        ),
        (FieldType::Date, Value::Int(-1), json!(-1)),
        (
            FieldType::Date,
            Value::Int(253_402_300_799_999),
            json!(253_402_300_799_999_i64),
        ),
        (
            FieldType::DateOnly,
            Value::from("1899-12-31"),
            json!("1899-12-31"),
        ),
        (
            FieldType::TimeOnly,
            Value::from("23:59:59.999"),
            json!("23:59:59.999"),
        ),
        (
            FieldType::TimestampOffset,
            Value::from("2024-01-15T17:30:00.000+05:30"),
            json!("2024-01-15T17:30:00.000+05:30"),
        ),
        (
            FieldType::Guid,
            Value::from("{475349BB-7528-4AC4-8107-39D3F3C76805}"),
            json!("{475349BB-7528-4AC4-8107-39D3F3C76805}"),
        ),
        (FieldType::GlobalId, Value::from("x"), json!("x")),
        (
            FieldType::Xml,
            Value::from("<a b='c'/>"),
            json!("<a b='c'/>"),
        ),
        (FieldType::Blob, Value::blob(&[0, 1, 255]), json!("AAH/")),
        (FieldType::Integer, Value::Null, Json::Null),
    ];
    let mut layer = Layer::table("types");
    let mut row = Row::new();
    for (at, (kind, value, _)) in values.iter().enumerate() {
        layer = layer.with_field(Field::new(format!("F{at}"), *kind));
        row = row.with(format!("F{at}"), value.clone());
    }
    let service = start(layer.with_row(row.with("OBJECTID", 4_294_967_297_i64))).await;
    let answer = query(&service, "types", &[("where", "1=1"), ("outFields", "*")]);
    assert_eq!(ids(&answer), [4_294_967_297]);
    for (at, (kind, _, expected)) in values.iter().enumerate() {
        assert_eq!(
            &answer["features"][0]["attributes"][format!("F{at}")],
            expected,
            "{kind:?}"
        );
        assert_eq!(answer["fields"][at + 1]["type"], kind.esri_name());
    }
    assert!(
        answer.get("geometryType").is_none() && answer["features"][0].get("geometry").is_none()
    );
}

#[tokio::test]
async fn z_and_m_are_sent_when_asked_for() {
    let path = [
        arcgis_testkit::Vertex::xyzm(1.0, 2.0, 3.0, 4.0),
        arcgis_testkit::Vertex::xyzm(5.0, 6.0, 7.0, f64::NAN),
    ];
    let service = start(
        Layer::new("lines", GeometryType::Polyline)
            .with_z()
            .with_m()
            .with_row(Row::new().at(Geometry::polyline([path]))),
    )
    .await;
    let geometry = |parameters: &[(&str, &str)]| {
        let mut all = vec![("where", "1=1")];
        all.extend_from_slice(parameters);
        query(&service, "lines", &all)["features"][0]["geometry"].clone()
    };
    assert_eq!(geometry(&[]), json!({"paths": [[[1, 2], [5, 6]]]}));
    assert_eq!(
        geometry(&[("returnZ", "true")]),
        json!({"hasZ": true, "paths": [[[1, 2, 3], [5, 6, 7]]]})
    );
    assert_eq!(
        geometry(&[("returnM", "true")]),
        json!({"hasM": true, "paths": [[[1, 2, 4], [5, 6, null]]]})
    );
    assert_eq!(
        geometry(&[("returnZ", "true"), ("returnM", "true")]),
        json!({"hasZ": true, "hasM": true, "paths": [[[1, 2, 3, 4], [5, 6, 7, null]]]})
    );
}

#[tokio::test]
async fn geometries_are_projected_rounded_and_generalised() {
    let line = Geometry::polyline([[
        (0.0, 0.0),
        (1.0, 0.001),
        (2.0, 0.0),
        (180.0, 85.051_128_779_806_6),
    ]]);
    let service = start(
        Layer::new("lines", GeometryType::Polyline)
            .with_row(Row::new().at(line))
            .with_row(Row::new()),
    )
    .await;
    let answer = query(
        &service,
        "lines",
        &[
            ("where", "1=1"),
            ("outSR", "3857"),
            ("geometryPrecision", "2"),
            ("maxAllowableOffset", "500"),
        ],
    );
    assert_eq!(
        answer["spatialReference"],
        json!({"wkid": 102100, "latestWkid": 3857})
    );
    assert_eq!(
        answer["features"][0]["geometry"],
        json!({"paths": [[[0, 0], [222638.98, 0], [20037508.34, 20037508.34]]]})
    );
    assert!(answer["features"][1].get("geometry").is_none());
    let none = query(
        &service,
        "lines",
        &[("where", "1=1"), ("returnGeometry", "false")],
    );
    assert!(
        none["features"][0].get("geometry").is_none() && none.get("spatialReference").is_none()
    );
}

#[tokio::test]
async fn geojson_has_holes_in_their_shells() {
    let square =
        |from: f64, to: f64| vec![(from, from), (from, to), (to, to), (to, from), (from, from)];
    let hole = |from: f64, to: f64| square(from, to).into_iter().rev().collect::<Vec<_>>();
    // A hole before its shell, an island in the hole, and the island's own hole.
    let rings = [
        hole(1.0, 9.0),
        square(0.0, 10.0),
        square(3.0, 7.0),
        hole(4.0, 5.0),
    ];
    let layer = Layer::new("areas", GeometryType::Polygon)
        .with_max_record_count(1)
        .with_row(Row::new().at(Geometry::polygon(rings)))
        .with_row(Row::new());
    let service = start(layer).await;
    let path = "/arcgis/rest/services/areas/FeatureServer/0/query";
    let answer = get(&service, path, &[("where", "1=1"), ("f", "geojson")]).json();
    assert_eq!(answer["type"], "FeatureCollection");
    assert_eq!(answer["properties"]["exceededTransferLimit"], true);
    let feature = &answer["features"][0];
    assert_eq!(
        (&feature["id"], &feature["geometry"]["type"]),
        (&json!(1), &json!("MultiPolygon"))
    );
    let expected = json!([
        [hole(0.0, 10.0), square(1.0, 9.0)],
        [hole(3.0, 7.0), square(4.0, 5.0)]
    ]);
    assert_eq!(
        feature["geometry"]["coordinates"].to_string(),
        expected.to_string().replace(".0", "")
    );
    let m = get(
        &service,
        path,
        &[("where", "1=1"), ("f", "geojson"), ("returnM", "true")],
    )
    .json();
    assert_eq!(m["error"]["code"], 400);
    let next = get(
        &service,
        path,
        &[("where", "1=1"), ("f", "geojson"), ("resultOffset", "1")],
    )
    .json();
    assert_eq!(next["features"][0]["geometry"], Json::Null);
    assert!(next.get("properties").is_none());
}
