//! Datasets in stores, brought up to date.

use std::sync::Arc;

use arcgis_export::{Error, LayerExport, Partitions, StoredPartitions, Sync, SyncError};
use arcgis_testkit::{Layer as Served, LayerRows, Row};

use crate::bench::{Bench, rows, three};
use crate::pages;
use crate::s3::S3;
use crate::store::{Store, Wrong};
use crate::stored::{UNDER_WAY, by_state, give_up, said, unmarked};

fn tracked(rows: usize) -> Served {
    three(rows).with_capabilities("Query,ChangeTracking")
}

/// One row comes, one goes, and one moves to the folder of another value.
fn edit(rows: &LayerRows) {
    let ids = rows.object_ids();
    rows.insert(Row::new().with("STATE", "06").with("KIND", 7))
        .unwrap();
    rows.delete(ids[3]).unwrap();
    rows.update(ids[4], Row::new().with("STATE", "new"))
        .unwrap();
}

async fn export(bench: &Bench, cut: &Partitions) -> LayerExport {
    bench.export().await.with_partitions(cut.clone())
}

/// A store with an export.
async fn kept(bench: &Bench, cut: &Partitions) -> Store {
    let store = Store::new();
    let to = store.partitions();
    export(bench, cut).await.to(to).await.unwrap();
    store
}

