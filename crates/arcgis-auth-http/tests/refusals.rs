//! Tokens on requests: where they go, and what comes of a refusal.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

mod hasty_clock;

use arcgis_auth_core::{
    Error, Refresh, Request, TokenPlacement, TokenProvider, Transport, UnauthorizedReason,
};
use arcgis_auth_http::ArcGisClient;
use futures_util::future::join_all;
use wiremock::matchers::{header, path};
use wiremock::{Mock, ResponseTemplate};

mod portal;
use portal::*;

#[tokio::test]
async fn t2_the_token_goes_where_it_is_placed() {
    for (placement, found) in [
        (TokenPlacement::EsriHeader, "x-esri-authorization"),
        (TokenPlacement::AuthorizationHeader, "authorization"),
        (TokenPlacement::FormBody, "body"),
        (TokenPlacement::Query, "query"),
    ] {
        let server = server().await;
        mints(
            &server,
            json(r#"{"token":"abc123","expires":32503680000000}"#),
        )
        .await;
        Mock::given(path(LAYER))
            .respond_with(json(COUNT))
            .mount(&server)
            .await;
        let client = builder(user(&server)).placement(placement).build().unwrap();
        client
            .send(layer(&server))
            .await
            .unwrap()
            .into_ok()
            .unwrap();
        let seen = &requests(&server, LAYER).await[0];
        let header = |name: &str| {
            seen.headers
                .get(name)
                .is_some_and(|value| value == "Bearer abc123")
        };
        let places = [
            ("x-esri-authorization", header("x-esri-authorization")),
            ("authorization", header("authorization")),
            (
                "body",
                form(seen).contains(&("token".into(), "abc123".into())),
            ),
            (
                "query",
                seen.url
                    .query_pairs()
                    .any(|(name, value)| name == "token" && value == "abc123"),
            ),
        ];
        for (place, there) in places {
            assert_eq!(there, place == found, "{placement:?} {place}");
        }
        // A caller's own token wins.
        let own = layer(&server).with_secret_param("token", "mine".to_owned().into());
        client.send(own).await.unwrap().into_ok().unwrap();
        let seen = &requests(&server, LAYER).await[1];
        assert_eq!(form(seen), pairs(&[("f", "json"), ("token", "mine")]));
        assert!(!seen.headers.contains_key("x-esri-authorization"));
        assert!(!seen.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn t5_many_refusals_of_one_token_cost_one_mint() {
    let server = server().await;
    working(&server, 3600, &["t1"]).await;
    let client = client(&server);
    client.provider().unwrap().warm_up().await.unwrap();
    let answers = join_all((0..12).map(|_| client.send(layer(&server)))).await;
    for answer in answers {
        assert_eq!(answer.unwrap().into_ok().unwrap(), COUNT.as_bytes());
    }
    assert_eq!(client.stats().mints, 2);
}

#[tokio::test]
async fn t6_a_second_refusal_is_the_end() {
    let server = server().await;
    working(&server, 3600, &["t1", "t2", "t3"]).await;
    let error = client(&server).send(layer(&server)).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unauthorized(why) if why.reason == UnauthorizedReason::Refused)
    );
    assert_eq!(requests(&server, LAYER).await.len(), 2);
    assert_eq!(requests(&server, MINT).await.len(), 2);
}

#[tokio::test]
async fn t7_a_refusal_in_status_or_body_is_the_same() {
    for refusal in [
        ResponseTemplate::new(498),
        json(INVALID),
        ResponseTemplate::new(401).set_body_raw(INVALID, "application/json"),
    ] {
        for resource in ["", "/query"] {
            let server = server().await;
            let at = format!("{LAYER}{resource}");
            mints(&server, json(r#"{"token":"t","expires":32503680000000}"#)).await;
            Mock::given(path(at.as_str()))
                .respond_with(refusal.clone())
                .up_to_n_times(1)
                .mount(&server)
                .await;
            Mock::given(path(at.as_str()))
                .respond_with(json(COUNT))
                .mount(&server)
                .await;
            // The same token again is no other token.
            let request = Request::read(format!("{}{at}", server.uri()).parse().unwrap());
            let error = client(&server).send(request).await.unwrap_err();
            assert!(matches!(error, Error::Unauthorized(_)), "{error:?}");
        }
        let server = server().await;
        working(&server, 3600, &[]).await;
        Mock::given(header("x-esri-authorization", "Bearer t1"))
            .respond_with(refusal.clone())
            .with_priority(1)
            .mount(&server)
            .await;
        let answer = client(&server).send(layer(&server)).await.unwrap();
        assert_eq!(
            (answer.attempts(), answer.into_ok().unwrap().len()),
            (2, COUNT.len())
        );
    }
}

#[tokio::test]
async fn t11_a_forced_refresh_replaces_a_valid_token_and_callers_share_a_mint() {
    let server = server().await;
    working(&server, 3600, &[]).await;
    let client = client(&server);
    let provider = client.provider().unwrap();
    let tokens = join_all((0..10).map(|_| provider.token())).await;
    assert!(
        tokens
            .iter()
            .all(|token| token.as_ref().unwrap().as_ref().unwrap().expose() == "t1")
    );
    assert_eq!(requests(&server, MINT).await.len(), 1);
    let fresh = provider.refresh(Refresh::Forced).await.unwrap().unwrap();
    assert_eq!(fresh.expose(), "t2");
}

#[tokio::test]
async fn t14_a_token_of_a_minute_serves_many_requests() {
    let server = server().await;
    working(&server, 60, &[]).await;
    let client = client(&server);
    join_all((0..10).map(|_| client.send(layer(&server)))).await;
    assert_eq!(client.stats().mints, 1);
}

#[tokio::test]
async fn t12_anonymous_asks_once() {
    let server = server().await;
    working(&server, 3600, &[]).await;
    let client = ArcGisClient::builder().build().unwrap();
    assert!(client.provider().is_none());
    let error = client.send(layer(&server)).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unauthorized(why) if why.reason == UnauthorizedReason::NoCredential)
    );
    assert_eq!(requests(&server, LAYER).await.len(), 1);
    // The other asks where one signs in, for the error.
    let seen = server.received_requests().await.unwrap();
    assert_eq!(seen.len(), 2);
    for seen in seen {
        assert!(!seen.headers.contains_key("x-esri-authorization"));
        assert!(!seen.headers.contains_key("authorization"));
    }
}
