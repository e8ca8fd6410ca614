//! Datasets in several files: round by round what a fresh export would be, file by file, and whole or not touched.

use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use arcgis_export::{
    Error, ExportEvent, LayerExport, PartitionFolder, Partitions, Sync, SyncError, SyncWay,
    WriterOptions,
};
use arcgis_layer::{Layer, LayerInfo, Query};
use arcgis_testkit::{
    Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer as Served, RequestKind, Row,
    Testkit,
};
use arcgis_tests::{Bench, Noise};
use serde_json::{Value as Json, json};
use tokio::sync::Notify;

use crate::world::{Kind, Tells, World, bytes, files, refused, said, same_dataset};

fn by_state() -> Partitions {
    Partitions::by_field("STATE")
}

fn many(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).unwrap()
}

/// By the values of a field that edits change; the same in files of four rows; by two; by place.
fn cuts() -> [Partitions; 4] {
    [
        by_state(),
        by_state().with_file_rows(many(4)),
        Partitions::by_fields(["STATE", "NUMBER"]),
        Partitions::spatial().with_file_rows(many(13)),
    ]
}

/// Rounds for each way, kind and cut: 108 in all.
const ROUNDS: usize = 3;

async fn rounds(tells: Tells, way: SyncWay, seed: u64) {
    let mut written = 0;
    for (kind, seed) in [Kind::Points, Kind::Polygons, Kind::Table]
        .into_iter()
        .zip(seed * 100..)
    {
        for (cut, place) in cuts().into_iter().zip(1..) {
            // Tables have no place, and two columns are no other for other kinds.
            let fits = match kind {
                Kind::Points => true,
                Kind::Polygons => cut.fields().len() < 2,
                Kind::Table => cut.fields().len() == 1,
            };
            if !fits {
                continue;
            }
            let mut world = World::cut(tells, kind, seed + 10 * place, cut.clone()).await;
            world.begin().await;
            assert!(
                files(&world.path()).len() > 3,
                "{cut:?}: one file is no cut"
            );
            for round in 0..ROUNDS {
                world.edit();
                let report = world.follow().await;
                assert_eq!(report.way, way, "{kind:?} {cut:?} {round}: {report:?}");
                if tells == Tells::Changes {
                    assert!(report.fetched_rows <= 6, "{report:?}");
                }
                written += usize::from(report.written);
            }
        }
    }
    assert!(written > ROUNDS * 3, "chance changes next to nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_by_changes() {
    rounds(Tells::Changes, SyncWay::Changes, 21).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_by_jobs_and_dates() {
    rounds(Tells::ChangesAndDates, SyncWay::Changes, 22).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_by_dates() {
    rounds(Tells::Dates, SyncWay::EditDates, 23).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_by_comparison() {
    rounds(Tells::Nothing, SyncWay::Full, 24).await;
}

/// Files that end where they have their size, whatever memory the rows were sorted in.
#[tokio::test(flavor = "multi_thread")]
async fn files_end_where_they_would() {
    let mut noise = Noise::new(1);
    let mut row = |n: i64| {
        let text = (0..4).map(|_| format!("{:016x}", noise.next_u64()));
        let text: String = text.collect();
        let place = (noise.below(1 << 20) as f64, noise.below(1 << 20) as f64);
        Row::new()
            .with("STATE", if n % 3 == 0 { "a" } else { "b" })
            .with("TEXT", text)
            .at(Geometry::point((place.0 / 1e5, place.1 / 1e5)))
    };
    let served = Served::new("rows", GeometryType::Point)
        .with_capabilities("Query,ChangeTracking")
        .with_field(Field::new("STATE", FieldType::String))
        .with_field(Field::new("TEXT", FieldType::String))
        .with_max_record_count(1_000)
        .with_rows((1..=6_000).map(&mut row));
    let bench = Bench::start(Testkit::builder().layer(served)).await;
    let rows = bench.service.layer("rows").unwrap();
    for cut in [Partitions::spatial(), by_state()] {
        let cut = cut.with_file_bytes(many(60_000));
        let [there, fresh] = ["there", "fresh"].map(|name| bench.folder().join(name));
        let export = LayerExport::new(bench.open("rows").await.unwrap()).with_partitions(cut);
        let to = |path: &Path| PartitionFolder::new(path).with_overwrite(true);
        export.clone().to(to(&there)).await.unwrap();
        assert!(files(&there).len() > 5, "{:?}", files(&there));
        for memory in [1, 100_000, 64 << 20] {
            let ids = rows.object_ids();
            for n in 0..40 {
                rows.update(ids[n * 17], row(n as i64)).unwrap();
                rows.delete(ids[n * 17 + 1]).unwrap();
                rows.insert(row(n as i64)).unwrap();
            }
            let sorting =
                WriterOptions::default().with_sort_memory(NonZeroUsize::new(memory).unwrap());
            let sync = Sync::new(bench.open("rows").await.unwrap(), &there).with_sorting(sorting);
            let report = sync.run().await.unwrap();
            assert_eq!((report.way, report.fetched_rows), (SyncWay::Changes, 80));
            export.clone().to(to(&fresh)).await.unwrap();
            same_dataset(&there, &fresh);
        }
        fs::remove_dir_all(there).unwrap();
        fs::remove_dir_all(fresh).unwrap();
    }
}

fn moments(folder: &Path) -> Vec<(String, SystemTime)> {
    let moment = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let mut moments = vec![(String::new(), moment(folder))];
    moments.extend(files(folder).into_iter().map(|file| {
        let at = moment(&folder.join(&file));
        (file, at)
    }));
    moments
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_without_changes_is_left_alone() {
    for (tells, seed) in [Tells::Changes, Tells::Nothing].into_iter().zip(0..) {
        for cut in cuts() {
            let mut world = World::cut(tells, Kind::Points, seed, cut).await;
            world.begin().await;
            let before = moments(&world.path());
            let report = world.follow().await;
            assert!(!report.written);
            assert_eq!(report.export.is_none(), tells == Tells::Changes);
            assert_eq!(moments(&world.path()), before);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_go_to_the_folder_of_their_value() {
    let mut world = World::cut(Tells::Changes, Kind::Points, 3, by_state()).await;
    let rows = world.rows();
    let ids = rows.object_ids();
    let into = |state: &str| Row::new().with("STATE", state).with("NUMBER", 3);
    rows.update(ids[4], into("new here")).unwrap();
    world.begin().await;
    let file = |folder: &str| world.path().join(folder).join("part-00000.parquet");
    assert!(file("STATE=new%20here").exists() && !file("STATE=later").exists());
    rows.update(ids[4], into("later")).unwrap();
    let report = world.follow().await;
    assert_eq!((&*report.changed_ids, report.fetched_rows), (&ids[4..5], 1));
    // The one that nobody is in any more is gone.
    let folder = |name: &str| world.path().join(name);
    assert!(!folder("STATE=new%20here").exists() && folder("STATE=later").exists());
    // A dataset of no rows is one file; from there rows come back.
    for id in rows.object_ids() {
        rows.delete(id).unwrap();
    }
    let report = world.follow().await;
    assert_eq!(report.rows, 0);
    assert_eq!(files(&world.path()), ["_index.json", "part-00000.parquet"]);
    rows.insert(into("again")).unwrap();
    let report = world.follow().await;
    assert_eq!((report.rows, report.added_rows), (1, 1));
}

/// Rows of which one came, one went and one was changed.
async fn edited(tells: Tells, seed: u64) -> World {
    let mut world = World::cut(tells, Kind::Points, seed, by_state()).await;
    let rows = world.rows();
    let ids = rows.object_ids();
    // Whatever the filter is.
    rows.update(ids[9], Row::new().with("NUMBER", 3)).unwrap();
    world.begin().await;
    let row = |name: &str| Row::new().with("NAME", name).with("NUMBER", 3);
    rows.update(ids[7], row("changed").with("STATE", "other"))
        .unwrap();
    rows.delete(ids[9]).unwrap();
    rows.insert(row("added")).unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_leaves_the_dataset_and_the_next_sync_goes_on() {
    for (tells, request) in [
        (Tells::Changes, RequestKind::Features),
        (Tells::Changes, RequestKind::Ids),
        (Tells::Nothing, RequestKind::Features),
    ] {
        let mut world = edited(tells, 4).await;
        let broken = world.breaks(request);
        let error = refused(&world, world.sync().await).await;
        assert!(matches!(error, Error::Layer(_)), "{error:?}");
        broken.store(false, Ordering::SeqCst);
        world.follow().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_leaves_the_dataset() {
    let mut world = edited(Tells::Changes, 5).await;
    world.bench.service.clear_requests();
    let before = bytes(&world.path());
    let slow = FaultKind::Delay(Duration::from_secs(20));
    let fault = Fault::on(RequestKind::Features, 1, slow);
    world.bench.service.add_fault(fault);
    let sync = world.sync().await.run();
    let given_up = tokio::time::timeout(Duration::from_millis(500), sync);
    assert!(given_up.await.is_err());
    assert!(world.bench.count(RequestKind::Features) > 0);
    assert!(bytes(&world.path()) == before);
    world.is_alone();
    // While files are written.
    let writes = Arc::new(Notify::new());
    let written = Arc::clone(&writes);
    let sync = world.sync().await.with_observer(move |event| {
        if matches!(event, ExportEvent::RowGroup(_)) {
            written.notify_one();
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    tokio::select! {
        report = sync.run() => panic!("{report:?}"),
        () = writes.notified() => {}
    }
    assert!(bytes(&world.path()) == before);
    world.is_alone();
    world.follow().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_come_by_id_come_with_all_others() {
    let mut world = edited(Tells::Changes, 6).await;
    let by_id = Fault::on_query(1, FaultKind::EmptyPage)
        .times(1000)
        .when(|request| {
            let condition = request.parameters().get("where").unwrap_or_default();
            condition.contains("OBJECTID") || request.parameters().get("objectIds").is_some()
        });
    world.bench.service.add_fault(by_id);
    let report = world.follow().await;
    assert_eq!(report.way, SyncWay::Full, "{report:?}");
    assert!(report.reason.unwrap().contains("did not come"));
}

fn changed_index(folder: &Path, change: impl FnOnce(&mut Json)) {
    let path = folder.join("_index.json");
    let mut index: Json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut index);
    fs::write(path, index.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_the_index_lists_it_is_refused() {
    let part = "STATE=06/part-00000.parquet";
    type Change = fn(&Path);
    let cases: [(Change, &str); 12] = [
        (
            |folder| fs::remove_file(folder.join("STATE=06/part-00000.parquet")).unwrap(),
            "STATE=06/part-00000.parquet is not as the dataset's index lists it: it is not there",
        ),
        (
            |folder| {
                let path = folder.join("STATE=06/part-00000.parquet");
                let half = fs::read(&path).unwrap();
                fs::write(path, &half[..half.len() / 2]).unwrap();
            },
            " bytes, and not ",
        ),
        (
            |folder| {
                let path = folder.join("STATE=06/part-00000.parquet");
                let length = fs::metadata(&path).unwrap().len();
                fs::write(path, vec![7; usize::try_from(length).unwrap()]).unwrap();
            },
            "STATE=06/part-00000.parquet cannot be read",
        ),
        (
            |folder| {
                changed_index(folder, |index| {
                    let rows = &mut index["files"][1]["rows"];
                    *rows = json!(rows.as_u64().unwrap() + 1);
                    index["rows"] = json!(index["rows"].as_u64().unwrap() + 1);
                });
            },
            " rows, and not ",
        ),
        (
            |folder| changed_index(folder, |index| index["rows"] = json!(1_000)),
            "its files have other rows than all of them",
        ),
        (
            |folder| changed_index(folder, |index| index["files"] = json!([])),
            "it lists none",
        ),
        (
            |folder| changed_index(folder, |index| index["schema_hash"] = json!("0")),
            "its arcgis:schema_hash is that of another export",
        ),
        (
            |folder| changed_index(folder, |index| index["server_generation"] = json!(1)),
            "its arcgis:server_generation is that of another export",
        ),
        (
            |folder| {
                changed_index(folder, |index| {
                    index["partitions"]["file_rows"] = json!(1_000)
                });
            },
            "its files were cut in another way than its index says",
        ),
        (
            |folder| fs::remove_file(folder.join("_index.json")).unwrap(),
            "does not say how it was exported: it has no _index.json",
        ),
        (
            |folder| changed_index(folder, |index| index["version"] = json!(2)),
            "its _index.json cannot be used",
        ),
        (
            |folder| fs::write(folder.join("STATE=06/mine.txt"), "mine").unwrap(),
            "mine.txt is not one of the files",
        ),
    ];
    for (change, expected) in cases {
        let world = edited(Tells::Changes, 7).await;
        assert!(world.path().join(part).exists());
        change(&world.path());
        let sync = world.sync().await;
        world.bench.service.clear_requests();
        let error = refused(&world, sync).await;
        assert!(said(&error).contains(expected), "{expected}: {error:?}");
        assert!(world.bench.service.requests().is_empty());
        let is_ours = matches!(error, Error::Sync(_));
        assert_eq!(is_ours, !expected.contains("mine.txt"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_export_is_refused() {
    let world = edited(Tells::Changes, 8).await;
    let other = world.bench.folder().join("other");
    let query = Query::new().with_where("STATE = '06'");
    let export = LayerExport::new(world.open().await)
        .with_query(query)
        .with_partitions(by_state());
    export.to(PartitionFolder::new(&other)).await.unwrap();
    let part = "STATE=06/part-00000.parquet";
    fs::rename(other.join(part), world.path().join(part)).unwrap();
    let of_other: Json =
        serde_json::from_slice(&fs::read(other.join("_index.json")).unwrap()).unwrap();
    fs::remove_dir_all(other).unwrap();
    changed_index(&world.path(), |index| {
        let mut sum = 0;
        for file in index["files"].as_array_mut().unwrap() {
            if file["file"] == part {
                *file = of_other["files"][0].clone();
            }
            sum += file["rows"].as_u64().unwrap();
        }
        index["rows"] = sum.into();
    });
    let error = refused(&world, world.sync().await).await;
    assert!(
        matches!(&error, Error::Sync(SyncError::NotAsListed { .. })),
        "{error:?}"
    );
    let expected = "is not as the dataset's index lists it: its arcgis:query is that of another";
    assert!(said(&error).contains(expected), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_layer_or_query_and_one_part_alone_are_refused() {
    let world = edited(Tells::Changes, 9).await;
    let layer = world.open().await;
    let mut info = LayerInfo::clone(layer.info());
    let mut fields = info.fields.to_vec();
    fields.retain(|field| field.name != "AMOUNT");
    info.fields = fields.into();
    let other = Layer::from_info(layer.transport().clone(), layer.address().clone(), info);
    let error = refused(&world, Sync::new(other.unwrap(), world.path())).await;
    assert!(said(&error).contains("column AMOUNT: a column of the file then"));
    let query = Query::new().with_where("NUMBER < 50");
    let error = refused(&world, world.sync().await.with_query(query)).await;
    assert!(said(&error).contains("another where"), "{error}");
    let part = world.path().join("STATE=06/part-00000.parquet");
    let error = refused(&world, Sync::new(layer, part)).await;
    assert!(said(&error).contains("one of several files"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_at_a_time() {
    let mut world = edited(Tells::Changes, 10).await;
    let slow = FaultKind::Delay(Duration::from_secs(2));
    world
        .bench
        .service
        .add_fault(Fault::on(RequestKind::Features, 1, slow));
    world.bench.service.clear_requests();
    let first = tokio::spawn(world.sync().await.run());
    while world.bench.count(RequestKind::Features) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // By another name too.
    let same = world.bench.folder().join("out/../out/");
    for path in [world.path(), same] {
        let second = Sync::new(world.open().await, path).run().await;
        assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
    }
    let report = first.await.unwrap().unwrap();
    world.check(&report).await;
}

/// What somebody else does while rows are fetched.
async fn meanwhile(
    world: &World,
    act: impl Fn(&Path) + Send + std::marker::Sync + 'static,
) -> Error {
    let path = world.path();
    let sync = world.sync().await.with_observer(move |event| {
        if matches!(event, ExportEvent::Verified(_)) {
            act(&path);
        }
    });
    sync.run().await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_meanwhile_stays() {
    let world = edited(Tells::Changes, 11).await;
    let before = bytes(&world.path());
    let error = meanwhile(&world, |path| fs::write(path.join("mine"), "mine").unwrap()).await;
    assert!(said(&error).contains("mine is not one of"), "{error:?}");
    fs::remove_file(world.path().join("mine")).unwrap();
    assert!(bytes(&world.path()) == before);
    world.is_alone();
    // Another dataset: here the same with another moment.
    let error = meanwhile(&world, |path| {
        changed_index(path, |index| {
            index["finished"] = json!("2001-02-03T04:05:06Z")
        });
    })
    .await;
    assert!(matches!(error, Error::Replaced { .. }), "{error:?}");
    let index = fs::read_to_string(world.path().join("_index.json")).unwrap();
    assert!(index.contains("2001-02-03"));
    // None at all.
    let error = meanwhile(&world, |path| fs::remove_dir_all(path).unwrap()).await;
    assert!(matches!(error, Error::Replaced { .. }), "{error:?}");
    assert!(world.bench.files().is_empty(), "{:?}", world.bench.files());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_link_stays_one_and_the_folder_keeps_its_mode() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let world = edited(Tells::Changes, 12).await;
    fs::set_permissions(world.path(), fs::Permissions::from_mode(0o750)).unwrap();
    let link = world.bench.folder().join("link");
    symlink(world.path(), &link).unwrap();
    let report = Sync::new(world.open().await, &link).run().await.unwrap();
    assert!(report.written && report.output.ends_with("link"));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let mode = fs::metadata(world.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o750);
    fs::remove_file(link).unwrap();
    world.is_fresh().await;
}
