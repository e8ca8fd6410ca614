//! Files that are brought up to date.

use std::time::{Duration, Instant};

use arcgis_testkit::{
    Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer, RequestKind, Row, Testkit,
};

use crate::run::{Desk, finish, integers_in, start};

fn wells() -> Layer {
    let well = |number: i64| {
        let place = Geometry::point((number as f64, 10.0));
        Row::new().with("DEPTH", number).at(place)
    };
    Layer::new("wells", GeometryType::Point)
        .with_capabilities("Query,ChangeTracking")
        .with_field(Field::new("DEPTH", FieldType::Integer))
        .with_rows((1..=30).map(well))
}

#[test]
fn a_file_follows_its_layer() {
    let service = start(Testkit::builder().layer(wells()));
    let desk = Desk::new();
    let url = service.layer_url("wells");
    let options = ["--where", "DEPTH < 40", "--order", "id"];
    desk.run(&[&["export", &url, "wells.parquet"][..], &options].concat())
        .ok();
    let before = std::fs::read(desk.path("wells.parquet")).unwrap();

    let ran = desk.run(&["sync", &url, "wells.parquet"]).ok();
    assert_eq!(
        ran.stdout,
        "nothing has changed: wells.parquet is left as it is, with 30 rows\n\
         by changes, with 0 rows fetched\n"
    );
    assert_eq!(std::fs::read(desk.path("wells.parquet")).unwrap(), before);

    let rows = service.layer("wells").unwrap();
    rows.delete(3).unwrap();
    rows.update(5, Row::new().with("DEPTH", 55)).unwrap();
    rows.update(7, Row::new().with("DEPTH", 17)).unwrap();
    rows.insert(Row::new().with("DEPTH", 31)).unwrap();
    let said = desk
        .run(&["sync", &url, "wells.parquet", "--json"])
        .ok()
        .json();
    assert_eq!(said["way"], "changes");
    assert_eq!(said["written"], true);
    assert_eq!(said["rows"], 29);
    assert_eq!(said["added_ids"], serde_json::json!([31]));
    assert_eq!(said["changed_ids"], serde_json::json!([7]));
    assert_eq!(said["deleted_ids"], serde_json::json!([3, 5]));
    assert_eq!(said["fetched_rows"], 2);
    assert_eq!(said["export"]["proof"]["level"], "object-ids");
    let mut expected: Vec<i64> = (1..=31).collect();
    expected.retain(|id| ![3, 5].contains(id));
    assert_eq!(
        integers_in(&desk.path("wells.parquet"), "OBJECTID"),
        expected
    );

    rows.delete(9).unwrap();
    let ran = desk.run(&["sync", &url, "wells.parquet", "--full"]).ok();
    assert!(
        ran.stdout
            .starts_with("0 rows added, 0 changed, 1 deleted: wells.parquet now has 28 rows\n"),
        "{ran:?}"
    );
    assert!(
        ran.stdout
            .contains("by full (it was asked for), with 28 rows fetched"),
        "{ran:?}"
    );
    assert_eq!(
        desk.run(&["sync", &url, "wells.parquet", "-q"]).ok().stdout,
        ""
    );
}

