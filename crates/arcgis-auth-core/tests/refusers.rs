//! Servers that refuse every token: what they cost, and for how long they are left alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arcgis_auth_core::http::{HeaderMap, StatusCode};
use arcgis_auth_core::{
    Error, ManualClock, Origin, Request, Response, Token, TokenCache, TokenSession, TokenSource,
    Transport, TrustPolicy, Unauthorized, UnauthorizedReason, server_root,
};
use futures_util::future::{BoxFuture, FutureExt, join_all};

/// `t1`, `t2`, …, each good for an hour.
#[derive(Debug)]
struct Mints(TrustPolicy, AtomicUsize);

impl TokenSource for Mints {
    fn trust(&self) -> &TrustPolicy {
        &self.0
    }
    fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>> {
        let number = self.1.fetch_add(1, Ordering::SeqCst) + 1;
        let token = Token::new(format!("t{number}")).with_life(Duration::from_secs(3600));
        async move { Ok(token) }.boxed()
    }
}

/// Refuses every token below `/bad` with this code, and takes each elsewhere.
#[derive(Debug)]
struct Server {
    code: u16,
    asked: AtomicUsize,
    mended: AtomicBool,
    tokens: Mutex<Vec<String>>,
}

impl Transport for Server {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        let token = request.token().unwrap().expose().to_owned();
        let bad = request.url().path().starts_with("/bad") && !self.mended.load(Ordering::SeqCst);
        let body = if bad {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.tokens.lock().unwrap().push(token);
            format!(r#"{{"error":{{"code":{},"message":"No."}}}}"#, self.code)
        } else {
            "{}".to_owned()
        };
        async move {
            // So that many requests are under way at once.
            tokio::task::yield_now().await;
            let headers = HeaderMap::new();
            Ok(Response::judge(
                &request,
                StatusCode::OK,
                headers,
                body.into(),
            ))
        }
        .boxed()
    }
}

struct Bench {
    session: TokenSession,
    cache: Arc<TokenCache<Mints>>,
    server: Arc<Server>,
    clock: ManualClock,
}

impl Bench {
    fn new(code: u16) -> Self {
        let trust = TrustPolicy::bound_to(Origin::of(&"https://h".parse().unwrap()).unwrap());
        let clock = ManualClock::new();
        let source = Mints(trust, AtomicUsize::new(0));
        let cache = Arc::new(TokenCache::with_clock(source, Arc::new(clock.clone())));
        let server = Arc::new(Server {
            code,
            asked: AtomicUsize::new(0),
            mended: AtomicBool::new(false),
            tokens: Mutex::default(),
        });
        let session =
            TokenSession::new(server.clone(), cache.clone()).with_clock(Arc::new(clock.clone()));
        Self {
            session,
            cache,
            server,
            clock,
        }
    }

    async fn send(&self, root: &str) -> Result<(), Arc<Unauthorized>> {
        let url = format!("https://h{root}/rest/services/x/FeatureServer/0");
        match self.session.send(Request::read(url.parse().unwrap())).await {
            Ok(response) => {
                response.into_ok().unwrap();
                Ok(())
            }
            Err(Error::Unauthorized(why)) => Err(why),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn minted(&self) -> usize {
        self.cache.source().1.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_server_that_refuses_every_token_does_not_cost_mints_for_each_request() {
    for code in [498, 499] {
        let bench = Bench::new(code);
        for _ in 0..100 {
            let why = bench.send("/bad").await.unwrap_err();
            assert_eq!(why.service.as_ref().unwrap().code(), i64::from(code));
        }
        assert!(bench.minted() <= 4, "{code}: {}", bench.minted());
        let asked = bench.server.asked.load(Ordering::SeqCst);
        assert!(asked <= 8, "{code}: {asked}");
        let why = bench.send("/bad").await.unwrap_err();
        let wait = Duration::from_secs(60);
        assert_eq!(why.reason, UnauthorizedReason::RefusesAll { wait });
        assert!(why.to_string().contains("within the next 60 s"), "{why}");
        // Others are not meant.
        bench.send("/good").await.unwrap();

        // A minute later it has another chance, of one token.
        let before = bench.minted();
        bench.clock.advance(wait);
        for _ in 0..10 {
            bench.send("/bad").await.unwrap_err();
        }
        assert!(
            bench.minted() - before <= 2,
            "{code}: {}",
            bench.minted() - before
        );
        bench.clock.advance(wait);
        bench.server.mended.store(true, Ordering::SeqCst);
        bench.send("/bad").await.unwrap();
        bench.server.mended.store(false, Ordering::SeqCst);
        let why = bench.send("/bad").await.unwrap_err();
        assert_eq!(
            why.reason,
            UnauthorizedReason::Refused,
            "the count begins anew"
        );
    }
}

#[tokio::test]
async fn a_thousand_at_once_cost_no_more_and_no_refused_token_is_sent_after_its_refusal() {
    let bench = Bench::new(498);
    let all = join_all((0..1000).map(|_| bench.send("/bad"))).await;
    assert!(all.iter().all(Result::is_err));
    assert!(bench.minted() <= 4, "{}", bench.minted());
    let again = join_all((0..1000).map(|_| bench.send("/bad"))).await;
    assert!(again.iter().all(Result::is_err));
    assert!(bench.minted() <= 4, "{}", bench.minted());
    // A token that was given up does not come back.
    let tokens = bench.server.tokens.lock().unwrap();
    let mut order: Vec<_> = tokens
        .iter()
        .map(|token| token[1..].parse::<u32>().unwrap())
        .collect();
    order.dedup();
    assert!(order.is_sorted(), "{order:?}");
}

#[tokio::test]
async fn a_session_with_a_wrapper_around_its_provider_knows_of_it_too() {
    let bench = Bench::new(498);
    for _ in 0..2 {
        bench.send("/bad").await.unwrap_err();
    }
    let wrapped = Arc::new(Arc::clone(&bench.cache));
    let bench = Bench {
        session: bench.session.clone().with_provider(wrapped),
        ..bench
    };
    let why = bench.send("/bad").await.unwrap_err();
    let wait = Duration::from_secs(60);
    assert_eq!(why.reason, UnauthorizedReason::RefusesAll { wait });
}

#[test]
fn the_root_of_a_server_ends_at_whole_segments() {
    for (url, root) in [
        (
            "https://h/tokens-app/arcgis/rest/services/x",
            "https://h/tokens-app/arcgis",
        ),
        (
            "https://h/gis/rest/services/rest/info/MapServer",
            "https://h/gis",
        ),
        ("https://h/gis/tokens/generateToken", "https://h/gis"),
        ("https://h/gis/tokens", "https://h/gis"),
        ("https://h/gis/rest/information", "https://h"),
    ] {
        assert_eq!(server_root(&url.parse().unwrap()), root, "{url}");
    }
}
