//! Tokens of an application: the exact form, and what comes of every reply.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

mod hasty_clock;
mod organisation;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arcgis_auth_core::{
    AppLogin, Credentials, Error, Portal, Refresh, Request, TokenProvider, Transport,
};
use arcgis_auth_http::{ArcGisClient, ArcGisClientBuilder, ClientCredentials, OAuthError};
use hasty_clock::HastyClock;
use organisation::*;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, Request as Seen, ResponseTemplate};

const SECRET: &str = "s3cret&=ü";

fn builder(server: &MockServer) -> ArcGisClientBuilder {
    let app = AppLogin::new("app-id", SECRET, portal(server)).unwrap();
    ArcGisClient::builder()
        .credentials(Credentials::App(app.with_expiration_minutes(7200).unwrap()))
        .clock(Arc::new(HastyClock::default()))
}

fn layer(server: &MockServer) -> Request {
    Request::read(format!("{}{LAYER}", server.uri()).parse().unwrap()).with_param("f", "json")
}

/// Gives `t1`, `t2`, …; the layer takes all but those in `refused`.
async fn working(server: &MockServer, refused: &'static [&'static str]) {
    let minted = AtomicUsize::new(0);
    Mock::given(method("POST"))
        .and(path(TOKEN))
        .respond_with(move |_: &Seen| {
            let n = minted.fetch_add(1, Ordering::SeqCst) + 1;
            json(format!(r#"{{"access_token":"t{n}","expires_in":7200}}"#))
                .set_delay(Duration::from_millis(20))
        })
        .mount(server)
        .await;
    Mock::given(path(LAYER))
        .respond_with(move |request: &Seen| {
            let token = &request.headers["x-esri-authorization"];
            let token = token.to_str().unwrap().trim_start_matches("Bearer ");
            if refused.contains(&token) {
                json(r#"{"error":{"code":498,"message":"Invalid token.","details":[]}}"#)
            } else {
                json(r#"{"count":42}"#)
            }
        })
        .mount(server)
        .await;
}

#[tokio::test]
async fn the_form_is_exactly_this_and_one_mint_serves_everybody() {
    let server = MockServer::start().await;
    working(&server, &[]).await;
    let client = builder(&server).build().unwrap();
    let all = (0..20).map(|_| client.send(layer(&server)));
    for answer in futures_util::future::join_all(all).await {
        answer.unwrap().into_ok().unwrap();
    }
    let mints = seen(&server, TOKEN).await;
    assert_eq!(mints.len(), 1);
    let expected = map(&[
        ("f", "json"),
        ("grant_type", "client_credentials"),
        ("client_id", "app-id"),
        ("client_secret", SECRET),
        ("expiration", "7200"),
    ]);
    assert_eq!(form(&mints[0]), expected);
    assert_eq!(client.stats().mints, 1);
    let token = client.provider().unwrap().token().await.unwrap().unwrap();
    assert_eq!(token.life(), Some(Duration::from_secs(7200)));
    for seen in server.received_requests().await.unwrap() {
        assert!(!seen.url.as_str().contains("s3cret"), "{}", seen.url);
    }
    assert!(!format!("{client:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_refused_token_is_made_anew_once() {
    let server = MockServer::start().await;
    working(&server, &["t1"]).await;
    let client = builder(&server).build().unwrap();
    let all = (0..20).map(|_| client.send(layer(&server)));
    for answer in futures_util::future::join_all(all).await {
        answer.unwrap().into_ok().unwrap();
    }
    assert_eq!(seen(&server, TOKEN).await.len(), 2);
}

#[tokio::test]
async fn wrong_secrets_and_ids_are_remembered_until_asked() {
    for reply in [
        r#"{"error":{"code":400,"error":"invalid_client","error_description":"Invalid client_secret","message":"Invalid client_secret","details":[]}}"#,
        r#"{"error":{"code":400,"error":"invalid_client_id","error_description":"Invalid client_id","message":"Invalid client_id","details":[]}}"#,
        r#"{"error":"invalid_client","error_description":"no"}"#,
    ] {
        for status in [200, 400] {
            let server = MockServer::start().await;
            let template = ResponseTemplate::new(status).set_body_raw(reply, "application/json");
            answers(&server, TOKEN, template).await;
            let client = builder(&server).build().unwrap();
            for _ in 0..3 {
                let error = client.send(layer(&server)).await.unwrap_err();
                assert!(
                    matches!(&error, Error::InvalidCredentials { endpoint, .. } if endpoint.to_string() == server.uri()),
                    "{error:?}"
                );
                assert!(!format!("{error} {error:?}").contains("s3cret"));
            }
            assert_eq!(seen(&server, TOKEN).await.len(), 1);
            let provider = client.provider().unwrap();
            provider.refresh(Refresh::Forced).await.unwrap_err();
            assert_eq!(seen(&server, TOKEN).await.len(), 2, "it was asked for");
        }
    }
}

#[tokio::test]
async fn every_other_reply_says_what_it_was() {
    let cases = [
        (json(r#"{"expires_in":7200}"#), "no access_token"),
        (
            json(r#"{"access_token":"S3CRET","expires_in":0}"#),
            "expires_in",
        ),
        (json("S3CRET"), "another format"),
        (json(r#"["S3CRET"]"#), "no access_token"),
        (
            json(
                r#"{"error":{"code":400,"error":"invalid_request","error_description":"client_secret not specified","message":"client_secret not specified"}}"#,
            ),
            "not specified",
        ),
        (
            json(r#"{"error":{"code":400,"message":"echo s3cret&=ü of the form"}}"#),
            "echo",
        ),
        (ResponseTemplate::new(500), "500"),
        (
            ResponseTemplate::new(403).set_body_raw(
                "<html><title>Blocked: invalid client_secret</title></html>",
                "text/html",
            ),
            "Blocked",
        ),
    ];
    for (reply, says) in cases {
        let server = MockServer::start().await;
        answers(&server, TOKEN, reply).await;
        let client = builder(&server).build().unwrap();
        let error = client.send(layer(&server)).await.unwrap_err();
        assert!(matches!(error, Error::Mint { .. }), "{says}: {error:?}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(says), "{says}: {shown}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("S3CRET"),
            "{shown}"
        );
        assert!(
            seen(&server, LAYER).await.is_empty(),
            "nothing goes on without a token"
        );
    }
}

#[tokio::test]
async fn a_portal_that_fails_for_the_moment_is_asked_again() {
    let server = MockServer::start().await;
    Mock::given(path(TOKEN))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    working(&server, &[]).await;
    let client = builder(&server).build().unwrap();
    client
        .send(layer(&server))
        .await
        .unwrap()
        .into_ok()
        .unwrap();
    assert_eq!(seen(&server, TOKEN).await.len(), 3);
}

#[tokio::test]
async fn a_secret_follows_no_redirect_to_another_origin_and_no_plain_http() {
    let thief = MockServer::start().await;
    Mock::given(any())
        .respond_with(json(r#"{"access_token":"x","expires_in":7200}"#))
        .mount(&thief)
        .await;
    for status in [301, 302, 307, 308] {
        let server = MockServer::start().await;
        let elsewhere = format!("{}{TOKEN}", thief.uri());
        let reply = ResponseTemplate::new(status).insert_header("location", elsewhere);
        answers(&server, TOKEN, reply).await;
        let client = builder(&server).build().unwrap();
        let error = client.send(layer(&server)).await.unwrap_err();
        assert!(matches!(error, Error::Mint { .. }), "{error:?}");
    }
    assert!(thief.received_requests().await.unwrap().is_empty());

    let plain = Portal::parse("http://gis.example.com:8080/portal").unwrap();
    let app = AppLogin::new("app-id", SECRET, plain).unwrap();
    let error = ClientCredentials::new(app, transport()).unwrap_err();
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
    // On the usual port the same host is asked by https.
    let twin = Portal::parse("http://gis.example.com/portal").unwrap();
    let app = AppLogin::new("app-id", SECRET, twin).unwrap();
    let source = format!("{:?}", ClientCredentials::new(app, transport()).unwrap());
    assert!(source.contains("https://gis.example.com/portal/sharing/rest/oauth2/token"));
}

#[test]
fn an_oauth_error_is_found_behind_the_error() {
    let at = arcgis_auth_core::Origin::of(&"https://h".parse().unwrap()).unwrap();
    let error = Error::mint(at.clone(), OAuthError::NoCode);
    assert!(matches!(OAuthError::of(&error), Some(OAuthError::NoCode)));
    let other = Error::mint(at, std::io::Error::other("x"));
    assert!(OAuthError::of(&other).is_none());
}
