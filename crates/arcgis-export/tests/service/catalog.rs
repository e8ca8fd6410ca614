//! Files as a STAC catalog.

use arcgis_export::{LayerOutcome, Resume};
use arcgis_testkit::{
    Ability, Field, FieldType, Geometry, GeometryType, Layer, Row, Service, Testkit,
};
use serde_json::{Value, json};

use crate::bench::{Bench, notes, server, towns};

fn read(bench: &Bench, path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(bench.path().join(path)).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn items_stand_beside_their_files_and_the_catalog_leads_to_them() {
    let bench = Bench::start(server()).await;
    bench
        .export()
        .with_stac(true)
        .to(bench.folder())
        .await
        .unwrap();
    let catalog = read(&bench, "catalog.json");
    assert_eq!(catalog["type"], "Catalog");
    let items: Vec<&str> = catalog["links"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|link| link["rel"] == "item")
        .map(|link| link["href"].as_str().unwrap())
        .collect();
    assert_eq!(
        items,
        [
            "./bare/nothing.json",
            "./Land/Towns/Towns.json",
            "./Land/Towns/TOWNS-2.json",
            "./Land/Towns/Notes_old_new.json"
        ]
    );
    let item = read(&bench, "Land/Towns/Towns.json");
    assert_eq!(item["id"], "Land--Towns--Towns");
    // What is not declared, no validator has to fetch.
    assert_eq!(item["stac_extensions"], json!([]));
    assert_eq!(item["bbox"], json!([0.0, 1.0, 24.0, 1.0]));
    assert_eq!(item["geometry"]["type"], "Polygon");
    assert_eq!(item["assets"]["data"]["href"], "./Towns.parquet");
    assert_eq!(
        item["assets"]["data"]["type"],
        "application/vnd.apache.parquet"
    );
    assert_eq!(item["links"][0]["href"], "../../catalog.json");
    let properties = &item["properties"];
    assert_eq!(properties["table:row_count"], 25);
    assert_eq!(properties["table:primary_geometry"], "geometry");
    assert_eq!(properties["proj:code"], "EPSG:4326");
    assert_eq!(
        properties["table:columns"],
        json!([
            {"name": "OBJECTID", "type": "Int64"},
            {"name": "NAME", "type": "Utf8", "description": "Name of the town"},
            {"name": "geometry", "type": "Binary"},
        ])
    );
    let table = read(&bench, "Land/Towns/Notes_old_new.json");
    assert_eq!(table["geometry"], Value::Null);
    assert_eq!(table.get("bbox"), None);
    assert_eq!(table["properties"].get("proj:code"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn extents_are_in_degrees_whatever_the_coordinates_are() {
    let square = |size: f64| {
        [
            (0.0, 0.0),
            (0.0, size),
            (size, size),
            (size, 0.0),
            (0.0, 0.0),
        ]
    };
    let metres = |name: &str| {
        Layer::new(name, GeometryType::Polygon)
            .with_wkid(3857)
            .with_field(Field::new("N", FieldType::Integer))
            .with_row(Row::new().at(Geometry::polygon([square(111_319.490_793_273_57)])))
    };
    // The service knows no other system than these two: it computes the extent of the third in vain.
    let other = metres("other").with_metadata_patch(json!({
        "extent": {"spatialReference": {"wkid": 2056, "latestWkid": 2056}},
        "sourceSpatialReference": {"wkid": 2056, "latestWkid": 2056},
    }));
    let service = Service::new("s")
        .with_layer(metres("metres"))
        .with_layer(metres("unable").without(Ability::Extent))
        .with_layer(other.without(Ability::Extent));
    let bench = Bench::start(Testkit::builder().service(service)).await;
    bench
        .export()
        .with_stac(true)
        .to(bench.folder())
        .await
        .unwrap();
    for name in ["metres", "unable"] {
        let item = read(&bench, &format!("s/{name}.json"));
        let sides: Vec<f64> = serde_json::from_value(item["bbox"].clone()).unwrap();
        // A degree on the equator, and what it is of latitude by the formula of the projection.
        for (side, expected) in sides.into_iter().zip([0.0, 0.0, 1.0, 0.999_949_224]) {
            assert!((side - expected).abs() < 1e-6, "{side} is not {expected}");
        }
        assert_eq!(item["properties"]["proj:code"], "EPSG:3857");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_are_wanted_later_come_later() {
    let service = Service::new("s")
        .with_layer(towns("t", 3))
        .with_layer(notes("n", 2));
    let bench = Bench::start(Testkit::builder().service(service)).await;
    let export = || bench.export().with_resume(Resume::new());
    export().to(bench.folder()).await.unwrap();
    let report = export().with_stac(true).to(bench.folder()).await.unwrap();
    let again = |outcome: &LayerOutcome| matches!(outcome, LayerOutcome::Exported(_));
    assert_eq!(
        report
            .outcomes
            .iter()
            .filter(|outcome| again(outcome))
            .count(),
        2
    );
    let report = export().with_stac(true).to(bench.folder()).await.unwrap();
    assert!(!report.outcomes.iter().any(again));
    assert_eq!(
        bench.files(),
        [
            "catalog.json",
            "index.json",
            "s/n.json",
            "s/n.parquet",
            "s/t.json",
            "s/t.parquet"
        ]
    );
}
