//! Whatever request fails: by its index the dataset is the earlier one or the new one, whole, and the next export leaves
//! nothing but its own files.

use arcgis_export::{LayerExport, Partitions};

use crate::bench::{Bench, three};
use crate::store::{Store, Wrong};
use crate::stored::by_state;

/// An export over what is there, in which the request of one number goes wrong. Says whether there was such a request.
async fn breaks(store: &Store, export: &LayerExport, at: usize, wrong: Wrong) -> bool {
    let before = store.dataset().await;
    let objects = store.objects().await;
    store.break_at(at, wrong, None);
    let over = store.partitions().with_overwrite(true);
    let done = export.clone().to(over).await;
    let asked = store.asked();
    let what = || format!("{wrong:?} {at}: {:?}, {done:?}", asked.get(at));
    let is_broken = asked.len() > at;
    store.heal();
    let after = store.dataset().await;
    match &done {
        Ok(_) => assert!(after != before && after.is_some(), "{}", what()),
        Err(_) if after == before => {}
        // Nobody could say, when the store did not answer any more.
        Err(_) => {
            let of_index = ["put _index.json", "read _index.json"];
            let last = asked.get(at).map(String::as_str).unwrap_or_default();
            assert!(of_index.contains(&last), "{}", what());
            assert!(wrong != Wrong::Once, "{}", what());
        }
    }
    // Of uploads nothing stays, but for those of which the store did not say that it began them, or refused to abort.
    let is_open = ["begin ", "abort "];
    let last = asked.get(at).map(String::as_str).unwrap_or_default();
    if wrong != Wrong::FromThen && !is_open.iter().any(|verb| last.starts_with(verb)) {
        assert_eq!(store.open_uploads(), [""; 0], "{}", what());
    }
    // Before files appear there is nothing to be seen of it, nor when all could be taken back.
    let now = store.objects().await;
    let appeared = asked
        .iter()
        .take(at)
        .any(|asked| asked.starts_with("put _pending"));
    if done.is_err() && !appeared && wrong != Wrong::LostAnswer {
        assert_eq!(now, objects, "{}", what());
    }
    // Whatever is there beside the dataset, a note says.
    let listed: Vec<String> = after
        .iter()
        .flatten()
        .map(|(file, _)| file.clone())
        .collect();
    let mut notes = String::new();
    for name in now.iter().filter(|name| name.starts_with("_pending-")) {
        let note = store.read(name).await.unwrap();
        notes.push_str(std::str::from_utf8(&note).unwrap());
    }
    for name in &now {
        let is_known = name == "_index.json"
            || name.starts_with("_pending-")
            || listed.contains(name)
            || notes.contains(name.as_str());
        assert!(is_known, "{}: {name}", what());
    }
    // The next one clears that.
    let over = store.partitions().with_overwrite(true);
    export
        .clone()
        .to(over)
        .await
        .unwrap_or_else(|error| panic!("{}: {error:?}", what()));
    assert_eq!(
        store.objects().await.len(),
        store.dataset().await.unwrap().len() + 1
    );
    is_broken
}

async fn every_request(wrong: Wrong, begun: bool) {
    let bench = Bench::of(three(60)).await;
    let export = bench.export().await.with_partitions(by_state());
    let earlier = Store::new();
    if begun {
        let cut = Partitions::spatial().with_file_rows(20.try_into().unwrap());
        let export = bench.export().await.with_partitions(cut);
        export.to(earlier.partitions()).await.unwrap();
    }
    let mut at = 0;
    while breaks(&earlier.fork(), &export, at, wrong).await {
        at += 1;
    }
    // Looks and reads, the trial, three files in three steps each, the note, the index, and what is deleted.
    assert!(at > 20, "{at} requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_is_refused() {
    every_request(Wrong::Once, false).await;
    every_request(Wrong::Once, true).await;
}

/// As where a process is killed: nothing can be taken back.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_comes_through_any_more() {
    every_request(Wrong::FromThen, false).await;
    every_request(Wrong::FromThen, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_lost() {
    every_request(Wrong::LostAnswer, false).await;
    every_request(Wrong::LostAnswer, true).await;
}

/// The index of an export that was told to have failed may still arrive. Nobody else's dataset goes for that, and what it
/// names is there.
#[tokio::test]
async fn an_index_arrives_late() {
    let bench = Bench::of(three(60)).await;
    let export = bench.export().await.with_partitions(by_state());
    for (begun, replaced) in [(false, false), (false, true), (true, false), (true, true)] {
        let store = Store::new();
        let over = || store.partitions().with_overwrite(true);
        if begun {
            export.clone().to(over()).await.unwrap();
        }
        let earlier = store.read("_index.json").await;
        store.break_at(0, Wrong::Late, Some("put _index.json"));
        export.clone().to(over()).await.unwrap_err();
        // Not once more, without its condition.
        assert_eq!(store.asked(), ["put _index.json"]);
        store.heal();
        assert_eq!(store.read("_index.json").await, earlier);
        if replaced {
            export.clone().to(over()).await.unwrap();
            let there = store.dataset().await.unwrap();
            store.arrive().await.unwrap_err();
            assert_eq!(store.dataset().await.unwrap(), there);
            continue;
        }
        store.arrive().await.unwrap();
        assert_ne!(store.read("_index.json").await, earlier);
        // All files of the index are there.
        let files = store.dataset().await.unwrap();
        assert_eq!(files.len(), 3);
    }
}
