use std::sync::atomic::{AtomicUsize, Ordering};

use arcgis_auth_core::ManualClock;
use futures_util::future::join_all;

use super::*;
use crate::scripted::{Scripted, json, url, with};

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
