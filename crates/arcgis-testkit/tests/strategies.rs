#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! What layers offer to those who plan a download, and what they refuse.

mod towns;
mod wire;

use arcgis_testkit::{Ability, BadRow, Failure, Field, FieldType, Layer, Quirk, Row, Testkit};
use serde_json::{Value, json};
use towns::{PAGE, five_towns, ids, start, towns};
use wire::{get, query};

fn ask(service: &Testkit, parameters: &[(&str, &str)]) -> Value {
    query(service, "towns", parameters)
}

fn metadata(service: &Testkit) -> Value {
    get(service, PAGE.trim_end_matches("/query"), &[("f", "json")]).json()
}

const ALL: (&str, &str) = ("where", "1=1");

#[tokio::test]
async fn caps_depend_on_what_is_asked_for() {
    let layer = towns()
        .with_max_record_count(4)
        .with_standard_max_record_count(6)
        .with_standard_max_record_count_no_geometry(9)
        .with_tile_max_record_count(8)
        .with_max_record_count_factor(3);
    let service = start(layer).await;
    let metadata = metadata(&service);
    assert_eq!(metadata["standardMaxRecordCount"], 6);
    assert_eq!(metadata["standardMaxRecordCountNoGeometry"], 9);
    assert_eq!(metadata["tileMaxRecordCount"], 8);
    assert_eq!(metadata["maxRecordCountFactor"], 3);
    assert_eq!(
        metadata["advancedQueryCapabilities"]["supportsQueryWithResultType"],
        true
    );
    assert_eq!(
        metadata["advancedQueryCapabilities"]["supportsMaxRecordCountFactor"],
        true
    );
    for (parameters, rows) in [
        (vec![], 4),
        (vec![("resultType", "none")], 4),
        (vec![("resultType", "standard")], 6),
        (
            vec![("resultType", "standard"), ("returnGeometry", "false")],
            9,
        ),
        (vec![("resultType", "tile")], 8),
        (vec![("maxRecordCountFactor", "3")], 12),
        (
            vec![("resultType", "standard"), ("maxRecordCountFactor", "2")],
            12,
        ),
        (
            vec![("maxRecordCountFactor", "3"), ("resultRecordCount", "11")],
            11,
        ),
    ] {
        let mut all = vec![ALL];
        all.extend_from_slice(&parameters);
        assert_eq!(ids(&ask(&service, &all)).len(), rows, "{parameters:?}");
    }
    assert_eq!(
        ask(&service, &[ALL, ("maxRecordCountFactor", "4")])["error"]["code"],
        400
    );
    assert_eq!(
        ask(&service, &[ALL, ("resultType", "all")])["error"]["code"],
        400
    );
    // A layer without these abilities does not look at the parameters.
    let plain = start(towns()).await;
    assert_eq!(
        ids(&ask(
            &plain,
            &[
                ALL,
                ("resultType", "standard"),
                ("maxRecordCountFactor", "5")
            ]
        ))
        .len(),
        10
    );
    assert!(
        plain
            .requests()
            .iter()
            .all(|request| request.unknown_parameters().is_empty())
    );
}

#[tokio::test]
async fn ids_may_not_be_listed_or_not_all() {
    let service = start(towns().without(Ability::Ids)).await;
    assert_eq!(
        ask(&service, &[ALL, ("returnIdsOnly", "true")])["error"]["code"],
        400
    );

    let service = start(towns().with_max_unique_id_count(10)).await;
    assert_eq!(metadata(&service)["maxUniqueIDCount"], 10);
    let mut all = Vec::new();
    for offset in ["0", "10", "20"] {
        let page = ask(
            &service,
            &[
                ALL,
                ("returnIdsOnly", "true"),
                ("orderByFields", "OBJECTID"),
                ("resultOffset", offset),
            ],
        );
        let more = page.get("exceededTransferLimit").and_then(Value::as_bool);
        assert_eq!(more, (offset != "20").then_some(true));
        all.extend(
            page["objectIds"]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| id.as_i64().unwrap()),
        );
    }
    assert_eq!(all, (1..=25).collect::<Vec<_>>());

    let service = start(towns().with_quirk(Quirk::IdsCap(10))).await;
    let page = ask(&service, &[ALL, ("returnIdsOnly", "true")]);
    assert_eq!(page["objectIds"].as_array().unwrap().len(), 10);
    assert!(page.get("exceededTransferLimit").is_none());
    assert_eq!(service.layer("towns").unwrap().quirks_fired(), [1]);
}

