#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! Which rows, counts, ids, extents and statistics a query gets.

mod towns;
mod wire;

use arcgis_testkit::{Ability, Field, FieldType, Geometry, GeometryType, Layer, Quirk, Row};
use serde_json::{Value as Json, json};
use towns::{ids, start, towns};
use wire::{get, post, query};

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
    let amf = post(
        &service,
        "/arcgis/rest/services/towns/FeatureServer/0/query",
        &[("where", "1=1"), ("f", "amf")],
        &[],
    );
    assert_eq!(
        (amf.status, amf.json()["error"]["code"].as_i64()),
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
