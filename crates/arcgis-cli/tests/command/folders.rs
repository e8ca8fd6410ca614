//! Folders with the layers of a service, brought up to date.

use arcgis_testkit::{
    Attachment, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer, RequestKind,
    Row, Service, Testkit, TestkitBuilder,
};
use serde_json::{Value, json};

use crate::run::{Desk, integers_in, rows_in, start};

fn layer(name: &str) -> Layer {
    let row = |number: i64| {
        let place = Geometry::point((number as f64, 10.0));
        Row::new().with("DEPTH", number).at(place)
    };
    Layer::new(name, GeometryType::Point)
        .with_capabilities("Query,ChangeTracking")
        .with_field(Field::new("DEPTH", FieldType::Integer))
        .with_rows((1..=30).map(row))
}

fn server() -> TestkitBuilder {
    let photo = Attachment::new("a.jpg", "image/jpeg", vec![7_u8; 100]);
    let water = Service::new("Water")
        .with_layer(layer("wells"))
        .with_layer(layer("springs").with_attachment(2, photo))
        .with_layer(layer("late"));
    Testkit::builder().service(water)
}

fn of<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut layers = report["layers"].as_array().unwrap().iter();
    layers.find(|layer| layer["name"] == name).unwrap()
}

#[test]
fn a_folder_follows_its_service() {
    let service = start(server());
    service.layer("late").unwrap().set_published(false);
    let desk = Desk::new();
    let url = service.service_url("Water");
    desk.run(&["export", &url, "water/", "--where", "DEPTH < 40", "--stac"])
        .ok();
    let ran = desk.run(&["sync", &url, "water"]).ok();
    assert_eq!(
        ran.stdout,
        "0 rows added, 0 changed, 0 deleted in 0 of 2 layers: water\n"
    );
    for said in [
        "2 layers to bring up to date",
        "= Water/wells: 30 rows, unchanged → wells.parquet",
        "Layers    2 unchanged",
    ] {
        assert!(ran.stderr.contains(said), "{said:?} is not in {ran:?}");
    }

    let wells = service.layer("wells").unwrap();
    wells.delete(3).unwrap();
    wells.update(5, Row::new().with("DEPTH", 55)).unwrap();
    wells.update(7, Row::new().with("DEPTH", 17)).unwrap();
    service.layer("springs").unwrap().set_published(false);
    service.layer("late").unwrap().set_published(true);
    let ran = desk.run(&["sync", &url, "water", "--json"]).ok();
    let said = ran.json();
    let sync = &of(&said, "wells")["sync"];
    assert_eq!(sync["way"], "changes");
    assert_eq!(sync["changed_ids"], json!([7]));
    assert_eq!(sync["deleted_ids"], json!([3, 5]));
    assert_eq!(of(&said, "late")["report"]["rows"], 30);
    assert_eq!(of(&said, "springs")["status"], "gone");
    assert_eq!(said["output"], "water");
    for text in [
        "✓ Water/wells: 0 added, 1 changed, 2 deleted, by changes → wells.parquet",
        "✓ Water/late: 30 rows, ",
        "note: Water/springs is gone from the service; its file stays: springs.parquet",
        "Layers    1 exported, 1 brought up to date, 1 gone",
    ] {
        assert!(ran.stderr.contains(text), "{text:?} is not in {ran:?}");
    }
    let ids = integers_in(&desk.path("water/wells.parquet"), "OBJECTID");
    assert_eq!(ids.len(), 28);
    assert_eq!(rows_in(&desk.path("water/springs.parquet")), 30);
    let item = std::fs::read(desk.path("water/wells.json")).unwrap();
    let item: Value = serde_json::from_slice(&item).unwrap();
    assert_eq!(item["properties"]["table:row_count"], 28);

    let ran = desk.run(&["sync", &url, "water", "-q"]).ok();
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.contains("note: ")),
        ("", true)
    );
}

#[test]
fn a_layer_that_fails_decides_the_exit_code_and_keeps_its_file() {
    let service = start(server());
    let desk = Desk::new();
    let url = service.service_url("Water");
    desk.run(&["export", &url, "water/"]).ok();
    let before = std::fs::read(desk.path("water/wells.parquet")).unwrap();
    for name in ["wells", "springs"] {
        service.layer(name).unwrap().delete(3).unwrap();
    }
    let refused = Fault::on(RequestKind::Ids, 1, FaultKind::Status(403));
    service.add_fault(refused.times(1).for_layer("wells"));
    let args = ["sync", &url, "water/", "--retries", "0"];
    desk.run(&args).fails(
        3,
        &[
            "✗ Water/wells: ",
            "error: 1 layer could not be brought up to date (wells); all else is in its place",
            "hint: index.json says why; files of layers that failed are as they were",
        ],
    );
    assert_eq!(
        std::fs::read(desk.path("water/wells.parquet")).unwrap(),
        before
    );
    assert_eq!(rows_in(&desk.path("water/springs.parquet")), 29);
    let ran = desk.run(&args).ok();
    assert!(
        ran.stdout
            .starts_with("0 rows added, 0 changed, 1 deleted in 1 of 3 layers"),
        "{ran:?}"
    );
}

#[test]
fn attachments_come_too_if_they_are_asked_for() {
    let service = start(server());
    let desk = Desk::new();
    let url = service.service_url("Water");
    desk.run(&["export", &url, "water/"]).ok();
    let ran = desk
        .run(&["sync", &url, "water", "--attachments", "files"])
        .ok();
    assert!(ran.stderr.contains("Attachments  1"), "{ran:?}");
    assert!(desk.path("files/springs/2/a.jpg").is_file());
}

#[test]
fn what_does_not_go_together_is_usage() {
    let service = start(server());
    let desk = Desk::new();
    let (url, layer) = (service.service_url("Water"), service.layer_url("wells"));
    desk.run(&["export", &layer, "wells.parquet"]).ok();
    desk.run(&["export", &url, "csv/", "--as", "csv"]).ok();
    std::fs::create_dir(desk.path("empty")).unwrap();
    service.clear_requests();
    for (args, said) in [
        (
            vec!["sync", &url, "empty"],
            "there is no empty/index.json, which an export of a whole service writes",
        ),
        (vec!["sync", &url, "none/"], "there is no none/index.json"),
        (vec!["sync", &url, "csv"], "csv/index.json does not say"),
        (
            vec!["sync", &layer, "csv"],
            "csv is a folder with the layers of a service",
        ),
        (
            vec!["sync", &layer, "wells.parquet", "--include", "a"],
            "--include: it is for a folder",
        ),
        (
            vec!["sync", &layer, "wells.parquet", "--attachments", "a"],
            "--attachments: it is for a folder",
        ),
        (
            vec!["sync", &layer, "https://h/x.parquet?sig=5ec7e7"],
            "https://h/x.parquet: nothing is brought up to date there",
        ),
        (
            vec!["export", &url, "x/", "--attachments", "https://h/x/"],
            "--attachments: https://h/x/ is no folder that files can go to",
        ),
        #[cfg(feature = "cloud")]
        (vec!["sync", &layer, "s3://lake"], "names no object"),
    ] {
        let ran = desk.run(&args);
        assert!(!ran.stderr.contains("5ec7e7"), "{ran:?}");
        ran.fails(2, &[said]);
    }
    assert!(service.requests().is_empty());
    assert_eq!(desk.names(), ["csv", "empty", "wells.parquet"]);
}