fn parcels() -> Layer {
    Layer::table("towns")
        .with_field(Field::new("COUNTY", FieldType::String))
        .with_field(Field::new("NO", FieldType::Integer))
        .with_rows((1..=6).map(|n| {
            Row::new()
                .with("COUNTY", if n <= 3 { "A" } else { "B" })
                .with("NO", n)
        }))
}

#[tokio::test]
async fn hashed_ids_are_nothing_to_ask_by() {
    let service = start(parcels().with_hashed_object_ids(["COUNTY", "NO"])).await;
    assert_eq!(
        metadata(&service)["uniqueIdInfo"],
        json!({"type": "composite", "fields": ["COUNTY", "NO"], "OIDFieldContainsHashValue": true})
    );
    let rows = ask(
        &service,
        &[
            ALL,
            ("orderByFields", "COUNTY,NO"),
            ("outFields", "*"),
            ("resultOffset", "2"),
            ("resultRecordCount", "2"),
        ],
    );
    let numbers: Vec<_> = rows["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["attributes"]["NO"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [3, 4]);
    let hashes = service.layer("towns").unwrap().object_ids();
    let sorted = {
        let mut sorted = hashes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        sorted
    };
    assert_eq!(sorted.len(), 6);
    assert_ne!(sorted, hashes);
    assert!(sorted[0] > 1_000_000 && sorted[5] < 1 << 53);
    for refused in [
        ("where", "OBJECTID > 5"),
        ("where", "NO = 3 OR OBJECTID IN (1, 2)"),
    ] {
        assert_eq!(ask(&service, &[refused])["error"]["code"], 400);
    }
    assert_eq!(
        ask(&service, &[ALL, ("orderByFields", "OBJECTID")])["error"]["code"],
        400
    );
    let known = ask(
        &service,
        &[("objectIds", &hashes[4].to_string()), ("outFields", "NO")],
    );
    assert_eq!(known["features"][0]["attributes"]["NO"], 5);
    assert_eq!(
        ask(&service, &[ALL, ("returnUniqueIdsOnly", "true")]),
        json!({"uniqueIdFieldNames": ["COUNTY", "NO"], "uniqueIds": [["A", 1], ["A", 2], ["A", 3], ["B", 4], ["B", 5], ["B", 6]]})
    );
    assert_eq!(
        ids(&ask(&service, &[("uniqueIds", r#"["A",2],["B",6]"#)])),
        [hashes[1], hashes[5]]
    );

    let service = start(parcels().with_unique_id(["NO"])).await;
    assert_eq!(metadata(&service)["uniqueIdInfo"]["type"], "simple");
    assert_eq!(ids(&ask(&service, &[("uniqueIds", "2, 6")])), [2, 6]);
    assert_eq!(
        ask(
            &service,
            &[("where", "NO < 3"), ("returnUniqueIdsOnly", "true")]
        ),
        json!({"uniqueIdFieldNames": "NO", "uniqueIds": [1, 2]})
    );
    assert_eq!(ids(&ask(&service, &[("where", "OBJECTID > 5")])), [6]);
}

#[tokio::test]
async fn archives_show_earlier_moments() {
    let service = start(five_towns().with_archiving().with_edit_tracking()).await;
    let about = metadata(&service);
    assert_eq!(
        about["archivingInfo"]["supportsQueryWithHistoricMoment"],
        true
    );
    assert_eq!(about["editFieldsInfo"]["editDateField"], "EditDate");
    let rows = service.layer("towns").unwrap();
    let before = rows.last_edit();
    assert_eq!(about["editingInfo"]["lastEditDate"].as_u64(), Some(before));
    rows.delete(2).unwrap();
    let between = rows.last_edit();
    assert!(between > before);
    rows.insert(Row::new().with("NAME", "new")).unwrap();
    rows.update(3, Row::new().with("NAME", "renamed")).unwrap();
    let at = |moment: u64| {
        let page = ask(
            &service,
            &[
                ALL,
                ("historicMoment", &moment.to_string()),
                ("outFields", "*"),
            ],
        );
        (
            ids(&page),
            page["features"][2]["attributes"]["NAME"].clone(),
        )
    };
    assert_eq!(at(before), (vec![1, 2, 3, 4, 5], json!("Town 3")));
    assert_eq!(at(between), (vec![1, 3, 4, 5], json!("Town 4")));
    assert_eq!(at(rows.last_edit()).0, [1, 3, 4, 5, 6]);
    let count = ask(
        &service,
        &[
            ALL,
            ("returnCountOnly", "true"),
            ("historicMoment", &before.to_string()),
        ],
    );
    assert_eq!(count, json!({"count": 5}));
    let edited = ask(
        &service,
        &[("where", "EditDate > timestamp '2020-12-31 00:00:00'")],
    );
    assert_eq!(ids(&edited), [3, 6]);
    let open = start(five_towns()).await;
    assert!(metadata(&open).get("archivingInfo").is_none());
}

#[tokio::test]
async fn counts_and_pages_lie_by_quirk() {
    let with = |quirk| start(towns().with_quirk(quirk));
    let service = with(Quirk::WrongCount(-3)).await;
    assert_eq!(
        ask(&service, &[ALL, ("returnCountOnly", "true")]),
        json!({"count": 22})
    );
    let service = with(Quirk::IgnoresRecordCount).await;
    assert_eq!(
        ids(&ask(&service, &[ALL, ("resultRecordCount", "3")])).len(),
        10
    );
    let service = with(Quirk::OverlappingPages(2)).await;
    let page = |offset| {
        ids(&ask(
            &service,
            &[
                ALL,
                ("orderByFields", "OBJECTID"),
                ("resultRecordCount", "5"),
                ("resultOffset", offset),
            ],
        ))
    };
    assert_eq!(page("0"), [1, 2, 3, 4, 5]);
    assert_eq!(page("5"), [4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(service.layer("towns").unwrap().quirks_fired(), [1]);
}

#[tokio::test]
async fn some_pages_cannot_be_made() {
    let status = |service: &Testkit, parameters: &[(&str, &str)]| {
        let mut all = vec![("f", "json")];
        all.extend_from_slice(parameters);
        get(service, PAGE, &all).status
    };
    for (bad, without_geometry, generalized) in [
        (BadRow::Never, 500, 500),
        (BadRow::WithoutGeometry, 200, 500),
        (BadRow::Generalized, 200, 200),
    ] {
        let service = start(five_towns().with_quirk(Quirk::BadRow(3, bad))).await;
        assert_eq!(status(&service, &[ALL]), 500);
        assert_eq!(status(&service, &[("where", "OBJECTID <> 3")]), 200);
        assert_eq!(status(&service, &[("where", "OBJECTID = 3")]), 500);
        assert_eq!(status(&service, &[ALL, ("returnCountOnly", "true")]), 200);
        assert_eq!(
            status(&service, &[ALL, ("returnGeometry", "false")]),
            without_geometry
        );
        assert_eq!(
            status(&service, &[ALL, ("maxAllowableOffset", "0.1")]),
            generalized
        );
        assert!(service.layer("towns").unwrap().quirks_fired()[0] >= 2);
    }
    let service = start(towns().with_quirk(Quirk::TooManyRows(4, Failure::Status(504)))).await;
    assert_eq!(status(&service, &[ALL, ("resultRecordCount", "5")]), 504);
    assert_eq!(status(&service, &[ALL, ("resultRecordCount", "4")]), 200);
    let service = start(towns().with_quirk(Quirk::TooManyBytes(1000, Failure::Body))).await;
    let failed = ask(&service, &[ALL, ("outFields", "*")]);
    assert_eq!(
        failed,
        json!({"error": {"code": 500, "message": "Error performing query operation", "details": []}})
    );
    assert_eq!(
        ids(&ask(&service, &[ALL, ("resultRecordCount", "1")])).len(),
        1
    );
}