/// File by file the dataset is what an export writes now.
async fn is_fresh(bench: &Bench, store: &Store, cut: &Partitions) {
    let to = bench.folder().with_overwrite(true);
    export(bench, cut).await.to(to).await.unwrap();
    let here = bench.files();
    let there = store.dataset().await.unwrap();
    assert_eq!(store.objects().await.len(), there.len() + 1);
    let names: Vec<String> = there.iter().map(|(name, _)| unmarked(name)).collect();
    let mut sorted = names.clone();
    sorted.sort();
    assert!(here.keys().eq(&sorted), "{names:?}");
    for (name, (_, bytes)) in names.iter().zip(&there) {
        assert_eq!(pages::read(bytes), here[name], "{name}");
    }
    let index = store.index().await.unwrap();
    let (mut is, mut fresh) = (index, bench.index());
    assert_eq!(is.rows, fresh.rows);
    // But for when, from which state, and the marks.
    for index in [&mut is, &mut fresh] {
        index.started = None;
        index.server_generation = None;
        index.finished = arcgis_export::Timestamp::UNIX_EPOCH;
        index.bytes = 0;
        for file in &mut index.files {
            file.bytes = 0;
        }
    }
    for file in &mut is.files {
        file.file = unmarked(&file.file);
    }
    is.query.clone_from(&fresh.query);
    assert_eq!(is, fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_what_an_export_would_write_now() {
    for cut in [
        by_state(),
        by_state().with_file_rows(40.try_into().unwrap()),
        Partitions::spatial().with_file_rows(50.try_into().unwrap()),
    ] {
        let bench = Bench::of(tracked(300)).await;
        let store = kept(&bench, &cut).await;
        let served = bench.server.layer("towns").unwrap();
        for _ in 0..2 {
            edit(&served);
            let before = store.objects().await;
            let sync = Sync::new(bench.layer().await, store.folder());
            let report = sync.run().await.unwrap();
            assert_eq!((report.way.name(), report.fetched_rows), ("changes", 2));
            assert_eq!(
                (report.added_rows, report.changed_rows, report.deleted_rows),
                (1, 1, 1)
            );
            assert_eq!(report.output, "Store/lake/cities/");
            let now = store.objects().await;
            assert!(
                now.iter()
                    .all(|file| file == "_index.json" || !before.contains(file))
            );
            is_fresh(&bench, &store, &cut).await;
        }
        // Where nothing has changed, nothing is written.
        let before = store.dataset().await;
        store.heal();
        let sync = Sync::new(bench.layer().await, store.folder());
        let report = sync.run().await.unwrap();
        assert!(!report.written);
        assert_eq!(store.dataset().await, before);
        let asked = store.asked();
        let written = asked.iter().filter(|asked| asked.starts_with("complete "));
        assert_eq!(written.count(), 0, "{asked:?}");
        assert!(!asked.contains(&"put _index.json".to_owned()), "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_byte_comes_at_most_once() {
    let bench = Bench::of(tracked(2_000)).await;
    let s3 = S3::start();
    let to = StoredPartitions::new(s3.folder("lake"));
    let report = export(&bench, &by_state()).await.to(to).await.unwrap();
    let size = report.file_bytes.unwrap();
    edit(&bench.server.layer("towns").unwrap());
    let before = s3.sent();
    let report = Sync::new(bench.layer().await, s3.folder("lake"))
        .run()
        .await;
    assert!(report.unwrap().written);
    let index = std::fs::metadata(s3.path("lake/_index.json"))
        .unwrap()
        .len();
    // The index is looked at when it is opened, before anything is asked for, and before it is replaced.
    let read = s3.sent() - before;
    assert!(
        read < size + 8 * index,
        "{read} of {size} bytes, {index} of them the index"
    );
    assert_eq!(s3.open_uploads(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_the_index_lists_it_is_refused() {
    let bench = Bench::of(tracked(30)).await;
    for (what, expected) in [
        (
            "gone",
            "is not as the dataset's index lists it: it is not there",
        ),
        ("short", " bytes, and not "),
        ("none", "it has no _index.json"),
        ("other", "is not one of the files"),
        ("bad", "its _index.json cannot be used"),
    ] {
        let store = kept(&bench, &by_state()).await;
        let file = store.objects().await.swap_remove(1);
        match what {
            "gone" => store.remove(&file).await,
            "short" => store.write(&file, "PAR1").await,
            "none" => store.remove("_index.json").await,
            "bad" => store.write("_index.json", "{}").await,
            _ => store.write("mine.txt", "mine").await,
        }
        let objects = store.objects().await;
        let layer = bench.layer().await;
        bench.server.clear_requests();
        let error = Sync::new(layer, store.folder()).run().await.unwrap_err();
        assert!(said(&error).contains(expected), "{what}: {}", said(&error));
        assert!(bench.server.requests().is_empty(), "{what}");
        assert_eq!(store.objects().await, objects);
    }
    // One file of it is none by itself.
    let store = kept(&bench, &by_state()).await;
    let file = format!("lake/cities/{}", store.objects().await[1]);
    let key = arcgis_export::object_store::path::Path::parse(file).unwrap();
    let object = arcgis_export::StoredObject::new(Arc::new(store), key);
    let error = Sync::new(bench.layer().await, object)
        .run()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Sync(SyncError::NotAnExport { problem, .. }) if problem.contains("one of several")),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_somebody_else_replaces_is_left_so() {
    let bench = Bench::of(tracked(300)).await;
    let store = kept(&bench, &by_state()).await;
    edit(&bench.server.layer("towns").unwrap());
    let (seen, runtime) = (store.clone(), tokio::runtime::Handle::current());
    let other = export(&bench, &Partitions::spatial()).await;
    let done = std::sync::Once::new();
    let sync = Sync::new(bench.layer().await, store.folder()).with_observer(move |event| {
        // On the thread that writes.
        if matches!(event, arcgis_export::ExportEvent::RowGroup(_)) {
            done.call_once(|| {
                let over = seen.partitions().with_overwrite(true);
                runtime.block_on(other.clone().to(over)).unwrap();
            });
        }
    });
    let error = sync.run().await.unwrap_err();
    assert!(matches!(error, Error::Replaced { .. }), "{error:?}");
    let files = store.dataset().await.unwrap();
    assert_eq!(unmarked(&files[0].0), "part-00000.parquet");
    assert_eq!(store.objects().await.len(), 2);
    let all: Vec<_> = files.iter().map(|(_, bytes)| pages::read(bytes)).collect();
    assert_eq!(rows(&all.iter().collect::<Vec<_>>()).len(), 300);
}

/// As for an export: by its index the dataset is the earlier one or the new one, and the next sync clears what is left.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_request_fails_it_is_whole() {
    let bench = Bench::of(tracked(60)).await;
    let cut = by_state();
    let earlier = kept(&bench, &cut).await;
    edit(&bench.server.layer("towns").unwrap());
    for wrong in [Wrong::Once, Wrong::FromThen, Wrong::LostAnswer] {
        let mut at = 0;
        loop {
            let store = earlier.fork();
            let before = store.dataset().await;
            store.break_at(at, wrong, None);
            let done = Sync::new(bench.layer().await, store.folder()).run().await;
            let asked = store.asked();
            store.heal();
            let after = store.dataset().await;
            if done.is_ok() {
                assert!(
                    after != before && after.is_some(),
                    "{wrong:?} {at}: {asked:?}"
                );
            }
            if after == before {
                // Not so if the answer to the index got lost.
                Sync::new(bench.layer().await, store.folder())
                    .run()
                    .await
                    .unwrap();
            }
            let index = store.index().await.unwrap();
            assert_eq!(index.rows, 60, "{wrong:?} {at}");
            if asked.len() <= at {
                break;
            }
            at += 1;
        }
        assert!(at > 30, "{at} requests");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_leaves_nothing() {
    let bench = Bench::of(tracked(60)).await;
    let cut = by_state();
    let earlier = Store::new();
    let export = export(&bench, &cut).await;
    export.to(earlier.partitions()).await.unwrap();
    edit(&bench.server.layer("towns").unwrap());
    for of in UNDER_WAY {
        for wrong in [Wrong::Slow, Wrong::Delayed, Wrong::Stalled] {
            let store = earlier.fork();
            let sync = Sync::new(bench.layer().await, store.folder());
            give_up(&store, (of, wrong), sync.run()).await;
            let sync = Sync::new(bench.layer().await, store.folder());
            let done = sync.run().await;
            // What has come already is not sent again.
            let is_new = of == "put _index" && wrong != Wrong::Stalled;
            assert_eq!(done.unwrap().written, !is_new, "{of} {wrong:?}");
            assert_eq!(store.index().await.unwrap().rows, 60, "{of} {wrong:?}");
        }
    }
}
