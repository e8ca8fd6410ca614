//! A login that goes on: refreshing, exchanging the refresh token, and what is kept of it when.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

mod hasty_clock;
mod organisation;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arcgis_auth_core::{
    Clock, Credentials, Error, ExposeSecret, Refresh, StoreKey, Token, TokenCache, TokenProvider,
    UserLogin,
};
use arcgis_auth_http::{ArcGisClient, OAuthError, RefreshGrant};
use hasty_clock::HastyClock;
use organisation::*;
use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const HOUR: Duration = Duration::from_secs(3600);
const BACK: &str = "http://127.0.0.1:8765/";
const DEAD: &str = r#"{"error":{"code":400,"error":"invalid_grant","error_description":"Invalid refresh_token","message":"Invalid refresh_token","details":[]}}"#;

struct Login {
    server: MockServer,
    store: Arc<Memory>,
    key: StoreKey,
    clock: HastyClock,
    login: UserLogin,
}

impl Login {
    /// A login whose refresh token `r1` lives for `left`, kept in a store.
    async fn new(left: Duration) -> Self {
        let server = MockServer::start().await;
        let clock = HastyClock::default();
        let login = UserLogin::new("app-id", BACK, "r1-secret", portal(&server))
            .unwrap()
            .with_username("me")
            .with_refresh_expiry(clock.now() + left);
        let key = StoreKey::new(portal(&server), "default");
        let store = Arc::new(Memory::default());
        store.keep(&key, &login);
        Self {
            server,
            store,
            key,
            clock,
            login,
        }
    }

    fn tokens(&self) -> TokenCache<RefreshGrant> {
        let grant = RefreshGrant::new(self.login.clone(), transport())
            .unwrap()
            .with_store(self.store.clone(), self.key.clone())
            .with_clock(Arc::new(self.clock.clone()));
        TokenCache::with_clock(grant, Arc::new(self.clock.clone()))
    }

    async fn grants(&self, grant: &str, reply: ResponseTemplate) {
        Mock::given(path(TOKEN))
            .and(body_string_contains(format!("grant_type={grant}&")))
            .respond_with(reply)
            .mount(&self.server)
            .await;
    }

    /// The grants that were asked for, each with the refresh token that was sent.
    async fn sent(&self) -> Vec<String> {
        let seen = seen(&self.server, TOKEN).await;
        seen.iter()
            .map(|seen| {
                let form = form(seen);
                format!("{} {}", form["grant_type"], form["refresh_token"])
            })
            .collect()
    }
}

fn access(token: &str) -> ResponseTemplate {
    json(format!(
        r#"{{"access_token":"{token}","expires_in":1800,"username":"me"}}"#
    ))
}

fn both(token: &str, refresh: &str) -> ResponseTemplate {
    json(format!(
        r#"{{"access_token":"{token}","expires_in":1800,"username":"me","refresh_token":"{refresh}","refresh_token_expires_in":1209600}}"#
    ))
}

