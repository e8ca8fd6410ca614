//! Answers that are taken piece by piece.
#![cfg(feature = "hyper")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arcgis_auth_core::http::{HeaderMap, StatusCode};
use arcgis_auth_core::{Accept, BodySink, Error, Request, Response, Transport, TransportErrorKind};
use arcgis_auth_http::{ArcGisClient, RetryPolicy};
use arcgis_testkit::{Attachment, Fault, FaultKind, Layer, RequestKind, Row, Testkit};

const SIZE: usize = 1_000_000;

#[derive(Debug, Default)]
struct Memory {
    begun: Mutex<Vec<StatusCode>>,
    bytes: Mutex<Vec<u8>>,
}

impl BodySink for Memory {
    fn begin(&self, status: StatusCode, _: &HeaderMap) -> io::Result<()> {
        self.begun.lock().unwrap().push(status);
        Ok(())
    }

    fn write(&self, piece: &[u8]) -> io::Result<()> {
        self.bytes.lock().unwrap().extend_from_slice(piece);
        Ok(())
    }
}

fn content() -> Vec<u8> {
    (0..SIZE).map(|at| (at % 251) as u8).collect()
}

struct Bench {
    service: Testkit,
    client: ArcGisClient,
    sink: Arc<Memory>,
}

impl Bench {
    async fn start(fault: Option<FaultKind>) -> Self {
        let file = Attachment::new("a.bin", "application/octet-stream", content());
        let layer = Layer::table("t")
            .with_row(Row::new())
            .with_attachment(1, file);
        let mut service = Testkit::builder().layer(layer);
        if let Some(kind) = fault {
            service = service.fault(Fault::on(RequestKind::Attachment, 1, kind).always());
        }
        let client = ArcGisClient::builder()
            .timeout(Duration::from_secs(1))
            .retry_policy(
                RetryPolicy::default()
                    .with_retries(2)
                    .with_backoff(Duration::from_millis(1), Duration::from_millis(2)),
            )
            .build()
            .unwrap();
        Self {
            service: service.start().await.unwrap(),
            client,
            sink: Arc::default(),
        }
    }

    fn request(&self) -> Request {
        let url = format!("{}/1/attachments/1", self.service.layer_url("t"));
        Request::read(url.parse().unwrap())
            .with_accept(Accept::Any)
            .with_header(
                arcgis_auth_core::http::header::ACCEPT_ENCODING,
                "identity".parse().unwrap(),
            )
    }

    async fn pour(&self) -> Result<Response, Error> {
        let request = self.request().with_sink(Arc::clone(&self.sink) as _);
        self.client.send(request).await
    }

    fn requests(&self) -> usize {
        self.service.requests_of(RequestKind::Attachment).len()
    }
}

fn kind(error: &Error) -> TransportErrorKind {
    match error {
        Error::Transport(error) => error.kind(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_slow_answer_may_take_its_time_as_long_as_something_comes() {
    let slow = FaultKind::SlowBody(Duration::from_millis(2_500));
    let bench = Bench::start(Some(slow)).await;
    let response = bench.pour().await.unwrap();
    assert_eq!(response.streamed(), Some(SIZE as u64));
    assert!(response.is_empty());
    assert!(*bench.sink.bytes.lock().unwrap() == content());
    assert_eq!(*bench.sink.begun.lock().unwrap(), [StatusCode::OK]);
    // Without a sink the limit is one for the whole.
    let error = bench.client.send(bench.request()).await.unwrap_err();
    assert_eq!(kind(&error), TransportErrorKind::Timeout);
}

#[tokio::test]
async fn a_stalled_answer_ends_and_what_broke_off_is_not_asked_for_again() {
    for (fault, expected) in [
        (FaultKind::StallInBody, TransportErrorKind::Timeout),
        (FaultKind::Truncate, TransportErrorKind::Interrupted),
    ] {
        let bench = Bench::start(Some(fault)).await;
        let error = bench.pour().await.unwrap_err();
        assert_eq!(kind(&error), expected);
        assert_eq!(bench.requests(), 1);
        assert_eq!(bench.sink.bytes.lock().unwrap().len(), SIZE / 2);
    }
}

#[tokio::test]
async fn nothing_of_an_error_is_poured() {
    let long = format!(
        "{{\"error\":{{\"code\":400,\"message\":\"no\",\"details\":[\"{}\"]}}}}",
        "x".repeat(100_000)
    );
    let long = FaultKind::Respond {
        status: 200,
        content_type: "application/json",
        body: long,
    };
    for fault in [long, FaultKind::Status(404)] {
        let bench = Bench::start(Some(fault)).await;
        let response = bench.pour().await.unwrap();
        assert_eq!(response.streamed(), None);
        assert!(response.into_ok().is_err());
        assert!(bench.sink.begun.lock().unwrap().is_empty());
        assert!(bench.sink.bytes.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn no_more_is_taken_than_was_allowed() {
    let bench = Bench::start(None).await;
    let request = bench.request().with_max_answer(SIZE as u64 - 1);
    let request = request.with_sink(Arc::clone(&bench.sink) as _);
    let error = bench.client.send(request).await.unwrap_err();
    assert_eq!(kind(&error), TransportErrorKind::TooLarge);
    assert!(bench.sink.bytes.lock().unwrap().len() < SIZE);
}
