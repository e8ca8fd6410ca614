//! Servers whose object ids stand for several rows, as Koop's can: the ids are no proof, and no obstacle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod scripted;
#[allow(dead_code)]
mod wells;

use arcgis_layer::arcgis_auth_core::Transport;
use arcgis_layer::{
    Error, Feature, FeatureCollector, FetchOptions, Layer, LayerInfo, Proof, Query,
};
use scripted::{Params, Scripted};
use serde_json::{Value, json};
use std::sync::Arc;
use wells::{QUERY, answer, at, metadata, open, server};
use wiremock::matchers::query_param;
use wiremock::{MockServer, Request};

/// Serves rows of (object id, depth) in pages of two, from the offset that is asked for or always the first.
async fn serving(rows: &[(i64, f64)], heeds_offset: bool) -> (MockServer, Layer) {
    let mut metadata = metadata();
    metadata["maxRecordCount"] = json!(2);
    metadata["advancedQueryCapabilities"] =
        json!({"supportsPagination": true, "supportsOrderBy": true});
    let server = server(&metadata).await;
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    for (parameter, body) in [
        ("returnCountOnly", json!({"count": rows.len()})),
        (
            "returnIdsOnly",
            json!({"objectIdFieldName": "OBJECTID", "objectIds": ids}),
        ),
    ] {
        at(QUERY)
            .and(query_param(parameter, "true"))
            .respond_with(answer(&body))
            .mount(&server)
            .await;
    }
    let features: Vec<Value> = rows
        .iter()
        .map(|(id, depth)| {
            json!({"attributes": {"OBJECTID": id, "DEPTH": depth}, "geometry": {"x": 1.0, "y": 2.0}})
        })
        .collect();
    let fields = metadata["fields"].clone();
    at(QUERY)
        .respond_with(move |request: &Request| {
            let number = |name: &str| {
                let mut pairs = request.url.query_pairs();
                pairs.find(|(key, _)| key == name)?.1.parse::<usize>().ok()
            };
            let offset = number("resultOffset").filter(|_| heeds_offset).unwrap_or(0);
            let rows = number("resultRecordCount").unwrap_or(2).min(2);
            let page: Vec<&Value> = features.iter().skip(offset).take(rows).collect();
            let reference = json!({"wkid": 2056});
            answer(&json!({"spatialReference": reference, "fields": fields, "features": page}))
        })
        .mount(&server)
        .await;
    let layer = open(&server).await.unwrap();
    (server, layer)
}

async fn fetch(layer: &Layer) -> Result<(Vec<Feature>, Proof), Error> {
    let query = Query::new().resolve(layer.info())?;
    let plan = layer.plan(&query, &FetchOptions::default()).await?;
    let mut pages = layer.pages(plan, FeatureCollector::new(Arc::clone(query.layout())));
    let mut features = Vec::new();
    while let Some(page) = pages.next().await? {
        features.extend(page.page.into_features(&page.facts));
    }
    Ok((features, pages.completion().unwrap().proof))
}

#[tokio::test]
async fn rows_that_share_an_id_all_come() {
    // The second pair lies on two pages; the rows at 1 are equal in everything.
    let (_server, layer) = serving(&[(1, 5.0), (1, 5.0), (2, 6.0), (3, 7.0), (3, 8.0)], true).await;
    let (features, proof) = fetch(&layer).await.unwrap();
    assert_eq!(features.len(), 5);
    assert_eq!(proof, Proof::FingerprintsAndCount);
}

#[tokio::test]
async fn a_page_that_comes_twice_is_still_seen() {
    // The count says four; the second page is the first again, as a server does that ignores the offset.
    let (_server, layer) = serving(&[(1, 5.0), (1, 6.0), (1, 5.0), (1, 6.0)], false).await;
    let error = fetch(&layer).await.unwrap_err();
    assert!(matches!(error, Error::Incomplete(_)), "{error:?}");
}

/// A view that lists and counts each id once, though several rows may share it: (object id, depth).
fn view(rows: &'static [(i64, f64)], pagination: bool) -> Layer {
    let mut metadata = metadata();
    metadata["maxRecordCount"] = json!(2);
    metadata["advancedQueryCapabilities"] =
        json!({"supportsPagination": pagination, "supportsOrderBy": true});
    let fields = metadata["fields"].clone();
    let transport = Scripted::new(move |_, params: &Params| {
        let condition = params.get("where").map(String::as_str).unwrap_or("1=1");
        let bound = |sign: &str| {
            let rest = condition.split_once(sign)?.1.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit());
            rest[..end.unwrap_or(rest.len())].parse::<i64>().ok()
        };
        let listed: Option<Vec<i64>> = condition.split_once("IN (").map(|(_, list)| {
            let list = list.trim_end_matches(')').split(',');
            list.map(|id| id.trim().parse().unwrap()).collect()
        });
        let matches = |id: i64| {
            bound(">=").is_none_or(|least| id >= least)
                && bound("<=").is_none_or(|most| id <= most)
                && listed.as_ref().is_none_or(|listed| listed.contains(&id))
                && condition != "1=0"
        };
        let rows: Vec<_> = rows.iter().filter(|row| matches(row.0)).collect();
        let mut ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
        ids.dedup();
        if params.contains_key("returnCountOnly") {
            return json!({"count": ids.len()});
        }
        if params.contains_key("returnIdsOnly") {
            return json!({"objectIdFieldName": "OBJECTID", "objectIds": ids});
        }
        let number = |name: &str| params.get(name).and_then(|text| text.parse::<usize>().ok());
        let first = number("resultOffset").unwrap_or(0);
        let most = number("resultRecordCount").unwrap_or(2).min(2);
        let more = rows.len() > first + most;
        let features: Vec<Value> = rows
            .iter()
            .skip(first)
            .take(most)
            .map(|(id, depth)| {
                json!({"attributes": {"OBJECTID": id, "DEPTH": depth}, "geometry": {"x": 1.0, "y": 2.0}})
            })
            .collect();
        json!({
            "spatialReference": {"wkid": 2056}, "fields": fields, "features": features,
            "exceededTransferLimit": more
        })
    });
    let info = LayerInfo::from_json(metadata.to_string().as_bytes()).unwrap();
    let address = format!("http://host{}", wells::PATH).parse().unwrap();
    let transport: Arc<dyn Transport> = transport;
    Layer::from_info(transport, address, info).unwrap()
}

#[tokio::test]
async fn rows_that_share_an_id_are_seen_though_counted_as_one() {
    for pagination in [true, false] {
        // Within a page, and on two of them.
        let all: [&'static [(i64, f64)]; 3] = [
            &[(1, 5.0), (1, 6.0), (2, 6.0), (3, 7.0), (4, 8.0)],
            &[(1, 5.0), (2, 6.0), (2, 7.0), (3, 7.0), (4, 8.0)],
            &[(1, 5.0), (2, 6.0), (3, 7.0), (4, 8.0), (4, 9.0)],
        ];
        for rows in all {
            let error = fetch(&view(rows, pagination)).await.unwrap_err();
            let Error::Incomplete(incomplete) = &error else {
                panic!("{error:?}");
            };
            assert_eq!(incomplete.doubled.len(), 1, "{error}");
        }
        // The same row twice is one row.
        let rows: &[(i64, f64)] = &[(1, 5.0), (2, 6.0), (2, 6.0), (3, 7.0), (4, 8.0)];
        let (features, proof) = fetch(&view(rows, pagination)).await.unwrap();
        assert_eq!((features.len(), proof), (4, Proof::ObjectIds));
    }
}
