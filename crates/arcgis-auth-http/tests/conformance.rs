//! Cases of the systems that this crate has to match, which no other test has by their number.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

mod hasty_clock;
mod portal;

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_core::{Error, Transport};
use arcgis_auth_http::ArcGisClient;
use hasty_clock::HastyClock;
use portal::*;
use wiremock::ResponseTemplate;

/// A client whose tokens live for `life` seconds, and its clock.
async fn with_tokens_of(server: &wiremock::MockServer, life: i64) -> (ArcGisClient, HastyClock) {
    working(server, life, &[]).await;
    let clock = HastyClock::default();
    let client = builder(user(server))
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap();
    (client, clock)
}

#[tokio::test]
async fn t3_a_token_is_renewed_when_it_is_near_its_end_and_not_before() {
    // (life, passed, mints): anonymous never mints, no token always does.
    for (life, passed, mints) in [
        (3600, 0, 1),
        (3600, 3240, 1),
        (3600, 3570, 2),
        (3600, 3700, 2),
        (300, 0, 1),
        (32_503_680_000 - 1_700_000_000, 365 * 86_400, 1),
    ] {
        let server = server().await;
        let (client, clock) = with_tokens_of(&server, life).await;
        client
            .send(layer(&server))
            .await
            .unwrap()
            .into_ok()
            .unwrap();
        clock.0.advance(Duration::from_secs(passed));
        client
            .send(layer(&server))
            .await
            .unwrap()
            .into_ok()
            .unwrap();
        let minted = requests(&server, MINT).await.len();
        assert_eq!(minted, mints, "{life} s, {passed} s passed");
    }
    let server = server().await;
    mints(&server, json(r#"{"token":"t","expires":1000000}"#)).await;
    let error = client(&server).send(layer(&server)).await.unwrap_err();
    assert!(
        error.to_string().contains("expired already"),
        "seconds, of 1970: {error}"
    );
}

#[tokio::test]
async fn t4_the_window_is_a_tenth_of_the_life_and_five_minutes_at_most() {
    for (life, window) in [(10, 1), (60, 6), (600, 60), (3000, 300), (86_400, 300)] {
        let server = server().await;
        let (client, clock) = with_tokens_of(&server, life).await;
        client.send(layer(&server)).await.unwrap();
        // The server's `Date` and its `expires` are up to two seconds apart.
        let slack = if life < 60 { 1 } else { 3 };
        let life = u64::try_from(life).unwrap();
        if window > slack {
            clock.0.advance(Duration::from_secs(life - window - slack));
            client.send(layer(&server)).await.unwrap();
            assert_eq!(requests(&server, MINT).await.len(), 1, "{life}");
            clock.0.advance(Duration::from_secs(2 * slack));
        } else {
            clock.0.advance(Duration::from_secs(life));
        }
        client.send(layer(&server)).await.unwrap();
        assert_eq!(requests(&server, MINT).await.len(), 2, "{life}");
    }
}

#[tokio::test]
async fn t10_a_failing_mint_holds_nobody_up_and_each_client_has_tokens_of_its_own() {
    let server = server().await;
    wiremock::Mock::given(wiremock::matchers::path(MINT))
        .respond_with(ResponseTemplate::new(501))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    working(&server, 3600, &[]).await;
    let (one, other) = (client(&server), client(&server));
    let error = one.send(layer(&server)).await.unwrap_err();
    assert!(matches!(error, Error::Mint { .. }), "{error:?}");
    let many = (0..10).map(|_| one.send(layer(&server)));
    for answer in futures_util::future::join_all(many).await {
        answer.unwrap().into_ok().unwrap();
    }
    assert_eq!(requests(&server, MINT).await.len(), 2);
    other.send(layer(&server)).await.unwrap().into_ok().unwrap();
    assert_eq!(requests(&server, MINT).await.len(), 3);

    // Shared, they have one.
    let shared = ArcGisClient::builder()
        .token_provider(Arc::clone(other.provider().unwrap()))
        .build()
        .unwrap();
    shared
        .send(layer(&server))
        .await
        .unwrap()
        .into_ok()
        .unwrap();
    assert_eq!(requests(&server, MINT).await.len(), 3);
}
