//! No secret of a sign-in shows in logs, errors and renderings, whatever the portal answers: plain,
//! percent-encoded or as base64.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

mod hasty_clock;
mod organisation;

use std::error::Error as StdError;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arcgis_auth_core::{
    Clock, Credentials, Error, Refresh, Request, SecretString, StoreKey, Token, Transport,
    UserLogin,
};
use arcgis_auth_http::{ArcGisClient, AuthorizationCode, sign_out, who_am_i};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hasty_clock::HastyClock;
use organisation::*;
use tracing_subscriber::fmt::MakeWriter;
use wiremock::matchers::{body_string_contains, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

const PASSWORD: &str = "pa55 w0rd/ü&=";
const APP_SECRET: &str = "app s3cret/ü&=";
const CODE: &str = "c0de-0123456789/=";
const REFRESH: &str = "refresh-0123456789/=";
const NEXT: &str = "refresh-next-98765/=";
const ACCESS: &str = "access-0123456789/=";
const SERVER: &str = "server-0123456789/=";

/// What was logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn shows(&self, what: &dyn std::fmt::Debug) {
        writeln!(self.clone(), "{what:?} {what:#?}").unwrap();
    }

    fn error(&self, error: &Error) {
        self.shows(error);
        writeln!(self.clone(), "{error}").unwrap();
        let mut cause = error.source();
        while let Some(this) = cause {
            writeln!(self.clone(), "{this} {this:?}").unwrap();
            cause = this.source();
        }
    }
}

fn encodings(secret: &str) -> Vec<String> {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = form.replace('+', "%20");
    vec![
        secret.to_owned(),
        percent.to_lowercase(),
        form,
        percent,
        STANDARD.encode(secret).trim_end_matches('=').to_owned(),
    ]
}

/// Every way to sign in at `server`, to use it and to sign out, and what comes of each.
async fn everything(server: &MockServer, log: &Log) {
    let clock = HastyClock::default();
    let place = portal(server);
    let login = UserLogin::new("app-id", "http://127.0.0.1:8765/", REFRESH, place.clone())
        .unwrap()
        .with_refresh_expiry(clock.now() + Duration::from_secs(3600));
    let store = Arc::new(Memory::default());
    let key = StoreKey::new(place.clone(), "default");
    store.keep(&key, &login);
    let credentials = [
        Credentials::user_password("me", PASSWORD, place.clone()).unwrap(),
        Credentials::app("app-id", APP_SECRET, place.clone()).unwrap(),
        Credentials::User(login.clone()),
    ];
    let far = format!("{}/server/rest/services/x/FeatureServer/0", server.uri());
    for credentials in credentials {
        log.shows(&credentials);
        let is_user = matches!(credentials, Credentials::User(_));
        let mut builder = ArcGisClient::builder()
            .credentials(credentials)
            .clock(Arc::new(clock.clone()));
        if is_user {
            builder = builder.credential_store(store.clone(), key.clone());
        }
        log.shows(&builder);
        let client = builder.build().unwrap();
        for _ in 0..2 {
            let request = Request::read(far.parse().unwrap()).with_param("f", "json");
            match client.send(request).await {
                Ok(response) => log.shows(&response),
                Err(error) => log.error(&error),
            }
            if let Err(error) = who_am_i(&place, &client).await {
                log.error(&error);
            }
            let provider = client.provider().unwrap();
            match provider.refresh(Refresh::Forced).await {
                Ok(token) => log.shows(&token),
                Err(error) => log.error(&error),
            }
            log.shows(&client);
            log.shows(provider);
        }
    }
    let flow = AuthorizationCode::builder(place, "app-id").build().unwrap();
    log.shows(&flow);
    match flow.complete(&SecretString::from(CODE), transport()).await {
        Ok(signed_in) => log.shows(&signed_in),
        Err(error) => log.error(&error),
    }
    let login = login.with_access_token(Some(Token::new(ACCESS)));
    log.shows(&login);
    if let Err(error) = sign_out(&login, transport()).await {
        log.error(&error);
    }
}

async fn post(server: &MockServer, holds: &str, reply: ResponseTemplate) {
    Mock::given(path_regex("/sharing/rest/"))
        .and(body_string_contains(holds))
        .respond_with(reply)
        .mount(server)
        .await;
}

