//! A portal in wiremock that signs one user in.

#![allow(dead_code)] // Each test binary uses its own part.

use std::sync::Arc;
use std::time::SystemTime;

use crate::hasty_clock::HastyClock;
use arcgis_auth_core::{Credentials, Error, Portal, Request, Transport, UserPassword};
use arcgis_auth_http::{ArcGisClient, ArcGisClientBuilder};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request as Seen, ResponseTemplate};

pub const PASSWORD: &str = "hunter2&=ü";
pub const LAYER: &str = "/arcgis/rest/services/x/FeatureServer/0";
pub const MINT: &str = "/arcgis/tokens/generateToken";
pub const COUNT: &str = r#"{"count":42}"#;
pub const INVALID: &str =
    r#"{"error":{"code":498,"message":"Invalid token.","details":["Invalid token."]}}"#;

pub fn json(body: impl Into<String>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.into(), "application/json")
}

/// A stand-alone server whose `/rest/info` names the token service as old servers do.
pub async fn server() -> MockServer {
    let server = MockServer::start().await;
    let info = format!(
        r#"{{"currentVersion":11.1,"authInfo":{{"isTokenBasedSecurity":true,"tokenServicesUrl":"{}/arcgis/tokens/","shortLivedTokenValidity":60}}}}"#,
        server.uri()
    );
    Mock::given(method("GET"))
        .and(path("/arcgis/rest/info"))
        .respond_with(json(info))
        .mount(&server)
        .await;
    server
}

pub async fn mints(server: &MockServer, reply: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(path(MINT))
        .respond_with(reply)
        .mount(server)
        .await;
}

/// Mints `t1`, `t2`, …, which the layer accepts but for those in `refused`.
pub async fn working(server: &MockServer, life: i64, refused: &'static [&'static str]) {
    let minted = std::sync::atomic::AtomicUsize::new(0);
    Mock::given(method("POST"))
        .and(path(MINT))
        .respond_with(move |_: &Seen| {
            let n = minted.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
            let now = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap();
            let expires = i64::try_from(now.as_millis()).unwrap() + life * 1000;
            json(format!(
                r#"{{"token":"t{n}","expires":{expires},"ssl":false}}"#
            ))
        })
        .mount(server)
        .await;
    Mock::given(path(LAYER))
        .respond_with(move |request: &Seen| {
            let token = request.headers.get("x-esri-authorization").map(|value| {
                value
                    .to_str()
                    .unwrap()
                    .trim_start_matches("Bearer ")
                    .to_owned()
            });
            match token {
                Some(token) if !refused.contains(&token.as_str()) => json(COUNT),
                Some(_) => json(INVALID),
                None => json(r#"{"error":{"code":499,"message":"Token Required"}}"#),
            }
        })
        .mount(server)
        .await;
}

pub fn user(server: &MockServer) -> UserPassword {
    let portal = Portal::parse(&format!("{}/arcgis/", server.uri())).unwrap();
    UserPassword::new("me", PASSWORD, portal).unwrap()
}

pub fn builder(user: UserPassword) -> ArcGisClientBuilder {
    ArcGisClient::builder()
        .credentials(Credentials::UserPassword(user))
        .clock(Arc::new(HastyClock::default()))
}

pub fn client(server: &MockServer) -> ArcGisClient {
    builder(user(server)).build().unwrap()
}

pub fn layer(server: &MockServer) -> Request {
    Request::read(format!("{}{LAYER}", server.uri()).parse().unwrap()).with_param("f", "json")
}

pub async fn requests(server: &MockServer, at: &str) -> Vec<Seen> {
    let all = server.received_requests().await.unwrap();
    all.into_iter()
        .filter(|seen| seen.url.path() == at)
        .collect()
}

pub fn form(seen: &Seen) -> Vec<(String, String)> {
    let mut form: Vec<_> = url::form_urlencoded::parse(&seen.body)
        .into_owned()
        .collect();
    form.sort();
    form
}

pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = expected
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    pairs.sort();
    pairs
}

pub async fn failure(reply: ResponseTemplate) -> Error {
    let server = server().await;
    mints(&server, reply).await;
    let error = client(&server).send(layer(&server)).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(
        !shown.contains(PASSWORD) && !shown.contains("S3CRET"),
        "{shown}"
    );
    assert!(error.is_authentication());
    assert!(
        requests(&server, LAYER).await.is_empty(),
        "nothing went on without a token"
    );
    error
}
