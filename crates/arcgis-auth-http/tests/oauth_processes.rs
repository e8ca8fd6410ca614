//! Several processes with one store: none undoes what another did, and no answer costs the login.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

mod hasty_clock;
mod organisation;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arcgis_auth_core::{
    Clock, CredentialStore, ExposeSecret, Refresh, StoreKey, TokenCache, TokenProvider, UserLogin,
};
use arcgis_auth_http::{OAuthError, RefreshGrant};
use hasty_clock::HastyClock;
use organisation::*;
use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, Request as Seen, ResponseTemplate};

const HOUR: Duration = Duration::from_secs(3600);
const ACCESS: &str = r#"{"access_token":"a2","expires_in":1800}"#;
const DEAD: &str =
    r#"{"error":{"code":400,"error":"invalid_grant","message":"Invalid refresh_token"}}"#;

struct Bench {
    server: MockServer,
    store: Arc<Memory>,
    key: StoreKey,
    login: UserLogin,
    clock: HastyClock,
}

impl Bench {
    async fn new(left: Duration) -> Self {
        let server = MockServer::start().await;
        let clock = HastyClock::default();
        let login = UserLogin::new("app-id", "http://127.0.0.1/", "r1-secret", portal(&server))
            .unwrap()
            .with_refresh_expiry(clock.now() + left);
        let key = StoreKey::new(portal(&server), "default");
        let store = Arc::new(Memory::default());
        store.keep(&key, &login);
        Self {
            server,
            store,
            key,
            login,
            clock,
        }
    }

    fn tokens(&self) -> TokenCache<RefreshGrant> {
        let grant = RefreshGrant::new(self.login.clone(), transport())
            .unwrap()
            .with_store(self.store.clone(), self.key.clone())
            .with_clock(Arc::new(self.clock.clone()));
        TokenCache::with_clock(grant, Arc::new(self.clock.clone()))
    }

    /// Answers a grant with `body`, after `meanwhile` has happened.
    async fn answers(
        &self,
        grant: &str,
        body: &'static str,
        meanwhile: impl Fn() + Send + Sync + 'static,
    ) {
        Mock::given(path(TOKEN))
            .and(body_string_contains(format!("grant_type={grant}&")))
            .respond_with(move |_: &Seen| -> ResponseTemplate {
                meanwhile();
                json(body)
            })
            .mount(&self.server)
            .await;
    }

    fn renewed(&self) -> UserLogin {
        let ends = self.clock.now() + 300 * HOUR;
        let login = self.login.clone();
        login.with_refresh_token("r2-secret", Some(ends)).unwrap()
    }

    fn kept(&self) -> String {
        let login = self.store.login(&self.key);
        login.refresh_token().expose_secret().to_owned()
    }
}

#[tokio::test]
async fn an_access_token_is_not_kept_over_what_another_process_renewed() {
    let bench = Bench::new(48 * HOUR).await;
    let (store, key, renewed) = (bench.store.clone(), bench.key.clone(), bench.renewed());
    let elsewhere = move || store.keep(&key, &renewed);
    bench.answers("refresh_token", ACCESS, elsewhere).await;
    bench.tokens().token().await.unwrap();
    assert_eq!(bench.kept(), "r2-secret");
}

#[tokio::test]
async fn a_logout_elsewhere_is_not_undone() {
    for (left, grant) in [
        (48 * HOUR, "refresh_token"),
        (23 * HOUR, "exchange_refresh_token"),
    ] {
        let bench = Bench::new(left).await;
        let store = bench.store.clone();
        let gone = move || store.kept.lock().unwrap().clear();
        bench
            .answers(grant, if left > 24 * HOUR { ACCESS } else { DEAD }, gone)
            .await;
        bench.answers("refresh_token", ACCESS, || ()).await;
        bench.tokens().token().await.unwrap();
        assert!(bench.store.kept.lock().unwrap().is_empty(), "{grant}");
    }
}

#[tokio::test]
async fn trying_the_store_out_touches_no_login_and_leaves_nothing() {
    let bench = Bench::new(23 * HOUR).await;
    bench.answers("exchange_refresh_token", DEAD, || ()).await;
    bench.answers("refresh_token", ACCESS, || ()).await;
    bench.tokens().token().await.unwrap();
    let done = bench.store.done();
    let saves: Vec<_> = done
        .iter()
        .filter(|what| what.starts_with("save"))
        .collect();
    assert_eq!(
        saves,
        ["save 000000000", "save r1-secret"],
        "the last with the access token"
    );
    assert_eq!(bench.store.kept.lock().unwrap().len(), 1);
    assert!(bench.store.load(&bench.key).await.unwrap().is_some());
}

/// The exchange has ended the old refresh token: the new one is all that there is.
#[tokio::test]
async fn an_exchange_with_a_flaw_does_not_cost_the_new_refresh_token() {
    for reply in [
        r#"{"access_token":"a2","expires_in":-5,"refresh_token":"r2-secret","refresh_token_expires_in":1209600}"#,
        r#"{"access_token":"a2","expires_in":1800,"refresh_token":"r2-secret","refresh_token_expires_in":"soon"}"#,
        r#"{"access_token":"a\r\nb","expires_in":1800,"refresh_token":"r2-secret"}"#,
        r#"{"access_token":7,"expires_in":"NaN","refresh_token":"r2-secret","username":[]}"#,
    ] {
        let bench = Bench::new(23 * HOUR).await;
        bench.answers("exchange_refresh_token", reply, || ()).await;
        Mock::given(path(TOKEN))
            .and(body_string_contains("refresh_token=r2-secret"))
            .respond_with(json(ACCESS))
            .mount(&bench.server)
            .await;
        let token = bench.tokens().token().await.unwrap().unwrap();
        assert_eq!(token.expose(), "a2", "{reply}");
        assert_eq!(bench.kept(), "r2-secret", "{reply}");
    }
}

#[tokio::test]
async fn a_login_that_has_ended_is_told_at_once_and_looked_for_once_a_minute() {
    let bench = Bench::new(48 * HOUR).await;
    bench.answers("refresh_token", DEAD, || ()).await;
    let tokens = bench.tokens();
    let began = Instant::now();
    for _ in 0..20 {
        let error = tokens.token().await.unwrap_err();
        assert!(matches!(
            OAuthError::of(&error),
            Some(OAuthError::LoginEnded(_))
        ));
    }
    assert!(
        bench.clock.0.sleeps().is_empty(),
        "nobody waits for nothing"
    );
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(seen(&bench.server, TOKEN).await.len(), 1);
    let looked = bench.store.done().len();
    bench.clock.0.advance(Duration::from_secs(61));
    for _ in 0..20 {
        tokens.token().await.unwrap_err();
    }
    assert!(
        bench.store.done().len() <= looked + 2,
        "{:?}",
        bench.store.done()
    );
    assert_eq!(seen(&bench.server, TOKEN).await.len(), 1);
    // Asked for, it is tried at once.
    bench.store.keep(&bench.key, &bench.renewed());
    bench.server.reset().await;
    bench.answers("refresh_token", ACCESS, || ()).await;
    assert!(tokens.refresh(Refresh::Forced).await.unwrap().is_some());
}
