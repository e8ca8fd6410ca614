#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod wire;

use arcgis_testkit::{
    Ability, Field, FieldType, Geometry, GeometryType, Layer, Quirk, Row, Service, Testkit, Value,
};
use serde_json::{Value as Json, json};
use wire::{get, post, query};

/// 25 towns in a row, 0.1° apart, held in no order of their ids.
fn towns() -> Layer {
    Layer::new("towns", GeometryType::Point)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("POP", FieldType::Integer))
        .with_max_record_count(10)
        .with_rows((0..25).map(|n| (n * 7) % 25 + 1).map(|id| {
            let population = (id % 5 != 0).then_some(id * 100);
            Row::new()
                .with("OBJECTID", id)
                .with("NAME", format!("Town {}", id % 3))
                .with("POP", population)
                .at(Geometry::point((f64::from(id) / 10.0, 47.0)))
        }))
}

async fn start(layer: Layer) -> Testkit {
    Testkit::builder().layer(layer).start().await.unwrap()
}

fn ids(answer: &Json) -> Vec<i64> {
    answer["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feature| feature["attributes"]["OBJECTID"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn pages_follow_each_other_and_say_when_more_follow() {
    let service = start(towns()).await;
    let page = |offset: &str| {
        query(
            &service,
            "towns",
            &[
                ("where", "1=1"),
                ("orderByFields", "objectid ASC"),
                ("resultOffset", offset),
                ("resultRecordCount", "100"),
            ],
        )
    };
    let (first, second, third, fourth) = (page("0"), page("10"), page("20"), page("30"));
    assert_eq!(
        [ids(&first), ids(&second), ids(&third)].concat(),
        (1..=25).collect::<Vec<_>>()
    );
    assert_eq!(first["exceededTransferLimit"], true);
    assert_eq!(second["exceededTransferLimit"], true);
    assert!(third.get("exceededTransferLimit").is_none());
    assert_eq!(fourth["features"], json!([]));
    assert!(fourth.get("fields").is_none() && fourth.get("geometryType").is_none());
    assert_eq!(first["objectIdFieldName"], "OBJECTID");
    assert_eq!(first["geometryType"], "esriGeometryPoint");
    assert_eq!(
        first["spatialReference"],
        json!({"wkid": 4326, "latestWkid": 4326})
    );
    let short = query(
        &service,
        "towns",
        &[
            ("where", "1=1"),
            ("orderByFields", "OBJECTID DESC"),
            ("resultOffset", "3"),
            ("resultRecordCount", "2"),
        ],
    );
    assert_eq!(ids(&short), [22, 21]);
}

#[tokio::test]
async fn counts_ids_and_extents_are_of_the_whole_answer() {
    let service = start(towns()).await;
    assert_eq!(
        query(
            &service,
            "towns",
            &[("where", "OBJECTID > 5"), ("returnCountOnly", "true")]
        ),
        json!({"count": 20})
    );
    let found = query(
        &service,
        "towns",
        &[("where", "1=1"), ("returnIdsOnly", "true")],
    );
    let mut all: Vec<i64> = found["objectIds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_i64().unwrap())
        .collect();
    assert_ne!(all, (1..=25).collect::<Vec<_>>());
    all.sort_unstable();
    assert_eq!(all, (1..=25).collect::<Vec<_>>());
    assert_eq!(
        query(
            &service,
            "towns",
            &[("where", "1=2"), ("returnIdsOnly", "true")]
        ),
        json!({"objectIdFieldName": "OBJECTID", "objectIds": null})
    );
    let extent = query(
        &service,
        "towns",
        &[
            ("where", "OBJECTID <= 20"),
            ("returnExtentOnly", "true"),
            ("returnCountOnly", "true"),
        ],
    );
    assert_eq!(
        extent,
        json!({"count": 20, "extent": {"xmin": 0.1, "ymin": 47, "xmax": 2, "ymax": 47, "spatialReference": {"wkid": 4326, "latestWkid": 4326}}})
    );
}

#[tokio::test]
async fn rows_are_found_by_condition_ids_and_place_together() {
    let service = start(towns()).await;
    let count = |parameters: &[(&str, &str)]| {
        let mut all = vec![("returnCountOnly", "true")];
        all.extend_from_slice(parameters);
        query(&service, "towns", &all)["count"].as_i64().unwrap()
    };
    assert_eq!(count(&[("objectIds", "3, 4,99")]), 2);
    assert_eq!(
        count(&[("geometry", "0.35,46,1.05,48"), ("inSR", "4326")]),
        7
    );
    assert_eq!(
        count(&[(
            "geometry",
            r#"{"xmin":0.35,"ymin":46,"xmax":1.05,"ymax":48,"spatialReference":{"wkid":4326}}"#
        )]),
        7
    );
    // 0.35° and 1.05° in metres of Web Mercator: π/180 · 6378137 each.
    assert_eq!(
        count(&[
            ("geometry", "38961.8218,5780349,116885.4653,6106854"),
            ("inSR", "102100")
        ]),
        7
    );
    assert_eq!(
        count(&[
            ("geometry", "0.35,46,1.05,48"),
            ("where", "POP IS NULL"),
            ("objectIds", "5,6")
        ]),
        1
    );
    assert_eq!(
        count(&[("where", "NAME LIKE '%0' AND POP BETWEEN 300 AND 900")]),
        3
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_in_an_error_body() {
    let service = start(towns().with_quirk(Quirk::BareNan)).await;
    let error = |parameters: &[(&str, &str)]| {
        let answer = query(&service, "towns", parameters);
        (
            answer["error"]["code"].as_i64().unwrap(),
            answer["error"]["message"].as_str().unwrap().to_owned(),
            answer["error"]["details"].to_string(),
        )
    };
    let (code, message, details) = error(&[("where", "NOSUCH = 1")]);
    assert_eq!((code, message.as_str()), (400, "Unable to perform query."));
    assert!(details.contains("NOSUCH"));
    for parameters in [
        &[("where", "1=1"), ("outFields", "NOSUCH")][..],
        &[("where", "1=1"), ("orderByFields", "NOSUCH")],
        &[("where", "1=1"), ("resultOffset", "x")],
        &[("where", "1=1"), ("outSR", "27700")],
        &[("where", "1=1"), ("returnDistinctValues", "true")],
        &[("where", "1=1"), ("returnGeometry", "perhaps")],
        &[("where", "1=1"), ("geometry", "1,2,3")],
        &[("outFields", "*")],
    ] {
        assert_eq!(error(parameters).0, 400, "{parameters:?}");
    }
    assert_eq!(
        query(&service, "nosuch", &[("where", "1=1")])["error"]["code"],
        404
    );
    let pbf = post(
        &service,
        "/arcgis/rest/services/towns/FeatureServer/0/query",
        &[("where", "1=1"), ("f", "pbf")],
        &[],
    );
    assert_eq!(
        (pbf.status, pbf.json()["error"]["code"].as_i64()),
        (200, Some(400))
    );
    let page = get(
        &service,
        "/arcgis/rest/services/towns/FeatureServer/0/query",
        &[("where", "1=1")],
    );
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
            && page.text().starts_with("<html>")
    );
}

#[tokio::test]
async fn a_server_without_an_ability_says_so_and_refuses() {
    let service = start(
        towns()
            .without(Ability::Pagination)
            .without(Ability::OrderBy)
            .without(Ability::Statistics),
    )
    .await;
    let answer = query(
        &service,
        "towns",
        &[("where", "1=1"), ("resultOffset", "10")],
    );
    assert_eq!(
        answer,
        json!({"error": {"code": 400, "message": "Pagination is not supported.", "details": []}})
    );
    assert!(
        query(
            &service,
            "towns",
            &[("where", "1=1"), ("orderByFields", "POP")]
        )["error"]
            .is_object()
    );
    let first = query(&service, "towns", &[("where", "1=1"), ("outFields", "*")]);
    assert_eq!(
        (
            first["features"].as_array().unwrap().len(),
            &first["exceededTransferLimit"]
        ),
        (10, &json!(true))
    );
    let metadata = get(
        &service,
        "/arcgis/rest/services/towns/FeatureServer/0",
        &[("f", "json")],
    )
    .json();
    assert_eq!(
        metadata["advancedQueryCapabilities"]["supportsPagination"],
        false
    );
    assert_eq!(metadata["supportsStatistics"], false);
}

#[tokio::test]
async fn metadata_describe_the_layer() {
    let service = Testkit::builder()
        .service(
            Service::new("Base/Places")
                .with_layer(Layer::group("all"))
                .with_layer(towns().with_parent(0))
                .with_layer(Layer::table("notes"))
                .with_layer(Layer::raster("photo"))
                .with_layer(towns().with_name("closed").with_capabilities("Create")),
        )
        .layer(towns().with_name("odd").with_metadata_patch(json!({"objectIdField": null, "maxRecordCount": 5, "advancedQueryCapabilities": {"supportsPagination": null}})).with_null_metadata("types"))
        .start()
        .await
        .unwrap();
    let json = |path: &str| {
        get(
            &service,
            &format!("/arcgis/rest/services{path}"),
            &[("f", "json")],
        )
        .json()
    };
    assert_eq!(json("")["folders"], json!(["Base"]));
    assert_eq!(
        json("")["services"],
        json!([{"name": "odd", "type": "FeatureServer"}, {"name": "odd", "type": "MapServer"}])
    );
    assert_eq!(
        json("/Base")["services"][0],
        json!({"name": "Base/Places", "type": "FeatureServer"})
    );
    assert_eq!(json("/Nosuch")["error"]["code"], 404);
    let root = json("/Base/Places/FeatureServer");
    assert_eq!(root["layers"].as_array().unwrap().len(), 4);
    assert_eq!(root["layers"][0]["subLayerIds"], json!([1]));
    assert_eq!(root["tables"][0]["name"], "notes");
    let layer = json("/Base/Places/FeatureServer/1");
    assert_eq!(layer["type"], "Feature Layer");
    assert_eq!(layer["objectIdField"], "OBJECTID");
    assert_eq!(layer["maxRecordCount"], 10);
    assert_eq!(layer["extent"]["spatialReference"]["wkid"], 4326);
    assert_eq!(layer["extent"]["xmax"], 2.5);
    assert_eq!(
        layer["fields"][1],
        json!({"name": "NAME", "type": "esriFieldTypeString", "alias": "NAME", "length": 255, "domain": null, "defaultValue": null, "nullable": true, "editable": true})
    );
    assert_eq!(layer["supportedQueryFormats"], "JSON, geoJSON");
    assert_eq!(json("/Base/Places/FeatureServer/0")["type"], "Group Layer");
    assert_eq!(json("/Base/Places/FeatureServer/2")["type"], "Table");
    assert!(
        json("/Base/Places/FeatureServer/2")
            .get("geometryType")
            .is_none()
    );
    assert_eq!(json("/Base/Places/FeatureServer/3")["type"], "Raster Layer");
    assert_eq!(json("/Base/Places/FeatureServer/9")["error"]["code"], 400);
    let map = json("/Base/Places/MapServer/1");
    assert_eq!(map["capabilities"], "Map,Query");
    assert!(map.get("objectIdField").is_none());
    let odd = json("/odd/FeatureServer/0");
    assert!(
        odd.get("objectIdField").is_none() && odd["types"].is_null() && odd.get("types").is_some()
    );
    assert_eq!(odd["maxRecordCount"], 5);
    for closed in ["all", "photo", "closed"] {
        assert_eq!(
            query(&service, closed, &[("where", "1=1")])["error"]["message"],
            "Requested operation is not supported by this service."
        );
    }
    // The metadata follow the data.
    let before = layer["editingInfo"]["lastEditDate"].as_u64().unwrap();
    let rows = service.layer("Base/Places/towns").unwrap();
    let id = rows
        .insert(
            Row::new()
                .with("NAME", "New")
                .at(Geometry::point((9.0, 47.0))),
        )
        .unwrap();
    assert_eq!(id, Some(26));
    assert!(
        rows.update(26, Row::new().with("POP", 5)).unwrap()
            && rows.delete(1).unwrap()
            && !rows.delete(1).unwrap()
    );
    let after = json("/Base/Places/FeatureServer/1");
    assert_eq!(after["extent"]["xmax"], 9.0);
    assert!(after["editingInfo"]["lastEditDate"].as_u64().unwrap() > before);
    assert_eq!(rows.len(), 25);
}

#[tokio::test]
async fn statistics_agree_with_the_formulas() {
    let service = start(towns()).await;
    let wanted = r#"[{"statisticType":"count","onStatisticField":"POP","outStatisticFieldName":"n"},{"statisticType":"sum","onStatisticField":"POP","outStatisticFieldName":"s"},{"statisticType":"min","onStatisticField":"POP","outStatisticFieldName":"lo"},{"statisticType":"max","onStatisticField":"POP","outStatisticFieldName":"hi"},{"statisticType":"avg","onStatisticField":"POP","outStatisticFieldName":"a"},{"statisticType":"var","onStatisticField":"POP","outStatisticFieldName":"v"},{"statisticType":"stddev","onStatisticField":"POP","outStatisticFieldName":"d"}]"#;
    let answer = query(
        &service,
        "towns",
        &[("where", "OBJECTID <= 5"), ("outStatistics", wanted)],
    );
    let row = &answer["features"][0]["attributes"];
    // Of 100, 200, 300, 400 (and a null): mean 250, sample variance 50000/3.
    assert_eq!(
        (&row["n"], &row["s"], &row["lo"], &row["hi"], &row["a"]),
        (
            &json!(4),
            &json!(1000),
            &json!(100),
            &json!(400),
            &json!(250)
        )
    );
    assert!((row["v"].as_f64().unwrap() - 50_000.0 / 3.0).abs() < 1e-9);
    assert!((row["d"].as_f64().unwrap() - (50_000.0_f64 / 3.0).sqrt()).abs() < 1e-9);
    let groups = query(
        &service,
        "towns",
        &[
            ("where", "1=1"),
            (
                "outStatistics",
                r#"[{"statisticType":"count","onStatisticField":"OBJECTID","outStatisticFieldName":"n"}]"#,
            ),
            ("groupByFieldsForStatistics", "NAME"),
            ("orderByFields", "n DESC, NAME"),
        ],
    );
    let groups: Vec<_> = groups["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            (
                group["attributes"]["NAME"].as_str().unwrap(),
                group["attributes"]["n"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(groups, [("Town 1", 9), ("Town 0", 8), ("Town 2", 8)]);
    let nothing = query(
        &service,
        "towns",
        &[("where", "1=2"), ("outStatistics", wanted)],
    );
    assert_eq!(
        (
            &nothing["features"][0]["attributes"]["n"],
            &nothing["features"][0]["attributes"]["hi"]
        ),
        (&json!(0), &Json::Null)
    );
    let distinct = query(
        &service,
        "towns",
        &[
            ("where", "1=1"),
            ("outFields", "NAME"),
            ("returnDistinctValues", "true"),
            ("returnGeometry", "false"),
            ("orderByFields", "NAME DESC"),
        ],
    );
    let names: Vec<_> = distinct["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["attributes"]["NAME"].clone())
        .collect();
    assert_eq!(names, ["Town 2", "Town 1", "Town 0"]);
}

#[tokio::test]
async fn quirks_are_what_a_server_does_wrong() {
    let page = |service: &Testkit, offset: &str| {
        query(
            service,
            "towns",
            &[
                ("where", "1=1"),
                ("resultOffset", offset),
                ("orderByFields", "OBJECTID"),
            ],
        )
    };
    let service = start(towns().with_quirk(Quirk::ActualCap(4))).await;
    assert_eq!(ids(&page(&service, "0")).len(), 4);
    let service = start(towns().with_quirk(Quirk::IgnoresOffset)).await;
    assert_eq!(ids(&page(&service, "10")), ids(&page(&service, "0")));
    let service = start(towns().with_quirk(Quirk::NeverExceeded)).await;
    assert!(page(&service, "0").get("exceededTransferLimit").is_none());
    let service = start(towns().with_quirk(Quirk::AlwaysExceeded)).await;
    assert_eq!(page(&service, "20")["exceededTransferLimit"], true);
    let service = start(towns().with_quirk(Quirk::PageBytes(200))).await;
    let short = page(&service, "20");
    assert!((1..5).contains(&ids(&short).len()), "{short}");
    assert_eq!(short["exceededTransferLimit"], true);
    let service = start(towns().with_quirk(Quirk::UnorderedPages(1))).await;
    assert_eq!(ids(&page(&service, "0")), (1..=10).collect::<Vec<_>>());
    let loose = || ids(&query(&service, "towns", &[("where", "1=1")]));
    assert_ne!(loose(), loose());
    let service = start(towns().with_quirk(Quirk::IgnoresOrder(1))).await;
    assert_ne!(ids(&page(&service, "0")), (1..=10).collect::<Vec<_>>());
    let odd = Layer::new("odd", GeometryType::Point)
        .with_field(Field::new("A", FieldType::Double))
        .with_row(
            Row::new()
                .with("A", f64::INFINITY)
                .at(Geometry::empty_point()),
        );
    let ask = |service: &Testkit| {
        post(
            service,
            "/arcgis/rest/services/odd/FeatureServer/0/query",
            &[("where", "1=1"), ("outFields", "*"), ("f", "json")],
            &[],
        )
        .text()
    };
    let strict = ask(&start(odd.clone()).await);
    assert!(strict.ends_with(r#""features":[{"attributes":{"OBJECTID":1,"A":"Infinity"},"geometry":{"x":"NaN","y":"NaN"}}]}"#), "{strict}");
    let bare = ask(&start(odd.with_quirk(Quirk::BareNan)).await);
    assert!(bare.ends_with(r#""features":[{"attributes":{"OBJECTID":1,"A":Infinity},"geometry":{"x":NaN,"y":NaN}}]}"#), "{bare}");
    let service = start(towns().with_quirk(Quirk::FeaturesFirst)).await;
    let text = post(
        &service,
        "/arcgis/rest/services/towns/FeatureServer/0/query",
        &[("where", "1=1"), ("f", "json")],
        &[],
    )
    .text();
    assert!(text.starts_with(r#"{"features":[{"geometry":"#), "{text}");
    assert_eq!(ids(&serde_json::from_str(&text).unwrap()).len(), 10);
}

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

#[tokio::test]
async fn a_layer_need_not_have_object_ids() {
    let service = start(towns().without_object_ids()).await;
    let answer = query(
        &service,
        "towns",
        &[("where", "POP = 100"), ("outFields", "*")],
    );
    assert_eq!(
        answer["features"][0]["attributes"],
        json!({"NAME": "Town 1", "POP": 100})
    );
    let layer = Layer::table("plain")
        .without_object_ids()
        .with_field(Field::new("A", FieldType::Integer))
        .with_rows((0..3).map(|n| Row::new().with("A", n)));
    let service = start(layer).await;
    let answer = query(&service, "plain", &[("where", "A > 0"), ("outFields", "*")]);
    assert!(answer.get("objectIdFieldName").is_none());
    assert_eq!(
        answer["features"],
        json!([{"attributes": {"A": 1}}, {"attributes": {"A": 2}}])
    );
    assert_eq!(
        query(
            &service,
            "plain",
            &[("where", "1=1"), ("returnIdsOnly", "true")]
        )["error"]["code"],
        400
    );
}

#[tokio::test]
async fn long_layers_are_served_in_moderate_time() {
    let rows = (0..200_000).map(|n| {
        Row::new()
            .with("NAME", format!("Row {n}"))
            .with("POP", n)
            .at(Geometry::point((
                f64::from(n % 360) - 180.0,
                f64::from(n % 180) - 90.0,
            )))
    });
    let layer = Layer::new("many", GeometryType::Point)
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("POP", FieldType::Integer))
        .with_max_record_count(200_000)
        .with_rows(rows);
    let service = start(layer).await;
    let begun = std::time::Instant::now();
    let answer = post(
        &service,
        "/arcgis/rest/services/many/FeatureServer/0/query",
        &[
            ("where", "1=1"),
            ("outFields", "*"),
            ("orderByFields", "OBJECTID"),
            ("f", "json"),
        ],
        &[],
    );
    println!("{} bytes in {:?}", answer.body.len(), begun.elapsed());
    assert_eq!(ids(&answer.json()).len(), 200_000);
    assert!(begun.elapsed().as_secs() < 30);
}
