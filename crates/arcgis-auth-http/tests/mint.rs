//! Minting tokens for a user: the exact form, where the endpoint is, and what comes of every reply.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

mod hasty_clock;

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_core::{
    ClientBinding, Clock, Error, Portal, Refresh, TokenProvider, Transport, TransportErrorKind,
    UserPassword,
};
use hasty_clock::HastyClock;
use wiremock::matchers::{any, body_string_contains, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

mod portal;
use portal::*;

#[tokio::test]
async fn t1_the_form_is_exactly_this() {
    let server = server().await;
    working(&server, 3600, &[]).await;
    let portal = format!("{}/arcgis", server.uri());
    let base = [("f", "json"), ("username", "me"), ("password", PASSWORD)];

    client(&server).provider().unwrap().warm_up().await.unwrap();
    let ip = user(&server).with_binding(ClientBinding::RequestIp);
    builder(ip)
        .build()
        .unwrap()
        .provider()
        .unwrap()
        .warm_up()
        .await
        .unwrap();
    let own = user(&server)
        .with_binding(ClientBinding::Referer("https://me.example".into()))
        .with_expiration_minutes(120)
        .unwrap();
    builder(own)
        .build()
        .unwrap()
        .provider()
        .unwrap()
        .warm_up()
        .await
        .unwrap();

    let seen = requests(&server, MINT).await;
    let expected: [&[(&str, &str)]; 3] = [
        &[
            ("client", "referer"),
            ("referer", &portal),
            ("expiration", "60"),
        ],
        &[("client", "requestip"), ("expiration", "60")],
        &[
            ("client", "referer"),
            ("referer", "https://me.example"),
            ("expiration", "120"),
        ],
    ];
    for (seen, expected) in seen.iter().zip(expected) {
        assert_eq!(form(seen), pairs(&[&base[..], expected].concat()));
        assert_eq!(seen.url.query(), None, "nothing of it in the URL");
        assert_eq!(
            seen.headers["content-type"],
            "application/x-www-form-urlencoded"
        );
    }
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn nothing_is_sent_before_the_first_use_and_the_endpoint_is_found_once() {
    let server = server().await;
    working(&server, 3600, &[]).await;
    let client = client(&server);
    tokio::task::yield_now().await;
    assert!(server.received_requests().await.unwrap().is_empty());
    for _ in 0..3 {
        client
            .send(layer(&server))
            .await
            .unwrap()
            .into_ok()
            .unwrap();
    }
    client
        .provider()
        .unwrap()
        .refresh(Refresh::Forced)
        .await
        .unwrap();
    assert_eq!(requests(&server, "/arcgis/rest/info").await.len(), 1);
    assert_eq!(requests(&server, MINT).await.len(), 2);
    let stats = client.stats();
    assert_eq!((stats.requests, stats.mints, stats.retries), (6, 2, 0));
    assert!(stats.bytes > 3 * COUNT.len() as u64);
}

#[tokio::test]
async fn t9_the_referer_of_the_token_goes_with_every_request() {
    let server = server().await;
    working(&server, 3600, &[]).await;
    let client = client(&server);
    client.send(layer(&server)).await.unwrap();
    client
        .send(layer(&server).with_param("where", "1=1 OR ".repeat(400)))
        .await
        .unwrap();
    let seen = requests(&server, LAYER).await;
    assert_eq!(
        (seen[0].method.as_str(), seen[1].method.as_str()),
        ("GET", "POST")
    );
    for seen in &seen {
        assert_eq!(
            seen.headers["referer"].to_str().unwrap(),
            format!("{}/arcgis", server.uri())
        );
    }
    let ip = builder(user(&server).with_binding(ClientBinding::RequestIp))
        .build()
        .unwrap();
    ip.send(layer(&server)).await.unwrap();
    assert!(
        !requests(&server, LAYER).await[2]
            .headers
            .contains_key("referer")
    );
}

#[tokio::test]
async fn t8_wrong_credentials_are_told_apart_and_sent_once() {
    let agol = r#"{"error":{"code":400,"message":"Unable to generate token.","details":["Invalid username or password."],"messageCode":"GWM_0003"}}"#;
    let denied =
        r#"{"status":"error","messages":["Incorrect credentials were given."],"code":403}"#;
    for reply in [
        json(agol),
        ResponseTemplate::new(401).set_body_string("denied"),
        ResponseTemplate::new(400).set_body_raw(agol, "application/json"),
        ResponseTemplate::new(401).set_body_raw(agol, "application/json"),
        ResponseTemplate::new(403).set_body_raw(agol, "application/json"),
        json(
            r#"{"error":{"code":401,"message":"Unable to generate token.","details":["The user id or password is incorrect."]}}"#,
        ),
        ResponseTemplate::new(403).set_body_raw(denied, "application/json"),
    ] {
        let server = server().await;
        mints(&server, reply).await;
        let client = client(&server);
        for _ in 0..3 {
            let error = client.send(layer(&server)).await.unwrap_err();
            let Error::InvalidCredentials { endpoint, .. } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(endpoint.to_string(), server.uri());
            assert!(!format!("{error} {error:?}").contains(PASSWORD));
        }
        assert_eq!(
            requests(&server, MINT).await.len(),
            1,
            "an account can be locked"
        );
        assert_eq!(client.stats().mints, 0);
    }
}

#[tokio::test]
async fn t8_every_other_failure_of_a_mint_says_what_it_was() {
    let cases = [
        (ResponseTemplate::new(500), "500"),
        (
            ResponseTemplate::new(200)
                .set_body_raw("<html><title>Sign In</title></html>", "text/html"),
            "Sign In",
        ),
        (json(r#"{"expires":32503680000000}"#), "no token"),
        (json(r#"{"token":"","expires":32503680000000}"#), "no token"),
        (json(r#"{"token":"S3CRET"}"#), "expires"),
        (json(r#"{"token":"S3CRET","expires":"soon"}"#), "expires"),
        (json(r#"{"token":"S3CRET","expires":-1}"#), "expires"),
        (
            json(r#"{"token":"S3CRET","expires":1000}"#),
            "expired already",
        ),
        (json(r#"["S3CRET"]"#), "no token"),
        (
            json(r#"{"token":"S3CRET","expires":32503680000000"#),
            "no token",
        ),
        (
            json(
                r#"{"error":{"code":400,"message":"Unable to generate token.","details":["'referer' must be specified hunter2&=ü"]}}"#,
            ),
            "referer",
        ),
        (ResponseTemplate::new(400), "Bad Request"),
        (
            ResponseTemplate::new(403).set_body_raw(
                "<html><title>Request blocked: invalid login</title></html>",
                "text/html",
            ),
            "Request blocked",
        ),
        (
            ResponseTemplate::new(400)
                .set_body_raw("<html><title>Attention</title></html>", "text/html"),
            "Attention",
        ),
        (
            json(r#"{"error":{"code":400,"message":"Invalid URL","details":["Invalid URL"]}}"#),
            "Invalid URL",
        ),
        (
            json(
                r#"{"error":{"code":403,"message":"Rate policy: sign in is limited","details":[]}}"#,
            ),
            "Rate policy",
        ),
        (
            json(
                r#"{"error":{"code":400,"message":"Unable to generate token.","details":["Too many invalid sign in attempts. Try later."]}}"#,
            ),
            "attempts",
        ),
        (
            json(
                r#"{"error":{"code":403,"message":"Access to admin resources are not allowed."}}"#,
            ),
            "admin",
        ),
    ];
    for (reply, says) in cases {
        let error = failure(reply).await;
        assert!(matches!(error, Error::Mint { .. }), "{error:?}");
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
}

#[tokio::test]
async fn t8_a_mint_that_fails_for_the_moment_is_tried_again() {
    let server = server().await;
    Mock::given(path(MINT))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    working(&server, 3600, &[]).await;
    let clock = HastyClock::default();
    let client = builder(user(&server))
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap();
    client
        .send(layer(&server))
        .await
        .unwrap()
        .into_ok()
        .unwrap();
    assert_eq!((clock.0.sleeps().len(), client.stats().retries), (2, 2));
}

#[tokio::test]
async fn an_unreachable_portal_is_a_failed_mint_with_its_cause() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let portal = Portal::parse(&format!("http://{gone}/arcgis")).unwrap();
    let client = builder(UserPassword::new("me", PASSWORD, portal).unwrap())
        .build()
        .unwrap();
    let error = client.provider().unwrap().token().await.unwrap_err();
    let Error::Mint { source, .. } = &error else {
        panic!("{error:?}");
    };
    let Some(Error::Transport(cause)) = source.downcast_ref::<Error>() else {
        panic!("{source:?}");
    };
    assert_eq!(
        (cause.kind(), cause.attempts()),
        (TransportErrorKind::Connect, 5)
    );
}

#[tokio::test]
async fn a_server_whose_clock_is_elsewhere_still_gives_tokens_of_the_right_life() {
    // The client's clock stands in 2001; wiremock says the real time in `Date`.
    let server = server().await;
    working(&server, 600, &[]).await;
    let clock = HastyClock::default();
    let client = builder(user(&server))
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap();
    let token = client.provider().unwrap().token().await.unwrap().unwrap();
    let life = token
        .expires_at()
        .unwrap()
        .duration_since(clock.now())
        .unwrap();
    assert!(
        life <= Duration::from_secs(601) && life >= Duration::from_secs(590),
        "{life:?}"
    );
}

#[tokio::test]
async fn an_old_server_that_grants_no_long_token_is_asked_for_a_short_one() {
    let server = server().await;
    Mock::given(path(MINT))
        .and(body_string_contains("expiration=600"))
        .respond_with(json(r#"{"error":{"code":400,"message":"Client ID is required for long expiration tokens","details":[]}}"#))
        .mount(&server)
        .await;
    working(&server, 3600, &[]).await;
    let long = user(&server).with_expiration_minutes(600).unwrap();
    let client = builder(long).build().unwrap();
    let provider = client.provider().unwrap();
    provider.warm_up().await.unwrap();
    provider.refresh(Refresh::Forced).await.unwrap();
    let asked: Vec<_> = requests(&server, MINT)
        .await
        .iter()
        .map(|seen| {
            form(seen)
                .into_iter()
                .find(|(name, _)| name == "expiration")
                .unwrap()
                .1
        })
        .collect();
    assert_eq!(asked, ["600", "60", "60"], "and it is remembered");
}

#[tokio::test]
async fn a_hostile_info_gets_nothing() {
    let thief = MockServer::start().await;
    Mock::given(any())
        .respond_with(json(r#"{"token":"x","expires":32503680000000}"#))
        .mount(&thief)
        .await;
    for named in [
        format!("{}/arcgis/tokens/", thief.uri()),
        "https://thief.example/tokens".to_owned(),
        format!("//{}/tokens", thief.address()),
        "file:///tokens".to_owned(),
    ] {
        let server = MockServer::start().await;
        Mock::given(path("/arcgis/rest/info"))
            .respond_with(json(format!(
                r#"{{"authInfo":{{"tokenServicesUrl":"{named}"}}}}"#
            )))
            .mount(&server)
            .await;
        let error = client(&server).send(layer(&server)).await.unwrap_err();
        assert!(
            matches!(&error, Error::Untrusted { .. }),
            "{named}: {error:?}"
        );
        assert!(requests(&server, LAYER).await.is_empty());
    }
    assert!(thief.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_trusted_server_gets_the_token_but_never_the_password() {
    let portal = server().await;
    working(&portal, 3600, &[]).await;
    let other = MockServer::start().await;
    Mock::given(path(LAYER))
        .respond_with(json(COUNT))
        .mount(&other)
        .await;
    let plain = client(&portal);
    plain.send(layer(&other)).await.unwrap().into_ok().unwrap();
    let origin = arcgis_auth_core::Origin::of(&other.uri().parse().unwrap()).unwrap();
    let trusting = builder(user(&portal))
        .trust(origin.clone())
        .build()
        .unwrap();
    trusting
        .send(layer(&other))
        .await
        .unwrap()
        .into_ok()
        .unwrap();
    let seen = requests(&other, LAYER).await;
    assert!(!seen[0].headers.contains_key("x-esri-authorization"));
    assert_eq!(seen[1].headers["x-esri-authorization"], "Bearer t1");

    let hostile = MockServer::start().await;
    Mock::given(path("/arcgis/rest/info"))
        .respond_with(json(format!(
            r#"{{"authInfo":{{"tokenServicesUrl":"{}/tokens"}}}}"#,
            other.uri()
        )))
        .mount(&hostile)
        .await;
    let error = builder(user(&hostile))
        .trust(origin)
        .build()
        .unwrap()
        .send(layer(&hostile))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
}

#[tokio::test]
async fn endpoints_are_found_where_portals_and_servers_keep_them() {
    let token = || json(r#"{"token":"t","expires":32503680000000}"#);
    // (what rest/info says, what sharing/rest/info says, where the form must go)
    let cases = [
        (
            None,
            Some(r#"{"authInfo":{"tokenServicesUrl":"HOST/arcgis/sharing/rest/generateToken"}}"#),
            "/arcgis/sharing/rest/generateToken",
        ),
        (
            None,
            Some(r#"{"owningSystemUrl":"HOST/arcgis"}"#),
            "/arcgis/sharing/rest/generateToken",
        ),
        (
            Some(r#"{"currentVersion":10.0,"authInfo":{"isTokenBasedSecurity":false}}"#),
            Some(r#"{"authInfo":{"tokenServicesUrl":""}}"#),
            "/arcgis/sharing/rest/generateToken",
        ),
        (
            Some(r#"{"authInfo":{"tokenServicesUrl":"tokens/mint"}}"#),
            None,
            "/arcgis/rest/tokens/mint",
        ),
        // A server that believes itself behind https, as Koop does.
        (
            Some(r#"{"authInfo":{"tokenServicesUrl":"SECURE/koop/generateToken"}}"#),
            None,
            "/koop/generateToken",
        ),
    ];
    for (rest, sharing, wanted) in cases {
        let server = MockServer::start().await;
        for (at, info) in [
            ("/arcgis/rest/info", rest),
            ("/arcgis/sharing/rest/info", sharing),
        ] {
            if let Some(info) = info {
                let info = info
                    .replace("HOST", &server.uri())
                    .replace("SECURE", &server.uri().replace("http:", "https:"));
                Mock::given(path(at))
                    .respond_with(json(info))
                    .mount(&server)
                    .await;
            }
        }
        Mock::given(method("POST"))
            .and(path(wanted))
            .respond_with(token())
            .mount(&server)
            .await;
        client(&server)
            .provider()
            .unwrap()
            .warm_up()
            .await
            .unwrap_or_else(|error| panic!("{wanted}: {error}"));
        assert_eq!(requests(&server, wanted).await.len(), 1);
    }

    let silent = MockServer::start().await;
    let error = client(&silent)
        .provider()
        .unwrap()
        .warm_up()
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::Mint { .. }));
    assert!(error.to_string().contains("sharing/rest/info"), "{error}");
    assert!(
        silent
            .received_requests()
            .await
            .unwrap()
            .iter()
            .all(|seen| seen.method == "GET")
    );
}
