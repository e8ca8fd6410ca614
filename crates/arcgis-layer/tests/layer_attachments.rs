//! Files that belong to rows: which there are, and what is in them.
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

use arcgis_auth_http::{ArcGisClient, RetryPolicy};
use arcgis_layer::{
    Attachment, AttachmentSink, Download, Error, IdSet, Layer as Opened, LayerAddress,
};
use arcgis_testkit::{
    Ability, Attachment as File, Fault, FaultKind, Layer, Quirk, RequestKind, Row, Testkit,
    TestkitBuilder,
};

struct Bench {
    service: Testkit,
    layer: Opened,
}

impl Bench {
    async fn start(layer: Layer, with: impl FnOnce(TestkitBuilder) -> TestkitBuilder) -> Self {
        let service = with(Testkit::builder().layer(layer)).start().await.unwrap();
        let client = ArcGisClient::builder()
            .retry_policy(
                RetryPolicy::default()
                    .with_retries(2)
                    .with_backoff(Duration::from_millis(1), Duration::from_millis(2)),
            )
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        let address = LayerAddress::parse(&service.layer_url("t")).unwrap();
        let layer = Opened::open(Arc::new(client), address).await.unwrap();
        Self { service, layer }
    }

    async fn list(&self, ids: IdSet) -> Result<Vec<Attachment>, Error> {
        let mut all = Vec::new();
        let mut attachments = self.layer.attachments(&ids)?;
        while let Some(some) = attachments.next().await? {
            all.extend(some);
        }
        Ok(all)
    }

    async fn only(&self) -> Attachment {
        let all = self.list((1..=1).collect()).await.unwrap();
        let [only] = &all[..] else { panic!("{all:?}") };
        only.clone()
    }

    async fn get(&self, there: &[u8]) -> (Result<Download, Error>, Vec<u8>) {
        let sink = Memory(Arc::new(Mutex::new(there.to_vec())));
        let bytes = Arc::clone(&sink.0);
        let only = self.only().await;
        let result = self
            .layer
            .download(&only, Box::new(sink), there.len() as u64)
            .await;
        let bytes = bytes.lock().unwrap().clone();
        (result, bytes)
    }
}

#[derive(Debug)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl AttachmentSink for Memory {
    fn restart(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().clear();
        Ok(())
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(piece);
        Ok(())
    }
}

/// So many rows; those with an odd id have as many attachments as their id modulo 5.
fn rows(rows: i64) -> Layer {
    (1..=rows)
        .filter(|id| id % 2 == 1)
        .flat_map(|id| (0..id % 5).map(move |n| (id, n)))
        .fold(
            Layer::table("t").with_rows((0..rows).map(|_| Row::new())),
            |layer, (id, n)| {
                let text = format!("{id}/{n}");
                layer.with_attachment(id, File::new(format!("f{n}.txt"), "text/plain", text))
            },
        )
}

