//! Datasets in stores: what arrives, what it replaces, and what is refused.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use arcgis_export::{Error, PartitionIndex, Partitions, Resume, ResumeError, StoredPartitions};
use arcgis_testkit::RequestKind;
use arrow_array::RecordBatch;
use bytes::Bytes;

use crate::bench::{Bench, files, rows, three, towns};
use crate::pages;
use crate::s3::{Fault, S3};
use crate::store::{Store, Wrong};

pub(crate) fn by_state() -> Partitions {
    Partitions::by_field("STATE")
}

/// What an error says, with its causes.
pub(crate) fn said(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The rows of a bucket's dataset, by the names of its files: these are all that is there.
fn arrived(s3: &S3, folder: &str) -> BTreeMap<String, RecordBatch> {
    let read = |name: &str| Bytes::from(std::fs::read(s3.path(folder).join(name)).unwrap());
    let index = PartitionIndex::from_json(&read("_index.json")).unwrap();
    let mut listed: Vec<String> = index.files.iter().map(|file| file.file.clone()).collect();
    listed.push("_index.json".to_owned());
    listed.sort();
    assert_eq!(files(&s3.path(folder)), listed);
    let files = index.files.iter().map(|file| {
        let bytes = read(&file.file);
        assert_eq!(bytes.len() as u64, file.bytes);
        (file.file.clone(), pages::read(&bytes))
    });
    files.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_folders_are_those_on_disk() {
    let bench = Bench::of(three(500)).await;
    let one = bench.one_file().await;
    for (cut, at_least) in [
        (by_state(), 3),
        (by_state().with_file_rows(50.try_into().unwrap()), 10),
        (Partitions::by_fields(["STATE", "DAY"]), 6),
        (
            Partitions::spatial().with_file_rows(60.try_into().unwrap()),
            9,
        ),
    ] {
        let s3 = S3::start();
        let export = bench.export().await.with_partitions(cut.clone());
        // Of several parts, with small ones.
        let folder = s3
            .folder("lake/cities")
            .with_part_size(1024.try_into().unwrap());
        let report = export
            .clone()
            .to(StoredPartitions::new(folder))
            .await
            .unwrap();
        assert_eq!(
            report.output.as_deref(),
            Some("AmazonS3(lake)/lake/cities/")
        );
        let there = arrived(&s3, "lake/cities");
        assert!(there.len() >= at_least, "{cut:?}: {there:?}");
        assert_eq!(s3.open_uploads(), [""; 0]);
        assert_eq!(report.partitions.unwrap().files, there.len() as u64);
        let sizes = files(&s3.path("lake/cities")).into_iter();
        let sizes = sizes.map(|file| {
            let path = s3.path("lake/cities").join(file);
            std::fs::metadata(path).unwrap().len()
        });
        assert_eq!(report.file_bytes, Some(sizes.sum()));
        let batches: Vec<&RecordBatch> = there.values().collect();
        assert_eq!(rows(&batches), rows(&[&one]));
        // File by file as in a folder on this machine, under names with a mark.
        export
            .to(bench.folder().with_overwrite(true))
            .await
            .unwrap();
        let plain: Vec<String> = there.keys().map(|name| unmarked(name)).collect();
        let here = bench.files();
        assert!(here.keys().eq(&plain), "{here:?} {plain:?}");
        for (here, there) in here.values().zip(there.values()) {
            assert_eq!(here, there);
        }
    }
}

/// The name of a file without what tells it from those of other exports.
pub(crate) fn unmarked(name: &str) -> String {
    let (path, mark) = name.rsplit_once("part-").unwrap();
    let (number, mark) = mark.split_once('-').unwrap();
    let mark = mark.strip_suffix(".parquet").unwrap();
    // As 20260131T120000Z-0123abcd
    assert_eq!(
        (mark.len(), mark.as_bytes()[8], mark.as_bytes()[16]),
        (25, b'T', b'-')
    );
    format!("{path}part-{number}.parquet")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_without_rows_is_a_file_without_rows() {
    let bench = Bench::of(towns([])).await;
    let store = Store::new();
    let export = bench.export().await.with_partitions(by_state());
    let report = export.to(store.partitions()).await.unwrap();
    assert_eq!(report.rows, 0);
    let files = store.dataset().await.unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(pages::read(&files[0].1).num_rows(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_is_replaced_where_that_is_wanted() {
    for store in [
        Store::new(),
        Store::without_conditions(),
        Store::with_versions_alone(),
    ] {
        let bench = Bench::of(three(30)).await;
        let export = bench.export().await;
        let cut = |cut| export.clone().with_partitions(cut);
        cut(by_state()).to(store.partitions()).await.unwrap();
        let before = store.objects().await;
        assert_eq!(before.len(), 4);
        bench.server.clear_requests();
        let error = cut(Partitions::spatial()).to(store.partitions()).await;
        let error = error.unwrap_err();
        assert!(
            matches!(&error, Error::Exists { path } if path.ends_with("lake/cities")),
            "{error:?}"
        );
        assert!(bench.server.requests().is_empty());
        assert_eq!(store.objects().await, before);
        for _ in 0..2 {
            let over = store.partitions().with_overwrite(true);
            cut(Partitions::spatial()).to(over).await.unwrap();
            let now = store.objects().await;
            assert_eq!(now.len(), 2, "{now:?}");
            assert_eq!(now[0], "_index.json");
            assert_eq!(unmarked(&now[1]), "part-00000.parquet");
            assert!(!before.contains(&now[1]));
            assert_eq!(store.dataset().await.unwrap()[0].0, now[1]);
        }
    }
}

/// Until all rows are proven nothing is to be seen; then the index comes behind the files, and what goes goes behind it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_appears_before_all_is_there() {
    let bench = Bench::of(three(300)).await;
    let store = Store::new();
    let export = bench.export().await.with_partitions(by_state());
    export.clone().to(store.partitions()).await.unwrap();
    let before = store.objects().await;
    store.heal();
    let (seen, runtime) = (store.clone(), tokio::runtime::Handle::current());
    let expected = before.clone();
    let export = export.with_before_commit(move |_| {
        assert_eq!(runtime.block_on(seen.objects()), expected);
        Ok(())
    });
    export
        .to(store.partitions().with_overwrite(true))
        .await
        .unwrap();
    let asked = store.asked();
    let last = |what: &str| {
        asked
            .iter()
            .rposition(|asked| asked.starts_with(what))
            .unwrap()
    };
    let first = |what: &str| {
        asked
            .iter()
            .position(|asked| asked.starts_with(what))
            .unwrap()
    };
    assert!(last("part ") < first("put _pending-2"), "{asked:?}");
    assert!(first("put _pending-2") < first("complete "));
    assert!(last("complete ") < first("put _index.json"));
    // But for the trial.
    let deletes = asked
        .iter()
        .skip(last("part "))
        .filter(|asked| asked.starts_with("delete "));
    assert_eq!(deletes.count(), 4, "{asked:?}");
    assert!(
        asked.last().unwrap().starts_with("delete _pending-"),
        "{asked:?}"
    );
    for file in before.iter().filter(|file| *file != "_index.json") {
        let gone = last(&format!("delete {file}"));
        assert!(gone > last("put _index.json"), "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_objects_are_never_taken_away() {
    let bench = Bench::of(three(30)).await;
    let store = Store::new();
    let over = || store.partitions().with_overwrite(true);
    let export = bench.export().await.with_partitions(by_state());
    store.write("mine.txt", "mine").await;
    bench.server.clear_requests();
    let error = export.clone().to(over()).await.unwrap_err();
    assert!(
        said(&error).contains("it has no _index.json"),
        "{}",
        said(&error)
    );
    let error = export.clone().to(store.partitions()).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error:?}");
    assert!(bench.server.requests().is_empty());

    let store = Store::new();
    let over = || store.partitions().with_overwrite(true);
    export.clone().to(store.partitions()).await.unwrap();
    // Other programs' marks of folders are in nobody's way.
    store.write("STATE=06", "").await;
    store.write("STATE=of old", "").await;
    let before = store.objects().await;
    for foreign in [
        "mine.txt",
        "STATE=06/part-00000.parquet",
        "_pending-x.json",
        "another/x",
    ] {
        store.write(foreign, "mine").await;
        let with_it = store.objects().await;
        let error = export.clone().to(over()).await.unwrap_err();
        let expected = match foreign {
            "_pending-x.json" => "its _pending-x.json cannot be used".to_owned(),
            foreign => format!("{foreign} is not one of the files"),
        };
        assert!(said(&error).contains(&expected), "{}", said(&error));
        assert_eq!(store.objects().await, with_it);
        store.remove(foreign).await;
    }
    // What comes while rows are fetched stays as well.
    let (late, runtime) = (store.clone(), tokio::runtime::Handle::current());
    let export = export.with_before_commit(move |_| {
        runtime.block_on(late.write("mine.txt", "mine"));
        Ok(())
    });
    let error = export.to(over()).await.unwrap_err();
    assert!(said(&error).contains("mine.txt"), "{}", said(&error));
    let mut expected = before;
    expected.push("mine.txt".to_owned());
    expected.sort();
    assert_eq!(store.objects().await, expected);
    store.dataset().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_is_whole_and_the_other_says_so() {
    for (store, begun) in [
        (Store::new(), false),
        (Store::new(), true),
        (Store::without_conditions(), true),
        (Store::with_versions_alone(), true),
    ] {
        let bench = Bench::of(three(300)).await;
        let export = bench.export().await;
        if begun {
            let first = export.clone().with_partitions(by_state());
            first.to(store.partitions()).await.unwrap();
        }
        let over = || store.partitions().with_overwrite(true);
        let other = export.clone().with_partitions(Partitions::spatial());
        // While the one is about to appear, the other one does.
        let runtime = tokio::runtime::Handle::current();
        let meanwhile = store.clone();
        let one = export.with_partitions(Partitions::by_field("DAY"));
        let one = one.with_before_commit(move |_| {
            let over = meanwhile.partitions().with_overwrite(true);
            runtime.block_on(other.clone().to(over)).unwrap();
            Ok(())
        });
        let error = match begun {
            true => one.to(over()).await,
            false => one.to(store.partitions()).await,
        };
        let error = error.unwrap_err();
        match begun {
            true => assert!(matches!(error, Error::Replaced { .. }), "{error:?}"),
            false => assert!(matches!(error, Error::Exists { .. }), "{error:?}"),
        }
        let files = store.dataset().await.unwrap();
        assert_eq!(unmarked(&files[0].0), "part-00000.parquet");
        assert_eq!(store.objects().await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_known_before_the_first_request() {
    let bench = Bench::of(three(30)).await;
    let export = bench.export().await.with_partitions(by_state());
    bench.server.clear_requests();
    let over = |s3: &S3| StoredPartitions::new(s3.folder("x")).with_overwrite(true);
    let gone = S3::start();
    gone.remove_bucket();
    let denied = S3::start().with(Fault::Denied { from_part: 0 });
    let read_only = S3::start().with(Fault::ReadOnly);
    for (s3, problem) in [
        (gone, "NoSuchBucket"),
        (denied, "AccessDenied"),
        (read_only, "AccessDenied"),
    ] {
        let error = export.clone().to(over(&s3)).await.unwrap_err();
        assert!(
            matches!(error, Error::Unwritable { .. } | Error::Unreadable { .. }),
            "{error:?}"
        );
        assert!(said(&error).contains(problem), "{}", said(&error));
    }
    let keeps = S3::start();
    export.clone().to(over(&keeps)).await.unwrap();
    bench.server.clear_requests();
    keeps.fail(Fault::Undeletable);
    let error = export.clone().to(over(&keeps)).await.unwrap_err();
    assert!(said(&error).contains("AccessDenied"), "{}", said(&error));
    // Pages that are to be kept need a place on this machine.
    keeps.heal();
    let resumed = export.with_resume(Resume::new());
    let error = resumed.clone().to(over(&keeps)).await.unwrap_err();
    assert!(
        matches!(error, Error::Resume(ResumeError::NoPlace { .. })),
        "{error:?}"
    );
    assert!(bench.server.requests().is_empty());
    assert_eq!(keeps.open_uploads(), [""; 0]);
    assert_eq!(arrived(&keeps, "x").len(), 3);
    let place = tempfile::tempdir().unwrap();
    let spilled = resumed.with_resume(Resume::in_folder(place.path()));
    spilled.to(over(&keeps)).await.unwrap();
    assert_eq!(arrived(&keeps, "x").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_are_sent_side_by_side_and_not_all_at_once() {
    let names: Vec<String> = (0..200).map(|n| format!("value {n:03}")).collect();
    let rows = (0..2_000).map(|n| Some(names[n % 200].as_str()));
    let bench = Bench::of(towns(rows).with_max_record_count(500)).await;
    let store = Store::new();
    let export = bench.export().await.with_partitions(by_state());
    let report = export.to(store.partitions()).await.unwrap();
    assert_eq!(report.partitions.unwrap().files, 200);
    assert_eq!(store.dataset().await.unwrap().len(), 200);
    let most = store.most_at_once();
    assert!((2..=16).contains(&most), "{most}");
    assert_eq!(bench.server.requests_of(RequestKind::Features).len(), 4);
}

/// Requests that are under way when something is given up: while uploads begin, while parts are sent, while files appear,
/// and while the index is put.
pub(crate) const UNDER_WAY: [&str; 5] = [
    "begin STATE",
    "part ",
    "put _pending-2",
    "complete ",
    "put _index",
];

/// Gives work up while such a request is under way, with what has to be true of the store then.
pub(crate) async fn give_up<T: Debug>(
    store: &Store,
    (of, wrong): (&'static str, Wrong),
    work: impl Future<Output = T>,
) {
    let what = format!("{of} {wrong:?}");
    let (before, objects) = (store.dataset().await, store.objects().await);
    store.break_at(0, wrong, Some(of));
    let since = tokio::select! {
        done = work => panic!("{what}: {done:?}"),
        since = store.is_going_wrong() => since,
    };
    let waited = since.elapsed();
    store.heal();
    // A thread that is left behind is waited for ten seconds.
    assert!(waited < Duration::from_millis(9_500), "{what}: {waited:?}");
    let after = store.dataset().await;
    let is_answered = wrong != Wrong::Stalled;
    match of {
        // It is the dataset then, whoever waits for the answer.
        "put _index" if is_answered => {
            let files = after.unwrap();
            assert_ne!(Some(&files), before.as_ref(), "{what}");
            assert_eq!(store.objects().await.len(), files.len() + 1, "{what}");
        }
        _ => assert_eq!(after, before, "{what}"),
    }
    match (of, wrong) {
        // Nobody knows what becomes of it.
        ("complete ", Wrong::Stalled) => assert_eq!(store.open_uploads().len(), 1, "{what}"),
        _ => assert_eq!(store.open_uploads(), [""; 0], "{what}"),
    }
    // Files that have appeared meanwhile are taken away, and the note of them.
    if of != "put _index" && (is_answered || of != "complete ") {
        assert_eq!(store.objects().await, objects, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_leaves_nothing() {
    let bench = Bench::of(three(600)).await;
    let earlier = Store::new();
    let export = bench.export().await.with_partitions(by_state());
    export.clone().to(earlier.partitions()).await.unwrap();
    for of in UNDER_WAY {
        for wrong in [Wrong::Slow, Wrong::Delayed, Wrong::Stalled] {
            let store = earlier.fork();
            let over = || store.partitions().with_overwrite(true);
            give_up(&store, (of, wrong), export.clone().to(over())).await;
            // What was left is cleared by the next one.
            export.clone().to(over()).await.unwrap();
            assert_eq!(store.objects().await.len(), 4, "{of} {wrong:?}");
        }
    }
}
