//! Other HTTP stacks under the same roof: what goes over them, and what comes of failures.
#![cfg(all(feature = "tower", feature = "reqwest"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, dead_code)]

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_core::{
    Body, Credentials, Error, Part, Portal, Request, RequestBody, Transport, TransportErrorKind,
};
use arcgis_auth_http::{ArcGisClient, ReqwestTransport, TowerTransport, TransportService};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{ServiceBuilder, ServiceExt};

mod sites;
use sites::*;

const COUNT: &str = r#"{"count":42}"#;

/// A hyper client of one's own with a layer of tower around it.
fn over_tower(limit: Duration, most: u64) -> Arc<dyn Transport> {
    let client: Client<HttpConnector, RequestBody> =
        Client::builder(TokioExecutor::new()).build_http();
    let service = ServiceBuilder::new().concurrency_limit(4).service(client);
    let transport = TowerTransport::new(service);
    Arc::new(transport.with_timeout(limit).with_max_body(most))
}

fn over_reqwest(limit: Duration, most: u64) -> Arc<dyn Transport> {
    let builder = reqwest::Client::builder().user_agent("surveyor/1.0");
    let transport = ReqwestTransport::new(builder).unwrap();
    Arc::new(transport.with_timeout(limit).with_max_body(most))
}

fn both(limit: Duration, most: u64) -> [(&'static str, Arc<dyn Transport>); 2] {
    [
        ("tower", over_tower(limit, most)),
        ("reqwest", over_reqwest(limit, most)),
    ]
}

const MINUTE: Duration = Duration::from_secs(60);

fn layer(site: &Site) -> Request {
    let base = format!(
        "http://{}/arcgis/rest/services/x/FeatureServer/0",
        site.address
    );
    Request::read(base.parse().unwrap()).with_param("f", "json")
}

fn kind(result: Result<arcgis_auth_core::Response, Error>) -> TransportErrorKind {
    match result.unwrap_err() {
        Error::Transport(error) => {
            let told = error.to_string();
            assert!(!told.contains("f=json"), "no query: {told}");
            error.kind()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_token_goes_along_and_stays_behind_on_the_way_to_another_host() {
    for (name, transport) in both(MINUTE, 1 << 20) {
        let other = Site::plain(|_| json(COUNT)).await;
        let there = format!("http://{}/elsewhere", other.address);
        let site = Site::plain(move |_| leads(302, &there)).await;
        let portal = Portal::parse(&format!("http://{}", site.address)).unwrap();
        let client = ArcGisClient::builder()
            .transport(transport)
            .credentials(Credentials::token(&portal, "T0KEN").unwrap())
            .build()
            .unwrap();
        let answer = client.send(layer(&site)).await.unwrap();
        assert_eq!(answer.into_ok().unwrap(), COUNT.as_bytes(), "{name}");
        let seen = site.seen();
        let asked = seen.last().unwrap();
        assert_eq!(asked.header("x-esri-authorization"), Some("Bearer T0KEN"));
        let agent = asked.header("user-agent");
        assert_eq!(agent, (name == "reqwest").then_some("surveyor/1.0"));
        assert_eq!(
            other.seen().len(),
            1,
            "{name} follows no redirect by itself"
        );
        assert!(!other.seen()[0].holds("T0KEN"), "{name}");
        assert!(client.stats().requests >= 2);
    }
}

#[tokio::test]
async fn gzip_is_unpacked_and_no_answer_grows_beyond_the_limit() {
    let site = Site::plain(|seen| {
        assert_eq!(seen.header("accept-encoding"), Some("gzip"));
        let text = format!("{{\"padding\":\"{}\"}}", "a".repeat(100_000));
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        let mut answer = Answer::new(encoder.finish().unwrap().into());
        let gzip = arcgis_auth_core::http::HeaderValue::from_static("gzip");
        answer.headers_mut().insert("content-encoding", gzip);
        answer
    })
    .await;
    for (name, transport) in both(MINUTE, 200_000) {
        let answer = transport.send(layer(&site)).await.unwrap();
        assert_eq!(answer.into_ok().unwrap().len(), 100_014, "{name}");
    }
    for (name, transport) in both(MINUTE, 200_000) {
        let result = transport.send(layer(&site).with_max_answer(99_999)).await;
        assert_eq!(kind(result), TransportErrorKind::TooLarge, "{name}");
    }
    for (name, transport) in both(MINUTE, 99_999) {
        let result = transport.send(layer(&site)).await;
        assert_eq!(kind(result), TransportErrorKind::TooLarge, "{name}");
    }
}

#[tokio::test]
async fn failures_are_of_a_kind() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/x", closed.local_addr().unwrap());
    drop(closed);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silence = format!("http://{}/x", silent.local_addr().unwrap());
    for (name, transport) in both(Duration::from_millis(200), 1 << 20) {
        let ask = |url: &str| {
            let request = Request::read(url.parse().unwrap()).with_param("f", "json");
            transport.send(request)
        };
        assert_eq!(
            kind(ask(&nobody).await),
            TransportErrorKind::Connect,
            "{name}"
        );
        assert_eq!(
            kind(ask(&silence).await),
            TransportErrorKind::Timeout,
            "{name}"
        );
        let own = Request::read(silence.parse().unwrap()).with_timeout(Duration::from_millis(20));
        let error = transport.send(own).await.unwrap_err().to_string();
        assert!(error.contains("20ms"), "the request's own limit: {error}");
    }
}

#[tokio::test]
async fn multipart_goes_over_them_too() {
    let site = Site::plain(|_| json(COUNT)).await;
    for (name, transport) in both(MINUTE, 1 << 20) {
        let part = Part::bytes("attachment", "content").with_file_name("a.txt");
        let request = layer(&site).with_body(Body::Multipart(vec![part]));
        transport.send(request).await.unwrap().into_ok().unwrap();
        let seen = site.seen().pop().unwrap();
        let length = seen.body.len().to_string();
        assert_eq!(seen.header("content-length"), Some(&*length), "{name}");
        let boundary = multer::parse_boundary(seen.header("content-type").unwrap()).unwrap();
        let body = futures_util::stream::once(async move {
            Ok::<_, std::convert::Infallible>(arcgis_auth_core::Bytes::from(seen.body))
        });
        let mut form = multer::Multipart::new(body, boundary);
        let field = form.next_field().await.unwrap().unwrap();
        assert_eq!(field.text().await.unwrap(), "json");
        let file = form.next_field().await.unwrap().unwrap();
        assert_eq!(file.file_name(), Some("a.txt"), "{name}");
        assert_eq!(file.text().await.unwrap(), "content");
    }
}

#[tokio::test]
async fn a_client_is_a_service_to_put_layers_around() {
    let site = Site::plain(|_| json(COUNT)).await;
    let client = ArcGisClient::builder().build().unwrap();
    let service = ServiceBuilder::new()
        .timeout(MINUTE)
        .service(TransportService::new(client));
    let answer = service.oneshot(layer(&site)).await.unwrap();
    assert_eq!(answer.into_ok().unwrap(), COUNT.as_bytes());
}