#[test]
fn what_does_not_fit_the_file_is_usage() {
    let service = start(Testkit::builder().layer(wells()));
    let desk = Desk::new();
    let url = service.layer_url("wells");
    desk.run(&["export", &url, "wells.parquet"]).ok();
    let ran = desk.run(&["sync", &url, "wells.parquet", "--where", "DEPTH > 3"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.stderr
            .contains(r#"another where: "1=1" then, "DEPTH > 3" now"#),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("--overwrite"), "{ran:?}");
    let ran = desk.run(&["sync", &url, "none.parquet"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    desk.run(&["export", &url, "wells.csv"]).ok();
    let ran = desk.run(&["sync", &url, "wells.csv"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("wells.csv cannot be read"), "{ran:?}");
}

/// Where people try it first.
#[cfg(feature = "demo")]
#[test]
fn the_demo_that_ends_is_no_source_to_follow() {
    let desk = Desk::new();
    desk.run(&["export", "demo:places", "places.parquet"]).ok();
    for to in ["places.parquet", "all/"] {
        let ran = desk.run(&["sync", "demo:places", to]);
        ran.fails(2, &["the demo service ends", "hint: arcgis serve"]);
    }
}

#[test]
fn a_killed_process_leaves_the_file() {
    let service = start(Testkit::builder().layer(wells()));
    let desk = Desk::new();
    let url = service.layer_url("wells");
    desk.run(&["export", &url, "wells.parquet"]).ok();
    let before = std::fs::read(desk.path("wells.parquet")).unwrap();
    let rows = service.layer("wells").unwrap();
    rows.delete(3).unwrap();
    rows.update(5, Row::new().with("DEPTH", 55)).unwrap();
    service.clear_requests();
    service.add_fault(Fault::on_query(
        1,
        FaultKind::Delay(Duration::from_secs(30)),
    ));
    let mut child = desk
        .command(&["sync", &url, "wells.parquet"])
        .spawn()
        .unwrap();
    let began = Instant::now();
    while service.requests_of(RequestKind::Features).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    finish(child);
    assert_eq!(std::fs::read(desk.path("wells.parquet")).unwrap(), before);
    let said = desk
        .run(&["sync", &url, "wells.parquet", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&said["changed_rows"], &said["deleted_rows"]),
        (&1.into(), &1.into())
    );
}

/// Three folders of ten rows each.
fn towns() -> Layer {
    let town = |number: i64| {
        let place = Geometry::point((number as f64, 10.0));
        let state = ["06", "a/b", "NW"][number as usize % 3];
        let row = Row::new().with("DEPTH", number).with("STATE", state);
        row.at(place)
    };
    Layer::new("towns", GeometryType::Point)
        .with_capabilities("Query,ChangeTracking")
        .with_field(Field::new("DEPTH", FieldType::Integer))
        .with_field(Field::new("STATE", FieldType::String))
        .with_rows((1..=30).map(town))
}

/// A service, and a dataset of its layer.
fn kept() -> (Testkit, Desk, String) {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    desk.run(&["export", &url, "towns/", "--partition-by", "STATE", "-q"])
        .ok();
    (service, desk, url)
}

/// The rows in each file that the index lists, and what the index says of them.
fn listed(desk: &Desk, folder: &str) -> Vec<(String, Vec<i64>)> {
    let index = std::fs::read(desk.path(folder).join("_index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let files = index["files"].as_array().unwrap().iter();
    let files = files.map(|file| {
        let name = file["file"].as_str().unwrap().to_owned();
        let mut ids = integers_in(&desk.path(folder).join(&name), "OBJECTID");
        ids.sort_unstable();
        assert_eq!(file["rows"], ids.len());
        (name, ids)
    });
    files.collect()
}

#[test]
fn a_dataset_in_several_files_follows_its_layer() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let by_state = ["--partition-by", "STATE", "-q"];
    desk.run(&[&["export", &url, "towns/"][..], &by_state].concat())
        .ok();
    let ran = desk.run(&["sync", &url, "towns"]).ok();
    assert_eq!(
        ran.stdout,
        "nothing has changed: towns is left as it is, with 30 rows\n\
         by changes, with 0 rows fetched\n"
    );
    let rows = service.layer("towns").unwrap();
    for id in (2..=30).step_by(3) {
        // All of one value: its folder goes, and another one comes.
        rows.update(id, Row::new().with("STATE", "SO")).unwrap();
    }
    rows.delete(3).unwrap();
    let ran = desk.run(&["sync", &url, "towns/"]).ok();
    assert_eq!(
        ran.stdout,
        "0 rows added, 10 changed, 1 deleted: towns/ now has 29 rows\n\
         by changes, with 10 rows fetched\n"
    );
    let every_third = |from: i64| (from..=30).step_by(3).collect::<Vec<i64>>();
    let expected = [
        ("STATE=06/part-00000.parquet", every_third(6)),
        ("STATE=SO/part-00000.parquet", every_third(2)),
        ("STATE=a%2Fb/part-00000.parquet", every_third(1)),
    ];
    let expected = expected.map(|(name, ids)| (name.to_owned(), ids));
    assert_eq!(listed(&desk, "towns"), expected);
    assert_eq!(desk.names(), ["towns"]);
    let said = desk
        .run(&["sync", &url, "towns/", "--full", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&said["way"], &said["written"], &said["rows"]),
        (&"full".into(), &false.into(), &29.into())
    );
    assert_eq!(said["export"]["partitions"]["files"], 3);
}

#[test]
fn a_dataset_that_is_not_as_it_was_left_is_refused() {
    let (service, desk, url) = kept();
    service.layer("towns").unwrap().delete(3).unwrap();
    service.clear_requests();
    let part = "towns/STATE=06/part-00000.parquet";
    desk.run(&["sync", &url, part])
        .fails(2, &["one of several files"]);
    desk.run(&["sync", &url, "towns/", "--where", "DEPTH > 3"])
        .fails(2, &[r#"another where: "1=1" then, "DEPTH > 3" now"#]);
    desk.write("towns/mine.txt", "mine");
    desk.run(&["sync", &url, "towns/"])
        .fails(6, &["mine.txt is not one of the files"]);
    std::fs::remove_file(desk.path("towns/mine.txt")).unwrap();
    std::fs::rename(desk.path(part), desk.path("kept")).unwrap();
    desk.run(&["sync", &url, "towns/"]).fails(
        2,
        &["is not as the dataset's index lists it", "--overwrite"],
    );
    std::fs::rename(desk.path("kept"), desk.path(part)).unwrap();
    desk.run(&["sync", &url, "none/"])
        .fails(2, &["none/ cannot be read"]);
    desk.run(&["sync", &url, "https://h/towns/"])
        .fails(2, &["nothing is brought up to date there"]);
    std::fs::create_dir(desk.path("empty")).unwrap();
    desk.run(&["sync", &url, "empty"])
        .fails(2, &["it has no _index.json"]);
    desk.write("empty/index.json", "{}");
    desk.run(&["sync", &url, "empty"]).fails(
        2,
        &["the layers of a service", "arcgis sync <service> empty"],
    );
    desk.run(&["sync", &service.services_url(), "towns/"])
        .fails(
            2,
            &["index.json, which an export of a whole service writes"],
        );
    let asked = service.requests_of(RequestKind::Features);
    assert!(asked.is_empty(), "{asked:?}");
    desk.run(&["sync", &url, "towns/", "-q"]).ok();
    assert_eq!(listed(&desk, "towns").len(), 3);
}

#[test]
fn a_killed_process_leaves_the_dataset() {
    let (service, desk, url) = kept();
    let before = listed(&desk, "towns");
    let rows = service.layer("towns").unwrap();
    rows.update(5, Row::new().with("STATE", "other")).unwrap();
    service.clear_requests();
    let slow = FaultKind::Delay(Duration::from_secs(30));
    service.add_fault(Fault::on_query(1, slow));
    let mut child = desk.command(&["sync", &url, "towns"]).spawn().unwrap();
    let began = Instant::now();
    while service.requests_of(RequestKind::Features).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    finish(child);
    assert_eq!(listed(&desk, "towns"), before);
    let said = desk.run(&["sync", &url, "towns", "--json"]).ok().json();
    assert_eq!(said["changed_ids"], serde_json::json!([5]));
    assert_eq!(listed(&desk, "towns").len(), 4);
}
