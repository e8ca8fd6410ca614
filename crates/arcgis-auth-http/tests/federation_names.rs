//! Federation among real host names, over TLS: look-alikes, plain http and the hosts of ArcGIS Online.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, dead_code)]

use std::sync::Arc;

use arcgis_auth_core::{
    Credentials, Error, Origin, Portal, Request, StaticToken, Token, Transport, TrustPolicy,
    UnauthorizedReason,
};
use arcgis_auth_http::{ArcGisClient, Federation, Membership};

mod sites;
use sites::*;

const COUNT: &str = r#"{"count":42}"#;
const REQUIRED: &str = r#"{"error":{"code":499,"message":"Token Required","details":[]}}"#;

fn client(authority: &Authority, site: &Site, names: &[&str], portal: &str) -> ArcGisClient {
    let portal = Portal::parse(portal).unwrap();
    let builder = ArcGisClient::builder()
        .cacert_pem(authority.pem())
        .retries(0)
        .credentials(Credentials::user_password("me", "PA55W0RD", portal).unwrap());
    let builder = names.iter().fold(builder, |builder, name| {
        builder.resolve(*name, site.address)
    });
    builder.build().unwrap()
}

fn layer(base: &str) -> Request {
    let url = format!("{base}/rest/services/x/FeatureServer/0?f=json");
    Request::read(url.parse().unwrap())
}

/// Claims, as every server here, to belong to `portal`; takes `SERVER`.
fn claiming(seen: &Seen, portal: &str) -> Answer {
    if seen.url.contains("/rest/info") {
        return json(format!(
            r#"{{"owningSystemUrl":"{portal}","authInfo":{{"isTokenBasedSecurity":true}}}}"#
        ));
    }
    match seen.header("x-esri-authorization") {
        Some("Bearer SERVER") => json(COUNT),
        _ => json(REQUIRED),
    }
}

/// A portal that gives server tokens for `root` alone.
fn minting(seen: &Seen, root: &str) -> Answer {
    let form: std::collections::HashMap<String, String> = url::form_urlencoded::parse(&seen.body)
        .into_owned()
        .collect();
    let token = match form.get("serverUrl") {
        None if form
            .get("password")
            .is_some_and(|password| password == "PA55W0RD") =>
        {
            "PORTAL"
        }
        Some(server) if server == root => "SERVER",
        _ => {
            return json(
                r#"{"error":{"code":400,"message":"Unable to generate token.","details":["not federated"]}}"#,
            );
        }
    };
    json(format!(
        r#"{{"token":"{token}","expires":32503680000000,"ssl":true}}"#
    ))
}

#[tokio::test]
async fn an_enterprise_portal_and_its_server_on_hosts_of_their_own() {
    let authority = Authority::new();
    let names = [
        "portal.example.com",
        "maps.example.com",
        "maps.example.com.evil.example",
    ];
    let site = Site::secure(&authority, &names, None, |seen| {
        if seen.url.contains("generateToken") {
            return minting(seen, "https://maps.example.com/server");
        }
        if seen.url.contains("/sharing/rest/info") {
            return json(r#"{"authInfo":{"isTokenBasedSecurity":true}}"#);
        }
        // By the other scheme and in capitals, as servers spell it.
        claiming(seen, "http://PORTAL.example.com/portal/")
    })
    .await;
    let client = client(
        &authority,
        &site,
        &names,
        "https://portal.example.com/portal",
    );
    client
        .send(layer("https://maps.example.com/server"))
        .await
        .unwrap()
        .into_ok()
        .unwrap();
    // Another root of the same host, and another host that looks alike: neither is known to the portal.
    for base in [
        "https://maps.example.com/other",
        "https://maps.example.com.evil.example/server",
    ] {
        let error = client.send(layer(base)).await.unwrap_err();
        assert!(
            matches!(&error, Error::Unauthorized(refused) if matches!(refused.reason, UnauthorizedReason::BoundElsewhere { .. })),
            "{error:?}"
        );
    }
    for seen in site.seen() {
        let at_portal = seen.url.starts_with("https://portal.example.com/");
        assert!(
            at_portal
                || !(seen.holds("PORTAL\"")
                    || seen.holds("Bearer PORTAL")
                    || seen.holds("PA55W0RD")),
            "{seen:?}"
        );
        let at_server = seen
            .url
            .starts_with("https://maps.example.com/server/rest/services/");
        assert_eq!(seen.holds("Bearer SERVER"), at_server, "{seen:?}");
        for secret in ["PA55W0RD", "SERVER"] {
            assert!(!seen.url.contains(secret), "{}", seen.url);
        }
    }
}

#[tokio::test]
async fn what_claims_to_be_of_arcgis_online_is_not() {
    let authority = Authority::new();
    let names = [
        "www.arcgis.com",
        "services1.arcgis.com",
        "www.arcgis.com.evil.example",
    ];
    let site = Site::secure(&authority, &names, None, |seen| {
        if seen.url.contains("generateToken") {
            return minting(seen, "nothing");
        }
        match seen.header("x-esri-authorization") {
            Some("Bearer PORTAL") => json(COUNT),
            _ => claiming(seen, "https://www.arcgis.com"),
        }
    })
    .await;
    let client = client(&authority, &site, &names, "https://www.arcgis.com");
    client
        .send(layer("https://services1.arcgis.com/Org/arcgis"))
        .await
        .unwrap()
        .into_ok()
        .unwrap();
    client
        .send(layer("https://www.arcgis.com.evil.example/arcgis"))
        .await
        .unwrap_err();
    for seen in site.seen() {
        if seen.url.contains("evil.example") {
            assert!(!seen.holds("PORTAL") && !seen.holds("PA55W0RD"), "{seen:?}");
        }
        // Its own hosts are known: nobody asks them what they are.
        assert!(
            !seen
                .url
                .starts_with("https://services1.arcgis.com/Org/arcgis/rest/info"),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn plain_http_gets_nothing_be_it_the_same_host() {
    let plain = Site::plain(|seen| claiming(seen, "http://portal.example.com/portal")).await;
    let anonymous = ArcGisClient::builder()
        .retries(0)
        .resolve("portal.example.com", plain.address)
        .build()
        .unwrap();
    let portal = Portal::parse("https://portal.example.com/portal").unwrap();
    let trust =
        TrustPolicy::bound_to(Origin::of(&"https://portal.example.com".parse().unwrap()).unwrap());
    let token = StaticToken::new(Token::new("PORTAL"), trust);
    let federation = Arc::new(Federation::new(
        portal,
        Arc::new(token),
        Arc::new(anonymous.clone()),
    ));
    let session = arcgis_auth_core::TokenSession::new(Arc::new(anonymous), federation.clone());
    let url = layer("http://portal.example.com/server");
    assert_eq!(
        federation.membership(url.url()).await.unwrap(),
        Membership::Plain
    );
    session.send(url).await.unwrap_err();
    let seen = plain.seen();
    assert!(
        !seen.is_empty() && seen.iter().all(|seen| !seen.holds("Bearer")),
        "{seen:?}"
    );
}
