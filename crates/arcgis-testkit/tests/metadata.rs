#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! What the service says of itself and its layers.

mod towns;
mod wire;

use arcgis_testkit::{Geometry, Layer, Row, Service, Testkit};
use serde_json::json;
use towns::towns;
use wire::{get, query};

#[tokio::test]
async fn metadata_describe_the_layer() {
    let service = Testkit::builder()
        .service(
            Service::new("Base/Places")
                .with_layer(Layer::group("all"))
                .with_layer(towns().with_parent(0))
                .with_layer(Layer::table("notes"))
                .with_layer(Layer::raster("photo"))
                .with_layer(towns().with_name("closed").with_capabilities("Create")),
        )
        .layer(towns().with_name("odd").with_metadata_patch(json!({"objectIdField": null, "maxRecordCount": 5, "advancedQueryCapabilities": {"supportsPagination": null}})).with_null_metadata("types"))
        .start()
        .await
        .unwrap();
    let json = |path: &str| {
        get(
            &service,
            &format!("/arcgis/rest/services{path}"),
            &[("f", "json")],
        )
        .json()
    };
    assert_eq!(json("")["folders"], json!(["Base"]));
    assert_eq!(
        json("")["services"],
        json!([{"name": "odd", "type": "FeatureServer"}, {"name": "odd", "type": "MapServer"}])
    );
    assert_eq!(
        json("/Base")["services"][0],
        json!({"name": "Base/Places", "type": "FeatureServer"})
    );
    assert_eq!(json("/Nosuch")["error"]["code"], 404);
    let root = json("/Base/Places/FeatureServer");
    assert_eq!(root["layers"].as_array().unwrap().len(), 4);
    assert_eq!(root["layers"][0]["subLayerIds"], json!([1]));
    assert_eq!(root["tables"][0]["name"], "notes");
    let layer = json("/Base/Places/FeatureServer/1");
    assert_eq!(layer["type"], "Feature Layer");
    assert_eq!(layer["objectIdField"], "OBJECTID");
    assert_eq!(layer["maxRecordCount"], 10);
    assert_eq!(layer["extent"]["spatialReference"]["wkid"], 4326);
    assert_eq!(layer["extent"]["xmax"], 2.5);
    assert_eq!(
        layer["fields"][1],
        json!({"name": "NAME", "type": "esriFieldTypeString", "alias": "NAME", "length": 255, "domain": null, "defaultValue": null, "nullable": true, "editable": true})
    );
    assert_eq!(layer["supportedQueryFormats"], "JSON, geoJSON, PBF");
    assert_eq!(json("/Base/Places/FeatureServer/0")["type"], "Group Layer");
    assert_eq!(json("/Base/Places/FeatureServer/2")["type"], "Table");
    assert!(
        json("/Base/Places/FeatureServer/2")
            .get("geometryType")
            .is_none()
    );
    assert_eq!(json("/Base/Places/FeatureServer/3")["type"], "Raster Layer");
    assert_eq!(json("/Base/Places/FeatureServer/9")["error"]["code"], 400);
    let map = json("/Base/Places/MapServer/1");
    assert_eq!(map["capabilities"], "Map,Query");
    assert!(map.get("objectIdField").is_none());
    let odd = json("/odd/FeatureServer/0");
    assert!(
        odd.get("objectIdField").is_none() && odd["types"].is_null() && odd.get("types").is_some()
    );
    assert_eq!(odd["maxRecordCount"], 5);
    for closed in ["all", "photo", "closed"] {
        assert_eq!(
            query(&service, closed, &[("where", "1=1")])["error"]["message"],
            "Requested operation is not supported by this service."
        );
    }
    // The metadata follow the data.
    let before = layer["editingInfo"]["lastEditDate"].as_u64().unwrap();
    let rows = service.layer("Base/Places/towns").unwrap();
    let id = rows
        .insert(
            Row::new()
                .with("NAME", "New")
                .at(Geometry::point((9.0, 47.0))),
        )
        .unwrap();
    assert_eq!(id, Some(26));
    assert!(
        rows.update(26, Row::new().with("POP", 5)).unwrap()
            && rows.delete(1).unwrap()
            && !rows.delete(1).unwrap()
    );
    let after = json("/Base/Places/FeatureServer/1");
    assert_eq!(after["extent"]["xmax"], 9.0);
    assert!(after["editingInfo"]["lastEditDate"].as_u64().unwrap() > before);
    assert_eq!(rows.len(), 25);
}