fn expected(rows: i64) -> Vec<(i64, String)> {
    (1..=rows)
        .filter(|id| id % 2 == 1)
        .flat_map(|id| (0..id % 5).map(move |n| (id, format!("f{n}.txt"))))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_listed_whatever_the_server_can() {
    let plain = || rows(450);
    for (what, layer) in [
        ("plain", plain()),
        ("capped", plain().with_quirk(Quirk::AttachmentCap(7))),
        (
            "capped, silent",
            plain()
                .with_quirk(Quirk::AttachmentCap(7))
                .with_quirk(Quirk::NeverExceeded),
        ),
        (
            "capped, without counts",
            plain()
                .with_quirk(Quirk::AttachmentCap(7))
                .without(Ability::CountAttachments),
        ),
        (
            "only the first page",
            plain()
                .with_quirk(Quirk::AttachmentCap(7))
                .with_quirk(Quirk::IgnoresAttachmentOffset),
        ),
        (
            "only the first page, and less than a row has",
            plain()
                .with_quirk(Quirk::AttachmentCap(2))
                .with_quirk(Quirk::IgnoresAttachmentOffset)
                .without(Ability::CountAttachments),
        ),
        ("row by row", rows(40).without(Ability::QueryAttachments)),
    ] {
        let count = i64::try_from(layer.rows().len()).unwrap();
        let bench = Bench::start(layer, |service| service).await;
        let all = bench.list((1..=count).collect()).await.unwrap();
        let listed: Vec<_> = all
            .iter()
            .map(|file| (file.object_id, file.name.clone()))
            .collect();
        assert_eq!(listed, expected(count), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_each_is_told_and_ids_travel_in_forms() {
    let file = File::new("roof.jpg", "image/jpeg", vec![7_u8; 300]).with_keywords("roof,2020");
    let layer = rows(450).with_attachment(2, file);
    let bench = Bench::start(layer, |service| service).await;
    let all = bench.list((1..=450).collect()).await.unwrap();
    let roof = all.iter().find(|file| file.object_id == 2).unwrap();
    assert_eq!(roof.name, "roof.jpg");
    assert_eq!(roof.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(roof.size, Some(300));
    assert_eq!(roof.keywords.as_deref(), Some("roof,2020"));
    assert!(roof.global_id.is_some());
    let asked = bench.service.requests_of(RequestKind::Attachments);
    // 200 rows at a time: what there is, nothing more, and the count.
    assert_eq!(asked.len(), 3 * 3);
    assert!(asked.iter().all(|request| request.url().len() < 2_100));
    assert!(
        asked
            .iter()
            .all(|request| request.unknown_parameters().is_empty())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_without_attachments_is_not_asked() {
    let bench = Bench::start(Layer::table("t").with_row(Row::new()), |service| service).await;
    let error = bench.list((1..=1).collect()).await.unwrap_err();
    assert!(matches!(error, Error::Query(_)), "{error}");
    assert!(
        bench
            .service
            .requests_of(RequestKind::Attachments)
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_place_of_a_list_is_an_error() {
    let body = FaultKind::ErrorBody {
        code: 400,
        message: "Invalid or missing input parameters.".to_owned(),
        details: Vec::new(),
    };
    let fault = Fault::on(RequestKind::Attachments, 1, body);
    let bench = Bench::start(rows(10), |service| service.fault(fault)).await;
    let error = bench.list((1..=10).collect()).await.unwrap_err();
    assert!(matches!(error, Error::Service(_)), "{error}");
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}

/// One row with one file.
fn one(content: Vec<u8>) -> Layer {
    let file = File::new("a.bin", "application/octet-stream", content);
    Layer::table("t")
        .with_row(Row::new())
        .with_attachment(1, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_size_arrive() {
    for size in [0, 1, 65_535, 65_536, 65_537, 3_000_000] {
        let bench = Bench::start(one(content(size)), |service| service).await;
        let (result, bytes) = bench.get(&[]).await;
        let done = result.unwrap();
        assert_eq!(bytes, content(size), "{size}");
        assert_eq!(
            (done.bytes, done.resumed_at, done.resumes),
            (size as u64, 0, 0)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_broke_off_is_gone_on_with() {
    let whole = content(3_000_000);
    for ranges in [true, false] {
        for kind in [FaultKind::Truncate, FaultKind::ResetInBody] {
            let mut layer = one(whole.clone());
            if !ranges {
                layer = layer.without(Ability::AttachmentRanges);
            }
            let fault = Fault::on(RequestKind::Attachment, 1, kind.clone()).times(2);
            let bench = Bench::start(layer, |service| service.fault(fault)).await;
            let (result, bytes) = bench.get(&[]).await;
            let done = result.unwrap();
            assert!(bytes == whole, "{kind:?}");
            assert!(done.resumes >= 1, "{kind:?}: {done:?}");
            let sent: usize = bench
                .service
                .requests_of(RequestKind::Attachment)
                .iter()
                .filter_map(|request| Some(request.answered()?.bytes))
                .sum();
            // Only what was missing was asked for, where parts can be had.
            // Twice half of what was asked for got lost.
            assert_eq!(sent <= whole.len() * 7 / 4, ranges, "{kind:?}: {sent}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_asked_for_again() {
    let whole = content(500_000);
    let bench = Bench::start(one(whole.clone()), |service| service).await;
    let (result, bytes) = bench.get(&whole[..200_000]).await;
    assert!(bytes == whole);
    assert_eq!(result.unwrap().resumed_at, 200_000);
    let requests = bench.service.requests_of(RequestKind::Attachment);
    assert_eq!(requests[0].header("range"), Some("bytes=200000-"));
    assert_eq!(requests[0].answered().unwrap().bytes, 300_000);
    bench.service.clear_requests();
    let (result, bytes) = bench.get(&whole).await;
    assert_eq!((result.unwrap().bytes, bytes.len()), (500_000, 500_000));
    assert!(
        bench
            .service
            .requests_of(RequestKind::Attachment)
            .is_empty()
    );
    // More than there should be is not a part of it.
    let (result, bytes) = bench.get(&content(500_001)).await;
    assert_eq!(result.unwrap().bytes, 500_000);
    assert!(bytes == whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_file_does_not_become_one() {
    let error_body = FaultKind::ErrorBody {
        code: 500,
        message: "Unable to complete operation.".to_owned(),
        details: Vec::new(),
    };
    for (kind, is_service) in [
        (error_body, true),
        (FaultKind::Status(404), true),
        (FaultKind::Html, false),
        (FaultKind::CutShort, false),
    ] {
        let fault = Fault::on(RequestKind::Attachment, 1, kind.clone()).always();
        let bench = Bench::start(one(content(200_000)), |service| service.fault(fault)).await;
        let (result, _) = bench.get(&[]).await;
        let error = result.unwrap_err();
        assert_eq!(
            matches!(error, Error::Service(_)),
            is_service,
            "{kind:?}: {error}"
        );
        assert_eq!(
            matches!(error, Error::Answer { .. }),
            !is_service,
            "{kind:?}: {error}"
        );
    }
    // The size that the service says counts, in both directions.
    for said in [199_999, 200_001] {
        let file = File::new("a", "image/png", content(200_000)).with_said_size(said);
        let layer = Layer::table("t")
            .with_row(Row::new())
            .with_attachment(1, file);
        let bench = Bench::start(layer, |service| service).await;
        let (result, _) = bench.get(&[]).await;
        assert!(result.is_err(), "{said}");
    }
    // Pages and documents are files too, where they are said to be.
    for (kind, text) in [
        ("text/html", "<html><title>Sign In</title></html>"),
        ("application/json", "{\"name\": 1}"),
        ("text/plain", "{\"error\": \"none\"}"),
    ] {
        let layer = Layer::table("t")
            .with_row(Row::new())
            .with_attachment(1, File::new("a", kind, text));
        let bench = Bench::start(layer, |service| service).await;
        let (result, bytes) = bench.get(&[]).await;
        result.unwrap();
        assert_eq!(bytes, text.as_bytes());
    }
}

/// A sink that is full after some bytes.
#[derive(Debug)]
struct Full(usize);

impl AttachmentSink for Full {
    fn restart(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.0 = self
            .0
            .checked_sub(piece.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_no_reason_to_ask_again() {
    for size in [1_000, 500_000] {
        let bench = Bench::start(one(content(size)), |service| service).await;
        let only = bench.only().await;
        let error = bench
            .layer
            .download(&only, Box::new(Full(size / 2)), 0)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Attachment(_)), "{error}");
        assert_eq!(bench.service.requests_of(RequestKind::Attachment).len(), 1);
    }
}