/// A portal at which all goes well, whose server refuses the portal's tokens.
async fn well() -> MockServer {
    let server = MockServer::start().await;
    let access = |refresh: &str| {
        json(format!(
            r#"{{"access_token":"{ACCESS}","expires_in":1800,"refresh_token":"{refresh}","refresh_token_expires_in":999999}}"#
        ))
    };
    let generated =
        |token: &str| json(format!(r#"{{"token":"{token}","expires":32503680000000}}"#));
    post(&server, "serverUrl=", generated(SERVER)).await;
    post(&server, "username=me", generated(ACCESS)).await;
    post(&server, "grant_type=client_credentials", access(REFRESH)).await;
    post(&server, "grant_type=refresh_token", access(NEXT)).await;
    post(&server, "grant_type=exchange_refresh_token", access(NEXT)).await;
    post(&server, "grant_type=authorization_code", access(REFRESH)).await;
    post(&server, "auth_token=", json(r#"{"success":true}"#)).await;
    Mock::given(path("/portal/sharing/rest/info"))
        .respond_with(json(r#"{"authInfo":{}}"#))
        .mount(&server)
        .await;
    Mock::given(path_regex("^/server/"))
        .and(wiremock::matchers::header(
            "x-esri-authorization",
            format!("Bearer {SERVER}").as_str(),
        ))
        .respond_with(json("{}"))
        .mount(&server)
        .await;
    Mock::given(path_regex("^/server/"))
        .respond_with(json(r#"{"error":{"code":498,"message":"Invalid token."}}"#))
        .mount(&server)
        .await;
    server
}

/// A portal that repeats what it was sent in every error.
async fn echoing(status: u16, object: bool) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/portal/sharing/rest/info"))
        .respond_with(json(r#"{"authInfo":{}}"#))
        .mount(&server)
        .await;
    Mock::given(wiremock::matchers::any())
        .respond_with(move |seen: &wiremock::Request| {
            let form: Vec<String> = url::form_urlencoded::parse(&seen.body)
                .map(|(name, value)| format!("{name} is {value}"))
                .collect();
            let text = format!(
                "bad request {} {:?} {}",
                String::from_utf8_lossy(&seen.body),
                seen.headers.get("x-esri-authorization"),
                form.join(", ")
            );
            let body = if object {
                serde_json::json!({"error": {"code": 400, "error": "invalid_request", "error_description": text, "message": text, "details": [text]}})
            } else {
                serde_json::json!({"error": "invalid_grant", "error_description": text})
            };
            ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/json")
        })
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn no_secret_of_a_sign_in_shows_anywhere() {
    let servers = [
        well().await,
        echoing(200, true).await,
        echoing(400, true).await,
        echoing(400, false).await,
        echoing(403, true).await,
    ];
    for (at, server) in servers.iter().enumerate() {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(log.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        everything(server, &log).await;
        drop(guard);
        let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
        assert!(text.contains("arcgis::http"), "the log is there");
        let told: &[&str] = match at {
            0 => &[
                r#"grant="password""#,
                r#"grant="client_credentials""#,
                r#"grant="exchange_refresh_token""#,
                r#"grant="refresh_token""#,
                r#"grant="authorization_code""#,
                r#"grant="server""#,
                "token revoked",
            ],
            _ => &["bad request", "grant_type", "[redacted]"],
        };
        for told in told {
            assert!(text.contains(told), "{told} happened at portal {at}");
        }
        for secret in [PASSWORD, APP_SECRET, CODE, REFRESH, NEXT, ACCESS, SERVER] {
            for shown in encodings(secret) {
                let line = text.lines().find(|line| line.contains(&shown));
                assert_eq!(line, None, "{secret} as {shown}, portal {at}");
            }
        }
        for seen in server.received_requests().await.unwrap() {
            for secret in [PASSWORD, APP_SECRET, CODE, REFRESH, NEXT, ACCESS, SERVER] {
                for shown in encodings(secret) {
                    assert!(!seen.url.as_str().contains(&shown), "{}", seen.url);
                }
            }
        }
    }
}