async fn token(tokens: &TokenCache<RefreshGrant>) -> String {
    tokens.token().await.unwrap().unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_refresh_asks_exactly_this_and_keeps_the_access_token() {
    let login = Login::new(48 * HOUR).await;
    login.grants("refresh_token", access("a2")).await;
    let tokens = login.tokens();
    assert_eq!(token(&tokens).await, "a2");
    assert_eq!(token(&tokens).await, "a2");
    let sent = seen(&login.server, TOKEN).await;
    assert_eq!(sent.len(), 1);
    let expected = map(&[
        ("f", "json"),
        ("grant_type", "refresh_token"),
        ("client_id", "app-id"),
        ("refresh_token", "r1-secret"),
    ]);
    assert_eq!(form(&sent[0]), expected);
    let kept = login.store.login(&login.key);
    assert_eq!(kept.access_token().unwrap().expose(), "a2");
    assert_eq!(kept.refresh_token().expose_secret(), "r1-secret");
    assert!(!format!("{tokens:?} {kept:?}").contains("secret"));
}

#[tokio::test]
async fn a_kept_access_token_is_used_while_it_lives() {
    let mut login = Login::new(48 * HOUR).await;
    login.grants("refresh_token", access("a2")).await;
    let kept = |left| Some(Token::new("a1").with_expiry(login.clock.now() + left));
    let lives = login.login.clone().with_access_token(kept(HOUR / 2));
    let ends = login
        .login
        .clone()
        .with_access_token(kept(Duration::from_secs(30)));

    login.login = lives;
    let tokens = login.tokens();
    assert_eq!(token(&tokens).await, "a1");
    assert!(login.sent().await.is_empty());
    // Refused, it is not brought up again.
    let fresh = tokens.refresh(Refresh::Rejected(&Token::new("a1"))).await;
    assert_eq!(fresh.unwrap().unwrap().expose(), "a2");

    login.login = ends;
    assert_eq!(token(&login.tokens()).await, "a2");
}

#[tokio::test]
async fn with_less_than_a_day_left_the_refresh_token_is_exchanged_and_kept_before_use() {
    let login = Login::new(23 * HOUR).await;
    login
        .grants("exchange_refresh_token", both("a2", "r2-secret"))
        .await;
    login.grants("refresh_token", access("a3")).await;
    let tokens = login.tokens();
    assert_eq!(token(&tokens).await, "a2");
    let sent = seen(&login.server, TOKEN).await;
    let expected = map(&[
        ("f", "json"),
        ("grant_type", "exchange_refresh_token"),
        ("client_id", "app-id"),
        ("redirect_uri", BACK),
        ("refresh_token", "r1-secret"),
    ]);
    assert_eq!(form(&sent[0]), expected);
    assert_eq!(sent.len(), 1, "the exchange brings an access token too");
    assert_eq!(
        login.store.done(),
        ["load", "save 000000000", "save r2-secret"],
        "tried out before, written after"
    );
    let kept = login.store.login(&login.key);
    let ends = kept.refresh_expires_at().unwrap();
    assert_eq!(
        ends.duration_since(SystemTime::UNIX_EPOCH).unwrap(),
        (login.clock.now() + Duration::from_secs(1_209_600))
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
    );
    assert!(tokens.source().unsaved().is_none());

    tokens.refresh(Refresh::Forced).await.unwrap();
    assert_eq!(
        login.sent().await,
        [
            "exchange_refresh_token r1-secret",
            "refresh_token r2-secret"
        ]
    );
}

#[tokio::test]
async fn with_a_day_or_more_left_or_none_known_nothing_is_exchanged() {
    for left in [Some(25 * HOUR), None] {
        let mut login = Login::new(left.unwrap_or_default()).await;
        if left.is_none() {
            login.login =
                UserLogin::new("app-id", BACK, "r1-secret", portal(&login.server)).unwrap();
        }
        login.grants("refresh_token", access("a2")).await;
        token(&login.tokens()).await;
        assert_eq!(login.sent().await, ["refresh_token r1-secret"]);
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_written_keeps_the_old_token_alive() {
    let login = Login::new(23 * HOUR).await;
    login
        .grants("exchange_refresh_token", both("a2", "r2-secret"))
        .await;
    login.grants("refresh_token", access("a3")).await;
    *login.store.writes_left.lock().unwrap() = Some(0);
    let tokens = login.tokens();
    assert_eq!(token(&tokens).await, "a3");
    assert_eq!(login.sent().await, ["refresh_token r1-secret"]);
    assert!(matches!(tokens.source().unsaved(), Some(Error::Store(_))));
}

#[tokio::test]
async fn a_store_that_fails_after_the_exchange_costs_the_login_only_after_this_run() {
    let login = Login::new(23 * HOUR).await;
    login
        .grants("exchange_refresh_token", both("a2", "r2-secret"))
        .await;
    login.grants("refresh_token", access("a3")).await;
    *login.store.writes_left.lock().unwrap() = Some(1);
    let tokens = login.tokens();
    assert_eq!(token(&tokens).await, "a2");
    assert_eq!(
        login.store.done(),
        ["load", "save 000000000", "save failed", "save failed"]
    );
    assert!(matches!(tokens.source().unsaved(), Some(Error::Store(_))));
    assert_eq!(
        tokens.source().login().refresh_token().expose_secret(),
        "r2-secret"
    );
    tokens.refresh(Refresh::Forced).await.unwrap();
    assert_eq!(login.sent().await[1], "refresh_token r2-secret");
}

#[tokio::test]
async fn an_exchange_that_fails_is_no_failure_while_the_old_token_lives() {
    for reply in [
        json(r#"{"error":{"code":400,"error":"unsupported_grant_type","message":"no"}}"#),
        ResponseTemplate::new(500),
        json(r#"{"access_token":"a2","expires_in":1800}"#),
    ] {
        let login = Login::new(23 * HOUR).await;
        login.grants("exchange_refresh_token", reply).await;
        login.grants("refresh_token", access("a3")).await;
        assert_eq!(token(&login.tokens()).await, "a3");
        let sent = login.sent().await;
        assert_eq!(
            sent,
            [
                "exchange_refresh_token r1-secret",
                "refresh_token r1-secret"
            ],
            "what the portal may have acted on is not sent again"
        );
    }
}

#[tokio::test]
async fn a_login_that_has_ended_is_said_so_and_not_tried_again() {
    for (status, reply) in [
        (200, DEAD),
        (400, DEAD),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"refresh token expired"}"#,
        ),
        (
            200,
            r#"{"error":{"code":498,"error":"invalid_request","message":"Invalid refresh_token","details":[]}}"#,
        ),
    ] {
        let login = Login::new(48 * HOUR).await;
        let template = ResponseTemplate::new(status).set_body_raw(reply, "application/json");
        login.grants("refresh_token", template).await;
        let tokens = login.tokens();
        for _ in 0..3 {
            login.clock.0.advance(HOUR);
            let error = tokens.token().await.unwrap_err();
            assert!(
                matches!(OAuthError::of(&error), Some(OAuthError::LoginEnded(_))),
                "{error:?}"
            );
            assert!(error.to_string().contains("sign in again"), "{error}");
            assert!(!format!("{error} {error:?}").contains("r1-secret"));
        }
        assert_eq!(login.sent().await.len(), 1);
    }
}

#[tokio::test]
async fn what_another_process_renewed_is_found_in_the_store() {
    let login = Login::new(48 * HOUR).await;
    Mock::given(path(TOKEN))
        .and(body_string_contains("refresh_token=r1-secret"))
        .respond_with(json(DEAD))
        .mount(&login.server)
        .await;
    login.grants("refresh_token", access("a2")).await;
    let renewed = login
        .login
        .clone()
        .with_refresh_token("r2-secret", None)
        .unwrap();
    login.store.keep(&login.key, &renewed);
    assert_eq!(token(&login.tokens()).await, "a2");
    assert_eq!(
        login.sent().await,
        ["refresh_token r1-secret", "refresh_token r2-secret"]
    );

    // Before an exchange the store is looked at, so that two processes do not both exchange.
    let login = Login::new(23 * HOUR).await;
    login.grants("refresh_token", access("a2")).await;
    let ends = Some(login.clock.now() + 300 * HOUR);
    let renewed = login
        .login
        .clone()
        .with_refresh_token("r2-secret", ends)
        .unwrap();
    login.store.keep(&login.key, &renewed);
    token(&login.tokens()).await;
    assert_eq!(login.sent().await, ["refresh_token r2-secret"]);
}

#[tokio::test]
async fn a_login_that_ended_goes_on_once_the_user_signed_in_elsewhere() {
    let login = Login::new(48 * HOUR).await;
    Mock::given(path(TOKEN))
        .and(body_string_contains("refresh_token=r1-secret"))
        .respond_with(json(DEAD))
        .mount(&login.server)
        .await;
    login.grants("refresh_token", access("a2")).await;
    let tokens = login.tokens();
    tokens.token().await.unwrap_err();
    let renewed = login
        .login
        .clone()
        .with_refresh_token("r2-secret", None)
        .unwrap();
    login.store.keep(&login.key, &renewed);
    login.clock.0.advance(HOUR);
    assert_eq!(token(&tokens).await, "a2");
    // The record of another application is not this login's.
    let other = UserLogin::new("other-app", BACK, "r3-secret", portal(&login.server)).unwrap();
    login.store.keep(&login.key, &other);
    tokens.refresh(Refresh::Forced).await.unwrap();
    assert_eq!(
        login.sent().await.last().unwrap(),
        "refresh_token r2-secret"
    );
}

#[tokio::test]
async fn a_refresh_token_that_rotates_is_kept_each_time() {
    let login = Login::new(48 * HOUR).await;
    login.grants("refresh_token", both("a2", "r2-secret")).await;
    let tokens = login.tokens();
    token(&tokens).await;
    assert_eq!(login.store.done(), ["save r2-secret"]);
    tokens.refresh(Refresh::Forced).await.unwrap();
    assert_eq!(
        login.sent().await,
        ["refresh_token r1-secret", "refresh_token r2-secret"]
    );
}

#[tokio::test]
async fn an_unknown_client_is_told_apart() {
    let login = Login::new(48 * HOUR).await;
    let reply =
        r#"{"error":{"code":400,"error":"invalid_client_id","message":"Invalid client_id"}}"#;
    login.grants("refresh_token", json(reply)).await;
    let error = login.tokens().token().await.unwrap_err();
    assert!(
        matches!(OAuthError::of(&error), Some(OAuthError::UnknownClient { client_id, .. }) if client_id == "app-id"),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_builder_makes_it_of_a_users_credentials_with_a_store() {
    let login = Login::new(23 * HOUR).await;
    login
        .grants("exchange_refresh_token", both("a2", "r2-secret"))
        .await;
    let new = || {
        ArcGisClient::builder()
            .clock(Arc::new(login.clock.clone()))
            .credential_store(login.store.clone(), login.key.clone())
    };
    let client = new()
        .credentials(Credentials::User(login.login.clone()))
        .build()
        .unwrap();
    client.provider().unwrap().warm_up().await.unwrap();
    assert_eq!(
        login
            .store
            .login(&login.key)
            .refresh_token()
            .expose_secret(),
        "r2-secret"
    );
    assert_eq!(client.stats().mints, 1);

    let app = Credentials::app("id", "secret", portal(&login.server)).unwrap();
    for wrong in [new(), new().credentials(app)] {
        let error = wrong.build().unwrap_err();
        assert!(error.to_string().contains("credential_store"), "{error}");
    }
}
