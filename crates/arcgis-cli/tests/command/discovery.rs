//! `crawl`, and what is found by an item, a page or a name.

use arcgis_testkit::{
    Item, Layer, Row, Security, Service, ServiceFailure, Testkit, TestkitBuilder,
};
use serde_json::{Value, json};

use crate::run::{Desk, mixed, rows_in, start, towns};

const ONE: &str = "0123456789abcdef0123456789abcdef";
const SEVERAL: &str = "1123456789abcdef0123456789abcdef";
const MAP: &str = "2123456789abcdef0123456789abcdef";
const WIDE: &str = "3123456789abcdef0123456789abcdef";

fn portal() -> TestkitBuilder {
    Testkit::builder()
        .layer(towns())
        .service(mixed())
        .item(Item::new(ONE, "Feature Service", "Towns").with_url("{services}/towns/FeatureServer"))
        .item(
            Item::new(SEVERAL, "Feature Service", "Mixed")
                .with_url("{services}/mixed/FeatureServer"),
        )
        .item(
            Item::new(MAP, "Web Map", "Map of towns").with_data(json!({"operationalLayers": [
                {"id": "1", "title": "Towns", "url": "{services}/towns/FeatureServer/0"},
            ]})),
        )
        .item(
            Item::new(WIDE, "Web Map", "Wide map").with_data(json!({"operationalLayers": [
                {"id": "1", "title": "Towns", "url": "{services}/towns/FeatureServer/0"},
                {"id": "2", "title": "More towns", "url": "{services}/mixed/FeatureServer/1"},
            ]})),
        )
}

