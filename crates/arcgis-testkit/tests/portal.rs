#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! What can be discovered: items of the portal, and the directory with all its odd entries.

mod towns;
mod wire;

use arcgis_testkit::{
    GeometryType, Item, Layer, RequestKind, Security, Service, ServiceFailure, Testkit,
};
use serde_json::{Value, json};
use towns::five_towns;
use wire::get;

const ITEM: &str = "0123456789abcdef0123456789abcdef";

fn items() -> arcgis_testkit::TestkitBuilder {
    let map = json!({"operationalLayers": [{"title": "Towns", "url": "{services}/towns/FeatureServer/0"}]});
    Testkit::builder()
        .layer(five_towns())
        .item(
            Item::new(ITEM, "Feature Service", "Towns of the plain")
                .with_url("{services}/towns/FeatureServer"),
        )
        .item(Item::new("map1", "Web Map", "Map of towns").with_data(map))
        .item(Item::new("secret1", "Feature Service", "Hidden towns").private())
}

fn content(service: &Testkit, path: &str, parameters: &[(&str, &str)]) -> Value {
    let mut all = vec![("f", "json")];
    all.extend_from_slice(parameters);
    get(service, &format!("/portal/sharing/rest/{path}"), &all).json()
}

#[tokio::test]
async fn items_lead_to_services() {
    let service = items()
        .security(Security::token("user", "pass word"))
        .start()
        .await
        .unwrap();
    let item = content(&service, &format!("content/items/{ITEM}"), &[]);
    assert_eq!(item["type"], "Feature Service");
    assert_eq!(item["url"], service.service_url("towns"));
    let data = content(&service, "content/items/map1/data", &[]);
    assert_eq!(
        data["operationalLayers"][0]["url"],
        service.layer_url("towns")
    );
    assert!(
        get(
            &service,
            &format!("/portal/sharing/rest/content/items/{ITEM}/data"),
            &[]
        )
        .body
        .is_empty()
    );
    assert_eq!(
        content(&service, "content/items/none", &[])["error"]["message"],
        "Item does not exist or is inaccessible."
    );
    assert_eq!(
        content(&service, "content/items/secret1", &[])["error"]["code"],
        403
    );
    assert_eq!(
        content(&service, "content/items/secret1", &[("token", "x")])["error"]["code"],
        498
    );
    let token = service.issue_token().unwrap();
    assert_eq!(
        content(&service, "content/items/secret1", &[("token", &token)])["title"],
        "Hidden towns"
    );

    let titles = |parameters: &[(&str, &str)]| {
        let found = content(&service, "search", parameters);
        let titles: Vec<String> = found["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["title"].as_str().unwrap().to_owned())
            .collect();
        (
            titles,
            found["total"].as_u64().unwrap(),
            found["nextStart"].as_i64().unwrap(),
        )
    };
    let all = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        titles(&[("q", "towns")]),
        (all(&["Towns of the plain", "Map of towns"]), 2, -1)
    );
    assert_eq!(
        titles(&[("q", "towns"), ("num", "1")]),
        (all(&["Towns of the plain"]), 2, 2)
    );
    assert_eq!(
        titles(&[("q", "towns"), ("start", "2")]),
        (all(&["Map of towns"]), 2, -1)
    );
    assert_eq!(
        titles(&[("q", "type:\"Feature Service\" TOWNS"), ("token", &token)]).0,
        ["Towns of the plain", "Hidden towns"]
    );
    assert_eq!(service.requests_of(RequestKind::Item).len(), 11);

    let open = items().start().await.unwrap();
    assert_eq!(
        content(&open, "content/items/secret1", &[])["title"],
        "Hidden towns"
    );
}

#[tokio::test]
async fn directories_list_more_than_can_be_had() {
    let service = Testkit::builder()
        .layer(five_towns())
        .service(
            Service::new("a/deep/roads").with_layer(Layer::new("roads", GeometryType::Polyline)),
        )
        .service(Service::new("a/height").with_types(["ImageServer"]))
        .service(
            Service::new("a/route")
                .with_types(["GPServer"])
                .failing(ServiceFailure::Status(500)),
        )
        .service(
            Service::new("maps")
                .with_types(["MapServer"])
                .with_layer(five_towns()),
        )
        .service(Service::new("closed").failing(ServiceFailure::Forbidden))
        .service(Service::new("locked").failing(ServiceFailure::TokenRequired))
        .service(Service::new("stopped").failing(ServiceFailure::NotStarted))
        .start()
        .await
        .unwrap();
    let ask = |path: &str| {
        get(
            &service,
            &format!("/arcgis/rest/services{path}"),
            &[("f", "json")],
        )
    };
    let names = |document: &Value| -> Vec<String> {
        let services = document["services"].as_array().unwrap();
        services
            .iter()
            .map(|entry| {
                format!(
                    "{}:{}",
                    entry["name"].as_str().unwrap(),
                    entry["type"].as_str().unwrap()
                )
            })
            .collect()
    };
    let root = ask("").json();
    assert_eq!(root["folders"], json!(["a"]));
    assert_eq!(
        names(&root),
        [
            "towns:FeatureServer",
            "towns:MapServer",
            "maps:MapServer",
            "closed:FeatureServer",
            "closed:MapServer",
            "locked:FeatureServer",
            "locked:MapServer",
            "stopped:FeatureServer",
            "stopped:MapServer"
        ]
    );
    let folder = ask("/a").json();
    assert_eq!(folder["folders"], json!(["a/deep"]));
    assert_eq!(names(&folder), ["a/height:ImageServer", "a/route:GPServer"]);
    let deep = ask("/a/deep").json();
    assert_eq!(
        names(&deep),
        ["a/deep/roads:FeatureServer", "a/deep/roads:MapServer"]
    );
    assert!(deep.get("folders").is_none());
    assert_eq!(ask("/a/deep/roads/FeatureServer/0").json()["name"], "roads");
    assert_eq!(ask("/b").json()["error"]["code"], 404);

    assert_eq!(
        ask("/a/height/ImageServer").json()["serviceType"],
        "ImageServer"
    );
    assert_eq!(ask("/a/height/FeatureServer").json()["error"]["code"], 404);
    assert_eq!(ask("/maps/FeatureServer").json()["error"]["code"], 404);
    assert_eq!(ask("/maps/MapServer/0").json()["name"], "towns");
    assert_eq!(ask("/a/route/GPServer").status, 500);
    assert_eq!(ask("/closed/FeatureServer").json()["error"]["code"], 403);
    assert_eq!(ask("/locked/MapServer/0").json()["error"]["code"], 499);
    assert_eq!(
        ask("/stopped/FeatureServer").json()["error"],
        json!({"code": 500, "message": "Service not started", "details": []})
    );
}
