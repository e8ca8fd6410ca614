//! A file appears whole or not at all, and what was there before stays until then.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arcgis_export::{Committed, Destination, Error, ExportEvent, LocalFile, Output, WriterOptions};
use arcgis_testkit::{Fault, FaultKind, Field, FieldType, Layer, RequestKind, Row, Testkit};
use arcgis_tests::{Bench, ParquetFile, paging};

use crate::faults::service;

#[tokio::test]
async fn an_existing_file_is_refused_before_anything_is_asked() {
    let bench = Bench::start(service()).await;
    std::fs::write(bench.path(), b"mine").unwrap();
    let export = bench.export("t").await;
    bench.service.clear_requests();
    let error = export
        .clone()
        .to(LocalFile::new(bench.path()))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Exists { path } if *path == bench.path()),
        "{error:?}"
    );
    assert_eq!(bench.service.requests().len(), 0);
    assert_eq!(std::fs::read(bench.path()).unwrap(), b"mine");

    let (report, file) = bench.write(export).await.unwrap();
    assert_eq!(
        (report.rows, file.rows()),
        (47, 47),
        "and overwritten if that is allowed"
    );
}

#[tokio::test]
async fn places_that_cannot_be_written_are_refused_before_anything_is_asked() {
    let bench = Bench::start(service()).await;
    let export = bench.export("t").await;
    bench.service.clear_requests();
    let file_as_folder = bench.folder().join("file");
    std::fs::write(&file_as_folder, b"").unwrap();
    for path in [
        bench.folder().join("no/such/folder/out.parquet"),
        bench.folder().to_owned(),
        file_as_folder.join("out.parquet"),
    ] {
        for overwrite in [false, true] {
            let destination = LocalFile::new(&path).with_overwrite(overwrite);
            let error = export.clone().to(destination).await.unwrap_err();
            assert!(
                matches!(error, Error::Unwritable { .. }),
                "{}: {error:?}",
                path.display()
            );
        }
    }
    assert_eq!(bench.service.requests().len(), 0);
    assert_eq!(bench.files(), ["file"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_without_the_right_to_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::start(service()).await;
    let locked = bench.folder().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(locked.join("probe"), b"").is_ok() {
        println!("skipped: this user may write everywhere");
        return;
    }
    let error = bench
        .export("t")
        .await
        .to(LocalFile::new(locked.join("out.parquet")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unwritable { .. }), "{error:?}");
    assert_eq!(bench.count(RequestKind::Features), 0);
}

#[tokio::test]
async fn a_file_that_appears_meanwhile_is_not_overwritten() {
    let bench = Bench::start(service()).await;
    let path = bench.path();
    let export = bench.export("t").await.with_observer(move |event| {
        if matches!(event, ExportEvent::Page { .. }) {
            std::fs::write(&path, b"somebody else's").unwrap();
        }
    });
    let error = export.to(LocalFile::new(bench.path())).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error:?}");
    assert_eq!(bench.files(), ["out.parquet"]);
    assert_eq!(std::fs::read(bench.path()).unwrap(), b"somebody else's");
}

#[tokio::test]
async fn readers_see_the_earlier_file_until_the_new_one_is_whole() {
    let bench = Bench::start(service()).await;
    bench.exported("t").await;
    let before = std::fs::read(bench.path()).unwrap();
    let unchanged = Arc::new(AtomicUsize::new(0));
    let (seen, path, expected) = (Arc::clone(&unchanged), bench.path(), before.clone());
    let export = bench
        .export("t")
        .await
        .with_fetch(paging(5, 2))
        .with_observer(move |event| {
            if !matches!(event, ExportEvent::Finished(_)) {
                assert_eq!(std::fs::read(&path).unwrap(), expected);
                seen.fetch_add(1, Ordering::SeqCst);
            }
        });
    bench.write(export).await.unwrap();
    assert!(unchanged.load(Ordering::SeqCst) > 10);
}

#[tokio::test]
async fn a_link_keeps_pointing_to_the_file_that_is_replaced() {
    let bench = Bench::start(service()).await;
    let (target, link) = (
        bench.folder().join("target.parquet"),
        bench.folder().join("link.parquet"),
    );
    std::fs::write(&target, b"old").unwrap();
    if let Err(error) = symlink(&target, &link) {
        println!("skipped: no links here: {error}");
        return;
    }
    let destination = LocalFile::new(&link).with_overwrite(true);
    bench.export("t").await.to(destination).await.unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(ParquetFile::read(&target).rows(), 47);
}

#[cfg(unix)]
fn symlink(target: &std::path::Path, link: &std::path::Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &std::path::Path, link: &std::path::Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

/// Waits until nothing is left in the folder but `names`: what blocks may take a moment to end.
async fn comes_to(bench: &Bench, names: &[&str]) {
    for _ in 0..100 {
        if bench.files() == names && bench.service.in_flight() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!(
        "{:?}, {} requests in flight",
        bench.files(),
        bench.service.in_flight()
    );
}

/// How many requests for features came in the end: once there is none more for some time.
async fn settled(bench: &Bench) -> usize {
    let (mut sent, mut still) = (0, 0);
    for _ in 0..500 {
        let now = bench.count(RequestKind::Features);
        still = if now == sent { still + 1 } else { 0 };
        sent = now;
        if still == 10 {
            return sent;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("requests go on behind: {sent}");
}

#[tokio::test]
async fn a_dropped_export_stops_and_leaves_nothing() {
    for earlier in [false, true] {
        // The third page never comes.
        let bench =
            Bench::start(service().fault(Fault::on_query(3, FaultKind::Stall).always())).await;
        if earlier {
            std::fs::write(bench.path(), b"earlier").unwrap();
        }
        let export = bench.export("t").await.with_fetch(paging(5, 2));
        let export = export.to(LocalFile::new(bench.path()).with_overwrite(true));
        let dropped = tokio::time::timeout(Duration::from_millis(100), export).await;
        assert!(dropped.is_err(), "it cannot have finished");
        let expected: &[&str] = if earlier { &["out.parquet"] } else { &[] };
        comes_to(&bench, expected).await;
        if earlier {
            assert_eq!(std::fs::read(bench.path()).unwrap(), b"earlier");
        }
    }
}

#[tokio::test]
async fn an_export_dropped_at_any_page_leaves_nothing() {
    for last in 0..5 {
        let bench = Bench::start(service()).await;
        let (pages, stop) = (AtomicUsize::new(0), Arc::new(tokio::sync::Notify::new()));
        let told = Arc::clone(&stop);
        let export = bench
            .export("t")
            .await
            .with_fetch(paging(10, 1))
            .with_observer(move |event| {
                if matches!(event, ExportEvent::Page { .. })
                    && pages.fetch_add(1, Ordering::SeqCst) == last
                {
                    told.notify_one();
                }
            });
        tokio::select! {
            biased;
            () = stop.notified() => {}
            done = export.to(LocalFile::new(bench.path())) => panic!("{done:?}"),
        }
        comes_to(&bench, &[]).await;
        // A request may have been on its way, and one more; then nothing goes on behind.
        let sent = settled(&bench).await;
        assert!(sent <= last + 3, "{sent} requests for {} pages", last + 1);
    }
}

/// A disk that is full after so many bytes.
#[derive(Debug)]
struct SmallDisk {
    bytes: usize,
    committed: Arc<AtomicBool>,
}

struct SmallOutput {
    left: usize,
    committed: Arc<AtomicBool>,
}

impl Destination for SmallDisk {
    fn name(&self) -> String {
        "a small disk".to_owned()
    }

    fn open(&self) -> Result<Box<dyn Output>, Error> {
        Ok(Box::new(SmallOutput {
            left: self.bytes,
            committed: Arc::clone(&self.committed),
        }))
    }
}

impl Write for SmallOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for SmallOutput {
    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        self.committed.store(true, Ordering::SeqCst);
        Err(Error::WriterStopped)
    }
}

#[tokio::test]
async fn a_full_disk_ends_the_export_and_its_requests() {
    // Numbers that take room however they are encoded.
    let scattered = |n: i64| (n * n).wrapping_mul(6_364_136_223_846_793_005) >> 12;
    let rows = (1..=40_000).map(|n: i64| Row::new().with("OBJECTID", n).with("N", scattered(n)));
    let layer = Layer::table("t")
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("N", FieldType::BigInteger))
        .with_max_record_count(1000)
        .with_rows(rows);
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    for bytes in [0, 100, 50_000] {
        bench.service.clear_requests();
        let committed = Arc::new(AtomicBool::new(false));
        let options =
            WriterOptions::default().with_row_group_rows(NonZeroUsize::new(1000).unwrap());
        let export = bench.export("t").await.with_writer(options);
        let disk = SmallDisk {
            bytes,
            committed: Arc::clone(&committed),
        };
        let error = export.to(disk).await.unwrap_err();
        assert!(matches!(error, Error::Write(_)), "{bytes}: {error:?}");
        assert!(!committed.load(Ordering::SeqCst));
        comes_to(&bench, &[]).await;
        if bytes < 50_000 {
            // Rows are written 16,384 at a time; by then no more than the window has been asked for.
            let sent = bench.count(RequestKind::Features);
            assert!(sent < 35, "{sent} of 40 pages");
        }
    }
}
