//! Attachments as files: whole, once, under names that are safe.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::{ArcGisClient, RetryPolicy};
use arcgis_export::{
    AttachmentExport, Error, LayerOutcome, LayerStatus, LocalFolder, Resume, ServiceExport,
};
use arcgis_layer::{Layer as Opened, LayerAddress, Query, ResourceAddress};
use arcgis_testkit::{
    Attachment as File, Fault, FaultKind, Layer, RequestKind, Row, Service, Testkit, TestkitBuilder,
};

struct Bench {
    server: Testkit,
    client: Arc<ArcGisClient>,
    place: tempfile::TempDir,
}

impl Bench {
    async fn start(server: TestkitBuilder) -> Self {
        let client = ArcGisClient::builder()
            .retry_policy(
                RetryPolicy::default()
                    .with_retries(0)
                    .with_backoff(Duration::from_millis(1), Duration::from_millis(2)),
            )
            .build()
            .unwrap();
        Self {
            server: server.start().await.unwrap(),
            client: Arc::new(client),
            place: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.place.path().join("files")
    }

    async fn export(&self, layer: &str) -> AttachmentExport {
        let address = LayerAddress::parse(&self.server.layer_url(layer)).unwrap();
        let client = Arc::clone(&self.client);
        AttachmentExport::new(Opened::open(client, address).await.unwrap())
    }
}

/// All files below a folder, with their sizes.
fn files(folder: &Path) -> Vec<(String, u64)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path();
                let path = path.strip_prefix(folder).unwrap().to_str().unwrap();
                files.push((path.replace('\\', "/"), entry.metadata().unwrap().len()));
            }
        }
    }
    files.sort();
    files
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}

fn photos(name: &str) -> Layer {
    let file = |name: &str, bytes| File::new(name, "image/jpeg", content(bytes));
    Layer::table(name)
        .with_rows((0..5).map(|_| Row::new()))
        .with_attachment(1, file("roof.jpg", 200_000))
        .with_attachment(1, file("ROOF.jpg", 10))
        .with_attachment(3, file("../../etc/passwd", 20))
        .with_attachment(3, file("nul", 30))
        .with_attachment(5, file("Größe 日本.jpeg", 0))
}

const NAMES: [(&str, u64); 5] = [
    ("1/ROOF-2.jpg", 10),
    ("1/roof.jpg", 200_000),
    ("3/etc_passwd", 20),
    ("3/nul_", 30),
    ("5/Größe_日本.jpeg", 0),
];

