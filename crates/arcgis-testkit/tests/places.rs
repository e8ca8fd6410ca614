#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! Where and when rows are: spatial filters, distances, time, and statistics with conditions.

mod towns;
mod wire;

use arcgis_testkit::{
    Ability, Field, FieldType, Geometry, GeometryType, Layer, Quirk, Row, Testkit,
};
use serde_json::{Value, json};
use towns::{ids, start};
use wire::{get, query};

fn square(x: f64, y: f64, size: f64) -> Geometry {
    Geometry::polygon([[
        (x, y),
        (x, y + size),
        (x + size, y + size),
        (x + size, y),
        (x, y),
    ]])
}

/// Squares of 1° with their lower left at (0,0), (1,0) … (4,0), one of 10° around them all, and one row without geometry.
fn fields() -> Layer {
    let layer = Layer::new("fields", GeometryType::Polygon)
        .with_rows((0..5).map(|x| Row::new().at(square(f64::from(x), 0.0, 1.0))));
    layer
        .with_row(Row::new().at(square(-3.0, -3.0, 10.0)))
        .with_row(Row::new())
}

fn found(service: &Testkit, layer: &str, parameters: &[(&str, &str)]) -> Vec<i64> {
    let answer = query(service, layer, parameters);
    assert!(answer.get("error").is_none(), "{answer}");
    ids(&answer)
}

#[tokio::test]
async fn polygons_filter_by_their_relation() {
    let service = start(fields()).await;
    // A triangle over the squares at 1 and 2: its right angle at (1.2, 0.2), its tip at (2.8, 0.2).
    let triangle = json!({"rings": [[[1.2, 0.2], [1.2, 0.9], [2.8, 0.2], [1.2, 0.2]]], "spatialReference": {"wkid": 4326}}).to_string();
    let by = |relation: &str| {
        found(
            &service,
            "fields",
            &[
                ("geometry", &triangle),
                ("geometryType", "esriGeometryPolygon"),
                ("spatialRel", relation),
            ],
        )
    };
    assert_eq!(by("esriSpatialRelIntersects"), [2, 3, 6]);
    assert_eq!(by("esriSpatialRelEnvelopeIntersects"), [2, 3, 6]);
    assert_eq!(by("esriSpatialRelContains"), [] as [i64; 0]);
    assert_eq!(by("esriSpatialRelWithin"), [6]);
    // A triangle whose envelope reaches the last square, while itself it does not.
    let slim = json!({"rings": [[[3.5, 0.5], [3.5, 2.0], [4.5, 2.0], [3.5, 0.5]]]}).to_string();
    let by = |relation: &str| {
        found(
            &service,
            "fields",
            &[
                ("geometry", &slim),
                ("geometryType", "esriGeometryPolygon"),
                ("spatialRel", relation),
            ],
        )
    };
    assert_eq!(by("esriSpatialRelIntersects"), [4, 6]);
    assert_eq!(by("esriSpatialRelEnvelopeIntersects"), [4, 5, 6]);
    // In Web Mercator, from 0.5° to 3.5° of longitude.
    let wide = json!({"xmin": 0.5 * 111_319.490_793, "ymin": -1e5, "xmax": 3.5 * 111_319.490_793, "ymax": 2e5, "spatialReference": {"wkid": 102_100}}).to_string();
    assert_eq!(
        found(
            &service,
            "fields",
            &[
                ("geometry", &wide),
                ("spatialRel", "esriSpatialRelContains")
            ]
        ),
        [2, 3]
    );
    let point = [
        ("geometry", "2.5,0.5"),
        ("geometryType", "esriGeometryPoint"),
    ];
    assert_eq!(found(&service, "fields", &point), [3, 6]);
    let line = json!({"paths": [[[0.5, 0.5], [2.5, 0.5]]]}).to_string();
    assert_eq!(
        found(
            &service,
            "fields",
            &[
                ("geometry", &line),
                ("geometryType", "esriGeometryPolyline")
            ]
        ),
        [1, 2, 3, 6]
    );
    for (geometry, kind) in [
        ("{\"rings\":[]}", "esriGeometryPolygon"),
        ("{\"paths\":[[[0,0]]]}", "esriGeometryPolygon"),
        ("1,2,3", "esriGeometryPoint"),
    ] {
        let refused = query(
            &service,
            "fields",
            &[("geometry", geometry), ("geometryType", kind)],
        );
        assert_eq!(refused["error"]["code"], 400, "{geometry}");
    }
}

