//! What a sync of a folder does and leaves alone, case by case.

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{
    Error, LayerOutcome, LayerSelection, LayerStatus, LocalFolder, ServiceExport, ServiceSync,
    Sync, SyncWay, WriterOptions,
};
use arcgis_layer::{Layer, LayerAddress, Query, ResourceAddress};
use arcgis_testkit::{
    Attachment, Edit, Fault, FaultKind, Field, FieldType, Layer as Served, RequestKind, Row,
    Service, Testkit,
};

use crate::world::{Happened, Parts, World, files};

fn outcome<'a>(report: &'a arcgis_export::ServiceReport, name: &str) -> &'a LayerOutcome {
    let mut layers = report.layers();
    layers.find(|(layer, _)| layer.name == name).unwrap().1
}

async fn open(world: &World, name: &str) -> Layer {
    let address = LayerAddress::parse(&world.service.layer_url(name)).unwrap();
    Layer::open(world.client.clone(), address).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_layer_is_exported_as_the_others_were() {
    let world = World::here(1).await;
    let query = Query::new()
        .with_where("NUMBER < 50")
        .with_fields(["NUMBER"]);
    let writer = WriterOptions::default().with_row_group_rows(9.try_into().unwrap());
    let (asked, how) = (query.clone(), writer.clone());
    let export = world
        .export()
        .with_each_layer(move |export| export.with_query(asked.clone()).with_writer(how.clone()));
    export.to(world.folder()).await.unwrap();
    world.publish("late", true);
    world.publish("spare", false);
    let spare = std::fs::read(world.path().join("spare.parquet")).unwrap();
    let report = world.sync().of(world.folder()).await.unwrap();
    assert!(matches!(
        outcome(&report, "late"),
        LayerOutcome::Exported(_)
    ));
    assert!(matches!(outcome(&report, "spare"), LayerOutcome::Gone));
    assert!(report.index.is_complete());
    let gone = report.index.of_status(LayerStatus::Gone).next().unwrap();
    assert_eq!(gone.file.as_deref(), Some("spare.parquet"));
    assert!(gone.problem.as_ref().unwrap().contains("its file stays"));
    assert_eq!(
        std::fs::read(world.path().join("spare.parquet")).unwrap(),
        spare
    );

    let place = tempfile::tempdir().unwrap();
    let fresh = place.path().join("late.parquet");
    arcgis_export::LayerExport::new(open(&world, "late").await)
        .with_query(query)
        .with_writer(writer)
        .to(arcgis_export::LocalFile::new(&fresh))
        .await
        .unwrap();
    let [file, fresh] = [world.path().join("late.parquet"), fresh].map(|path| Parts::of(&path));
    assert!(file.body == fresh.body);
    assert_eq!(file.keys, fresh.keys);

    // Back again, it goes on with its file.
    world.publish("spare", true);
    let report = world.sync().of(world.folder()).await.unwrap();
    assert!(matches!(outcome(&report, "spare"), LayerOutcome::Synced(_)));
    assert_eq!(report.index.of_status(LayerStatus::Gone).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_that_were_not_chosen_stay_as_they_are() {
    let mut world = World::here(2).await;
    let all_but = LayerSelection::new().with_exclude("notes".parse().unwrap());
    world
        .export()
        .with_selection(all_but)
        .to(world.folder())
        .await
        .unwrap();
    for name in ["points", "spare"] {
        for _ in 0..3 {
            world.edit(name);
        }
    }
    // By the selection of the export.
    let report = world.sync().of(world.folder()).await.unwrap();
    assert!(report.layers().all(|(layer, _)| layer.name != "notes"));
    assert!(!world.path().join("notes.parquet").exists());
    // By another.
    for _ in 0..3 {
        world.edit("points");
        world.edit("spare");
    }
    let before = files(&world.path());
    let one = LayerSelection::new().with_include("points".parse().unwrap());
    let report = world
        .sync()
        .with_selection(one)
        .of(world.folder())
        .await
        .unwrap();
    assert!(matches!(outcome(&report, "spare"), LayerOutcome::LeftOut));
    assert!(matches!(
        outcome(&report, "points"),
        LayerOutcome::Synced(_)
    ));
    assert_eq!(report.index.of_status(LayerStatus::Done).count(), 3);
    assert_eq!(
        files(&world.path())["spare.parquet"],
        before["spare.parquet"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_service_that_does_not_answer_nothing_is_gone() {
    let rows = |name: &str| Served::table(name).with_rows((0..3).map(|_| Row::new()));
    let service = Testkit::builder()
        .service(
            Service::new("up")
                .with_layer(rows("a"))
                .with_types(["MapServer"]),
        )
        .service(
            Service::new("down")
                .with_layer(rows("b"))
                .with_types(["MapServer"]),
        )
        .start()
        .await
        .unwrap();
    let client = Arc::new(ArcGisClient::builder().retries(0).build().unwrap());
    let root = ResourceAddress::parse(&service.services_url()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let folder = || LocalFolder::new(place.path());
    let export = ServiceExport::new(client.clone(), root.clone());
    export.to(folder()).await.unwrap();
    let broken = Fault::on_kinds(
        [RequestKind::Service, RequestKind::Layer],
        1,
        FaultKind::Status(500),
    );
    let is_down = |request: &arcgis_testkit::Request| request.path().contains("/down/");
    service.add_fault(broken.times(1).when(is_down));
    let report = ServiceSync::new(client, root).of(folder()).await.unwrap();
    assert_eq!(report.index.unread.len(), 1, "{report:?}");
    assert!(matches!(outcome(&report, "b"), LayerOutcome::NotTried));
    assert_eq!(report.index.of_status(LayerStatus::Done).count(), 2);
    assert!(!report.index.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_brought_up_to_date_alone_is_known_again() {
    let mut world = World::here(3).await;
    world.begin().await;
    for _ in 0..5 {
        world.edit("points");
    }
    let file = world.path().join("points.parquet");
    let alone = Sync::new(open(&world, "points").await, &file);
    assert!(alone.run().await.unwrap().written);
    let report = world.follow(&Happened::default()).await;
    let LayerOutcome::Synced(points) = outcome(&report, "points") else {
        panic!("{report:?}");
    };
    assert_eq!((points.way, points.written), (SyncWay::Full, false));
    let size = std::fs::metadata(&file).unwrap().len();
    let entry = report
        .index
        .layers
        .iter()
        .find(|layer| layer.name == "points");
    assert_eq!(entry.unwrap().bytes, Some(size));
    // And the next time there is nothing to look at.
    let report = world.sync().of(world.folder()).await.unwrap();
    let LayerOutcome::Synced(points) = outcome(&report, "points") else {
        panic!("{report:?}");
    };
    assert_eq!(points.fetched_rows, 0);
    // A file that is gone is exported.
    std::fs::remove_file(&file).unwrap();
    let report = world.sync().of(world.folder()).await.unwrap();
    assert!(matches!(
        outcome(&report, "points"),
        LayerOutcome::Exported(_)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_do_not_meet() {
    let mut world = World::here(4).await;
    world.begin().await;
    for _ in 0..5 {
        world.edit("points");
    }
    let slow = FaultKind::Delay(Duration::from_millis(400));
    world
        .service
        .add_fault(Fault::on(RequestKind::Ids, 1, slow).times(4));
    world.service.clear_requests();
    let first = tokio::spawn(world.sync().of(world.folder()));
    while world.service.requests_of(RequestKind::Ids).len() < 4 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let second = world.sync().of(world.folder()).await;
    let Err(Error::InUse { place }) = second else {
        panic!("{second:?}");
    };
    assert_eq!(place, world.path().display().to_string());
    let export = world.export().with_overwrite(true).to(world.folder()).await;
    assert!(matches!(export, Err(Error::InUse { .. })), "{export:?}");
    let file = world.path().join("points.parquet");
    let alone = Sync::new(open(&world, "points").await, &file).run().await;
    assert!(matches!(alone, Err(Error::InUse { .. })), "{alone:?}");
    let report = first.await.unwrap().unwrap();
    assert!(report.index.is_complete());
    world.follow(&Happened::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_of_new_rows_are_fetched_and_no_others() {
    let photo = |name: &str| Attachment::new(name, "image/jpeg", vec![7_u8; 100]);
    let layer = Served::table("photos")
        .with_field(Field::new("NAME", FieldType::String))
        .with_capabilities("Query,ChangeTracking")
        .with_rows((0..3).map(|n| Row::new().with("NAME", format!("{n}"))))
        .with_attachment(1, photo("a.jpg"))
        .with_attachment(3, photo("b.jpg"));
    let service = Service::new("s").with_layer(layer);
    let service = Testkit::builder().service(service).start().await.unwrap();
    let client = Arc::new(ArcGisClient::builder().build().unwrap());
    let root = ResourceAddress::parse(&service.service_url("s")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let (rows, photos) = (place.path().join("rows"), place.path().join("photos"));
    let one = Query::new().with_where("NAME <> '2'");
    let export = ServiceExport::new(client.clone(), root.clone());
    export
        .with_each_layer(move |export| export.with_query(one.clone()))
        .with_attachments(&photos)
        .to(LocalFolder::new(&rows))
        .await
        .unwrap();
    assert_eq!(service.requests_of(RequestKind::Attachment).len(), 1);
    // The row meets the condition now.
    let change = Row::new().with("NAME", "new");
    service.layer("photos").unwrap().update(3, change).unwrap();
    let sync = ServiceSync::new(client, root).with_attachments(&photos);
    let report = sync.of(LocalFolder::new(&rows)).await.unwrap();
    assert!(report.index.is_complete(), "{report:?}");
    let attachments = report.index.layers[0].attachments.as_ref().unwrap();
    assert_eq!(attachments.files, 2);
    assert_eq!(service.requests_of(RequestKind::Attachment).len(), 2);
    assert!(photos.join("photos/3/b.jpg").is_file());
}

/// Rows that are edited while others are fetched come again where the layer names them, and are known the next time
/// where not.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_edited_meanwhile_is_found_the_next_time() {
    for name in ["points", "areas", "notes"] {
        let world = World::here(5).await;
        world.begin().await;
        let rows = world.service.layer(name).unwrap();
        let ids = rows.object_ids();
        for id in &ids[..20] {
            let change = Row::new().with("NUMBER", 60);
            rows.update(*id, change).unwrap();
        }
        // One that was fetched, one that was kept, one that goes, while the third page comes.
        let edit = |edit: Edit| {
            let layer = name.to_owned();
            Fault::on(RequestKind::Features, 3, FaultKind::Edit { layer, edit }).for_layer(name)
        };
        let text = |text: &str| Row::new().with("NAME", text).with("NUMBER", 1);
        world
            .service
            .add_fault(edit(Edit::Update(ids[0], text("fetched"))));
        world
            .service
            .add_fault(edit(Edit::Update(ids[30], text("kept"))));
        world.service.add_fault(edit(Edit::Delete(ids[35])));
        let report = world.sync().of(world.folder()).await.unwrap();
        let LayerOutcome::Synced(first) = outcome(&report, name) else {
            panic!("{report:?}");
        };
        assert!(first.written);
        if name == "areas" {
            // It says when rows were edited: the one that was fetched came again, and the others are named.
            let proof = first.export.as_ref().unwrap().proof.as_ref().unwrap();
            assert_eq!(proof.refetched_rows, 1, "{proof:?}");
        }
        assert!(
            world
                .service
                .faults_fired()
                .iter()
                .rev()
                .take(3)
                .all(|fired| *fired == 1)
        );
        world.follow(&Happened::default()).await;
    }
}
