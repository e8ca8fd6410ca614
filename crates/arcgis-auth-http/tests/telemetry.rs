//! What is told through `tracing`: the table in the documentation, and no secret at any level.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arcgis_auth_core::http::{HeaderValue, StatusCode};
use arcgis_auth_core::{Credentials, Origin, Portal, Request, Transport, Url};
use arcgis_auth_http::{ArcGisClient, AuthorizationCode, LoopbackRedirect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

mod hasty_clock;
mod sites;
use hasty_clock::HastyClock;
use sites::*;

const TABLE: &str = include_str!("../src/telemetry.rs");

/// What came: target, level and message, with the fields; and all of it as text.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    events: BTreeMap<(String, String, String), BTreeSet<String>>,
    spans: BTreeMap<(String, String), BTreeSet<String>>,
    text: String,
}

#[derive(Default)]
struct Fields {
    names: BTreeSet<String>,
    message: String,
    text: String,
}

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.names.insert(field.name().to_owned());
        }
        write!(self.text, " {}={value:?}", field.name()).unwrap();
    }
}

impl<S: tracing::Subscriber> Layer<S> for Told {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let meta = event.metadata();
        let mut kept = self.0.lock().unwrap();
        writeln!(kept.text, "{}{}", meta.target(), fields.text).unwrap();
        let level = meta.level().to_string().to_lowercase();
        let key = (meta.target().to_owned(), level, fields.message);
        kept.events.entry(key).or_default().extend(fields.names);
    }

    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let meta = attributes.metadata();
        let mut kept = self.0.lock().unwrap();
        writeln!(
            kept.text,
            "{} {}{}",
            meta.target(),
            meta.name(),
            fields.text
        )
        .unwrap();
        let key = (meta.target().to_owned(), meta.name().to_owned());
        kept.spans.entry(key).or_default().extend(fields.names);
    }
}

/// The rows of the table: target, level and message, with the fields.
fn documented() -> BTreeMap<(String, String, String), BTreeSet<String>> {
    let words = |cell: &str| -> Vec<String> {
        let parts = cell.split('`').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    TABLE
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `arcgis::"))
        .map(|row| {
            let cells: Vec<_> = row.split(" | ").collect();
            let target = format!("arcgis::{}", cells[0].trim_end_matches('`'));
            let key = (target, cells[1].to_owned(), words(cells[2])[0].clone());
            (key, words(cells[3]).into_iter().collect())
        })
        .collect()
}

fn with(status: u16, header: &'static str, value: &'static str) -> Answer {
    let mut answer = json("{}");
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    let value = HeaderValue::from_static(value);
    answer.headers_mut().insert(header, value);
    answer
}

async fn browse(address: &str) {
    let url: Url = address.parse().unwrap();
    let host = format!("127.0.0.1:{}", url.port().unwrap());
    let mut stream = tokio::net::TcpStream::connect(&host).await.unwrap();
    let target = &url[url::Position::BeforePath..];
    let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.read_to_string(&mut String::new()).await.unwrap();
}