#[tokio::test]
async fn distances_reach_out_from_the_filter() {
    let layer = Layer::new("posts", GeometryType::Point)
        .with_rows((0..5).map(|n| Row::new().at(Geometry::point((f64::from(n), 60.0)))));
    let service = start(layer).await;
    // At 60° north a degree of longitude is half as long as at the equator: 55.66 km.
    let near = |distance: &str, unit: &str| {
        let filter = [
            ("geometry", "2,60"),
            ("geometryType", "esriGeometryPoint"),
            ("distance", distance),
            ("units", unit),
        ];
        found(&service, "posts", &filter)
    };
    assert_eq!(near("55", "esriSRUnit_Kilometer"), [3]);
    assert_eq!(near("56", "esriSRUnit_Kilometer"), [2, 3, 4]);
    assert_eq!(near("112000", "esriSRUnit_Meter"), [1, 2, 3, 4, 5]);
    assert_eq!(near("35", "esriSRUnit_StatuteMile"), [2, 3, 4]);
}

#[tokio::test]
async fn time_filters_take_moments_and_spans() {
    let layer = Layer::table("events")
        .with_field(Field::new("FROM_", FieldType::Date))
        .with_field(Field::new("TO_", FieldType::Date))
        .with_rows(
            [(100, Some(200)), (150, Some(300)), (400, None)]
                .map(|(from, to)| Row::new().with("FROM_", from).with("TO_", to)),
        )
        .with_row(Row::new())
        .with_time_fields("FROM_", Some("TO_"));
    let service = start(layer).await;
    for (time, rows) in [
        ("180", vec![1, 2]),
        ("250,400", vec![2, 3]),
        ("null,120", vec![1]),
        ("350,null", vec![3]),
        ("310,390", vec![]),
    ] {
        assert_eq!(
            found(&service, "events", &[("where", "1=1"), ("time", time)]),
            rows,
            "{time}"
        );
    }
    let path = service.layer_url("events").replace(service.origin(), "");
    assert_eq!(
        get(&service, &path, &[("f", "json")]).json()["timeInfo"]["startTimeField"],
        "FROM_"
    );
}

