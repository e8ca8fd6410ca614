use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::*;
use crate::clock::ManualClock;
use crate::error::{TransportError, TransportErrorKind};
use crate::origin::Origin;

/// Mints `t1`, `t2`, … with the given life, each mint waiting for a permit.
#[derive(Debug)]
struct Mints {
    count: AtomicUsize,
    gate: Semaphore,
    life: Duration,
    clock: ManualClock,
    trust: TrustPolicy,
    fail: Mutex<Vec<Error>>,
    /// Whether its failures last.
    lasts: AtomicBool,
    /// Given out instead, once each.
    give: Mutex<Vec<Token>>,
}

impl TokenSource for Mints {
    fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>> {
        async move {
            self.gate.acquire().await.unwrap().forget();
            let n = self.count.fetch_add(1, Ordering::SeqCst) + 1;
            if let Some(error) = self.fail.lock().unwrap().pop() {
                return Err(error);
            }
            if let Some(token) = self.give.lock().unwrap().pop() {
                return Ok(token);
            }
            Ok(Token::new(format!("t{n}")).with_expiry(self.clock.now() + self.life))
        }
        .boxed()
    }

    fn lasts(&self, _: &Error) -> bool {
        self.lasts.load(Ordering::SeqCst)
    }
}

fn cache(life: u64, permits: usize) -> (Arc<TokenCache<Mints>>, ManualClock) {
    let clock = ManualClock::new();
    let origin = Origin::of(&"https://h".parse().unwrap()).unwrap();
    let mints = Mints {
        count: AtomicUsize::new(0),
        gate: Semaphore::new(permits),
        life: Duration::from_secs(life),
        clock: clock.clone(),
        trust: TrustPolicy::bound_to(origin),
        fail: Mutex::default(),
        lasts: AtomicBool::new(false),
        give: Mutex::default(),
    };
    (
        Arc::new(TokenCache::with_clock(mints, Arc::new(clock.clone()))),
        clock,
    )
}

async fn get(cache: &TokenCache<Mints>) -> String {
    cache.token().await.unwrap().unwrap().expose().to_owned()
}

fn minted(cache: &TokenCache<Mints>) -> usize {
    cache.source().count.load(Ordering::SeqCst)
}

#[tokio::test]
async fn t11_concurrent_callers_share_one_mint() {
    let (cache, _) = cache(3600, 100);
    let all = futures_util::future::join_all((0..10).map(|_| get(&cache))).await;
    assert!(all.iter().all(|token| token == "t1"));
    assert_eq!(minted(&cache), 1);
}

#[tokio::test]
async fn t5_a_hundred_refusals_of_one_token_cost_one_mint() {
    let (cache, _) = cache(3600, 100);
    let old = cache.token().await.unwrap().unwrap();
    let at_once = (0..100).map(|_| cache.refresh(Refresh::Rejected(&old)));
    for token in futures_util::future::join_all(at_once).await {
        assert_eq!(token.unwrap().unwrap().expose(), "t2");
    }
    // A late refusal of the old token does not discard the new one.
    let late = cache
        .refresh(Refresh::Rejected(&old))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(late.expose(), "t2");
    assert_eq!(minted(&cache), 2);
}

#[tokio::test]
async fn forced_replaces_a_valid_token() {
    let (cache, _) = cache(3600, 100);
    assert_eq!(get(&cache).await, "t1");
    assert_eq!(
        cache
            .refresh(Refresh::Forced)
            .await
            .unwrap()
            .unwrap()
            .expose(),
        "t2"
    );
    assert_eq!(get(&cache).await, "t2");
}

#[tokio::test]
async fn the_window_is_five_minutes_or_a_tenth_of_the_life() {
    for (life, window) in [(7200, 300), (600, 60), (60, 6)] {
        let (cache, clock) = cache(life, 100);
        assert_eq!(get(&cache).await, "t1");
        clock.advance(Duration::from_secs(life - window - 1));
        assert_eq!(get(&cache).await, "t1", "life {life}");
        clock.advance(Duration::from_secs(1));
        assert_eq!(get(&cache).await, "t2", "life {life}");
        assert_eq!(minted(&cache), 2);
    }
}

