//! What hostile portals and servers answer: no secret, no memory and no terminal is theirs.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, dead_code)]

mod hasty_clock;
mod sites;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arcgis_auth_core::{
    Credentials, Error, Portal, Request, Response, Token, TokenProvider, TokenSource, Transport,
    TransportErrorKind, UserPassword,
};
use arcgis_auth_http::{
    ArcGisClient, AuthorizationCode, GenerateToken, OAuthError, owning_portal, who_am_i,
};
use futures_util::future::{BoxFuture, FutureExt};
use hasty_clock::HastyClock;
use sites::*;

/// A portal whose token endpoints answer `reply`, and everything else `{}`.
async fn portal(reply: impl Fn() -> Answer + Send + Sync + 'static) -> (Site, Portal) {
    let site = Site::plain(move |seen| {
        let host = seen.header("host").unwrap();
        if seen.url.contains("/info") {
            return json(format!(
                r#"{{"authInfo":{{"tokenServicesUrl":"http://{host}/portal/sharing/rest/generateToken"}}}}"#
            ));
        }
        match seen.url.contains("generateToken") || seen.url.contains("oauth2/token") {
            true => reply(),
            false => json("{}"),
        }
    })
    .await;
    let portal = Portal::parse(&format!("http://{}/portal", site.address)).unwrap();
    (site, portal)
}

fn logins(portal: &Portal) -> [Credentials; 2] {
    [
        Credentials::user_password("me", "PASSW0RD", portal.clone()).unwrap(),
        Credentials::app("app", "PASSW0RD", portal.clone()).unwrap(),
    ]
}

fn client(credentials: Credentials) -> ArcGisClient {
    let builder = ArcGisClient::builder().clock(Arc::new(HastyClock::default()));
    builder.credentials(credentials).retries(1).build().unwrap()
}

async fn layer(client: &ArcGisClient, portal: &Portal) -> Result<Response, Error> {
    let url = portal.join("rest/services/x/FeatureServer/0").unwrap();
    client.send(Request::read(url)).await
}

fn mint(error: &Error) -> String {
    assert!(matches!(error, Error::Mint { .. }), "{error:?}");
    let said = format!("{error} {error:?}");
    assert!(!said.contains("PASSW0RD"), "{said}");
    error.to_string()
}

/// `{"x":[0,0,…]}`: 32 bytes of memory for two on the wire, once it is parsed.
fn endless(bytes: usize) -> String {
    format!(r#"{{"token":"t","x":[{}0]}}"#, "0,".repeat(bytes / 2))
}

#[tokio::test]
async fn a_reply_without_end_is_not_read() {
    let (site, portal) = portal(|| json(endless(3 << 20))).await;
    for login in logins(&portal) {
        let error = layer(&client(login), &portal).await.unwrap_err();
        assert!(mint(&error).contains("larger than allowed"), "{error}");
    }
    assert!(
        site.seen()
            .iter()
            .all(|seen| !seen.url.contains("services"))
    );

    // Nor by way of a transport that knows no limits.
    #[derive(Debug)]
    struct Boundless;
    impl Transport for Boundless {
        fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
            let body = match request.url().path().contains("/info") {
                true => r#"{"authInfo":{"tokenServicesUrl":"/portal/sharing/rest/generateToken"}}"#
                    .to_owned(),
                false => endless(3 << 20),
            };
            let (status, headers) = Default::default();
            async move { Ok(Response::judge(&request, status, headers, body.into())) }.boxed()
        }
    }
    let user = UserPassword::new("me", "PASSW0RD", portal.clone()).unwrap();
    let source = Arc::new(GenerateToken::new(user, Arc::new(Boundless)));
    let error = source.mint().await.unwrap_err();
    assert!(
        mint(&error).contains("longer than any with a token"),
        "{error}"
    );
    let flow = AuthorizationCode::builder(portal, "app").build().unwrap();
    let error = flow
        .complete(&"code".into(), Arc::new(Boundless))
        .await
        .unwrap_err();
    assert!(
        matches!(OAuthError::of(&error), Some(OAuthError::Malformed(_))),
        "{error}"
    );
}

