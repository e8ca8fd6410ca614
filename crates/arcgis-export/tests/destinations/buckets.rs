//! Objects in a bucket.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arcgis_export::object_store::memory::InMemory;
use arcgis_export::object_store::{ObjectStore, ObjectStoreExt as _};
use arcgis_export::{
    Destination as _, Error, ExportEvent, FileFormat, LayerExport, Resume, ResumeError, RowOrder,
    StoredObject, WriterOptions,
};
use arcgis_layer::FetchOptions;
use bytes::Bytes;

use crate::generated::Generated;
use crate::s3::{Fault, S3};
use crate::{answer, pages};

const PART: usize = 16 * 1024;

/// What an error says, with its causes.
fn said(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn slowly(export: LayerExport) -> LayerExport {
    export
        .with_lenient(true)
        .with_fetch(FetchOptions::default().with_concurrency(1.try_into().unwrap()))
        .with_writer(
            WriterOptions::default()
                .with_order(RowOrder::Id)
                .with_row_group_rows(500.try_into().unwrap()),
        )
}

#[test]
fn every_format_arrives_in_parts_as_it_would_on_disk() {
    let answer = answer::of_rows(3_000);
    let s3 = S3::start();
    for format in FileFormat::all() {
        let key = format!("a folder/towns.{}", format.extensions()[0]);
        let before = s3.parts();
        let report = answer::put(&answer, format, &s3.object(&key, PART)).unwrap();
        let bytes = std::fs::read(s3.path(&key)).unwrap();
        assert!(bytes == answer::local(&answer, format), "{format}");
        assert_eq!(report.file_bytes, Some(bytes.len() as u64));
        assert_eq!(s3.parts() - before, bytes.len().div_ceil(PART), "{format}");
        assert!(s3.parts() - before > 4, "{format}");
        let output = report.output.unwrap();
        assert_eq!(output, format!("AmazonS3(lake)/{key}"));
    }
    assert_eq!(s3.open_uploads(), [""; 0]);
}

#[tokio::test]
async fn rows_are_sent_while_they_come() {
    let s3 = Arc::new(S3::start());
    let server = Generated::new(40_000, 1_000);
    let (watched, parts) = (Arc::clone(&s3), Arc::new(std::sync::Mutex::new(Vec::new())));
    let seen = Arc::clone(&parts);
    let report = slowly(LayerExport::new(server.open().await))
        .with_observer(move |event| {
            if matches!(event, ExportEvent::Page { .. }) {
                std::thread::sleep(Duration::from_millis(10));
                seen.lock().unwrap().push(watched.parts());
            }
        })
        .to(s3.object("towns.parquet", 1024))
        .await
        .unwrap();
    assert_eq!(report.rows, 40_000);
    // Long before the last page there were some; how many depends on who is faster.
    let parts = parts.lock().unwrap().clone();
    let midway = parts[parts.len() * 3 / 4];
    assert!(
        midway > 10 && midway < s3.parts(),
        "{parts:?} of {}",
        s3.parts()
    );
    let rows = pages::read(&Bytes::from(
        std::fs::read(s3.path("towns.parquet")).unwrap(),
    ));
    assert_eq!(rows.num_rows(), 40_000);
    let requests = s3.requests();
    assert_eq!(requests[..2], ["look", "begin"]);
    assert_eq!(requests[requests.len() - 2..], ["look", "complete"]);
}

#[tokio::test]
async fn what_cannot_be_written_is_known_before_the_first_request() {
    let s3 = S3::start();
    std::fs::write(s3.path("there.parquet"), "earlier").unwrap();
    let stranger = s3.client().with_secret_access_key("wrong").build().unwrap();
    let nobody = s3
        .client()
        .with_endpoint("http://127.0.0.1:9")
        .build()
        .unwrap();
    let gone = S3::start();
    gone.remove_bucket();
    let cases = [
        (s3.object("there.parquet", PART), "exists already"),
        (
            gone.object("x.parquet", PART),
            "404 Not Found: NoSuchBucket: The specified bucket does not exist",
        ),
        (S3::object_of(stranger, "x.parquet", PART), "403"),
        (S3::object_of(nobody, "x.parquet", PART), "refused"),
    ];
    let server = Generated::new(100, 50);
    for (object, problem) in cases {
        let error = LayerExport::new(server.open().await)
            .with_observer(|event| panic!("{event:?}"))
            .to(object)
            .await
            .unwrap_err();
        assert!(
            said(&error).contains(problem),
            "{problem}: {}",
            said(&error)
        );
        assert!(!said(&error).contains("<?xml"), "{}", said(&error));
        assert_eq!(server.asked(), 0, "{problem}");
    }
    assert_eq!(std::fs::read(s3.path("there.parquet")).unwrap(), b"earlier");
    assert_eq!(s3.open_uploads(), [""; 0]);
}

#[test]
fn only_what_may_be_replaced_is() {
    let answer = answer::of_rows(100);
    let s3 = S3::start();
    std::fs::write(s3.path("x.csv"), "earlier").unwrap();
    let object = s3.object("x.csv", PART);
    let error = answer::put(&answer, FileFormat::Csv, &object).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error:?}");
    let mut output = object.clone().with_overwrite(true).open().unwrap();
    output.write_all(b"half").unwrap();
    output.settle().unwrap();
    assert_eq!(std::fs::read(s3.path("x.csv")).unwrap(), b"earlier");
    drop(output);
    answer::put(&answer, FileFormat::Csv, &object.with_overwrite(true)).unwrap();
    let now = std::fs::read(s3.path("x.csv")).unwrap();
    assert!(now == answer::local(&answer, FileFormat::Csv));

    // One that came meanwhile.
    let mut output = s3.object("y.csv", PART).open().unwrap();
    output.write_all(b"ours").unwrap();
    std::fs::write(s3.path("y.csv"), "theirs").unwrap();
    let error = output.settle().unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error:?}");
    drop(output);
    assert_eq!(std::fs::read(s3.path("y.csv")).unwrap(), b"theirs");
    assert_eq!(s3.open_uploads(), [""; 0]);
}