fn named(there: &[(String, u64)]) -> Vec<(&str, u64)> {
    let list = |name: &&(&str, u64)| name.0 != "attachments.jsonl";
    let there: Vec<_> = there.iter().map(|(name, size)| (&**name, *size)).collect();
    there.iter().filter(list).copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_lies_in_its_rows_folder_under_a_safe_name() {
    let bench = Bench::start(Testkit::builder().layer(photos("t"))).await;
    let report = bench.export("t").await.to(bench.path()).await.unwrap();
    assert_eq!(
        (report.rows, report.files, report.kept, report.failed),
        (5, 5, 0, 0)
    );
    assert_eq!(report.bytes, 200_060);
    let there = files(&bench.path());
    assert_eq!(named(&there), NAMES);
    assert_eq!(
        std::fs::read(bench.path().join("1/roof.jpg")).unwrap(),
        content(200_000)
    );
    let list = std::fs::read_to_string(bench.path().join("attachments.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = list
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[2]["object_id"], 3);
    assert_eq!(lines[2]["name"], "../../etc/passwd");
    assert_eq!(lines[2]["file"], "3/etc_passwd");
    assert_eq!(lines[2]["size"], 20);

    bench.server.clear_requests();
    let report = bench.export("t").await.to(bench.path()).await.unwrap();
    assert_eq!((report.files, report.kept), (5, 5));
    assert!(bench.server.requests_of(RequestKind::Attachment).is_empty());
    assert_eq!(files(&bench.path()), there);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_of_the_rows_that_are_wanted_are_got() {
    let bench = Bench::start(Testkit::builder().layer(photos("t"))).await;
    for (query, expected) in [
        (
            Query::new().with_where("OBJECTID > 1").with_limit(2),
            &NAMES[2..4],
        ),
        (Query::new().with_object_ids([5]), &NAMES[4..]),
    ] {
        let path = bench.place.path().join(expected.len().to_string());
        let export = bench.export("t").await.with_query(query);
        export.to(&path).await.unwrap();
        assert_eq!(named(&files(&path)), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_named_and_gone_on_with_the_next_time() {
    // The first of the files breaks off again and again.
    let broken = Fault::on(RequestKind::Attachment, 1, FaultKind::Status(500))
        .times(2)
        .when(|request| request.path().ends_with("/1/attachments/1"));
    let bench = Bench::start(Testkit::builder().layer(photos("t")).fault(broken)).await;
    let report = bench.export("t").await.to(bench.path()).await.unwrap();
    assert_eq!((report.files, report.failed), (4, 1));
    assert!(report.problems[0].starts_with("1/roof.jpg: "), "{report:?}");
    assert_eq!(named(&files(&bench.path())).len(), 4);
    let list = std::fs::read_to_string(bench.path().join("attachments.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    assert!(
        first["problem"].as_str().unwrap().contains("500"),
        "{first}"
    );
    assert_eq!(first.get("file"), None);

    // What an earlier process left of it is used.
    std::fs::write(bench.path().join("1/.roof.jpg.part"), content(150_000)).unwrap();
    let report = bench.export("t").await.to(bench.path()).await.unwrap();
    assert_eq!((report.files, report.kept, report.failed), (4, 4, 1));
    bench.server.clear_requests();
    let report = bench.export("t").await.to(bench.path()).await.unwrap();
    assert_eq!((report.files, report.kept, report.failed), (5, 4, 0));
    let asked = bench.server.requests_of(RequestKind::Attachment);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].answered().unwrap().bytes, 50_000);
    assert_eq!(
        std::fs::read(bench.path().join("1/roof.jpg")).unwrap(),
        content(200_000)
    );
    assert_eq!(named(&files(&bench.path())), NAMES);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_file_leaves_nothing() {
    for kind in [FaultKind::Html, FaultKind::CutShort] {
        let fault = Fault::on(RequestKind::Attachment, 1, kind)
            .always()
            .when(|request| request.path().ends_with("/1/attachments/1"));
        let bench = Bench::start(Testkit::builder().layer(photos("t")).fault(fault)).await;
        let report = bench.export("t").await.to(bench.path()).await.unwrap();
        assert_eq!((report.files, report.failed), (4, 1));
        assert_eq!(named(&files(&bench.path())).len(), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_has_its_attachments_beside() {
    let broken = Fault::on(RequestKind::Attachment, 1, FaultKind::Status(500));
    let service = Service::new("s")
        .with_layer(photos("photos"))
        .with_layer(Layer::table("plain").with_row(Row::new()));
    let bench = Bench::start(Testkit::builder().service(service).fault(broken)).await;
    let export = || {
        let root = ResourceAddress::parse(&bench.server.services_url()).unwrap();
        ServiceExport::new(bench.client.clone(), root)
            .with_attachments(bench.path())
            .with_resume(Resume::new())
            .to(LocalFolder::new(bench.place.path().join("out")))
    };
    let report = export().await.unwrap();
    let (layer, error) = report.failures().next().unwrap();
    assert!(
        matches!(error, Error::Attachments { failed: 1, .. }),
        "{error}"
    );
    assert_eq!((layer.status, layer.rows), (LayerStatus::Failed, Some(5)));
    assert!(bench.place.path().join("out/s/photos.parquet").exists());
    assert!(!report.index.is_complete());

    bench.server.clear_requests();
    let report = export().await.unwrap();
    assert!(report.index.is_complete());
    let kept = |outcome: &LayerOutcome| matches!(outcome, LayerOutcome::Kept);
    assert_eq!(
        report
            .outcomes
            .iter()
            .filter(|outcome| kept(outcome))
            .count(),
        2
    );
    assert!(bench.server.requests_of(RequestKind::Features).is_empty());
    let attachments = report.index.layers[0].attachments.as_ref().unwrap();
    assert_eq!((attachments.files, attachments.failed), (5, 0));
    assert_eq!(report.index.layers[1].attachments, None);
    assert_eq!(named(&files(&bench.path().join("s/photos"))), NAMES);
}
