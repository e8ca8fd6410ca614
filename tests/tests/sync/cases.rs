//! What a sync does and leaves alone, case by case.

use std::num::NonZeroUsize;

use arcgis_export::{
    ColumnOptions, DomainValues, LayerExport, LocalFile, Sync, SyncWay, WriterOptions,
};
use arcgis_layer::{FetchOptions, Query, SpatialReference};
use arcgis_testkit::{
    BadRow, Field, FieldType, Geometry, GeometryType, Layer as Served, Quirk, RequestKind, Row,
    Testkit,
};
use arcgis_tests::{Bench, Noise, ParquetFile};
use serde_json::json;

use crate::world::{Kind, Tells, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_changes_is_left_alone() {
    for (seed, tells) in [Tells::Changes, Tells::ChangesAndDates, Tells::Nothing]
        .into_iter()
        .enumerate()
    {
        let mut world = World::new(tells, Kind::Points, seed as u64).await;
        world.begin().await;
        let before = std::fs::metadata(world.path()).unwrap();
        world.bench.service.clear_requests();
        let report = world.follow().await;
        assert!(!report.written);
        let after = std::fs::metadata(world.path()).unwrap();
        assert_eq!(before.modified().unwrap(), after.modified().unwrap());
        if tells != Tells::Nothing {
            assert_eq!(report.fetched_rows, 0);
            assert!(report.export.is_none());
        } else {
            assert_eq!(report.export.unwrap().rows, report.rows);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_served_are_left_out_where_that_is_allowed() {
    let served = Served::new("rows", GeometryType::Point)
        .with_capabilities("Query,ChangeTracking")
        .with_field(Field::new("N", FieldType::Integer))
        .with_quirk(Quirk::BadRow(7, BadRow::Never))
        .with_rows((0..30).map(|n| Row::new().with("N", n)));
    let bench = Bench::start(Testkit::builder().layer(served)).await;
    let rows = bench.service.layer("rows").unwrap();
    let skipping = FetchOptions::default().with_allow_skips(true);
    let export = LayerExport::new(bench.open("rows").await.unwrap());
    let export = export.with_fetch(skipping.clone());
    assert_eq!(
        export.to(LocalFile::new(bench.path())).await.unwrap().rows,
        29
    );
    let lacking = || {
        let file = ParquetFile::read(&bench.path());
        let mut pairs = file
            .metadata
            .file_metadata()
            .key_value_metadata()
            .unwrap()
            .iter();
        let pair = pairs.find(|pair| pair.key == "arcgis:skipped");
        pair.and_then(|pair| pair.value.clone())
    };
    assert_eq!(lacking().as_deref(), Some("[7]"));
    let sync = async |fetch: FetchOptions| {
        let sync = Sync::new(bench.open("rows").await.unwrap(), bench.path());
        sync.with_fetch(fetch).run().await
    };
    let report = sync(skipping.clone()).await.unwrap();
    assert_eq!((report.way, report.written), (SyncWay::Changes, false));
    rows.update(5, Row::new().with("N", 500)).unwrap();
    let error = sync(FetchOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains('7'), "{error}");
    let report = sync(skipping.clone()).await.unwrap();
    assert_eq!(
        (report.way, &*report.changed_ids),
        (SyncWay::Changes, &[5][..])
    );
    assert_eq!((report.rows, lacking().as_deref()), (29, Some("[7]")));
    // Gone, it is missed no more.
    rows.delete(7).unwrap();
    rows.update(6, Row::new().with("N", 600)).unwrap();
    let report = sync(FetchOptions::default()).await.unwrap();
    assert_eq!((report.way, report.deleted_rows), (SyncWay::Changes, 0));
    assert_eq!((report.rows, lacking()), (29, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_has_changed_is_asked_for() {
    let mut world = World::new(Tells::Changes, Kind::Polygons, 77).await;
    world.begin().await;
    let ids = world.rows().object_ids();
    for id in [ids[3], ids[40]] {
        let change = Row::new().with("NAME", "other").with("NUMBER", 1);
        world.rows().update(id, change).unwrap();
    }
    world.bench.service.clear_requests();
    let sync = world.sync().await;
    let report = sync.run().await.unwrap();
    let pages = world.bench.service.requests_of(RequestKind::Features);
    let asked: Vec<&str> = pages
        .iter()
        .filter_map(|request| request.parameters().get("where"))
        .collect();
    let list = format!("OBJECTID IN ({},{})", ids[3], ids[40]);
    assert!(
        asked.iter().any(|condition| condition.contains(&list)),
        "{asked:?}"
    );
    assert_eq!((report.way, report.fetched_rows), (SyncWay::Changes, 2));
    // The question itself, as the documentation has it.
    let asked = world.bench.service.requests_of(RequestKind::Changes);
    let [asked] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    let parameter = |name: &str| asked.parameters().get(name).unwrap_or_default().to_owned();
    assert_eq!(asked.method(), "POST");
    assert_eq!(parameter("layers"), "[0]");
    assert_eq!(parameter("returnIdsOnly"), "true");
    assert!(parameter("layerServerGens").starts_with(r#"[{"id":0,"serverGen":"#));
    world.check(&report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_that_is_too_old_is_not_asked_for() {
    for (tells, way) in [
        (Tells::Changes, SyncWay::Full),
        (Tells::ChangesAndDates, SyncWay::EditDates),
    ] {
        let mut world = World::new(tells, Kind::Points, 5).await;
        world.begin().await;
        world.edit();
        let id = world.rows().object_ids()[0];
        world
            .rows()
            .update(id, Row::new().with("NAME", "new"))
            .unwrap();
        world.rows().forget_changes();
        let report = world.follow().await;
        assert_eq!(report.way, way, "{report:?}");
        assert!(report.reason.unwrap().contains("generation"));
        assert_eq!(world.bench.count(RequestKind::Changes), 0);
        // With the generation of now.
        world.edit();
        assert_eq!(world.follow().await.way, SyncWay::Changes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_compared_on_request() {
    let mut world = World::new(Tells::Changes, Kind::Table, 6).await;
    world.begin().await;
    world.edit();
    let report = world.sync().await.with_full(true).run().await.unwrap();
    assert_eq!(report.way, SyncWay::Full);
    assert_eq!(world.bench.count(RequestKind::Changes), 0);
    world.check(&report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_generation_goes_on_with_the_file() {
    let mut world = World::new(Tells::Changes, Kind::Points, 9).await;
    world.begin().await;
    let generation = || {
        let file = ParquetFile::read(&world.path());
        file.key("arcgis:server_generation")
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    let before = generation();
    let id = world.rows().object_ids()[0];
    let change = Row::new().with("NAME", "new").with("NUMBER", 1);
    world.rows().update(id, change).unwrap();
    let report = world.sync().await.run().await.unwrap();
    assert!(report.written);
    assert_eq!(Some(generation()), report.server_generation);
    assert_eq!(
        generation(),
        i64::try_from(world.rows().last_edit()).unwrap()
    );
    assert!(generation() > before);
    world.check(&report).await;
}

/// Labels, another reference system, chosen fields, a rectangle: the file says all that is to be asked again.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_is_asked_for_again() {
    let status = Field::new("STATUS", FieldType::SmallInteger).with_domain(json!({
        "type": "codedValue", "name": "Status",
        "codedValues": [{"name": "open", "code": 1}, {"name": "shut", "code": 2}],
    }));
    let mut noise = Noise::new(1);
    let mut served = Served::new("rows", GeometryType::Point)
        .with_capabilities("Query,ChangeTracking")
        .with_field(status)
        .with_field(Field::new("NAME", FieldType::String).with_alias("Name of it"))
        .with_field(Field::new("LEFT_OUT", FieldType::String));
    let mut row = |status: i64| {
        let place = (noise.below(20) as f64, noise.below(20) as f64);
        Row::new()
            .with("STATUS", status)
            .with("NAME", "x")
            .at(Geometry::point(place))
    };
    for number in 0..40 {
        served = served.with_row(row(number % 4));
    }
    let bench = Bench::start(Testkit::builder().layer(served)).await;
    for domains in [
        DomainValues::Label,
        DomainValues::Both,
        DomainValues::Dictionary,
    ] {
        let layer = bench.open("rows").await.unwrap();
        let query = Query::new()
            .with_where("STATUS < 3")
            .with_bbox(Query::parse_bbox("0,0,11.5,12.5").unwrap())
            .with_excluded_fields(["LEFT_OUT"])
            .with_out_sr(SpatialReference::from_wkid(3857));
        let writer = WriterOptions::default().with_row_group_rows(NonZeroUsize::new(9).unwrap());
        let columns = ColumnOptions::default().with_domains(domains);
        let export = LayerExport::new(layer.clone())
            .with_query(query)
            .with_writer(writer)
            .with_columns(columns);
        let _ = std::fs::remove_file(bench.path());
        let place = LocalFile::new(bench.path()).with_overwrite(true);
        export.clone().to(place.clone()).await.unwrap();
        let rows = bench.service.layer("rows").unwrap();
        let ids = rows.object_ids();
        for id in &ids[5..9] {
            rows.delete(*id).unwrap();
            rows.insert(row(1).with("LEFT_OUT", "y")).unwrap();
            rows.update(id + 5, row(2)).unwrap();
        }
        let report = Sync::new(layer, bench.path()).run().await.unwrap();
        assert_eq!(report.way, SyncWay::Changes, "{report:?}");
        assert!(report.written);
        let file = ParquetFile::read(&bench.path());
        export.to(place).await.unwrap();
        let fresh = ParquetFile::read(&bench.path());
        assert_eq!(file.batch, fresh.batch);
        assert_eq!(
            file.metadata.num_row_groups(),
            fresh.metadata.num_row_groups()
        );
        assert_eq!(file.key("geo"), fresh.key("geo"));
        assert_eq!(file.key("arcgis:query"), fresh.key("arcgis:query"));
        assert_eq!(file.key("arcgis:options"), fresh.key("arcgis:options"));
    }
}
