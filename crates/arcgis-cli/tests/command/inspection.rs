//! `info` and `count`.

use arcgis_testkit::{Service, Testkit};
use serde_json::json;

use crate::run::{Desk, mixed, start, towns};

#[test]
fn a_layer_is_shown_with_all_that_matters() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let ran = desk.run(&["info", &url]).ok();
    assert_eq!(ran.stderr, "");
    for said in [
        "towns  Feature Layer",
        "Geometry         Point",
        "CRS              EPSG:4326  WGS 84",
        "Rows             250",
        "Rows per answer  100",
        "Capabilities     Query",
        "Fields (3)",
        "Name of the town",
    ] {
        assert!(
            ran.stdout.contains(said),
            "{said:?} is not in {}",
            ran.stdout
        );
    }
    let said = desk.run(&["info", &url, "--json"]).ok().json();
    assert_eq!(said["kind"], "layer");
    assert_eq!(said["url"], json!(url));
    assert_eq!(said["count"], 250);
    assert_eq!(said["geometryType"], "esriGeometryPoint");
    assert_eq!(said["crs"]["id"], "EPSG:4326");
    assert_eq!(said["maxRecordCount"], 100);
    let name = said["fields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|field| field["name"] == "NAME")
        .unwrap();
    assert_eq!(name["type"], "esriFieldTypeString");
    assert_eq!(name["alias"], "Name of the town");
}

#[test]
fn groups_and_rasters_are_shown_without_rows() {
    let service = start(Testkit::builder().service(mixed()));
    let desk = Desk::new();
    let group = format!("{}/0", service.service_url("mixed"));
    let ran = desk.run(&["info", &group]).ok();
    assert!(ran.stdout.contains("Sub-layers"), "{ran:?}");
    assert!(ran.stdout.contains("1 towns"), "{ran:?}");
    let why = "not possible: it is a group of layers";
    assert!(ran.stdout.contains(why), "{ran:?}");
    let raster = format!("{}/2", service.service_url("mixed"));
    let ran = desk.run(&["info", &raster]).ok();
    assert!(
        ran.stdout.contains("not possible: it is a raster"),
        "{ran:?}"
    );
    let said = desk.run(&["info", &group, "--json"]).ok().json();
    assert_eq!(said["queryable"], false);
    let why = said["notQueryableBecause"].as_str().unwrap();
    assert!(why.contains("group"), "{said}");
    assert_eq!(said["count"], json!(null));
}

#[test]
fn services_and_folders_are_listed() {
    let service = start(
        Testkit::builder()
            .service(mixed())
            .service(Service::new("water/wells").with_layer(towns().with_name("wells"))),
    );
    let desk = Desk::new();
    let ran = desk.run(&["info", &service.service_url("mixed")]).ok();
    assert!(ran.stdout.contains("Layers and tables (4)"), "{ran:?}");
    assert!(ran.stdout.contains("1   towns"), "{ran:?}");
    let said = desk
        .run(&["info", &service.service_url("mixed"), "--json"])
        .ok()
        .json();
    assert_eq!(said["kind"], "service");
    assert_eq!(
        said["layers"][1]["url"],
        json!(format!("{}/1", service.service_url("mixed")))
    );

    let root = desk
        .run(&["info", &service.services_url(), "--json"])
        .ok()
        .json();
    assert_eq!(root["kind"], "directory");
    assert_eq!(
        root["folders"],
        json!([format!("{}/water", service.services_url())])
    );
    let ran = desk
        .run(&["info", &format!("{}/water", service.services_url())])
        .ok();
    assert!(ran.stdout.contains("water/wells"), "{ran:?}");
}

#[test]
fn counts_take_filters() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    assert_eq!(desk.run(&["count", &url]).ok().stdout, "250\n");
    // POP is ten times the number: 2,000 to 2,490.
    let ran = desk.run(&["count", &url, "--where", "POP >= 2000"]).ok();
    assert_eq!(ran.stdout, "50\n");
    // x is a tenth of the number: 0.0 to 1.0.
    let ran = desk
        .run(&["count", &url, "--bbox", "-1,46,1.05,48", "--json"])
        .ok();
    assert_eq!(ran.json(), json!({ "layer": url, "count": 11 }));
    desk.run(&["count", &url, "--where", "NOPE = 1"])
        .fails(2, &["NOPE", "--where is to check"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::io::Read;
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let mut child = desk
        .command(&["info", &service.layer_url("towns")])
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{stderr}");
    assert_eq!(stderr, "");
}
