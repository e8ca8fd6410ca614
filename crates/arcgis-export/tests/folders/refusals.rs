//! Folders that are none to go by: refused before anything is asked for, and left as they are.

use arcgis_export::{Error, FileFormat, LayerSelection, LocalFolder, SyncError};
use arcgis_layer::ResourceAddress;

use crate::world::{World, files};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_an_index_is_refused_and_not_made() {
    let world = World::here(1).await;
    let error = world.sync().of(world.folder()).await.unwrap_err();
    assert!(
        matches!(error, Error::Sync(SyncError::NoIndex { .. })),
        "{error:?}"
    );
    assert!(!world.path().exists());
    assert!(world.service.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_service_and_other_files_are_refused() {
    let world = World::here(2).await;
    world.begin().await;
    let before = files(&world.path());
    world.service.clear_requests();
    let root = ResourceAddress::parse(&world.service.services_url()).unwrap();
    let other = arcgis_export::ServiceSync::new(world.client.clone(), root);
    let error = other.of(world.folder()).await.unwrap_err();
    assert!(error.to_string().contains("another source"), "{error}");

    let place = tempfile::tempdir().unwrap();
    let csv = world.export().with_format(FileFormat::Csv);
    let csv = csv.with_each_layer(|export| export);
    csv.to(LocalFolder::new(place.path())).await.unwrap();
    world.service.clear_requests();
    let error = world.sync().of(LocalFolder::new(place.path())).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, Error::Sync(SyncError::NotAnExport { .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains("csv"), "{error}");

    let index = world.path().join("index.json");
    for damaged in ["{}", "", "[]"] {
        std::fs::write(&index, damaged).unwrap();
        let error = world.sync().of(world.folder()).await.unwrap_err();
        assert!(matches!(error, Error::Index { .. }), "{error:?}");
    }
    std::fs::write(&index, &before["index.json"]).unwrap();
    assert_eq!(files(&world.path()), before);
    assert!(world.service.requests().is_empty());

    let none = LayerSelection::new().with_include("nothing".parse().unwrap());
    let error = world.sync().with_selection(none).of(world.folder()).await;
    assert!(matches!(error, Err(Error::NoLayers { .. })), "{error:?}");
}
