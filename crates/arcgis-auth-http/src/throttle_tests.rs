use std::sync::atomic::{AtomicUsize, Ordering};

use arcgis_auth_core::{ManualClock, Origin, Refresh, Token, TrustPolicy};
use futures_util::future::join_all;

use super::*;
use crate::scripted::{Answer, HastyClock, Scripted, json, status, url, with};

/// Counts how many requests are under way at once.
#[derive(Debug, Default)]
struct Crowd {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Transport for Crowd {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            self.now.fetch_sub(1, Ordering::SeqCst);
            Ok(Response::judge(
                &request,
                arcgis_auth_core::http::StatusCode::OK,
                arcgis_auth_core::http::HeaderMap::new(),
                "{}".into(),
            ))
        }
        .boxed()
    }
}

fn at(host: &str) -> Request {
    Request::read(url(&format!(
        "https://{host}/arcgis/rest/services/x/FeatureServer/0"
    )))
}

#[tokio::test]
async fn clones_share_the_permits_of_a_server() {
    let crowd = Arc::new(Crowd::default());
    let throttle = Throttle::new(crowd.clone(), 3);
    let clones: Vec<_> = (0..20).map(|_| throttle.clone()).collect();
    join_all(clones.iter().map(|clone| clone.send(at("h")))).await;
    assert_eq!(crowd.most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn each_server_has_permits_of_its_own() {
    let crowd = Arc::new(Crowd::default());
    let throttle = Throttle::new(crowd.clone(), 2);
    let requests = (0..12).map(|n| throttle.send(at(if n % 2 == 0 { "a" } else { "b" })));
    join_all(requests).await;
    assert_eq!(crowd.most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_pause_holds_everyone_back_and_holds_no_permit() {
    let clock = ManualClock::new();
    let transport = Scripted::new([with(429, "retry-after", "30"), json("{}")]);
    let throttle = Throttle::new(transport.clone(), 1).with_clock(Arc::new(clock.clone()));
    throttle.send(at("h")).await.unwrap();
    let mut waiting = throttle.send(at("h"));
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(transport.sent(), 1);
    assert!(
        throttle.send(at("other")).now_or_never().is_some(),
        "another server is not held back"
    );
    clock.advance(Duration::from_secs(29));
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(
        throttle
            .server("https://h/arcgis".into())
            .permits
            .available_permits(),
        1
    );
    clock.advance(Duration::from_secs(1));
    waiting.await.unwrap();
    assert_eq!(transport.sent(), 3);
}

#[test]
fn a_later_shorter_pause_does_not_end_an_earlier_one() {
    let throttle = Throttle::new(Scripted::new([json("{}")]), 2);
    let server = throttle.server("https://h/arcgis".into());
    let seconds = Duration::from_secs;
    server.pause_until(seconds(60));
    server.pause_until(seconds(1));
    assert_eq!(server.pause_left(seconds(10)), Some(seconds(50)));
    assert_eq!(server.pause_left(seconds(60)), None);
}

#[tokio::test]
async fn a_dropped_request_gives_its_permit_back() {
    let clock = ManualClock::new();
    let throttle = Throttle::new(Arc::new(Crowd::default()), 1).with_clock(Arc::new(clock));
    let server = throttle.server("https://h/arcgis".into());
    let mut started = throttle.send(at("h"));
    assert!((&mut started).now_or_never().is_none());
    assert_eq!(server.permits.available_permits(), 0);
    drop(started);
    assert_eq!(server.permits.available_permits(), 1);
}

/// Tokens `t1`, `t2`, … of which each waits for a permit; the first at the first use.
#[derive(Debug)]
struct Slow {
    trust: TrustPolicy,
    gate: Semaphore,
    current: Mutex<usize>,
}

impl Slow {
    fn new() -> Arc<Self> {
        let trust = TrustPolicy::bound_to(Origin::of(&url("https://h")).unwrap());
        Arc::new(Self {
            trust,
            gate: Semaphore::new(0),
            current: Mutex::default(),
        })
    }

    fn current(&self) -> Option<Token> {
        let current = *self.current.lock().unwrap();
        (current > 0).then(|| Token::new(format!("t{current}")))
    }
}

impl TokenProvider for Slow {
    fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
        async {
            match self.current() {
                Some(token) => Ok(Some(token)),
                None => self.refresh(Refresh::Forced).await,
            }
        }
        .boxed()
    }

    fn refresh<'a>(&'a self, _: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        async {
            self.gate.acquire().await.unwrap().forget();
            *self.current.lock().unwrap() += 1;
            Ok(self.current())
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_token_in_the_making_holds_no_one_back() {
    let invalid = json(r#"{"error":{"code":498,"message":"Invalid token."}}"#);
    let transport = Scripted::new([json("{}"), invalid, json("{}")]);
    let provider = Slow::new();
    let client = crate::ArcGisClient::builder()
        .transport(transport.clone())
        .token_provider(provider.clone())
        .concurrency(1)
        .build()
        .unwrap();
    let own = || at("h").with_secret_param("token", "mine".to_owned().into());

    let mut minting = client.send(at("h"));
    assert!((&mut minting).now_or_never().is_none());
    assert_eq!(transport.sent(), 0, "no token, no request");
    assert!(client.send(own()).now_or_never().unwrap().is_ok());
    assert_eq!(transport.sent(), 1, "but one that has its own goes on");

    provider.gate.add_permits(1);
    assert!(
        (&mut minting).now_or_never().is_none(),
        "refused, and waiting for another"
    );
    assert_eq!(transport.sent(), 2);
    assert!(client.send(own()).now_or_never().unwrap().is_ok());
    assert_eq!(transport.sent(), 3);

    provider.gate.add_permits(1);
    assert_eq!(minting.await.unwrap().attempts(), 2);
    let token = |request| transport.header(request, "x-esri-authorization");
    assert_eq!(token(1).as_deref(), Some("Bearer t1"));
    assert_eq!(token(3).as_deref(), Some("Bearer t2"));
}

#[tokio::test]
async fn a_token_that_ends_in_the_queue_is_not_sent() {
    let clock = ManualClock::new();
    let transport = Scripted::new([with(429, "retry-after", "30"), json("{}")]);
    let provider = Slow::new();
    let session = TokenSession::new(transport.clone(), provider.clone());
    let throttle = Throttle::around(session, 1).with_clock(Arc::new(clock.clone()));
    let mut minting = throttle.send(at("h"));
    assert!((&mut minting).now_or_never().is_none());
    let own = at("h").with_secret_param("token", "mine".to_owned().into());
    throttle.send(own).await.unwrap();
    // The token is made while the server asks for a pause, and replaced before it is over.
    provider.gate.add_permits(1);
    assert!((&mut minting).now_or_never().is_none());
    assert_eq!(transport.sent(), 1);
    *provider.current.lock().unwrap() = 7;
    clock.advance(Duration::from_secs(30));
    minting.await.unwrap();
    assert_eq!(
        transport.header(1, "x-esri-authorization").as_deref(),
        Some("Bearer t7")
    );
}

#[tokio::test]
async fn a_provider_that_never_answers_at_once_is_waited_for() {
    #[derive(Debug)]
    struct Sidecar(TrustPolicy);
    impl TokenProvider for Sidecar {
        fn trust(&self) -> &TrustPolicy {
            &self.0
        }
        fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
            async {
                tokio::task::yield_now().await;
                Ok(Some(Token::new("read")))
            }
            .boxed()
        }
        fn refresh<'a>(&'a self, _: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
            self.token()
        }
    }
    let provider = Arc::new(Sidecar(Slow::new().trust.clone()));
    let transport = Scripted::new([json("{}")]);
    let session = TokenSession::new(transport.clone(), provider);
    let throttle = Throttle::around(session, 2);
    join_all((0..8).map(|_| throttle.send(at("h")))).await;
    assert_eq!(transport.sent(), 8);
    let server = throttle.server("https://h/arcgis".into());
    assert_eq!(server.permits.available_permits(), 2);
}

/// Sends `count` requests one after the other, past every pause.
async fn run_through(throttle: &Throttle, count: usize) {
    for _ in 0..count {
        throttle.send(at("h")).await.ok();
    }
}

fn over(answers: Vec<Answer>) -> (Throttle, Arc<Scripted>, HastyClock) {
    let transport = Scripted::new(answers);
    let clock = HastyClock::default();
    let throttle = Throttle::new(transport.clone(), 8).with_clock(Arc::new(clock.clone()));
    (throttle, transport, clock)
}

#[tokio::test]
async fn t72_the_limit_goes_down_on_busy_and_comes_back() {
    let quota = r#"{"error":{"code":429,"message":"Unable to perform query. Too many requests.","details":["API calls quota exceeded (24001)! maximum allowed (24000) per Minute. Retry after 60 sec."]}}"#;
    let (throttle, transport, clock) =
        over(vec![json(quota), with(429, "retry-after", "0"), json("{}")]);
    let limit = || throttle.server("https://h/arcgis".into()).limit();
    run_through(&throttle, 1).await;
    assert_eq!(limit(), 4);
    run_through(&throttle, 1).await;
    assert_eq!(limit(), 2);
    assert_eq!(
        clock.0.sleeps(),
        [Duration::from_secs(60)],
        "and 0 is no pause"
    );
    // 2 for the third, 3 for the fourth, 4, 5, 6, 7 for the eighth.
    run_through(&throttle, 26).await;
    assert_eq!(limit(), 7);
    run_through(&throttle, 1).await;
    assert_eq!(limit(), 8);
    run_through(&throttle, 100).await;
    assert_eq!(limit(), 8);
    assert_eq!(transport.sent(), 129);
    // Another server knows nothing of it.
    throttle.send(at("other")).await.unwrap();
    assert_eq!(throttle.server("https://other/arcgis".into()).limit(), 8);
}

#[tokio::test]
async fn failures_lower_the_limit_and_requests_that_are_wrong_do_not() {
    use arcgis_auth_core::TransportErrorKind as Kind;
    let page = || at("h").with_rows(1000);
    for (answer, request, limit) in [
        (status(502), at("h"), 5),
        (status(500), at("h"), 5),
        (status(504), page(), 5),
        (Answer::Fails(Kind::Timeout), page(), 5),
        (Answer::Fails(Kind::Interrupted), page(), 5),
        // A page that is too much for the server is asked for in smaller ones.
        (status(500), page(), 8),
        (status(413), page(), 8),
        (status(404), at("h"), 8),
        (status(403), at("h"), 8),
        (
            json(r#"{"error":{"code":400,"message":"Invalid URL"}}"#),
            at("h"),
            8,
        ),
        (
            json(r#"{"error":{"code":498,"message":"Invalid token."}}"#),
            at("h"),
            8,
        ),
        (
            json(r#"{"error":{"code":503,"message":"Service is busy"}}"#),
            at("h"),
            5,
        ),
        (Answer::Fails(Kind::Tls), at("h"), 8),
    ] {
        let (throttle, _, _) = over(vec![answer.clone()]);
        throttle.send(request).await.ok();
        let server = throttle.server("https://h/arcgis".into());
        assert_eq!(server.limit(), limit, "{answer:?}");
    }
}

#[tokio::test]
async fn pauses_are_capped_and_quotas_kept() {
    let header = "x-esri-org-request-units-per-min";
    let seconds = Duration::from_secs;
    for (answer, pause) in [
        (with(429, "retry-after", "86400"), vec![seconds(300)]),
        (status(429), vec![seconds(2)]),
        (
            with(200, header, "usage=10000;max=10000"),
            vec![seconds(10)],
        ),
        (with(200, header, "usage=97;max=10000"), vec![]),
    ] {
        let (throttle, _, clock) = over(vec![answer.clone(), json("{}")]);
        run_through(&throttle, 2).await;
        assert_eq!(clock.0.sleeps(), pause, "{answer:?}");
    }
    // At 90 % half a second lies between two starts, as long as the server says so.
    let near = with(200, header, "usage=9000;max=10000");
    let calm = with(200, header, "usage=10;max=10000");
    let (throttle, _, clock) = over(vec![near, calm, json("{}")]);
    run_through(&throttle, 4).await;
    let sleeps = clock.0.sleeps();
    assert_eq!(sleeps.len(), 1, "{sleeps:?}");
}

#[tokio::test]
async fn a_rate_spaces_requests_at_each_server() {
    let clock = HastyClock::default();
    let transport = Scripted::new([json("{}")]);
    let client = crate::ArcGisClient::builder()
        .transport(transport.clone())
        .rate(0.5)
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap();
    for host in ["h", "h", "other", "h"] {
        client.clone().send(at(host)).await.unwrap();
    }
    assert_eq!(clock.0.sleeps(), [Duration::from_secs(2); 2]);
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let client = crate::ArcGisClient::builder().rate(wrong).build();
        let told = client.unwrap_err().to_string();
        assert!(told.starts_with("rate: "), "{told}");
    }
}

#[tokio::test]
async fn t72_a_newer_pause_survives_who_waits_for_an_older_one() {
    let clock = ManualClock::new();
    let transport = Scripted::new([json("{}")]);
    let throttle = Throttle::new(transport.clone(), 2).with_clock(Arc::new(clock.clone()));
    let server = throttle.server("https://h/arcgis".into());
    server.pause_until(Duration::from_secs(10));
    let mut waiting = throttle.send(at("h"));
    assert!((&mut waiting).now_or_never().is_none());
    server.pause_until(Duration::from_secs(30));
    clock.advance(Duration::from_secs(10));
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(transport.sent(), 0);
    clock.advance(Duration::from_secs(20));
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_delegate_that_has_to_be_found_holds_no_one_back() {
    /// Knows after a while that another serves the address.
    #[derive(Debug)]
    struct Portal(TrustPolicy, Arc<Slow>, Semaphore);
    impl TokenProvider for Portal {
        fn trust(&self) -> &TrustPolicy {
            &self.0
        }
        fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
            async { Ok(Some(Token::new("the portal's"))) }.boxed()
        }
        fn refresh<'a>(&'a self, _: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
            async { Ok(None) }.boxed()
        }
        fn delegate<'a>(
            &'a self,
            _: &'a arcgis_auth_core::Url,
        ) -> BoxFuture<'a, Result<Option<Arc<dyn TokenProvider>>, Error>> {
            async {
                self.2.acquire().await.unwrap().forget();
                Ok(Some(Arc::clone(&self.1) as Arc<dyn TokenProvider>))
            }
            .boxed()
        }
    }
    let server = Slow::new();
    let portal = Arc::new(Portal(
        server.trust.clone(),
        server.clone(),
        Semaphore::new(0),
    ));
    let transport = Scripted::new([json("{}")]);
    let session = TokenSession::new(transport.clone(), portal.clone());
    let throttle = Throttle::around(session, 1);
    let permits = || {
        let server = throttle.server("https://h/arcgis".into());
        server.permits.available_permits()
    };
    let mut asking = throttle.send(at("h"));
    assert!((&mut asking).now_or_never().is_none());
    assert_eq!(permits(), 1, "while it is found out who serves it");
    portal.2.add_permits(1);
    assert!((&mut asking).now_or_never().is_none());
    assert_eq!(
        (permits(), transport.sent()),
        (1, 0),
        "while its token is made"
    );
    server.gate.add_permits(1);
    asking.await.unwrap();
    assert_eq!(
        transport.header(0, "x-esri-authorization").as_deref(),
        Some("Bearer t1")
    );
    assert_eq!(permits(), 1);
}

#[tokio::test]
async fn t71_a_refused_token_is_seen_in_either_order() {
    let invalid = r#"{"error":{"code":498,"message":"Invalid token."}}"#;
    for outside in [true, false] {
        let transport = Scripted::new([json(invalid), status(503), json("{}")]);
        let provider = Slow::new();
        provider.gate.add_permits(2);
        let clock = || Arc::new(HastyClock::default());
        let policy = crate::RetryPolicy::default();
        let stack: Arc<dyn Transport> = if outside {
            let session = Arc::new(TokenSession::new(transport.clone(), provider.clone()));
            Arc::new(crate::Retry::new(session, policy).with_clock(clock()))
        } else {
            let retry = crate::Retry::new(transport.clone(), policy).with_clock(clock());
            Arc::new(TokenSession::new(Arc::new(retry), provider.clone()))
        };
        let answer = stack.send(at("h")).await.unwrap();
        assert_eq!((answer.attempts(), transport.sent()), (3, 3), "{outside}");
        assert!(answer.into_ok().is_ok());
        assert_eq!(
            *provider.current.lock().unwrap(),
            2,
            "{outside}: one refresh"
        );
    }
}

/// Takes so many requests at once, and refuses the others.
#[derive(Debug)]
struct Fragile {
    takes: usize,
    now: AtomicUsize,
    refused: AtomicUsize,
}

impl Transport for Fragile {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            self.now.fetch_sub(1, Ordering::SeqCst);
            let mut status = arcgis_auth_core::http::StatusCode::OK;
            if now > self.takes {
                self.refused.fetch_add(1, Ordering::SeqCst);
                status = arcgis_auth_core::http::StatusCode::TOO_MANY_REQUESTS;
            }
            let headers = arcgis_auth_core::http::HeaderMap::new();
            Ok(Response::judge(&request, status, headers, "{}".into()))
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_server_that_takes_three_at_a_time_serves_everyone_who_would_send_sixteen() {
    let server = Arc::new(Fragile {
        takes: 3,
        now: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
    });
    let client = crate::ArcGisClient::builder()
        .transport(server.clone())
        .concurrency(16)
        .clock(Arc::new(HastyClock::default()))
        .build()
        .unwrap();
    let answers = join_all((0..1000).map(|_| client.send(at("h")))).await;
    let good = answers
        .into_iter()
        .filter_map(|answer| answer.ok()?.into_ok().ok());
    assert_eq!(good.count(), 1000);
    // 13 at the start; later one for each time that a fourth is tried.
    let refused = server.refused.load(Ordering::SeqCst);
    assert!((13..=250).contains(&refused), "{refused}");
}

#[test]
fn t72_a_server_is_one_whatever_its_services_are_called() {
    let throttle = Throttle::new(Scripted::new([json("{}")]), 2);
    let of = |address: &str| throttle.server(server_root(&address.parse().unwrap()));
    let one = of("https://h/arcgis/rest/services/A/FeatureServer/0/query");
    for same in [
        "https://h/arcgis/rest/services/B/MapServer/3",
        "https://h/arcgis/rest/services/MyFeatureServerData/X/MapServer/3",
        "https://h/arcgis/rest/services",
        "https://h/arcgis/rest/info?f=json",
        "https://h/arcgis/tokens/generateToken",
    ] {
        assert!(Arc::ptr_eq(&one, &of(same)), "{same}");
    }
    // Without any of the names of a server's resources: by the host.
    let host = of("https://h/elsewhere/file.json");
    assert!(Arc::ptr_eq(&host, &of("https://h/")));
    for other in [
        "https://h/hosting/rest/services/A/FeatureServer/0",
        "https://h/elsewhere/file.json",
        "http://h/arcgis/rest/services/A/FeatureServer/0",
        "https://h:6443/arcgis/rest/services/A/FeatureServer/0",
        "https://h2/arcgis/rest/services/A/FeatureServer/0",
    ] {
        assert!(!Arc::ptr_eq(&one, &of(other)), "{other}");
    }
}
