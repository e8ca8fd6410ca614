use arcgis_auth_core::ManualClock;
use futures_util::future::FutureExt;

use super::*;

fn server(most: usize) -> Arc<Server> {
    Arc::new(Server::new("https://h/arcgis".into(), most, Duration::ZERO))
}

fn seats(server: &Arc<Server>, wanted: usize) -> Vec<Seat> {
    let clock = ManualClock::new();
    (0..wanted)
        .map_while(|_| server.admit(&clock).now_or_never())
        .collect()
}

/// As many good answers as raise the limit by one.
fn raise(server: &Server) {
    for _ in 0..server.limit() {
        server.learn(u64::MAX, Health::Well);
    }
}

#[test]
fn busy_halves_the_limit_once_for_all_that_was_under_way() {
    let server = server(8);
    let all = seats(&server, 20);
    assert_eq!(all.len(), 8);
    for seat in &all {
        server.learn(seat.epoch, Health::Busy);
    }
    assert_eq!(server.limit(), 4);
    drop(all);
    let less = seats(&server, 20);
    assert_eq!(less.len(), 4, "the others' permits are out of use");
    server.learn(less[0].epoch, Health::Busy);
    assert_eq!(server.limit(), 2);
    drop(less);
    let epoch = seats(&server, 20)[0].epoch;
    server.learn(epoch, Health::Busy);
    server.learn(u64::MAX, Health::Busy);
    assert_eq!(server.limit(), 1, "and no less");
    assert_eq!(seats(&server, 20).len(), 1);
}

#[test]
fn failures_cost_less_than_refusals_and_wrong_requests_nothing() {
    let server = server(10);
    server.learn(u64::MAX, Health::Silent);
    assert_eq!(server.limit(), 10);
    server.learn(u64::MAX, Health::Failed);
    assert_eq!(server.limit(), 7);
}

#[test]
fn the_limit_comes_back_by_one_and_never_goes_beyond() {
    let server = server(8);
    server.learn(u64::MAX, Health::Busy);
    for limit in [5, 6, 7, 8, 8, 8] {
        raise(&server);
        assert_eq!(server.limit(), limit);
        assert_eq!(seats(&server, 20).len(), limit);
    }
    // Good answers before a bad one do not count after it.
    server.learn(u64::MAX, Health::Busy);
    for _ in 0..3 {
        server.learn(u64::MAX, Health::Well);
    }
    server.learn(0, Health::Failed);
    server.learn(u64::MAX, Health::Well);
    assert_eq!(server.limit(), 4);
}

#[test]
fn a_limit_that_rises_while_permits_are_out_frees_none_too_many() {
    let server = server(8);
    let all = seats(&server, 8);
    server.learn(u64::MAX, Health::Busy);
    raise(&server);
    assert_eq!(server.limit(), 5);
    assert!(seats(&server, 20).is_empty(), "eight are still under way");
    drop(all);
    assert_eq!(seats(&server, 20).len(), 5);
}

#[test]
fn pages_that_take_much_longer_than_others_for_their_bytes_lower_it() {
    let server = server(10);
    let page = |kib: usize, millis| {
        let took = Duration::from_millis(millis);
        server.learn(
            u64::MAX,
            Health::Page {
                took,
                bytes: kib * 1024,
            },
        );
        server.limit()
    };
    assert_eq!(page(1024, 1000), 10);
    assert_eq!(page(1024, 3900), 10, "not four times as long");
    assert_eq!(page(8 * 1024, 9000), 10, "a dense page takes its time");
    assert_eq!(page(1, 1900), 10, "less than two seconds is no trouble");
    assert_eq!(page(1024, 9000), 8);
    assert_eq!(page(1024, 9000), 6);
    for limit in [4, 3, 2, 2, 2] {
        assert_eq!(page(1024, 60_000), limit, "two are few enough");
    }
    // Pages that take as long all the time become what is normal.
    let limits: Vec<usize> = (0..100).map(|_| page(1024, 60_000)).collect();
    assert_eq!(limits.last(), Some(&10), "{limits:?}");
}

#[tokio::test]
async fn starts_are_spaced_and_a_dropped_one_costs_no_time() {
    let clock = ManualClock::new();
    let rate = crate::throttle::spacing(0.5).unwrap();
    assert_eq!(rate, Duration::from_secs(2));
    let server = Arc::new(Server::new("https://h".into(), 8, rate));
    let start = || {
        let (server, clock) = (Arc::clone(&server), clock.clone());
        async move { server.admit(&clock).await }.boxed()
    };
    let first = start().now_or_never().unwrap();
    drop(first);
    let (mut second, mut third) = (start(), start());
    assert!((&mut second).now_or_never().is_none());
    assert!((&mut third).now_or_never().is_none());
    drop(second);
    clock.advance(Duration::from_millis(1999));
    assert!((&mut third).now_or_never().is_none());
    clock.advance(Duration::from_millis(1));
    let third = third.now_or_never().unwrap();
    assert_eq!(third.since, Duration::from_secs(2));
    let mut fourth = start();
    assert!((&mut fourth).now_or_never().is_none());
    // The quota's word counts where it is slower than the rate.
    server.space(Duration::from_secs(3));
    clock.advance(Duration::from_secs(2));
    assert!((&mut fourth).now_or_never().is_some());
    let mut fifth = start();
    clock.advance(Duration::from_secs(2));
    assert!((&mut fifth).now_or_never().is_none());
    clock.advance(Duration::from_secs(1));
    assert!((&mut fifth).now_or_never().is_some());
}

#[test]
fn what_is_no_rate_sets_none() {
    use crate::throttle::spacing;
    assert_eq!(spacing(10.0), Some(Duration::from_millis(100)));
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY.recip(), 1e-9] {
        assert_eq!(spacing(wrong), None, "{wrong}");
    }
}