#[test]
fn a_server_is_listed_with_what_fails_where_it_fails() {
    let service = start(
        Testkit::builder()
            .layer(towns())
            .service(
                Service::new("water/wells")
                    .with_layer(Layer::table("notes").with_rows((0..3).map(|_| Row::new()))),
            )
            .service(Service::new("tools").with_types(["GPServer"])),
    );
    let desk = Desk::new();
    let root = service.services_url();
    let said = desk.run(&["crawl", &root, "--json"]).ok().json();
    assert_eq!(said["root"], json!(root));
    let of = |said: &Value, service: &str| {
        let entries = said["entries"].as_array().unwrap();
        let found = entries.iter().find(|entry| {
            entry["entry"] == "layer"
                && entry["service"] == service
                && entry["url"].as_str().unwrap().contains("FeatureServer")
        });
        found.cloned().unwrap()
    };
    let found = of(&said, "towns");
    assert_eq!(found["count"], 250);
    assert_eq!(found["geometry_type"], "esriGeometryPoint");
    let found = of(&said, "water/wells");
    assert_eq!(
        (&found["kind"], &found["count"]),
        (&json!("Table"), &json!(3))
    );
    let ran = desk.run(&["crawl", &root]).ok();
    assert!(ran.stdout.contains("water/wells"), "{ran:?}");
    assert!(ran.stdout.contains("GPServer"), "{ran:?}");
    let bare = desk.run(&["crawl", &root, "--no-counts", "--csv"]).ok();
    let first = bare.stdout.lines().next().unwrap();
    assert_eq!(
        first,
        "Service,Id,Name,Kind,Geometry,CRS,Rows,Address,Problem"
    );
    let line = format!(
        "towns,0,towns,Feature Layer,Point,4326,,{},",
        service.layer_url("towns")
    );
    assert!(bare.stdout.lines().any(|it| it == line), "{bare:?}");

    let service = start(
        Testkit::builder()
            .layer(towns())
            .service(Service::new("asleep").failing(ServiceFailure::NotStarted)),
    );
    let root = service.services_url();
    let ran = desk.run(&["crawl", &root, "--json", "--retries", "0"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.stderr.contains("could not be read in full"), "{ran:?}");
    // One document, the listing.
    let said = ran.json();
    assert_eq!(of(&said, "towns")["count"], 250);
    let entries = said["entries"].as_array().unwrap();
    assert!(
        entries
            .iter()
            .any(|entry| entry["name"] == "asleep" && entry["error"].is_string()),
        "{said}"
    );
}

#[test]
fn no_way_into_a_server_is_the_error_of_its_reason() {
    let security = Security::token("me", "secret");
    let service = start(Testkit::builder().layer(towns()).security(security));
    let desk = Desk::new();
    desk.run(&["crawl", &service.services_url()])
        .fails(3, &["oken"]);
    let secret = desk.run_with_stdin(
        "secret",
        &[
            "crawl",
            &service.services_url(),
            "--user",
            "me",
            "--password-stdin",
            "--portal",
            &service.root_url(),
        ],
    );
    assert!(secret.ok().stdout.contains("towns"));
    desk.run(&[
        "crawl",
        "http://127.0.0.1:1/arcgis/rest/services",
        "--retries",
        "0",
    ])
    .fails(4, &["127.0.0.1:1"]);
}

#[test]
fn items_and_their_pages_lead_to_layers() {
    let service = start(portal());
    let desk = Desk::new();
    let page = |id: &str| format!("{}/home/item.html?id={id}", service.portal_url());
    assert_eq!(desk.run(&["count", &page(ONE)]).ok().stdout, "250\n");
    let places = [("ARCGIS_PORTAL", service.portal_url())];
    let places: Vec<(&str, &str)> = places
        .iter()
        .map(|(name, url)| (*name, url.as_str()))
        .collect();
    assert_eq!(desk.run_in(&places, &["count", ONE]).ok().stdout, "250\n");
    let out = desk.path("out.parquet");
    desk.run(&["export", &page(ONE), "out.parquet"]).ok();
    assert_eq!(rows_in(&out), 250);
    // A service with several: info lists them, and the number of one chooses.
    let said = desk.run(&["info", &page(SEVERAL), "--json"]).ok().json();
    assert_eq!(said["kind"], "service");
    desk.run(&["count", &page(SEVERAL)]).fails(2, &["/1 towns"]);
    let one = format!("{}&sublayer=1", page(SEVERAL));
    assert_eq!(desk.run(&["count", &one]).ok().stdout, "250\n");
    desk.run(&["info", &page("9123456789abcdef0123456789abcdef")])
        .fails(4, &["9123456789abcdef0123456789abcdef"]);
}

#[test]
fn maps_are_listed_and_their_only_layer_is_taken() {
    let service = start(portal());
    let desk = Desk::new();
    let viewer = |id: &str| {
        format!(
            "{}/apps/mapviewer/index.html?webmap={id}",
            service.portal_url()
        )
    };
    let said = desk.run(&["info", &viewer(WIDE), "--json"]).ok().json();
    assert_eq!(said["kind"], "map");
    assert_eq!(
        said["layers"],
        json!([
            { "title": "Towns", "url": service.layer_url("towns") },
            { "title": "More towns", "url": format!("{}/1", service.service_url("mixed")) },
        ])
    );
    let ran = desk.run(&["info", &viewer(WIDE)]).ok();
    assert!(ran.stdout.contains("Wide map  Web Map"), "{ran:?}");
    assert!(ran.stdout.contains("Layers (2)"), "{ran:?}");
    desk.run(&["count", &viewer(WIDE)])
        .fails(2, &["several layers", "More towns"]);
    assert_eq!(desk.run(&["count", &viewer(MAP)]).ok().stdout, "250\n");
}

#[test]
fn a_layer_is_found_by_its_name() {
    let service = start(portal());
    let desk = Desk::new();
    let url = format!("{}/Towns", service.service_url("mixed"));
    let said = desk.run(&["info", &url, "--json"]).ok().json();
    assert_eq!(
        said["url"],
        json!(format!("{}/1", service.service_url("mixed")))
    );
    // What stands behind it counts as behind a number.
    let some = format!("{url}?where=POP<1000");
    assert_eq!(desk.run(&["count", &some]).ok().stdout, "100\n");
    desk.run(&["count", &format!("{}/Nope", service.service_url("mixed"))])
        .fails(2, &["Nope", "1 (towns)"]);
}

#[test]
fn a_private_item_takes_the_portals_token() {
    let security = Security::token("me", "secret");
    let service = start(
        Testkit::builder().layer(towns()).security(security).item(
            Item::new(ONE, "Feature Service", "Towns")
                .with_url("{services}/towns/FeatureServer")
                .private(),
        ),
    );
    let desk = Desk::new();
    let page = format!("{}/home/item.html?id={ONE}", service.portal_url());
    desk.run(&["count", &page]).fails(3, &[]);
    let portal = service.portal_url();
    let ran = desk.run_with_stdin(
        "secret",
        &[
            "count",
            &page,
            "--user",
            "me",
            "--password-stdin",
            "--portal",
            &portal,
        ],
    );
    assert_eq!(ran.ok().stdout, "250\n");
}
