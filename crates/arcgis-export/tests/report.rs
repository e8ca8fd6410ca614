//! What a report says, member for member.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{Conversion, LayerExport, LocalFile, ProofReport, WriterOptions};
use arcgis_layer::{
    Bbox, FetchOptions, FormatChoice, Layer, LayerAddress, Query, SpatialReference,
};
use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer as Served, Row, Testkit};
use serde_json::{Value, json};

fn towns(rows: i32) -> Served {
    Served::new("towns", GeometryType::Point)
        .with_field(Field::new("POP", FieldType::Integer))
        .with_rows((0..rows).map(|n| {
            Row::new()
                .with("POP", n)
                .at(Geometry::point((f64::from(n % 90), 47.0)))
        }))
}

async fn open(service: &Testkit) -> Layer {
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("towns")).unwrap();
    Layer::open(Arc::new(client), address).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_what_was_asked_and_how_it_was_written() {
    let versioned = towns(20).with_metadata_patch(serde_json::json!({"isDataVersioned": true}));
    let service = Testkit::builder().layer(versioned).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.parquet");
    let before = arcgis_export::Timestamp::now();
    let query = Query::new()
        .with_where("POP < 10")
        .with_bbox(Bbox {
            xmin: -1.5,
            ymin: 40.0,
            xmax: 5.0,
            ymax: 50.0,
        })
        .with_fields(["pop"])
        .with_limit(3)
        .with_out_sr(SpatialReference::from_wkid(3857))
        .with_param("gdbVersion", "sde.DEFAULT");
    let report = LayerExport::new(open(&service).await)
        .with_query(query)
        .with_fetch(FetchOptions::default().with_format(FormatChoice::Json))
        .with_writer(WriterOptions::default().with_row_group_rows(2.try_into().unwrap()))
        .to(LocalFile::new(&path))
        .await
        .unwrap();
    assert!(before <= report.started && report.started <= report.finished);
    let mut json = serde_json::to_value(&report).unwrap();
    let url = json["query"]["url"].take();
    assert!(
        url.as_str()
            .unwrap()
            .starts_with(&service.layer_url("towns"))
    );
    assert_eq!(
        json["query"],
        json!({
            "url": null,
            "where": "POP < 10",
            "bbox": [-1.5, 40.0, 5.0, 50.0],
            "params": {"gdbVersion": "sde.DEFAULT"},
            "parts": 1,
            "fields": ["POP"],
            "geometry": true,
            "limit": 3,
            "out_sr": 3857,
            "max_allowable_offset": null,
        })
    );
    assert_eq!(
        json["tool"],
        format!("arcgis-export {}", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(json["object_id_field"], "OBJECTID");
    let taken = json["writer"]
        .as_object_mut()
        .unwrap()
        .remove("writing_seconds");
    assert!(taken.unwrap().as_f64().unwrap() > 0.0);
    assert_eq!(
        json["writer"],
        json!({"format": "geoparquet", "compression": "zstd:3", "row_group_rows": 2, "row_group_bytes": 134_217_728, "geoparquet_version": "1.1", "geometry_encoding": "wkb"})
    );
    assert_eq!(json["row_groups"], 2);
    assert_eq!(json["fetch"]["strategy"], "offset");
    assert_eq!(json["fetch"]["format"], "json");
    assert!(json["fetch"]["decoded_bytes"].as_u64().unwrap() > 100);
    assert_eq!(json["proof"]["level"], "object-ids");
    for moment in ["started", "finished"] {
        let text = json[moment].as_str().unwrap();
        assert!(text.ends_with('Z') && text.parse::<arcgis_export::Timestamp>().is_ok());
    }
}

fn names(value: &Value) -> Vec<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_is_there_whether_there_is_a_value_or_not() {
    let service = Testkit::builder().layer(towns(2)).start().await.unwrap();
    let table = LayerExport::new(open(&service).await)
        .into_table()
        .await
        .unwrap();
    let exported = serde_json::to_value(&table.report).unwrap();
    let answer = br#"{"fields": [{"name": "n", "type": "esriFieldTypeInteger"}],
        "features": [{"attributes": {"n": 1}}]}"#;
    let table = Conversion::new(answer).into_table().unwrap();
    let converted = serde_json::to_value(&table.report).unwrap();
    assert_eq!(names(&exported), names(&converted));
    for name in [
        "query",
        "object_id_field",
        "proof",
        "fetch",
        "geometry",
        "output",
        "writer",
        "order",
    ] {
        assert_eq!(converted[name], Value::Null, "{name}");
    }
    assert_eq!(converted["misfits"], json!([]));
    assert_eq!(converted["notes"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_came_or_went_are_named_up_to_a_thousand() {
    let service = Testkit::builder()
        .layer(towns(3_000))
        .start()
        .await
        .unwrap();
    let rows = service.layer("towns").unwrap();
    let report = LayerExport::new(open(&service).await)
        .with_observer(move |event| {
            if let arcgis_export::ExportEvent::Planned { .. } = event {
                for _ in 0..1_001 {
                    rows.insert(Row::new().with("POP", 1)).unwrap();
                }
            }
        })
        .into_table()
        .await
        .unwrap()
        .report;
    let proof = report.proof.unwrap();
    assert_eq!(proof.inserted_rows, 1_001);
    assert_eq!(proof.inserted_ids.len(), ProofReport::MOST_IDS);
    assert_eq!(proof.inserted_ids[0], 3_001);
    assert_eq!((proof.deleted_rows, proof.deleted_ids.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_came_to_an_empty_layer_change_its_words() {
    let service = Testkit::builder().layer(towns(0)).start().await.unwrap();
    let rows = service.layer("towns").unwrap();
    let report = LayerExport::new(open(&service).await)
        .with_observer(move |event| {
            if let arcgis_export::ExportEvent::Planned { .. } = event {
                rows.insert(Row::new().with("POP", 1)).unwrap();
            }
        })
        .into_table()
        .await
        .unwrap()
        .report;
    let proof = report.proof.unwrap();
    assert_eq!((proof.level.as_str(), proof.count_change), ("count", 1));
    assert_eq!(proof.meaning, "no rows, counted at the start; 1 at the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_too_large_to_write_down_is_told() {
    let service = Testkit::builder().layer(towns(20)).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.parquet");
    // Around the towns at 0 to 9 degrees east.
    let circle: Vec<(f64, f64)> = (0..=180)
        .map(|n| f64::from(n % 180).to_radians() * 2.0)
        .map(|angle| (4.5 + 5.0 * angle.cos(), 47.0 + 5.0 * angle.sin()))
        .collect();
    let circle = geo_types::Polygon::new(circle.into(), Vec::new());
    let filter = arcgis_layer::SpatialFilter::new(circle)
        .unwrap()
        .with_most_positions(64);
    let report = LayerExport::new(open(&service).await)
        .with_query(Query::new().with_spatial_filter(filter))
        .to(LocalFile::new(&path))
        .await
        .unwrap();
    assert_eq!(report.rows, 10);
    let query = report.query.unwrap();
    assert!(query.parts > 1, "{}", query.parts);
    assert!(!query.url.contains("geometryType"), "{}", query.url);
    let file = bytes::Bytes::from(std::fs::read(&path).unwrap());
    assert_eq!(
        pages::footer(&file, "arcgis:filter_parts"),
        Some(query.parts.to_string())
    );
}