#[tokio::test]
async fn an_info_without_end_makes_a_server_unknown() {
    let server = Site::plain(|seen| match seen.url.contains("/info") {
        true => json(format!(
            r#"{{"owningSystemUrl":"x","y":{}}}"#,
            endless(3 << 20)
        )),
        false => json("{}"),
    })
    .await;
    let (_site, portal) = portal(|| json(r#"{"token":"T0KEN","expires":32503680000000}"#)).await;
    let [user, _] = logins(&portal);
    let client = client(user);
    let url: arcgis_auth_core::Url = format!("http://{}/gis/rest/services/x", server.address)
        .parse()
        .unwrap();
    client
        .send(Request::read(url.clone()))
        .await
        .unwrap()
        .into_ok()
        .unwrap();
    assert!(server.seen().iter().all(|seen| !seen.holds("T0KEN")));
    let transport: Arc<dyn Transport> = Arc::new(client);
    match owning_portal(&url, &transport).await.unwrap_err() {
        Error::Transport(error) => assert_eq!(error.kind(), TransportErrorKind::TooLarge),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_that_would_break_a_header_is_no_token() {
    for token in [
        "abc\\r\\nX-Evil: 1",
        "a b",
        "a\\u0000b",
        "t\\u00f6ken",
        "\\u001b[2J",
        " ",
        "",
    ] {
        let reply = format!(
            r#"{{"token":"{token}","access_token":"{token}","expires":32503680000000,"expires_in":1800}}"#
        );
        let (site, portal) = portal(move || json(reply.clone())).await;
        for login in logins(&portal) {
            let error = layer(&client(login), &portal).await.unwrap_err();
            let said = mint(&error);
            assert!(said.contains("token"), "{said}");
        }
        assert!(
            site.seen()
                .iter()
                .all(|seen| !seen.url.contains("services")),
            "{token}"
        );
    }
}

#[tokio::test]
async fn an_expiry_that_is_none_is_a_failed_mint_and_not_a_token_for_ever() {
    for expires in [
        "-1",
        "0",
        "5",
        "\"NaN\"",
        "\"-inf\"",
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "-9223372036854775808",
        "\"1e400\"",
        "1000000000000",
        "1577836800",
    ] {
        let reply = format!(r#"{{"token":"t","expires":{expires}}}"#);
        let (site, portal) = portal(move || json(reply.clone())).await;
        let [user, _] = logins(&portal);
        // By the wall clock of this machine.
        let client = ArcGisClient::builder().credentials(user).build().unwrap();
        mint(&layer(&client, &portal).await.unwrap_err());
        assert!(
            site.seen()
                .iter()
                .all(|seen| !seen.url.contains("services")),
            "{expires}"
        );
    }
    // One far beyond every clock is a token that does not end.
    for expires in [
        "9223372036854775807",
        "\"9223372036854775807\"",
        "99999999999",
    ] {
        let reply = format!(r#"{{"token":"t","expires":{expires}}}"#);
        let (_site, portal) = portal(move || json(reply.clone())).await;
        let [user, _] = logins(&portal);
        let client = ArcGisClient::builder().credentials(user).build().unwrap();
        layer(&client, &portal).await.unwrap().into_ok().unwrap();
        layer(&client, &portal).await.unwrap().into_ok().unwrap();
        assert_eq!(client.stats().mints, 1, "{expires}");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_leads_elsewhere_is_not_followed() {
    let evil = Site::plain(|_| {
        json(r#"{"token":"EVIL","access_token":"EVIL","expires":32503680000000,"expires_in":1800}"#)
    })
    .await;
    for status in [301, 302, 303, 307, 308] {
        let to = format!(
            "http://localhost:{}/sharing/rest/generateToken",
            evil.address.port()
        );
        let (site, portal) = portal(move || leads(status, &to)).await;
        for login in logins(&portal) {
            let error = layer(&client(login), &portal).await.unwrap_err();
            assert!(mint(&error).contains("does not belong"), "{status} {error}");
        }
        assert!(
            site.seen().iter().all(|seen| !seen.holds("EVIL")),
            "{status}"
        );
    }
    assert!(evil.seen().is_empty(), "{:?}", evil.seen());
}

#[tokio::test]
async fn names_that_a_portal_gives_command_no_terminal() {
    let (_site, portal) = portal(|| {
        json(r#"{"access_token":"t","expires_in":1800,"username":"me\u001b]0;x\u0007\r\n"}"#)
    })
    .await;
    let flow = AuthorizationCode::builder(portal, "app").build().unwrap();
    let transport = Arc::new(ArcGisClient::builder().build().unwrap());
    let signed_in = flow.complete(&"code".into(), transport).await.unwrap();
    assert_eq!(signed_in.username(), Some("me]0;x"));

    let site = Site::plain(|_| {
        json(r#"{"id":"o","name":"Or\u009bg\u001b[2J","user":{"username":"m\u0008e"}}"#)
    })
    .await;
    let portal = Portal::parse(&format!("http://{}/portal", site.address)).unwrap();
    let client = ArcGisClient::builder().build().unwrap();
    let me = who_am_i(&portal, &client).await.unwrap();
    assert_eq!(
        (me.org_name.as_deref(), me.username.as_deref()),
        (Some("Org[2J"), Some("me"))
    );
}

/// Hosts that a person or a careless comparison takes for another.
#[test]
fn look_alikes_of_a_portal_get_nothing() {
    let trust = |url: &str| {
        let portal = Portal::parse(url).unwrap();
        let user = UserPassword::new("me", "secret", portal).unwrap();
        let nobody = ArcGisClient::builder().build().unwrap();
        GenerateToken::new(user, Arc::new(nobody)).trust().clone()
    };
    let online = trust("https://www.arcgis.com");
    for there in [
        "https://www.arcgis.com@evil.example/x",
        "https://www.arcgis.com:443@evil.example/x",
        "https://evil.example\\@www.arcgis.com/x",
        "https://evil.example#@www.arcgis.com/x",
        "https://www.arcgis.com.evil.example/x",
        "https://www.arcgis.com\u{2024}evil.example/x",
        "https://www-arcgis.com/x",
        "https://xn--rcgis-7ve.com/x",
        "https://www.\u{0430}rcgis.com/x",
        "https://www.arcg\u{0131}s.com/x",
        "https://www.arcgis.co/x",
        "https://www.arcgis.com:8443/x",
        "http://www.arcgis.com/x",
        "ftp://www.arcgis.com/x",
        "https://[::ffff:127.0.0.1]/x",
    ] {
        // What no URL is goes nowhere.
        if let Ok(url) = there.parse() {
            assert!(!online.allows(&url), "{there} is {url}");
        }
    }
    // Other spellings of the same host, which the URL itself undoes.
    for there in [
        "https://WWW.ArcGIS.com/x",
        "https://www.arcgis.com./x",
        "https://www.arcgis.com:443/x",
        "https://user:pass@www.arcgis.com/x",
        "https://www\u{3002}arcgis\u{ff0e}com/x",
    ] {
        assert!(online.allows(&there.parse().unwrap()), "{there}");
    }
    let own = trust("https://gis.example.com:6443/portal");
    for there in [
        "https://gis.example.com/portal",
        "https://gis.example.com:6080/",
        "https://gis.example.com:64430/",
    ] {
        assert!(!own.allows(&there.parse().unwrap()), "{there}");
    }
}

/// A thousand callers, each given up at some moment, and nobody after them has to pay for it.
#[tokio::test(flavor = "multi_thread")]
async fn callers_that_give_up_lose_nobody_elses_token() {
    let minted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&minted);
    let (_site, portal) = portal(move || {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        json(format!(
            r#"{{"token":"t{number}","expires":32503680000000}}"#
        ))
    })
    .await;
    let [user, _] = logins(&portal);
    let client = ArcGisClient::builder()
        .credentials(user)
        .concurrency(64)
        .build()
        .unwrap();
    let callers: Vec<_> = (0..1000_u64)
        .map(|number| {
            let (client, portal) = (client.clone(), portal.clone());
            tokio::spawn(async move {
                let limit = Duration::from_micros(number * 40);
                let _ = tokio::time::timeout(limit, layer(&client, &portal)).await;
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let last = tokio::time::timeout(Duration::from_secs(30), layer(&client, &portal));
    last.await.unwrap().unwrap().into_ok().unwrap();
    assert_eq!(minted.load(Ordering::SeqCst), 1);
    let token: Option<Token> = client.provider().unwrap().token().await.unwrap();
    assert_eq!(token.unwrap().expose(), "t0");
}

/// The whole stack: what one layer learns of a token, the cache has to know.
#[tokio::test]
async fn a_server_that_refuses_every_token_gets_each_once_and_few_of_them() {
    for beside in ["portal/rest/services/x", "gis/rest/services/x"] {
        let minted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&minted);
        let site = Site::plain(move |seen| {
            let host = seen.header("host").unwrap();
            if seen.url.contains("generateToken") {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                return json(format!(r#"{{"token":"t{number}","expires":32503680000000}}"#));
            }
            if seen.url.contains("/info") {
                return json(format!(
                    r#"{{"authInfo":{{"tokenServicesUrl":"http://{host}/portal/sharing/rest/generateToken"}}}}"#
                ));
            }
            json(r#"{"error":{"code":498,"message":"Invalid token."}}"#)
        })
        .await;
        let base = format!("http://{}", site.address);
        let portal = Portal::parse(&format!("{base}/portal")).unwrap();
        let [user, _] = logins(&portal);
        let client = client(user);
        let url: arcgis_auth_core::Url =
            format!("{base}/{beside}/FeatureServer/0").parse().unwrap();
        for _ in 0..50 {
            let error = client.send(Request::read(url.clone())).await.unwrap_err();
            assert!(matches!(error, Error::Unauthorized(_)), "{error:?}");
        }
        assert!(minted.load(Ordering::SeqCst) <= 6, "{beside}: {minted:?}");
        let sent: Vec<_> = site
            .seen()
            .iter()
            .filter(|seen| seen.url.contains(beside))
            .map(|seen| seen.header("x-esri-authorization").unwrap().to_owned())
            .collect();
        let distinct: std::collections::BTreeSet<_> = sent.iter().collect();
        assert_eq!(distinct.len(), sent.len(), "{beside}: {sent:?}");
    }
}
