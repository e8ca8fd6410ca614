use std::sync::Arc;

use arcgis_auth_core::{Credentials, Error, Portal, Request, StaticToken, Token, Transport};
use arcgis_auth_core::{Origin, TransportErrorKind, TrustPolicy};

use crate::ArcGisClient;
use crate::scripted::{Answer, HastyClock, Scripted, json, status, url, with};

const TOKEN: &str = r#"{"token":"t1","expires":32503680000000,"ssl":true}"#;

fn online() -> Credentials {
    Credentials::user_password(
        "me",
        "pw",
        Portal::parse("https://org.maps.arcgis.com").unwrap(),
    )
    .unwrap()
}

fn layer() -> Request {
    Request::read(url(
        "https://services1.arcgis.com/OrgId/arcgis/rest/services/x/FeatureServer/0",
    ))
    .with_param("f", "json")
}

#[tokio::test]
async fn arcgis_online_is_known_and_one_permit_is_enough() {
    let transport = Scripted::new([json(TOKEN), status(503), json("{}")]);
    let client = ArcGisClient::builder()
        .credentials(online())
        .header("X-Gateway", "K3Y")
        .concurrency(1)
        .clock(Arc::new(HastyClock::default()))
        .transport(transport.clone())
        .build()
        .unwrap();
    let answer = client.send(layer()).await.unwrap();
    assert_eq!(answer.attempts(), 2);
    let lines = transport.lines();
    assert!(
        lines[0].starts_with("POST https://www.arcgis.com/sharing/rest/generateToken f=json&"),
        "{lines:?}"
    );
    assert!(
        lines[0].contains("referer=https%3A%2F%2Forg.maps.arcgis.com"),
        "{lines:?}"
    );
    let there =
        "GET https://services1.arcgis.com/OrgId/arcgis/rest/services/x/FeatureServer/0?f=json";
    assert_eq!(lines[1..], [there, there]);
    assert_eq!(
        transport.header(1, "x-esri-authorization").unwrap(),
        "Bearer t1"
    );
    assert_eq!(transport.header(1, "x-gateway").unwrap(), "K3Y");
    assert_eq!(
        transport.header(0, "x-gateway"),
        None,
        "a gateway's secret is not for the portal"
    );
    let stats = client.stats();
    assert_eq!((stats.requests, stats.retries, stats.mints), (3, 1, 1));
    assert_eq!(stats.bytes, TOKEN.len() as u64 + 2);
    let outcomes = stats.outcomes;
    assert_eq!((outcomes.ok, outcomes.transient), (2, 1), "{outcomes:?}");
    assert!(!format!("{client:?}").contains("K3Y"));
}

#[tokio::test]
async fn how_requests_ended_and_stood_in_line_is_counted() {
    let refused = r#"{"error":{"code":400,"message":"Unable to complete operation."}}"#;
    let transport = Scripted::new([
        with(429, "retry-after", "1"),
        Answer::Fails(TransportErrorKind::Interrupted),
        json("{}"),
        json(refused),
        json("{}"),
    ]);
    let client = ArcGisClient::builder()
        .concurrency(1)
        .rate(0.5)
        .clock(Arc::new(HastyClock::default()))
        .transport(transport.clone())
        .build()
        .unwrap();
    for _ in 0..3 {
        client.send(layer()).await.unwrap();
    }
    let stats = client.stats();
    assert_eq!((stats.requests, stats.retries), (5, 2));
    let outcomes = stats.outcomes;
    assert_eq!(
        (
            outcomes.ok,
            outcomes.busy,
            outcomes.unanswered,
            outcomes.terminal
        ),
        (2, 1, 1, 1),
        "{outcomes:?}"
    );
    assert_eq!(
        (outcomes.token_refused, outcomes.too_big, outcomes.transient),
        (0, 0, 0)
    );
    // One request in two seconds: the last two follow at once, and wait for all of it.
    let queued = stats.queued.as_millis();
    assert!((4_000..=8_000).contains(&queued), "{queued} ms");
}

#[tokio::test]
async fn a_provider_of_ones_own_takes_the_place_of_credentials() {
    let trust = TrustPolicy::bound_to(Origin::of(&url("https://h")).unwrap());
    let provider = Arc::new(StaticToken::new(Token::new("mine"), trust));
    let transport = Scripted::new([json("{}")]);
    let new = || {
        ArcGisClient::builder()
            .transport(transport.clone())
            .token_provider(provider.clone())
    };
    let client = new().build().unwrap();
    client
        .send(Request::read(url("https://h/arcgis/rest/services")))
        .await
        .unwrap();
    assert_eq!(
        transport.header(0, "x-esri-authorization").unwrap(),
        "Bearer mine"
    );
    assert!(matches!(
        new().credentials(online()).build(),
        Err(Error::Config(_))
    ));
    let other = Origin::of(&url("https://other")).unwrap();
    assert!(matches!(new().trust(other).build(), Err(Error::Config(_))));
}

#[cfg(not(feature = "hyper"))]
#[test]
fn without_a_transport_there_is_no_client() {
    assert!(matches!(
        ArcGisClient::builder().build(),
        Err(Error::Config(_))
    ));
}
