//! What stands under the name already.

use std::fs;

use arcgis_export::{Error, PartitionFolder, Partitions, Sync, SyncError};

use crate::bench::{Bench, files, names, three};

fn by_state() -> Partitions {
    Partitions::by_field("STATE")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_is_replaced_where_that_is_wanted() {
    let bench = Bench::of(three(30)).await;
    bench.cut(by_state()).await.unwrap();
    let before = files(&bench.path());
    let error = bench.cut(Partitions::spatial()).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    assert_eq!(files(&bench.path()), before);
    for _ in 0..2 {
        let export = bench.export().await.with_partitions(Partitions::spatial());
        export
            .to(bench.folder().with_overwrite(true))
            .await
            .unwrap();
        assert_eq!(names(&bench.path()), ["_index.json", "part-00000.parquet"]);
        assert_eq!(bench.names(), ["cities"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_files_are_never_taken_away() {
    let bench = Bench::of(three(30)).await;
    fs::create_dir(bench.path()).unwrap();
    let mine = bench.path().join("mine.txt");
    fs::write(&mine, "mine").unwrap();
    let over = || bench.folder().with_overwrite(true);
    let said = |error: &Error| {
        let source = std::error::Error::source(error);
        format!(
            "{error}: {}",
            source.map_or(String::new(), ToString::to_string)
        )
    };
    let export = bench.export().await.with_partitions(by_state());
    bench.server.clear_requests();
    let error = export.clone().to(over()).await.unwrap_err();
    assert!(
        said(&error).contains("it has no _index.json"),
        "{}",
        said(&error)
    );
    assert!(bench.server.requests().is_empty());
    fs::remove_file(&mine).unwrap();
    // Into an empty one it goes without more ado.
    export.clone().to(bench.folder()).await.unwrap();
    fs::write(&mine, "mine").unwrap();
    let before = files(&bench.path());
    let error = export.clone().to(over()).await.unwrap_err();
    assert!(
        said(&error).contains("mine.txt is not one of the files"),
        "{}",
        said(&error)
    );
    assert_eq!(files(&bench.path()), before);
    // What comes while rows are fetched stays as well.
    fs::remove_file(&mine).unwrap();
    let late = mine.clone();
    let export = export.with_before_commit(move |_| Ok(fs::write(&late, "mine")?));
    let error = export.to(over()).await.unwrap_err();
    assert!(said(&error).contains("mine.txt"), "{}", said(&error));
    assert_eq!(files(&bench.path()), before);
    assert_eq!(bench.names(), ["cities"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_came_meanwhile_is_not_replaced() {
    let bench = Bench::of(three(30)).await;
    let path = bench.path();
    let export = bench.export().await.with_partitions(by_state());
    let export = export.with_before_commit(move |_| {
        fs::create_dir(&path)?;
        Ok(fs::write(path.join("theirs"), "")?)
    });
    let error = export.to(bench.folder()).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    assert_eq!(names(&bench.path()), ["theirs"]);
    assert_eq!(bench.names(), ["cities"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn places_that_cannot_be_written_are_known_at_once() {
    let bench = Bench::of(three(3)).await;
    let file = bench.place().join("file");
    fs::write(&file, "").unwrap();
    let export = bench.export().await.with_partitions(by_state());
    bench.server.clear_requests();
    for path in [
        file.clone(),
        file.join("below"),
        bench.place().join("missing").join("cities"),
        std::path::PathBuf::new(),
    ] {
        let folder = PartitionFolder::new(&path).with_overwrite(true);
        let error = export.clone().to(folder).await.unwrap_err();
        assert!(
            matches!(error, Error::Unwritable { .. }),
            "{path:?}: {error}"
        );
    }
    assert!(bench.server.requests().is_empty());
    assert_eq!(bench.names(), ["file"]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn links_stay_links_and_folders_keep_their_mode() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let bench = Bench::of(three(3)).await;
    let behind = bench.place().join("behind");
    fs::create_dir(&behind).unwrap();
    fs::set_permissions(&behind, fs::Permissions::from_mode(0o750)).unwrap();
    symlink(&behind, bench.path()).unwrap();
    bench.cut(by_state()).await.unwrap();
    assert!(fs::symlink_metadata(bench.path()).unwrap().is_symlink());
    let mode = fs::metadata(&behind).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o750);
    assert_eq!(bench.names(), ["behind", "cities"]);
    assert_eq!(names(&behind).len(), 4);
}

/// Its rows are not all of the query, so bringing it up to date would put the others in.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_files_is_not_brought_up_to_date() {
    let bench = Bench::of(three(9)).await;
    bench.cut(by_state()).await.unwrap();
    let file = bench.path().join("STATE=06/part-00000.parquet");
    let before = fs::read(&file).unwrap();
    let error = Sync::new(bench.layer().await, &file)
        .run()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Sync(SyncError::NotAnExport { problem, .. }) if problem.contains("one of several")),
        "{error}"
    );
    assert_eq!(fs::read(&file).unwrap(), before);
}