/// A browser comes back with a code, which is exchanged.
async fn sign_in(portal: Portal) {
    let redirect = LoopbackRedirect::listen("http://127.0.0.1:0/")
        .await
        .unwrap();
    let flow = AuthorizationCode::builder(portal, "app-id")
        .redirect_uri(redirect.redirect_uri())
        .build()
        .unwrap();
    let mut pairs = flow.authorize_url().query_pairs();
    let (_, state) = pairs.find(|(name, _)| name == "state").unwrap();
    let back = format!("{}?code=CANARY-C0DE&state={state}", redirect.redirect_uri());
    let limit = std::time::Duration::from_secs(10);
    let (answer, ()) = futures_util::join!(redirect.wait(&flow, limit), browse(&back));
    let transport = ArcGisClient::builder().build().unwrap();
    flow.complete(&answer.unwrap(), Arc::new(transport))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_the_table_says_is_told_and_no_secret_is() {
    let told = Told::default();
    let subscriber = tracing_subscriber::registry().with(told.clone());
    let _guard = tracing::subscriber::set_default(subscriber);

    let (asked, minted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let site = Site::plain(move |seen| {
        if seen.url.contains("generateToken") {
            if String::from_utf8_lossy(&seen.body).contains("CANARY-WR0NG") {
                return json(
                    r#"{"error":{"code":400,"message":"Unable to generate token. CANARY-WR0NG","details":["Invalid username or password."]}}"#,
                );
            }
            let token = minted.fetch_add(1, Ordering::SeqCst);
            return json(format!(
                r#"{{"token":"CANARY-T0KEN-{token}","expires":32503680000000}}"#
            ));
        }
        if seen.url.contains("/oauth2/token") {
            return json(r#"{"access_token":"CANARY-SIGNED-IN","expires_in":1800}"#);
        }
        if seen.url.contains("/refusing/") {
            return json(r#"{"error":{"code":498,"message":"CANARY-T0KEN is not mine."}}"#);
        }
        if seen.url.contains("info") {
            let host = seen.header("host").unwrap();
            return json(format!(
                r#"{{"owningSystemUrl":"http://{host}/portal","authInfo":{{"isTokenBasedSecurity":true,"tokenServicesUrl":"http://{host}/portal/sharing/rest/generateToken"}}}}"#
            ));
        }
        if seen.url.contains("/down/") {
            return with(502, "x", "y");
        }
        match asked.fetch_add(1, Ordering::SeqCst) {
            // What it says holds what it was sent.
            0 => json(r#"{"error":{"code":429,"message":"Too many requests. Retry after 1 sec. CANARY-T0KEN"}}"#),
            1 => with(200, "x-esri-org-request-units-per-min", "usage=10;max=10"),
            3 => json(r#"{"error":{"code":498,"message":"Invalid token."}}"#),
            2 => with(414, "x", "y"),
            _ => json("{}"),
        }
    })
    .await;
    let base = format!("http://{}", site.address);
    let portal = Portal::parse(&format!("{base}/portal")).unwrap();
    let wrong = Credentials::user_password("me", "CANARY-WR0NG", portal.clone()).unwrap();
    let client = ArcGisClient::builder()
        .credentials(Credentials::user_password("me", "CANARY-PASSWORD", portal).unwrap())
        .basic_auth(
            Origin::of(&base.parse().unwrap()).unwrap(),
            "me",
            "CANARY-BASIC",
        )
        .header("X-Gateway-Key", "CANARY-GATEWAY")
        .concurrency(2)
        .retries(1)
        .timeout(std::time::Duration::from_secs(5))
        .clock(Arc::new(HastyClock::default()))
        .build()
        .unwrap();
    let layer = |service: &str| {
        let url = format!("{base}/portal/rest/services/{service}/FeatureServer/0");
        Request::read(url.parse().unwrap()).with_param("f", "json")
    };
    for _ in 0..6 {
        client.send(layer("roads")).await.unwrap();
    }
    client.send(layer("down")).await.unwrap();
    for _ in 0..3 {
        client.send(layer("refusing")).await.unwrap_err();
    }
    let elsewhere =
        Site::plain(|_| json(r#"{"owningSystemUrl":"https://other.example/portal"}"#)).await;
    let other = format!(
        "http://{}/arcgis/rest/services/x/FeatureServer/0",
        elsewhere.address
    );
    client
        .send(Request::read(other.parse().unwrap()))
        .await
        .unwrap();
    sign_in(Portal::parse(&format!("{base}/portal")).unwrap()).await;
    let stranger = ArcGisClient::builder().credentials(wrong).build().unwrap();
    stranger.send(layer("roads")).await.unwrap_err();
    let own = layer("roads").with_secret_param("token", "CANARY-0WN".to_owned().into());
    client.send(own).await.unwrap();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}/x?token=CANARY-URL", silent.local_addr().unwrap());
    let late =
        Request::read(nobody.parse().unwrap()).with_timeout(std::time::Duration::from_millis(20));
    client.send(late).await.unwrap_err();

    let kept = told.0.lock().unwrap();
    let documented = documented();
    assert_eq!(documented.len(), 18, "the table was read");
    for (key, fields) in &documented {
        assert_eq!(kept.events.get(key), Some(fields), "{key:?}");
    }
    for (key, fields) in &kept.events {
        let in_words = key.0 == "arcgis::federation" && key.1 == "debug";
        if key.0.starts_with("arcgis::") && !in_words {
            assert_eq!(
                documented.get(key),
                Some(fields),
                "not in the table: {key:?}"
            );
        }
    }
    let span = ("arcgis::http".to_owned(), "request".to_owned());
    assert_eq!(kept.spans[&span], BTreeSet::from(["url".to_owned()]));
    let span = ("arcgis::mint".to_owned(), "mint".to_owned());
    let fields = ["origin", "reason"].map(str::to_owned);
    assert_eq!(kept.spans[&span], BTreeSet::from(fields));
    let span = ("arcgis::refresh".to_owned(), "refresh".to_owned());
    assert_eq!(kept.spans[&span], BTreeSet::from(["server".to_owned()]));

    // base64 of "me:CANARY-BASIC"
    for secret in ["CANARY", "bWU6Q0FOQVJZLUJBU0lD", "Q0FOQVJZ"] {
        let shown: Vec<_> = kept
            .text
            .lines()
            .filter(|line| line.contains(secret))
            .collect();
        assert!(shown.is_empty(), "{secret}: {shown:#?}");
    }
    assert!(
        kept.text.contains("/portal/rest/services/roads"),
        "and the rest is shown"
    );
}
