//! Real host names on this machine, over TLS: which of them get to see what.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, dead_code)]

use arcgis_auth_core::{
    ConfigError, Credentials, Error, Origin, Portal, Request, TokenPlacement, Transport,
    TransportErrorKind,
};
use arcgis_auth_http::{ArcGisClient, ArcGisClientBuilder};

mod sites;
use sites::*;

const ONLINE: &str = "https://www.arcgis.com";
const LOOK_ALIKE: &str = "services1.arcgis.com.evil.example";
const COUNT: &str = r#"{"count":42}"#;

fn refused() -> Answer {
    json(r#"{"error":{"code":499,"message":"Token Required","details":[]}}"#)
}

fn layer(base: &str) -> Request {
    let url = format!("{base}/arcgis/rest/services/x/FeatureServer/0?f=json");
    Request::read(url.parse().unwrap())
}

fn origin(url: &str) -> Origin {
    Origin::of(&url.parse().unwrap()).unwrap()
}

/// A client that finds `names` at `site` over TLS.
fn client(authority: &Authority, site: &Site, names: &[&str]) -> ArcGisClientBuilder {
    let builder = ArcGisClient::builder()
        .cacert_pem(authority.pem())
        .retries(0);
    names.iter().fold(builder, |builder, name| {
        builder.resolve(*name, site.address)
    })
}

fn redirect_error(result: Result<arcgis_auth_core::Response, Error>) -> String {
    match result.unwrap_err() {
        Error::Transport(error) => {
            assert_eq!(error.kind(), TransportErrorKind::Redirect, "{error}");
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tokens_of_arcgis_online_stay_in_arcgis_online() {
    let authority = Authority::new();
    let names = ["www.arcgis.com", "services1.arcgis.com", LOOK_ALIKE];
    let site = Site::secure(&authority, &names, None, |seen| {
        if seen.url.contains("generateToken") {
            let form = String::from_utf8_lossy(&seen.body);
            assert!(form.contains("password=PA55W0RD"), "{form}");
            return json(r#"{"token":"T0KEN","expires":32503680000000,"ssl":true}"#);
        }
        match seen.header("x-esri-authorization") {
            Some("Bearer T0KEN") => json(COUNT),
            _ => refused(),
        }
    })
    .await;
    let portal = Portal::parse(ONLINE).unwrap();
    let client = client(&authority, &site, &names)
        .credentials(Credentials::user_password("me", "PA55W0RD", portal).unwrap())
        .build()
        .unwrap();

    let answer = client.send(layer("https://services1.arcgis.com")).await;
    assert_eq!(answer.unwrap().into_ok().unwrap(), COUNT.as_bytes());
    let error = client
        .send(layer(&format!("https://{LOOK_ALIKE}")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)), "{error:?}");

    let seen = site.seen();
    let (minted, others): (Vec<_>, Vec<_>) = seen
        .iter()
        .partition(|seen| seen.url.contains("generateToken"));
    assert_eq!(minted.len(), 1);
    assert!(minted[0].url.starts_with(ONLINE), "{}", minted[0].url);
    for seen in others {
        assert!(!seen.holds("PA55W0RD"), "{seen:?}");
        let online = seen.url.starts_with("https://services1.arcgis.com/");
        assert_eq!(seen.holds("T0KEN"), online, "{seen:?}");
    }
    assert!(seen.iter().any(|seen| seen.url.contains(LOOK_ALIKE)));
}

#[tokio::test]
async fn a_chain_of_redirects_takes_neither_token_nor_login_along() {
    let authority = Authority::new();
    let names = ["gis.example.com", "cdn.example.org", "files.example.net"];
    let site = Site::secure(&authority, &names, None, |seen| {
        let next = [
            ("gis.example.com", "https://cdn.example.org/a?f=json"),
            ("cdn.example.org", "https://files.example.net/b"),
        ];
        match next.iter().find(|(from, _)| seen.url.contains(from)) {
            Some((_, to)) => leads(307, to),
            None => json(COUNT),
        }
    })
    .await;
    let portal = Portal::parse("https://gis.example.com/portal").unwrap();
    let client = client(&authority, &site, &names)
        .credentials(Credentials::token(&portal, "T0KEN").unwrap())
        .basic_auth(origin("https://gis.example.com"), "me", "PA55W0RD")
        .header("X-Gateway-Key", "K3Y")
        .build()
        .unwrap();
    let answer = client.send(layer("https://gis.example.com")).await.unwrap();
    assert_eq!(answer.into_ok().unwrap(), COUNT.as_bytes());

    let seen = site.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(
        seen[0].header("x-esri-authorization"),
        Some("Bearer T0KEN"),
        "the token stands beside the login"
    );
    // base64 of "me:PA55W0RD"
    assert_eq!(
        seen[0].header("authorization"),
        Some("Basic bWU6UEE1NVcwUkQ=")
    );
    for seen in &seen[1..] {
        for secret in ["T0KEN", "bWU6", "K3Y", "authorization"] {
            assert!(!seen.holds(secret), "{secret}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn http_leads_to_https_of_the_same_host_with_everything_and_never_back() {
    let authority = Authority::new();
    let host = "gis.example.com";
    let secure = Site::secure(&authority, &[host], None, |seen| {
        if seen.url.contains("/back") {
            leads(302, "http://gis.example.com/arcgis/rest/services")
        } else {
            json(COUNT)
        }
    })
    .await;
    let plain = Site::plain(|seen| leads(301, &seen.url.replace("http:", "https:"))).await;
    let portal = Portal::parse("http://gis.example.com/portal").unwrap();
    let client = ArcGisClient::builder()
        .cacert_pem(authority.pem())
        .resolve("gis.example.com:443", secure.address)
        .resolve("gis.example.com:80", plain.address)
        .credentials(Credentials::token(&portal, "T0KEN").unwrap())
        .basic_auth(origin("http://gis.example.com"), "me", "PA55W0RD")
        .retries(0)
        .build()
        .unwrap();
    let answer = client.send(layer("http://gis.example.com")).await.unwrap();
    assert_eq!(answer.into_ok().unwrap(), COUNT.as_bytes());
    let (first, second) = (&plain.seen()[0], &secure.seen()[0]);
    assert_eq!(
        second.url,
        "https://gis.example.com/arcgis/rest/services/x/FeatureServer/0?f=json"
    );
    for seen in [first, second] {
        assert!(seen.holds("T0KEN") && seen.holds("bWU6"), "{seen:?}");
    }

    let told = redirect_error(client.send(layer("https://gis.example.com/back")).await);
    assert!(told.contains("plain http://gis.example.com"), "{told}");
    assert_eq!(plain.seen().len(), 1, "nothing went back to plain http");
}

#[tokio::test]
async fn a_web_tier_s_password_reaches_no_other_origin() {
    let authority = Authority::new();
    let names = ["gis.example.com", "portal.example.com"];
    let site = Site::secure(&authority, &names, None, |seen| {
        let portal = seen.url.contains("portal.example.com");
        if portal && seen.url.contains("generateToken") {
            return json(r#"{"token":"T0KEN","expires":32503680000000}"#);
        }
        if portal {
            return json(
                r#"{"owningSystemUrl":"https://portal.example.com/portal","authInfo":{"isTokenBasedSecurity":true,"tokenServicesUrl":"https://portal.example.com/portal/sharing/rest/generateToken"}}"#,
            );
        }
        match seen.header("authorization") {
            Some("Basic bWU6w7w=") => json(COUNT),
            _ => refused(),
        }
    })
    .await;
    let portal = Portal::parse("https://portal.example.com/portal").unwrap();
    let client = client(&authority, &site, &names)
        .credentials(Credentials::user_password("me", "P0RTAL", portal).unwrap())
        .trust(origin("https://gis.example.com"))
        // UTF-8, as RFC 7617 has it.
        .basic_auth(origin("https://gis.example.com"), "me", "ü")
        .build()
        .unwrap();
    let answer = client.send(layer("https://gis.example.com")).await.unwrap();
    assert_eq!(answer.into_ok().unwrap(), COUNT.as_bytes());
    let seen = site.seen();
    assert!(seen.iter().any(|seen| seen.url.contains("portal.")));
    for seen in seen {
        let login = seen.header("authorization").is_some();
        assert_eq!(login, seen.url.contains("//gis."), "{seen:?}");
    }
}

#[tokio::test]
async fn a_request_s_own_authorization_wins_over_the_login() {
    let site = Site::plain(|_| json(COUNT)).await;
    let base = format!("http://{}", site.address);
    let client = ArcGisClient::builder()
        .basic_auth(origin(&base), "me", "PA55W0RD")
        .build()
        .unwrap();
    let own = arcgis_auth_core::http::HeaderValue::from_static("Bearer 0WN");
    let name = arcgis_auth_core::http::header::AUTHORIZATION;
    let request = layer(&base).with_header(name, own);
    client.send(request).await.unwrap().into_ok().unwrap();
    assert_eq!(site.seen()[0].header("authorization"), Some("Bearer 0WN"));
    assert!(!format!("{client:?}").contains("PA55W0RD"));
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let portal = Portal::parse("https://gis.example.com/portal").unwrap();
    let login =
        || ArcGisClient::builder().basic_auth(origin("https://gis.example.com"), "me", "PA55W0RD");
    let token = || Credentials::token(&portal, "T0KEN").unwrap();
    for (builder, wanted) in [
        (
            login()
                .credentials(token())
                .placement(TokenPlacement::AuthorizationHeader),
            "X-Esri-Authorization",
        ),
        (login().header("authorization", "x"), "set already"),
        (
            ArcGisClient::builder().basic_auth(origin("https://h"), "a:b", "c"),
            "colon",
        ),
        (
            ArcGisClient::builder().resolve("a b", "127.0.0.1:1".parse().unwrap()),
            "no host",
        ),
    ] {
        let error = builder.build().unwrap_err();
        assert!(
            matches!(&error, Error::Config(ConfigError::InvalidOption { .. })),
            "{error:?}"
        );
        let told = error.to_string();
        assert!(told.contains(wanted), "{told}");
        assert!(!told.contains("PA55W0RD"), "{told}");
    }
    login()
        .placement(TokenPlacement::AuthorizationHeader)
        .build()
        .unwrap();
    login().credentials(token()).build().unwrap();
}