#[tokio::test]
async fn t14_a_short_token_is_used_not_minted_for_each_request() {
    let (cache, clock) = cache(60, 100);
    for _ in 0..10 {
        assert_eq!(get(&cache).await, "t1");
        clock.advance(Duration::from_secs(5));
    }
    assert_eq!(minted(&cache), 1);
}

#[tokio::test]
async fn others_go_on_with_the_old_token_while_one_renews() {
    let (cache, clock) = cache(600, 1);
    assert_eq!(get(&cache).await, "t1");
    clock.advance(Duration::from_secs(550));
    let mut driver = cache.token();
    assert!(
        (&mut driver).now_or_never().is_none(),
        "the driver waits for the mint"
    );
    assert_eq!(
        cache
            .token()
            .now_or_never()
            .unwrap()
            .unwrap()
            .unwrap()
            .expose(),
        "t1"
    );
    cache.source().gate.add_permits(1);
    assert_eq!(driver.await.unwrap().unwrap().expose(), "t2");
}

#[tokio::test]
async fn a_dropped_driver_does_not_lose_the_mint() {
    let (cache, clock) = cache(600, 1);
    assert_eq!(get(&cache).await, "t1");
    clock.advance(Duration::from_secs(550));
    {
        let mut driver = cache.token();
        assert!((&mut driver).now_or_never().is_none());
    }
    cache.source().gate.add_permits(1);
    assert_eq!(get(&cache).await, "t2");
    assert_eq!(minted(&cache), 2);
}

#[tokio::test]
async fn a_failed_mint_is_shared_and_does_not_poison_the_next() {
    let (cache, _) = cache(600, 0);
    let broken = Error::transport(TransportError::new(TransportErrorKind::Interrupted, "u"));
    cache.source().fail.lock().unwrap().push(broken);
    let waiters = futures_util::future::join_all((0..5).map(|_| cache.token()));
    let (all, ()) = futures_util::future::join(waiters, async {
        cache.source().gate.add_permits(2);
    })
    .await;
    assert!(
        all.iter()
            .all(|result| matches!(result, Err(Error::Transport(_))))
    );
    assert_eq!(minted(&cache), 1);
    assert_eq!(get(&cache).await, "t2");
}

#[tokio::test]
async fn a_failed_renewal_leaves_the_living_token_in_use() {
    let (cache, clock) = cache(600, 100);
    assert_eq!(get(&cache).await, "t1");
    clock.advance(Duration::from_secs(550));
    let broken = || Error::transport(TransportError::new(TransportErrorKind::Timeout, "u"));
    cache.source().fail.lock().unwrap().push(broken());
    assert_eq!(get(&cache).await, "t1");
    assert_eq!(get(&cache).await, "t1", "no storm: the next attempt waits");
    assert_eq!(minted(&cache), 2);
    clock.advance(Duration::from_secs(1));
    assert_eq!(get(&cache).await, "t3");
}

#[tokio::test]
async fn wrong_credentials_are_not_tried_again_unless_forced() {
    let (cache, _) = cache(600, 100);
    let endpoint = Origin::of(&"https://h".parse().unwrap()).unwrap();
    cache
        .source()
        .fail
        .lock()
        .unwrap()
        .push(Error::InvalidCredentials {
            endpoint,
            credential: CredentialKind::UserPassword,
            reason: "Invalid username or password.".into(),
        });
    for _ in 0..3 {
        assert!(matches!(
            cache.token().await,
            Err(Error::InvalidCredentials { .. })
        ));
    }
    assert_eq!(minted(&cache), 1);
    assert_eq!(
        cache
            .refresh(Refresh::Forced)
            .await
            .unwrap()
            .unwrap()
            .expose(),
        "t2"
    );
}

fn broken() -> Error {
    failing(TransportErrorKind::Interrupted)
}

/// As a source gives it: behind the endpoint that was asked.
fn failing(kind: TransportErrorKind) -> Error {
    let endpoint = Origin::of(&"https://h".parse().unwrap()).unwrap();
    Error::mint(endpoint, Error::transport(TransportError::new(kind, "u")))
}

