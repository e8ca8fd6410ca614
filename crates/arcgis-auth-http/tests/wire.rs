//! What parameters look like on the wire.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use arcgis_auth_core::{Body, Request, Transport};
use arcgis_auth_http::ArcGisClient;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request as Seen, ResponseTemplate};

async fn sent(requests: impl FnOnce(Request) -> Vec<Request>) -> Vec<Seen> {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .mount(&server)
        .await;
    let client = ArcGisClient::builder().build().unwrap();
    let layer = format!(
        "{}/arcgis/rest/services/x/FeatureServer/0/query",
        server.uri()
    );
    for request in requests(Request::read(layer.parse().unwrap())) {
        client.send(request).await.unwrap().into_ok().unwrap();
    }
    server.received_requests().await.unwrap()
}

#[tokio::test]
async fn t20_short_queries_are_gets_and_long_ones_forms() {
    let seen = sent(|layer| {
        vec![
            layer.clone(),
            layer.clone().with_param("f", "json"),
            layer.clone().with_param("a", "x".repeat(1998)),
            layer.with_param("a", "x".repeat(1999)),
        ]
    })
    .await;
    let methods: Vec<_> = seen.iter().map(|seen| seen.method.as_str()).collect();
    assert_eq!(methods, ["GET", "GET", "GET", "POST"]);
    assert_eq!(seen[0].url.query(), None);
    assert_eq!(seen[1].url.query(), Some("f=json"));
    assert_eq!(seen[3].url.query(), None);
    assert_eq!(seen[3].body.len(), 2001);
    assert_eq!(
        seen[3].headers["content-type"],
        "application/x-www-form-urlencoded"
    );
}

#[tokio::test]
async fn t21_a_token_in_the_parameters_makes_a_form_of_any_request() {
    let seen = sent(|layer| {
        let mut pasted = layer.url().clone();
        pasted.set_query(Some("f=json&token=0WN"));
        vec![
            Request::read(pasted),
            layer.with_secret_param("token", "0WN".to_owned().into()),
        ]
    })
    .await;
    for seen in &seen {
        assert_eq!(seen.method.as_str(), "POST");
        assert_eq!(seen.url.query(), None);
        assert!(String::from_utf8_lossy(&seen.body).contains("token=0WN"));
    }
}

#[tokio::test]
async fn t22_a_form_says_what_the_query_says() {
    let seen = sent(|layer| {
        let request = layer
            .with_param("returnGeometry", "true")
            .with_param("empty", "")
            .with_param("where", "NAME = 'O''Brien' AND X > 1+1 & \"Ä\" %")
            .with_param("objectIds", "1,2,3");
        vec![request.clone(), request.with_body(Body::Form)]
    })
    .await;
    assert_eq!(seen[0].url.query().unwrap().as_bytes(), seen[1].body);
    let pairs: Vec<_> = seen[0].url.query_pairs().into_owned().collect();
    let expected = [
        ("returnGeometry", "true"),
        ("empty", ""),
        ("where", "NAME = 'O''Brien' AND X > 1+1 & \"Ä\" %"),
        ("objectIds", "1,2,3"),
    ];
    assert_eq!(
        pairs,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}
