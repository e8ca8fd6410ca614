//! What is asked of a layer beside rows, and what is made of its answers, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod wells;

use std::collections::BTreeMap;

use arcgis_layer::arcgis_auth_core;
use arcgis_layer::{
    Bbox, Error, IdSet, Layer, Query, QueryError, ResolvedQuery, Statistic, StatisticType,
};
use serde_json::{Value, json};
use wells::{QUERY, answer, asked, at, map, metadata, open, server};
use wiremock::matchers::{method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A layer whose queries all get one answer.
async fn answering(body: &str) -> (MockServer, Layer, ResolvedQuery) {
    let server = server(&metadata()).await;
    at(QUERY)
        .respond_with(ResponseTemplate::new(200).set_body_raw(body.to_owned(), "text/plain"))
        .mount(&server)
        .await;
    let layer = open(&server).await.unwrap();
    let query = Query::new().resolve(layer.info()).unwrap();
    (server, layer, query)
}

#[tokio::test]
async fn t25_a_count_is_a_number_or_an_error() {
    for body in [
        r#"{"count":42}"#,
        r#"{"count":"42"}"#,
        "\n {\"count\": 42.0, \"more\": null}",
    ] {
        let (server, layer, query) = answering(body).await;
        assert_eq!(layer.count(&query).await.unwrap(), 42, "{body}");
        assert_eq!(
            asked(&server).await,
            [map(&[
                ("f", "json"),
                ("where", "1=1"),
                ("returnCountOnly", "true")
            ])]
        );
    }
    for body in [
        "{}",
        r#"{"count":null}"#,
        r#"{"count":-1}"#,
        r#"{"count":4.5}"#,
        r#"{"count":"many"}"#,
        r#"{"count":[42]}"#,
        r#"{"count":42"#,
        "[42]",
    ] {
        let (_server, layer, query) = answering(body).await;
        let error = layer.count(&query).await.unwrap_err();
        assert!(
            matches!(&error, Error::Answer { url, .. } if url.ends_with(QUERY)),
            "{body}: {error:?}"
        );
    }
    let (_server, layer, query) = answering("<html><title>Sign in</title></html>").await;
    let error = layer.count(&query).await.unwrap_err();
    assert!(
        matches!(error, Error::Service(_)) && error.to_string().contains("Sign in"),
        "{error}"
    );
    let (_server, layer, query) =
        answering(r#"{"error":{"code":400,"message":"Invalid query","details":["DEPTHS"]}}"#).await;
    let error = layer.count(&query).await.unwrap_err().to_string();
    assert!(
        error.contains("Invalid query") && error.contains("DEPTHS"),
        "{error}"
    );
}

#[tokio::test]
async fn t41_the_filter_goes_with_count_ids_extent_and_statistics() {
    let server = server(&metadata()).await;
    for (name, body) in [
        ("returnCountOnly", json!({"count": 2})),
        (
            "returnIdsOnly",
            json!({"objectIdFieldName": "OBJECTID", "objectIds": [3, 9]}),
        ),
        (
            "returnExtentOnly",
            json!({"extent": {"xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4, "spatialReference": {"wkid": 2056}}}),
        ),
    ] {
        at(QUERY)
            .and(query_param(name, "true"))
            .respond_with(answer(&body))
            .mount(&server)
            .await;
    }
    at(QUERY)
        .respond_with(answer(
            &json!({"features": [{"attributes": {"STAT_0": 3.0, "stat_1": "9"}}]}),
        ))
        .mount(&server)
        .await;
    let layer = open(&server).await.unwrap();
    let query = Query::new()
        .with_where("DEPTH > 1")
        .with_bbox(Bbox {
            xmin: 1.0,
            ymin: 2.0,
            xmax: 3.0,
            ymax: 4.0,
        })
        .with_param("gdbVersion", "x")
        .resolve(layer.info())
        .unwrap();
    assert_eq!(layer.count(&query).await.unwrap(), 2);
    assert_eq!(
        layer.object_ids(&query).await.unwrap(),
        [3, 9].into_iter().collect()
    );
    let extent = layer.extent(&query).await.unwrap().unwrap();
    assert_eq!(
        (extent.bbox.xmax, extent.spatial_reference.code()),
        (3.0, Some(2056))
    );
    assert_eq!(layer.object_id_bounds(&query).await.unwrap(), Some((3, 9)));

    let asked = asked(&server).await;
    assert_eq!(asked.len(), 5, "the ids are counted");
    let filter = [
        "f",
        "where",
        "geometry",
        "geometryType",
        "inSR",
        "spatialRel",
        "gdbVersion",
    ];
    for request in &asked {
        for name in filter {
            assert_eq!(request.get(name), asked[0].get(name), "{name}");
        }
    }
    assert_eq!(asked[0].get("where").unwrap(), "DEPTH > 1");
    assert_eq!(asked[3].get("outSR").unwrap(), "2056");
    assert_eq!(
        serde_json::from_str::<Value>(asked[4].get("outStatistics").unwrap()).unwrap(),
        json!([
            {"statisticType": "min", "onStatisticField": "OBJECTID", "outStatisticFieldName": "stat_0"},
            {"statisticType": "max", "onStatisticField": "OBJECTID", "outStatisticFieldName": "stat_1"}
        ])
    );
    assert_eq!(asked[4].get("returnGeometry").unwrap(), "false");
}

#[tokio::test]
async fn t42_ids_that_are_cut_are_asked_for_until_all_are_there() {
    // Declared as cut, and not declared: only the count tells.
    for declared in [true, false] {
        let server = server(&metadata()).await;
        let ids = |list: Vec<i64>, more: bool| {
            answer(&json!({"objectIds": list, "exceededTransferLimit": declared && more}))
        };
        at(QUERY)
            .and(query_param("returnCountOnly", "true"))
            .respond_with(answer(&json!({"count": 25})))
            .mount(&server)
            .await;
        for (condition, list) in [("OBJECTID > 10", 11..=20), ("OBJECTID > 20", 21..=25)] {
            let more = *list.end() < 25;
            at(QUERY)
                .and(query_param("returnIdsOnly", "true"))
                .and(query_param(
                    "where",
                    format!("(DEPTH > 1) AND ({condition})"),
                ))
                .and(query_param("orderByFields", "OBJECTID ASC"))
                .respond_with(ids(list.collect(), more))
                .mount(&server)
                .await;
        }
        at(QUERY)
            .and(query_param("where", "DEPTH > 1"))
            .and(query_param("returnIdsOnly", "true"))
            .respond_with(ids((1..=10).collect(), true))
            .mount(&server)
            .await;
        let layer = open(&server).await.unwrap();
        let query = Query::new()
            .with_where("DEPTH > 1")
            .resolve(layer.info())
            .unwrap();
        assert_eq!(
            layer.object_ids(&query).await.unwrap(),
            (1..=25).collect::<IdSet>()
        );
        assert_eq!(asked(&server).await.len(), 4);
    }
}

#[tokio::test]
async fn t42_unordered_ids_are_asked_for_again_in_order() {
    let server = server(&metadata()).await;
    at(QUERY)
        .and(query_param("returnCountOnly", "true"))
        .respond_with(answer(&json!({"count": 4})))
        .mount(&server)
        .await;
    at(QUERY)
        .and(query_param("where", "1=1"))
        .and(query_param_is_missing("orderByFields"))
        .respond_with(answer(&json!({"objectIds": [40, 10]})))
        .mount(&server)
        .await;
    at(QUERY)
        .and(query_param("where", "1=1"))
        .respond_with(answer(&json!({"objectIds": [10, 20]})))
        .mount(&server)
        .await;
    at(QUERY)
        .and(query_param("where", "OBJECTID > 20"))
        .respond_with(answer(&json!({"objectIds": [30, 40]})))
        .mount(&server)
        .await;
    let layer = open(&server).await.unwrap();
    let query = Query::new().resolve(layer.info()).unwrap();
    assert_eq!(
        layer.object_ids(&query).await.unwrap(),
        [10, 20, 30, 40].into_iter().collect()
    );
}

#[tokio::test]
async fn a_server_that_repeats_its_ids_is_left_after_one_more_try() {
    let (server, layer, query) =
        answering(r#"{"objectIds":[1,2],"exceededTransferLimit":true,"count":9}"#).await;
    assert_eq!(
        layer.object_ids(&query).await.unwrap(),
        [1, 2].into_iter().collect()
    );
    assert_eq!(asked(&server).await.len(), 3);
}

#[tokio::test]
async fn t51_no_ids_are_none_and_a_large_answer_is_read() {
    let (_server, layer, query) =
        answering(r#"{"objectIdFieldName":"OBJECTID","objectIds":null,"count":0}"#).await;
    assert!(layer.object_ids(&query).await.unwrap().is_empty());
    let list: Vec<String> = (0..400_000_i64)
        .map(|n| (n * 3 + 2_147_483_649).to_string())
        .collect();
    let body = format!(
        r#"{{"objectIdFieldName":"OBJECTID","objectIds":[{}],"count":400000}}"#,
        list.join(",")
    );
    assert!(body.len() > 1 << 20, "read aside");
    let (_server, layer, query) = answering(&body).await;
    let ids = layer.object_ids(&query).await.unwrap();
    assert_eq!(
        (ids.len(), ids.min(), ids.max()),
        (400_000, Some(2_147_483_649), Some(2_148_683_646))
    );
}

#[tokio::test]
async fn extents_and_statistics_of_nothing_are_nothing() {
    for body in [
        r#"{"extent":{"xmin":"NaN","ymin":"NaN","xmax":"NaN","ymax":"NaN","spatialReference":{"wkid":2056}},"features":[]}"#,
        r#"{"extent":{"xmin":NaN,"ymin":NaN,"xmax":NaN,"ymax":NaN},"features":[{"attributes":{"stat_0":null,"stat_1":null}}]}"#,
        r#"{"extent":null,"features":[]}"#,
    ] {
        let (_server, layer, query) = answering(body).await;
        assert_eq!(layer.extent(&query).await.unwrap(), None);
        assert_eq!(layer.object_id_bounds(&query).await.unwrap(), None);
    }
    // A server that does not know the parameter answers with rows.
    let (_server, layer, query) =
        answering(r#"{"features":[{"attributes":{"OBJECTID":1}}]}"#).await;
    assert!(matches!(
        layer.extent(&query).await,
        Err(Error::Answer { .. })
    ));
    assert!(matches!(
        layer.object_id_bounds(&query).await,
        Err(Error::Answer { .. })
    ));
}

#[tokio::test]
async fn what_the_layer_says_it_cannot_is_not_asked() {
    let mut document = metadata();
    document["advancedQueryCapabilities"] =
        json!({"supportsStatistics": false, "supportsReturningQueryExtent": false});
    let server = server(&document).await;
    let layer = open(&server).await.unwrap();
    let query = Query::new().resolve(layer.info()).unwrap();
    let count = [Statistic::new(StatisticType::Count, "DEPTH")];
    for error in [
        layer.statistics(&query, &count).await.unwrap_err(),
        layer.extent(&query).await.unwrap_err(),
    ] {
        assert!(matches!(
            error,
            Error::Query(QueryError::Unsupported { .. })
        ));
    }
    assert!(asked(&server).await.is_empty());
}

#[tokio::test]
async fn statistics_come_in_the_order_asked() {
    let (_server, layer, query) =
        answering(r#"{"features":[{"attributes":{"stat_2":2.5,"STAT_1":10,"stat_0":4}}]}"#).await;
    let wanted = [
        Statistic::new(StatisticType::Count, "depth"),
        Statistic::new(StatisticType::Sum, "DEPTH"),
        Statistic::new(StatisticType::Avg, "DEPTH"),
    ];
    assert_eq!(
        layer.statistics(&query, &wanted).await.unwrap(),
        [json!(4), json!(10), json!(2.5)]
    );
    let unknown = [Statistic::new(StatisticType::Min, "GHOST")];
    assert!(matches!(
        layer.statistics(&query, &unknown).await,
        Err(Error::Query(QueryError::UnknownField { .. }))
    ));
}

#[tokio::test]
async fn a_long_condition_travels_in_a_form() {
    let server = server(&metadata()).await;
    Mock::given(method("POST"))
        .and(path(QUERY))
        .respond_with(answer(&json!({"count": 7})))
        .mount(&server)
        .await;
    let layer = open(&server).await.unwrap();
    let names: Vec<String> = (0..1000).map(|n| format!("'Grüße {n}'")).collect();
    let condition = format!("NAME IN ({})", names.join(","));
    let query = Query::new()
        .with_where(&condition)
        .resolve(layer.info())
        .unwrap();
    assert_eq!(layer.count(&query).await.unwrap(), 7);
    let requests = server.received_requests().await.unwrap();
    let form = requests.last().unwrap();
    assert_eq!(form.url.query(), None);
    let sent: BTreeMap<String, String> = arcgis_auth_core::url::form_urlencoded::parse(&form.body)
        .into_owned()
        .collect();
    assert_eq!(sent.get("where"), Some(&condition));
}

#[tokio::test]
async fn a_page_whose_text_is_no_text_is_asked_for_once() {
    let server = server(&metadata()).await;
    for (parameter, body) in [
        ("returnCountOnly", json!({"count": 2})),
        ("returnIdsOnly", json!({"objectIds": [1, 2]})),
    ] {
        at(QUERY)
            .and(query_param(parameter, "true"))
            .respond_with(answer(&body))
            .mount(&server)
            .await;
    }
    let page = b"{\"features\":[{\"attributes\":{\"OBJECTID\":1,\"DEPTH\":\"\xe9t\"}}]}";
    at(QUERY)
        .respond_with(ResponseTemplate::new(200).set_body_raw(page.to_vec(), "application/json"))
        .mount(&server)
        .await;
    let layer = open(&server).await.unwrap();
    let query = Query::new().resolve(layer.info()).unwrap();
    let options = arcgis_layer::FetchOptions::default();
    let plan = layer.plan(&query, &options).await.unwrap();
    let sink = arcgis_layer::FeatureCollector::new(std::sync::Arc::clone(query.layout()));
    let mut pages = layer.pages(plan, sink);
    let error = pages.next().await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Answer {
                source: arcgis_layer::DecodeError::Encoding { .. },
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(pages.stats().requests, 1);
}
