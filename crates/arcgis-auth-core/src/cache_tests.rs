use std::sync::atomic::{AtomicUsize, Ordering};

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
            Ok(Token::new(format!("t{n}")).with_expiry(self.clock.now() + self.life))
        }
        .boxed()
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
