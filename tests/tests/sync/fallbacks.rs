//! Pages in PBF that do not hold up and come as JSON: the file has the same coordinates, whichever these are.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arcgis_export::{LocalFile, SyncWay};
use arcgis_layer::{Layer, LayerInfo};
use arcgis_testkit::{Fault, FaultKind, Geometry, Row};
use arcgis_tests::{Noise, ParquetFile};

use crate::world::{Kind, Tells, World, rounds};

/// Rounds for each way and kind: 60 in all.
const ROUNDS: u64 = 10;

/// Breaks most pages in PBF, by a chance that is the same for the same question in the same round, in whatever order the
/// questions come; not the geometry of single rows, by which the grid is found.
fn most_broken(seed: u64, round: Arc<AtomicU64>) -> Fault {
    let broken = FaultKind::Respond {
        status: 200,
        content_type: "application/x-protobuf",
        body: "\u{12}\u{7f}not what it says".to_owned(),
    };
    Fault::on_query(1, broken).always().when(move |request| {
        let parameters = request.parameters();
        let mut hash = DefaultHasher::new();
        (seed, round.load(Ordering::SeqCst)).hash(&mut hash);
        for name in ["where", "objectIds", "resultOffset"] {
            parameters.get(name).hash(&mut hash);
        }
        let is_page = parameters.get("outFields") != Some("OBJECTID");
        parameters.get("f") == Some("pbf") && is_page && Noise::new(hash.finish()).below(4) > 0
    })
}

async fn rounds(tells: Tells, kind: Kind, way: SyncWay, seed: u64) {
    let mut world = World::new(tells, kind, seed).await;
    world.any_format = true;
    // The file itself is made without any trouble.
    let report = world.begin().await;
    let fetch = report.fetch.unwrap();
    assert_eq!((&*fetch.format, fetch.fell_back), ("pbf", 0));
    let coordinates = report.geometry.unwrap().coordinates;
    assert_eq!(coordinates.as_deref(), Some("x 1e-9, y 1e-9"));
    let round = Arc::<AtomicU64>::default();
    let fault = most_broken(seed, Arc::clone(&round));
    world.bench.service.add_fault(fault);
    let mut fell_back = 0;
    for _ in 0..ROUNDS {
        round.fetch_add(1, Ordering::SeqCst);
        world.edit();
        let report = world.follow().await;
        assert_eq!(report.way, way, "{report:?}");
        let fetch = report.export.and_then(|export| export.fetch);
        fell_back += fetch.map_or(0, |fetch| fetch.fell_back);
    }
    assert!(fell_back > 2, "next to no page fell back");
}

rounds! {
    points_by_changes: Changes, Points, Changes, 41;
    polygons_by_changes: Changes, Polygons, Changes, 42;
    points_by_dates: Dates, Points, EditDates, 43;
    polygons_by_dates: Dates, Polygons, EditDates, 44;
    points_by_comparison: Nothing, Points, Full, 45;
    polygons_by_comparison: Nothing, Polygons, Full, 46;
}

/// The layer as it was before it offered PBF.
async fn before_pbf(world: &World) -> Layer {
    let layer = world.open().await;
    let mut info = LayerInfo::clone(layer.info());
    info.query_formats = vec!["json".to_owned()];
    Layer::from_info(layer.transport().clone(), layer.address().clone(), info).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_has_come_to_offer_pbf_is_exported_again() {
    let mut world = World::new(Tells::Changes, Kind::Points, 47).await;
    world.any_format = true;
    let coordinates = |world: &World| {
        let file = ParquetFile::read(&world.path());
        let pairs = file.metadata.file_metadata().key_value_metadata().unwrap();
        let mut pairs = pairs.iter();
        let pair = pairs.find(|pair| pair.key == "arcgis:coordinates");
        pair.unwrap().value.clone().unwrap()
    };
    let earlier = world.export_of(before_pbf(&world).await);
    earlier.to(LocalFile::new(world.path())).await.unwrap();
    assert_eq!(coordinates(&world), "exact");
    let ids = world.rows().object_ids();
    world.rows().delete(ids[3]).unwrap();
    // Nothing is fetched for rows that went.
    let report = world.sync().await.run().await.unwrap();
    assert_eq!((report.way, report.fetched_rows), (SyncWay::Changes, 0));
    assert_eq!(coordinates(&world), "exact");
    let edit = Row::new()
        .with("NAME", "other")
        .with("NUMBER", 3)
        .at(Geometry::point((1.5, 2.5)));
    world.rows().update(ids[4], edit).unwrap();
    let report = world.sync().await.run().await.unwrap();
    assert_eq!(report.way, SyncWay::Full);
    let reason = report.reason.unwrap();
    assert!(
        reason.contains("in another way than those in the file did (exact)"),
        "{reason}"
    );
    assert_eq!(coordinates(&world), "x 1e-9, y 1e-9");
    world.is_fresh().await;
    // And from then on by changes again.
    let edit = Row::new().with("NAME", "another");
    world.rows().update(ids[4], edit).unwrap();
    let report = world.sync().await.run().await.unwrap();
    assert_eq!((report.way, report.fetched_rows), (SyncWay::Changes, 1));
    world.is_fresh().await;
}