#[test]
fn who_may_not_look_may_only_overwrite() {
    let s3 = S3::start().with(Fault::Blind);
    let error = s3.object("x.csv", PART).open().err().unwrap();
    assert!(said(&error).contains("cannot be seen"), "{}", said(&error));
    let answer = answer::of_rows(10);
    let object = s3.object("x.csv", PART).with_overwrite(true);
    answer::put(&answer, FileFormat::Csv, &object).unwrap();
    assert_eq!(s3.objects(), ["x.csv"]);
}

#[test]
fn what_goes_wrong_midway_leaves_the_earlier_object() {
    let answer = answer::of_rows(5_000);
    for (fault, problem) in [
        (
            Fault::Denied { from_part: 3 },
            "403 Forbidden: AccessDenied: Access Denied",
        ),
        (Fault::Gone { from_part: 3 }, "404 Not Found: NoSuchBucket"),
    ] {
        let s3 = S3::start().with(fault);
        std::fs::write(s3.path("x.parquet"), "earlier").unwrap();
        let object = s3.object("x.parquet", PART).with_overwrite(true);
        let error = answer::put(&answer, FileFormat::GeoParquet, &object).unwrap_err();
        assert!(said(&error).contains(problem), "{}", said(&error));
        assert!(
            matches!(error, Error::Write(_) | Error::Unwritable { .. }),
            "{error:?}"
        );
        assert_eq!(std::fs::read(s3.path("x.parquet")).unwrap(), b"earlier");
        assert!(s3.requests().contains(&"abort".to_owned()));
        if let Fault::Denied { .. } = fault {
            assert_eq!(s3.open_uploads(), [""; 0]);
        }
    }
}

#[test]
fn an_answer_that_is_lost_loses_no_object() {
    let answer = answer::of_rows(1_000);
    let s3 = S3::start().with(Fault::LostAnswer);
    let report = answer::put(&answer, FileFormat::Csv, &s3.object("x.csv", PART)).unwrap();
    let bytes = std::fs::read(s3.path("x.csv")).unwrap();
    assert_eq!(report.file_bytes, Some(bytes.len() as u64));
    assert!(bytes == answer::local(&answer, FileFormat::Csv));
    let completed = s3.requests();
    let completed = completed.iter().filter(|asked| *asked == "complete");
    assert_eq!(completed.count(), 2, "the store did not know it again");
}

