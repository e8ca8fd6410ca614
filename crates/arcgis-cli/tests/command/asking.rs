//! `ids`, `count` and `info`: what is said without a look at a row.

use arcgis_testkit::{Layer, RequestKind, Row, Testkit};
use serde_json::json;

use crate::run::{Desk, start, towns};

#[test]
fn the_first_ids_are_those_of_a_limit() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let ran = desk.run(&["ids", &url, "--limit", "3"]).ok();
    assert_eq!(ran.stdout, "1\n2\n3\n");
    let args = [
        "ids",
        &url,
        "--limit",
        "2",
        "--where",
        "OBJECTID > 9",
        "--json",
    ];
    let said = json!({ "layer": url, "count": 2, "objectIds": [10, 11] });
    assert_eq!(desk.run(&args).ok().json(), said);
    assert_eq!(desk.run(&["ids", &url, "--limit", "0"]).ok().stdout, "");
}

#[test]
fn an_estimate_is_of_the_whole_layer_and_no_count() {
    let odd = Layer::table("odd").with_rows((0..13).map(|_| Row::new()));
    let service = start(Testkit::builder().layer(odd));
    let desk = Desk::new();
    let url = service.layer_url("odd");
    assert_eq!(desk.run(&["count", &url]).ok().stdout, "13\n");
    service.clear_requests();
    // The testkit reckons in tens.
    assert_eq!(desk.run(&["count", &url, "--estimate"]).ok().stdout, "10\n");
    assert!(service.requests_of(RequestKind::Count).is_empty());
    let said = desk
        .run(&["count", &url, "--estimate", "--json"])
        .ok()
        .json();
    assert_eq!(said, json!({ "layer": url, "estimate": 10 }));
    service.clear_requests();
    desk.run(&["count", &url, "--estimate", "--where", "OBJECTID > 3"])
        .fails(2, &["--estimate is of the whole layer"]);
    assert!(service.requests().is_empty());
    let pasted = format!("{url}/query?where=OBJECTID%3E3");
    desk.run(&["count", &pasted, "--estimate"])
        .fails(2, &["--estimate is of the whole layer"]);
}

#[test]
fn info_shows_its_requests() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    for (url, asked) in [
        (service.layer_url("towns"), "'returnCountOnly=true'"),
        (service.service_url("towns"), "/FeatureServer"),
        (service.services_url(), "/rest/services"),
    ] {
        let ran = desk.run(&["info", &url, "--show-requests"]).ok();
        assert!(ran.stderr.contains("curl"), "{ran:?}");
        assert!(ran.stderr.contains(asked), "{ran:?}");
        assert!(!desk.run(&["info", &url]).ok().stderr.contains("curl"));
    }
}