fn fail_next(cache: &TokenCache<Mints>, error: Error) {
    cache.source().fail.lock().unwrap().push(error);
}

#[tokio::test]
async fn life_is_counted_from_issue_whatever_the_wall_clock_shows() {
    let (cache, clock) = cache(1, 100);
    // By the wall clock it ended long ago; it has ten minutes left.
    let token = Token::new("given").with_expiry(std::time::SystemTime::UNIX_EPOCH);
    let token = token.with_life(Duration::from_secs(600));
    cache.source().give.lock().unwrap().push(token);
    assert_eq!(get(&cache).await, "given");
    clock.advance(Duration::from_secs(539));
    assert_eq!(get(&cache).await, "given");
    clock.advance(Duration::from_secs(1));
    assert_eq!(get(&cache).await, "t2");
}

#[tokio::test]
async fn a_life_without_end_is_no_trouble() {
    let (cache, clock) = cache(1, 100);
    let token = Token::new("given").with_life(Duration::MAX);
    cache.source().give.lock().unwrap().push(token);
    assert_eq!(get(&cache).await, "given");
    clock.advance(Duration::from_secs(1 << 40));
    assert_eq!(get(&cache).await, "given");
}

#[tokio::test]
async fn t5_staggered_refusals_cost_one_mint() {
    let (cache, _) = cache(3600, 1);
    let old = cache.token().await.unwrap().unwrap();
    // The first ones wait for the mint, the others come when it is over.
    let mut early: Vec<_> = (0..6)
        .map(|_| cache.refresh(Refresh::Rejected(&old)))
        .collect();
    for waiting in &mut early {
        assert!(waiting.now_or_never().is_none());
    }
    cache.source().gate.add_permits(10);
    for waiting in early {
        assert_eq!(waiting.await.unwrap().unwrap().expose(), "t2");
    }
    for _ in 0..6 {
        let late = cache.refresh(Refresh::Rejected(&old)).await;
        assert_eq!(late.unwrap().unwrap().expose(), "t2");
    }
    assert_eq!(minted(&cache), 2);
}

#[tokio::test]
async fn a_late_refusal_does_not_touch_a_newer_token_that_is_being_renewed() {
    let (cache, clock) = cache(600, 2);
    let first = cache.token().await.unwrap().unwrap();
    cache
        .refresh(Refresh::Rejected(&first))
        .await
        .unwrap()
        .unwrap();
    clock.advance(Duration::from_secs(550));
    let mut driver = cache.token();
    assert!((&mut driver).now_or_never().is_none());
    let late = cache.refresh(Refresh::Rejected(&first)).now_or_never();
    assert_eq!(late.unwrap().unwrap().unwrap().expose(), "t2");
    cache.source().gate.add_permits(1);
    assert_eq!(driver.await.unwrap().unwrap().expose(), "t3");
    assert_eq!(minted(&cache), 3);
}

#[tokio::test]
async fn clones_and_clients_that_share_the_provider_share_its_mints() {
    let (cache, _) = cache(600, 0);
    let providers: Vec<Arc<dyn TokenProvider>> = vec![
        Arc::clone(&cache) as Arc<dyn TokenProvider>,
        Arc::new(Arc::clone(&cache)),
        cache.clone(),
    ];
    let all = futures_util::future::join_all(providers.iter().map(|provider| provider.token()));
    let (tokens, ()) = futures_util::future::join(all, async {
        cache.source().gate.add_permits(9);
    })
    .await;
    for token in tokens {
        assert_eq!(token.unwrap().unwrap().expose(), "t1");
    }
    assert_eq!(minted(&cache), 1);
}

#[tokio::test]
async fn a_refused_token_is_not_fallen_back_on() {
    let (cache, clock) = cache(600, 1);
    let old = cache.token().await.unwrap().unwrap();
    clock.advance(Duration::from_secs(550));
    let mut driver = cache.token();
    assert!((&mut driver).now_or_never().is_none());
    cache.reject(&old);
    fail_next(&cache, broken());
    cache.source().gate.add_permits(2);
    assert!(matches!(driver.await, Err(Error::Mint { .. })));
    assert_eq!(get(&cache).await, "t3");
}

