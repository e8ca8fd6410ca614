//! What goes wrong with some layers, and what with all.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arcgis_export::{Destination, Error, Folder, LayerOutcome, LayerStatus, LocalFolder, Resume};
use arcgis_testkit::{Fault, FaultKind, RequestKind, Security, Service, ServiceFailure, Testkit};

use crate::bench::{Bench, server, towns};

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_fails_is_named_and_the_others_are_there() {
    let broken = Fault::on_query(1, FaultKind::Status(500))
        .always()
        .for_layer("Towns");
    let bench = Bench::start(server().fault(broken)).await;
    let report = bench.export().to(bench.folder()).await.unwrap();
    let failures: Vec<_> = report.failures().collect();
    let [(layer, error)] = failures[..] else {
        panic!("{failures:?}")
    };
    assert_eq!(layer.name, "Towns");
    assert!(matches!(error, Error::Layer(_)), "{error}");
    assert_eq!(layer.status, LayerStatus::Failed);
    assert!(layer.problem.as_ref().unwrap().contains("500"), "{layer:?}");
    assert!(!report.index.is_complete());
    assert!(report.index.finished.is_some());
    assert_eq!(
        bench.files(),
        [
            "Land/Towns/Notes_old_new.parquet",
            "Land/Towns/TOWNS-2.parquet",
            "bare/nothing.parquet",
            "index.json"
        ]
    );
    // Nothing leads to a file that is not there.
    let notes = bench
        .index()
        .layers
        .into_iter()
        .find(|layer| layer.id == 5)
        .unwrap();
    assert_eq!(notes.relationships[0].related_file, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_without_metadata_and_a_service_that_is_down_are_failures() {
    let gone = Fault::on(RequestKind::Layer, 1, FaultKind::Status(503))
        .always()
        .for_layer("TOWNS");
    let asleep = Service::new("Land/asleep").failing(ServiceFailure::NotStarted);
    let bench = Bench::start(server().service(asleep).fault(gone)).await;
    let report = bench.export().to(bench.folder()).await.unwrap();
    let names: Vec<_> = report.failures().map(|(layer, _)| &*layer.url).collect();
    // As both kinds of service have it, and nobody knows that they are the same.
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().all(|url| url.ends_with("/2")), "{names:?}");
    let unread: Vec<_> = report
        .index
        .unread
        .iter()
        .map(|unread| &*unread.url)
        .collect();
    assert_eq!(unread.len(), 2, "{unread:?}");
    assert!(
        unread.iter().all(|url| url.contains("/Land/asleep/")),
        "{unread:?}"
    );
    assert!(report.index.unread[0].problem.contains("not started"));
    assert!(!report.index.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_way_in_the_reason_is_the_error() {
    let bench = Bench::start(server().security(Security::token("me", "secret"))).await;
    let error = bench.export().to(bench.folder()).await.unwrap_err();
    assert!(
        matches!(error, Error::Layer(arcgis_layer::Error::Service(_))),
        "{error:?}"
    );
    assert!(bench.files().is_empty());
}

/// A folder that is full when so many files have been begun in it.
#[derive(Debug)]
struct Full {
    folder: LocalFolder,
    room: Arc<AtomicUsize>,
    kind: io::ErrorKind,
}

impl Folder for Full {
    fn name(&self) -> String {
        self.folder.name()
    }

    fn open(&self) -> Result<(), Error> {
        self.folder.open()
    }

    fn file(&self, path: &str, overwrite: bool) -> Result<Box<dyn Destination>, Error> {
        let is_rows = path.ends_with(".parquet");
        if is_rows && self.room.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.room.store(usize::MAX, Ordering::SeqCst);
            return Err(Error::Unwritable {
                path: path.into(),
                source: self.kind.into(),
            });
        }
        self.folder.file(path, overwrite)
    }

    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        self.folder.read(path, most)
    }

    fn size(&self, path: &str) -> Result<Option<u64>, Error> {
        self.folder.size(path)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_export_and_a_name_that_is_taken_does_not() {
    for (kind, goes_on) in [
        (io::ErrorKind::StorageFull, false),
        (io::ErrorKind::IsADirectory, true),
    ] {
        let bench = Bench::start(server()).await;
        let export = |resume: bool| {
            let export = bench
                .export_of(&bench.server.service_url("Land/Towns"))
                .with_layers_at_once(1.try_into().unwrap());
            if resume {
                export.with_resume(Resume::new())
            } else {
                export
            }
        };
        let folder = Full {
            folder: bench.folder(),
            room: Arc::new(AtomicUsize::new(2)),
            kind,
        };
        let report = export(false).to(folder).await.unwrap();
        let (_, error) = report.failures().next().unwrap();
        assert!(matches!(error, Error::Unwritable { .. }), "{error}");
        let tried = |outcome: &&LayerOutcome| !matches!(outcome, LayerOutcome::NotTried);
        let tried = report.outcomes.iter().filter(tried).count();
        assert_eq!(tried == report.outcomes.len(), goes_on, "{report:?}");
        assert_eq!(report.index.finished.is_some(), goes_on);
        let statuses: Vec<_> = bench
            .index()
            .layers
            .iter()
            .map(|layer| layer.status)
            .collect();
        let (done, failed) = (LayerStatus::Done, LayerStatus::Failed);
        assert_eq!((statuses[1], statuses[2]), (done, failed));
        let last = if goes_on { done } else { LayerStatus::Pending };
        assert_eq!(statuses[5], last);
        // With room again, the rest comes.
        let report = export(true).to(bench.folder()).await.unwrap();
        assert!(report.index.is_complete());
        assert!(matches!(report.outcomes[1], LayerOutcome::Kept));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_written_is_known_before_anything_is_asked() {
    let bench = Bench::start(Testkit::builder().layer(towns("t", 1))).await;
    std::fs::write(bench.path(), "a file").unwrap();
    let error = bench.export().to(bench.folder()).await.unwrap_err();
    assert!(
        matches!(error, Error::Unwritable { .. } | Error::Unreadable { .. }),
        "{error}"
    );
    assert!(bench.server.requests().is_empty());
}
