//! Five hundred requests at once over tokens that live two seconds, for twenty seconds: nothing fails,
//! and each life costs one mint.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arcgis_auth_http::ArcGisClient;
use arcgis_auth_http::arcgis_auth_core::{Credentials, Portal, Request, Transport, Url};
use arcgis_testkit::{Layer, RequestKind, Row, Security, Testkit};

const AT_ONCE: usize = 500;
const FOR: Duration = Duration::from_secs(20);
const LIFE: Duration = Duration::from_secs(2);

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(soak());
}

async fn soak() {
    let service = Testkit::builder()
        .layer(Layer::table("t").with_row(Row::new()))
        .security(Security::token("me", "a password").token_life(LIFE))
        .latency(Duration::from_millis(20))
        .log_capacity(4096)
        .start()
        .await
        .unwrap();
    let portal = Portal::parse(&service.root_url()).unwrap();
    let client = ArcGisClient::builder()
        .credentials(Credentials::user_password("me", "a password", portal).unwrap())
        .concurrency(AT_ONCE)
        .retries(0)
        .build()
        .unwrap();
    let url: Url = service.layer_url("t").parse().unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, url, sent) = (client.clone(), url.clone(), Arc::clone(&sent));
        tasks.spawn(async move {
            while began.elapsed() < FOR {
                let request = Request::read(url.clone()).with_param("f", "json");
                let answer = client
                    .send(request)
                    .await
                    .and_then(|answer| answer.into_ok());
                answer.unwrap_or_else(|error| panic!("a request failed: {error}"));
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let took = began.elapsed();
    let stats = client.stats();
    let sent = sent.load(Ordering::Relaxed);
    let mints = service.mints();
    // Renewed at a tenth of its life before its end, so that a life is nine tenths long; one is begun.
    let lives = took.as_secs_f64() / (LIFE.as_secs_f64() * 0.9) + 1.0;
    let beside = stats.requests - sent - mints;
    println!(
        "  {sent} requests in {:.1} s ({:.0} a second), at most {} at once",
        took.as_secs_f64(),
        sent as f64 / took.as_secs_f64(),
        service.most_in_flight(),
    );
    println!(
        "  {mints} mints for at most {lives:.1} lives, {beside} requests beside them; none failed"
    );
    assert!(service.most_in_flight() >= AT_ONCE * 9 / 10, "not at once");
    assert!(mints as f64 <= lives, "more than one mint in a life");
    assert!(
        mints as f64 >= lives - 2.0,
        "tokens lived longer than they may"
    );
    let minted = service.requests_of(RequestKind::Token).len();
    assert!(minted <= mints as usize, "mints that failed");
}