#[tokio::test]
async fn an_expired_token_is_not_fallen_back_on() {
    let (cache, clock) = cache(600, 1);
    assert_eq!(get(&cache).await, "t1");
    clock.advance(Duration::from_secs(550));
    let mut driver = cache.token();
    assert!((&mut driver).now_or_never().is_none());
    clock.advance(Duration::from_secs(50));
    fail_next(&cache, broken());
    cache.source().gate.add_permits(2);
    assert!(matches!(driver.await, Err(Error::Mint { .. })));
}

#[tokio::test]
async fn a_token_that_comes_back_after_its_refusal_is_a_failed_mint() {
    let (cache, clock) = cache(600, 100);
    let old = cache.token().await.unwrap().unwrap();
    cache.source().give.lock().unwrap().push(old.clone());
    let other = cache.refresh(Refresh::Rejected(&old)).await.unwrap();
    assert!(other.is_none(), "there is no other");
    cache.source().give.lock().unwrap().push(old.clone());
    let error = cache.token().await.unwrap_err();
    assert!(error.to_string().contains("just refused"), "{error}");
    let mut waiting = cache.token();
    assert!(
        (&mut waiting).now_or_never().is_none(),
        "the third try waits"
    );
    clock.advance(Duration::from_secs(2));
    assert_eq!(waiting.await.unwrap().unwrap().expose(), "t4");
}

#[tokio::test]
async fn a_token_that_has_ended_already_is_a_failed_mint() {
    let (cache, _) = cache(600, 100);
    let ended = Token::new("ended").with_life(Duration::ZERO);
    cache.source().give.lock().unwrap().push(ended);
    let error = cache.token().await.unwrap_err();
    assert!(error.to_string().contains("expired already"), "{error}");
    assert_eq!(get(&cache).await, "t2");
}

#[tokio::test]
async fn failing_mints_wait_longer_and_longer_up_to_a_minute() {
    let (cache, clock) = cache(600, 0);
    for _ in 0..10 {
        fail_next(&cache, broken());
        // Several callers at once share the wait and the failure.
        let callers = futures_util::future::join_all((0..5).map(|_| cache.token()));
        let mut callers = Box::pin(callers);
        assert!((&mut callers).now_or_never().is_none());
        cache.source().gate.add_permits(1);
        let all = loop {
            match (&mut callers).now_or_never() {
                Some(all) => break all,
                None => clock.advance(Duration::from_secs(1)),
            }
        };
        assert!(
            all.iter()
                .all(|result| matches!(result, Err(Error::Mint { .. })))
        );
    }
    assert_eq!(minted(&cache), 10);
    let waits: Vec<_> = clock.sleeps().iter().map(Duration::as_secs).collect();
    assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
    // Asking for it does not wait, and a success starts anew.
    cache.source().gate.add_permits(10);
    let forced = cache.refresh(Refresh::Forced).now_or_never().unwrap();
    let forced = forced.unwrap().unwrap();
    cache.reject(&forced);
    fail_next(&cache, broken());
    assert!(cache.token().now_or_never().unwrap().is_err());
    assert_eq!(
        cache
            .token()
            .now_or_never()
            .unwrap()
            .unwrap()
            .unwrap()
            .expose(),
        "t13"
    );
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_tried_again_for_a_minute() {
    let (cache, clock) = cache(600, 100);
    fail_next(&cache, failing(TransportErrorKind::Tls));
    for _ in 0..3 {
        let error = cache.token().now_or_never().unwrap().unwrap_err();
        assert!(
            error.to_string().contains("no secure connection"),
            "{error}"
        );
        clock.advance(Duration::from_secs(19));
    }
    assert_eq!(minted(&cache), 1);
    clock.advance(Duration::from_secs(3));
    assert_eq!(get(&cache).await, "t2");
    assert!(clock.sleeps().is_empty());
}

#[tokio::test]
async fn what_a_source_says_will_last_is_told_at_once_and_tried_again_after_a_minute() {
    let (cache, clock) = cache(600, 100);
    cache.source().lasts.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        fail_next(&cache, broken());
    }
    for _ in 0..5 {
        cache.token().await.unwrap_err();
        clock.advance(Duration::from_secs(11));
    }
    assert_eq!(minted(&cache), 1);
    clock.advance(Duration::from_secs(5));
    cache.token().await.unwrap_err();
    assert_eq!(minted(&cache), 2);
    // Whoever did something about it need not wait.
    cache.refresh(Refresh::Forced).await.unwrap_err();
    assert_eq!(minted(&cache), 3);
    assert!(cache.refresh(Refresh::Forced).await.unwrap().is_some());
    assert!(clock.sleeps().is_empty(), "nobody waited");
}

