//! Servers whose object ids stand for several rows, as Koop's can: the ids are no proof, and no obstacle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[allow(dead_code)]
mod wells;

use arcgis_layer::{Error, Feature, FeatureCollector, FetchOptions, Layer, Proof, Query};
use serde_json::{Value, json};
use std::sync::Arc;
use wells::{QUERY, answer, at, metadata, open, server};
use wiremock::MockServer;
use wiremock::matchers::query_param;

/// Serves rows of (object id, depth) in pages of two.
async fn serving(rows: &[(i64, f64)]) -> (MockServer, Layer) {
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
    for (page, rows) in rows.chunks(2).enumerate() {
        let features: Vec<Value> = rows
            .iter()
            .map(|(id, depth)| {
                json!({"attributes": {"OBJECTID": id, "DEPTH": depth}, "geometry": {"x": 1.0, "y": 2.0}})
            })
            .collect();
        let mut body = json!({"spatialReference": {"wkid": 2056}, "fields": metadata["fields"]});
        body["features"] = json!(features);
        at(QUERY)
            .and(query_param("resultOffset", (page * 2).to_string()))
            .respond_with(answer(&body))
            .mount(&server)
            .await;
    }
    // Behind the last row there is nothing: the proof of the end asks.
    let mut body = json!({"spatialReference": {"wkid": 2056}, "fields": metadata["fields"]});
    body["features"] = json!([]);
    at(QUERY)
        .and(query_param("resultOffset", rows.len().to_string()))
        .respond_with(answer(&body))
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
    let (_server, layer) = serving(&[(1, 5.0), (1, 5.0), (2, 6.0), (3, 7.0), (3, 8.0)]).await;
    let (features, proof) = fetch(&layer).await.unwrap();
    assert_eq!(features.len(), 5);
    assert_eq!(proof, Proof::FingerprintsAndCount);
}

#[tokio::test]
async fn a_page_that_comes_twice_is_still_seen() {
    // The count says four; the second page is the first again, as a server does that ignores the offset.
    let (_server, layer) = serving(&[(1, 5.0), (1, 6.0), (1, 5.0), (1, 6.0)]).await;
    let error = fetch(&layer).await.unwrap_err();
    assert!(matches!(error, Error::Incomplete(_)), "{error:?}");
}