fn statistics(service: &Testkit, more: &[(&str, &str)]) -> Vec<Value> {
    let wanted = r#"[{"statisticType":"count","onStatisticField":"POP","outStatisticFieldName":"n"},{"statisticType":"sum","onStatisticField":"POP","outStatisticFieldName":"total"},{"statisticType":"PERCENTILE_CONT","onStatisticField":"POP","outStatisticFieldName":"median","statisticParameters":{"value":0.5}}]"#;
    let mut all = vec![
        ("where", "1=1"),
        ("outStatistics", wanted),
        ("groupByFieldsForStatistics", "NAME"),
        ("orderByFields", "NAME"),
    ];
    all.extend_from_slice(more);
    let answer = query(service, "towns", &all);
    answer["features"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"))
        .iter()
        .map(|row| row["attributes"].clone())
        .collect()
}

#[tokio::test]
async fn statistics_are_grouped_filtered_and_paged() {
    let layer = Layer::table("towns")
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("POP", FieldType::Integer))
        .with_rows(
            [
                ("a", 1),
                ("b", 10),
                ("a", 3),
                ("c", 100),
                ("b", 20),
                ("a", 8),
            ]
            .map(|(name, pop)| Row::new().with("NAME", name).with("POP", pop)),
        );
    let service = start(layer.clone()).await;
    assert_eq!(
        statistics(&service, &[]),
        [
            json!({"NAME": "a", "n": 3, "total": 12, "median": 3}),
            json!({"NAME": "b", "n": 2, "total": 30, "median": 15}),
            json!({"NAME": "c", "n": 1, "total": 100, "median": 100}),
        ]
        .map(|row| {
            let mut row = row;
            row["median"] = json!(row["median"].as_f64().unwrap());
            row
        })
        .map(|row| serde_json::from_str::<Value>(&row.to_string().replace(".0", "")).unwrap())
    );
    let names = |more: &[(&str, &str)]| -> Vec<String> {
        statistics(&service, more)
            .iter()
            .map(|row| row["NAME"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&[("havingClause", "sum(pop) >= 30")]), ["b", "c"]);
    assert_eq!(
        names(&[("havingClause", "COUNT(POP) > 1 AND total < 30")]),
        ["a"]
    );
    assert_eq!(
        names(&[("resultOffset", "1"), ("resultRecordCount", "1")]),
        ["b"]
    );
    let service = start(
        layer
            .without(Ability::StatisticsPagination)
            .without(Ability::Having),
    )
    .await;
    for refused in [("resultOffset", "1"), ("havingClause", "n > 1")] {
        let wanted =
            r#"[{"statisticType":"count","onStatisticField":"POP","outStatisticFieldName":"n"}]"#;
        let answer = query(
            &service,
            "towns",
            &[("where", "1=1"), ("outStatistics", wanted), refused],
        );
        assert_eq!(answer["error"]["code"], 400);
    }
}

#[tokio::test]
async fn true_curves_come_where_they_are_asked_for() {
    let curves = json!({"curvePaths": [[[0, 0], {"c": [[2, 0], [1, 1]]}]]});
    let plain = Geometry::polyline([[(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)]]);
    let layer = Layer::new("arcs", GeometryType::Polyline)
        .with_row(Row::new().at(plain).with_curves(&curves));
    let service = start(layer.clone()).await;
    let geometry = |service: &Testkit, more: (&str, &str)| {
        query(service, "arcs", &[("where", "1=1"), more])["features"][0]["geometry"].clone()
    };
    assert_eq!(geometry(&service, ("returnTrueCurves", "true")), curves);
    let flat: Value = serde_json::from_str(r#"{"paths":[[[0,0],[1,1],[2,0]]]}"#).unwrap();
    assert_eq!(geometry(&service, ("returnTrueCurves", "false")), flat);
    let path = service.layer_url("arcs").replace(service.origin(), "");
    let about = get(&service, &path, &[("f", "json")]).json();
    assert_eq!(
        about["advancedQueryCapabilities"]["supportsTrueCurve"],
        true
    );
    let service = start(layer.with_quirk(Quirk::SendsCurves)).await;
    assert_eq!(geometry(&service, ("returnTrueCurves", "false")), curves);
}

#[tokio::test]
async fn rows_without_geometry_are_found_where_the_server_knows_how() {
    let service = start(fields()).await;
    let count = |clause: &str| {
        query(
            &service,
            "fields",
            &[("where", clause), ("returnCountOnly", "true")],
        )
    };
    assert_eq!(count("SHAPE IS NULL"), json!({"count": 1}));
    assert_eq!(
        count("shape is not null AND OBJECTID > 5"),
        json!({"count": 1})
    );
    let rows = service.layer("fields").unwrap();
    rows.update(7, Row::new().at(square(9.0, 9.0, 1.0)))
        .unwrap();
    assert_eq!(count("Shape IS NULL"), json!({"count": 0}));
    assert_eq!(count("SHAPE = 1")["error"]["code"], 400);
    let named = fields().with_field(Field::new("GEOM", FieldType::Geometry));
    let service = start(named).await;
    let found = query(&service, "fields", &[("where", "GEOM IS NULL")]);
    assert_eq!(ids(&found), [7]);
    let old = start(fields().without(Ability::ShapeIsNull)).await;
    assert_eq!(
        query(&old, "fields", &[("where", "SHAPE IS NULL")])["error"]["code"],
        400
    );
}
