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