#[tokio::test]
async fn wrong_credentials_leave_the_living_token_in_use() {
    let (cache, clock) = cache(600, 100);
    assert_eq!(get(&cache).await, "t1");
    clock.advance(Duration::from_secs(550));
    let endpoint = Origin::of(&"https://h".parse().unwrap()).unwrap();
    let reason = "the password was changed".to_owned();
    let credential = CredentialKind::App;
    let error = Error::InvalidCredentials {
        endpoint,
        credential,
        reason,
    };
    fail_next(&cache, error);
    for _ in 0..3 {
        assert_eq!(get(&cache).await, "t1");
        clock.advance(Duration::from_secs(10));
    }
    clock.advance(Duration::from_secs(3600));
    for _ in 0..3 {
        let error = cache.token().await.unwrap_err();
        assert!(matches!(error, Error::InvalidCredentials { .. }));
    }
    assert_eq!(minted(&cache), 2);
}

#[tokio::test]
async fn a_mint_that_was_given_up_brings_nothing() {
    let (cache, _) = cache(600, 0);
    let mut waiting = cache.token();
    assert!((&mut waiting).now_or_never().is_none());
    cache.close().await;
    let mut second = cache.token();
    assert!((&mut second).now_or_never().is_none());
    cache.source().gate.add_permits(1);
    // The first caller still gets what it waited for; the second flight stays the only one.
    assert_eq!(waiting.await.unwrap().unwrap().expose(), "t1");
    assert!((&mut second).now_or_never().is_none());
    cache.source().gate.add_permits(1);
    assert_eq!(second.await.unwrap().unwrap().expose(), "t2");
    assert_eq!(get(&cache).await, "t2");
    cache.close().await;
    cache.close().await;
}

#[tokio::test]
async fn a_mint_that_broke_while_nobody_drove_it_is_begun_anew() {
    let (cache, _) = cache(600, 0);
    {
        let mut dropped = cache.token();
        assert!((&mut dropped).now_or_never().is_none());
    }
    fail_next(&cache, broken());
    cache.source().gate.add_permits(2);
    assert_eq!(get(&cache).await, "t2");
    // Once: what fails by itself is a failure.
    cache.close().await;
    {
        let mut dropped = cache.token();
        assert!((&mut dropped).now_or_never().is_none());
    }
    fail_next(&cache, broken());
    fail_next(&cache, broken());
    cache.source().gate.add_permits(2);
    assert!(matches!(cache.token().await, Err(Error::Mint { .. })));
    assert_eq!(minted(&cache), 4);
}

#[tokio::test]
async fn a_source_that_panics_does_not_take_the_cache_with_it() {
    #[derive(Debug)]
    struct Panics(TrustPolicy, AtomicUsize);
    impl TokenSource for Panics {
        fn trust(&self) -> &TrustPolicy {
            &self.0
        }
        fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>> {
            async move {
                assert!(self.1.fetch_add(1, Ordering::SeqCst) > 0, "on purpose");
                Ok(Token::new("t"))
            }
            .boxed()
        }
    }
    let origin = Origin::of(&"https://h".parse().unwrap()).unwrap();
    let source = Panics(TrustPolicy::bound_to(origin), AtomicUsize::new(0));
    let cache = Arc::new(TokenCache::new(source));
    let first = Arc::clone(&cache);
    assert!(
        tokio::spawn(async move { first.token().await })
            .await
            .is_err()
    );
    assert_eq!(cache.token().await.unwrap().unwrap().expose(), "t");
}