/// Also where the runtime has one thread, which is the one that drops.
#[tokio::test]
async fn dropped_between_parts_it_leaves_neither_object_nor_upload() {
    for fault in [None, Some(Fault::Stalled { from_part: 2 })] {
        let mut s3 = S3::start();
        if let Some(fault) = fault {
            s3 = s3.with(fault);
        }
        std::fs::write(s3.path("towns.parquet"), "earlier").unwrap();
        let s3 = Arc::new(s3);
        let server = Generated::new(20_000, 500);
        let export = slowly(LayerExport::new(server.open().await))
            .with_observer(move |event| {
                if matches!(event, ExportEvent::Page { .. }) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            })
            .to(s3.object("towns.parquet", PART).with_overwrite(true));
        let under_way = Arc::clone(&s3);
        tokio::select! {
            result = export => panic!("{result:?}"),
            () = async {
                while under_way.parts() < 3 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                assert_ne!(under_way.open_uploads(), [""; 0]);
            } => {}
        }
        // Nothing is left to wait for.
        assert_eq!(s3.open_uploads(), [""; 0], "{fault:?}");
        assert_eq!(std::fs::read(s3.path("towns.parquet")).unwrap(), b"earlier");
        let now = s3.requests().len();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(s3.requests().len(), now, "{fault:?}");
    }
}

#[tokio::test]
async fn pages_are_kept_where_a_folder_is_named() {
    let s3 = Arc::new(S3::start());
    let server = Generated::new(5_000, 250);
    let error = LayerExport::new(server.open().await)
        .with_resume(Resume::new())
        .to(s3.object("towns.parquet", PART))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Resume(ResumeError::NoPlace { .. })),
        "{error:?}"
    );
    assert_eq!(server.asked(), 0);
    assert_eq!(s3.open_uploads(), [""; 0]);

    let folder = tempfile::tempdir().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let stop = std::sync::Mutex::new((0, Some(stop)));
    let export = slowly(LayerExport::new(server.open().await))
        .with_resume(Resume::in_folder(folder.path()))
        .with_observer(move |event| {
            if matches!(event, ExportEvent::Page { .. }) {
                let mut stop = stop.lock().unwrap();
                stop.0 += 1;
                if stop.0 == 6 {
                    stop.1.take().unwrap().send(()).unwrap();
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        })
        .to(s3.object("towns.parquet", PART));
    tokio::select! {
        result = export => panic!("{result:?}"),
        _ = stopped => {}
    }
    assert_eq!(s3.objects(), [""; 0]);
    assert_eq!(answer::names(folder.path()).len(), 1);
    let report = slowly(LayerExport::new(server.open().await))
        .with_resume(Resume::in_folder(folder.path()))
        .to(s3.object("towns.parquet", PART))
        .await
        .unwrap();
    assert!(report.resumed.unwrap().rows >= 1_000);
    let rows = pages::read(&Bytes::from(
        std::fs::read(s3.path("towns.parquet")).unwrap(),
    ));
    assert_eq!(rows.num_rows(), 5_000);
    assert_eq!(answer::names(folder.path()), [""; 0]);
    assert_eq!(s3.open_uploads(), [""; 0]);
}

#[test]
fn any_store_will_do() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let object = StoredObject::new(Arc::clone(&store), "x.parquet".into());
    let answer = answer::of_rows(1_000);
    answer::put(&answer, FileFormat::GeoParquet, &object).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let bytes = runtime.block_on(async {
        let found = store.get(&"x.parquet".into()).await.unwrap();
        found.bytes().await.unwrap()
    });
    assert!(bytes == answer::local(&answer, FileFormat::GeoParquet));
    let error = answer::put(&answer, FileFormat::GeoParquet, &object).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error:?}");
}

#[test]
fn a_store_that_does_not_answer_is_given_up_when_the_output_is() {
    let s3 = S3::start().with(Fault::Stalled { from_part: 1 });
    let mut output = s3.object("x.csv", PART).open().unwrap();
    let canceller = output.canceller().unwrap();
    let began = Instant::now();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        canceller.cancel();
    });
    let written = (0..100).try_for_each(|_| output.write_all(&[7; PART]));
    assert!(written.is_err());
    drop(output);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(s3.open_uploads(), [""; 0]);
}
