//! Where rows come from, in the footer of their file; and what options of files and columns do on the whole way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{
    ColumnNames, ColumnOptions, Error, GeoParquetVersion, GeometryEncoding, LayerExport, LocalFile,
    WriterOptions,
};
use arcgis_layer::{Layer, LayerAddress, Query, SpatialReference};
use arcgis_testkit::{
    Field, FieldType, Geometry, GeometryType, Layer as Served, Row, Testkit, Vertex,
};
use bytes::Bytes;
use serde_json::json;

fn paths() -> Served {
    Served::new("paths", GeometryType::Polyline)
        .with_m()
        .with_field(Field::new("NAME", FieldType::String).with_alias("Name of it"))
        .with_row(Row::new().with("NAME", "a").at(Geometry::polyline([[
            Vertex::xym(1.0, 2.0, 7.0),
            Vertex::xym(3.0, 4.0, 8.0),
        ]])))
}

/// The keys of a file, in their order.
fn footer_keys(file: &Bytes) -> Vec<String> {
    let pairs = pages::metadata(file)
        .file_metadata()
        .key_value_metadata()
        .cloned();
    pairs
        .unwrap_or_default()
        .into_iter()
        .map(|pair| pair.key)
        .collect()
}

async fn open(service: &Testkit, name: &str) -> Layer {
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(&service.layer_url(name)).unwrap();
    Layer::open(Arc::new(client), address).await.unwrap()
}

async fn export(export: LayerExport) -> (Bytes, arcgis_export::Report) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    let report = export.to(LocalFile::new(&path)).await.unwrap();
    (std::fs::read(&path).unwrap().into(), report)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_footer_says_in_which_state_the_layer_was() {
    let tracked = paths()
        .with_capabilities("Query,ChangeTracking")
        .with_metadata_patch(json!({"editingInfo": {"lastEditDate": 1_700_000_000_123_i64}}));
    let service = Testkit::builder()
        .layer(tracked)
        .layer(paths().with_name("plain"))
        .start()
        .await
        .unwrap();
    let query = Query::new().with_out_sr(SpatialReference::from_wkid(3857));
    let layer = open(&service, "paths").await;
    let (file, _) = export(LayerExport::new(layer.clone()).with_query(query)).await;
    let footer = |key: &str| pages::footer(&file, key);
    // `date -u -d @1700000000`
    assert_eq!(
        footer("arcgis:last_edit").as_deref(),
        Some("2023-11-14T22:13:20.123Z")
    );
    // The generation of the service is the moment of its last edit, and nothing was edited.
    let generation: i64 = footer("arcgis:server_generation").unwrap().parse().unwrap();
    assert!(generation >= 0);
    assert_eq!(footer("arcgis:out_sr").as_deref(), Some("3857"));
    let hash = footer("arcgis:schema_hash").unwrap();
    assert_eq!(hash.len(), 16);
    assert!(hash.bytes().all(|digit| digit.is_ascii_hexdigit()));

    // Columns that differ have another hash, the same ones the same.
    let (again, _) = export(LayerExport::new(layer.clone())).await;
    let (other, _) = export(
        LayerExport::new(layer)
            .with_columns(ColumnOptions::default().with_names(ColumnNames::Alias)),
    )
    .await;
    let plain = open(&service, "plain").await;
    let (plain, _) = export(LayerExport::new(plain)).await;
    let hash_of = |file: &Bytes| pages::footer(file, "arcgis:schema_hash").unwrap();
    assert_eq!(hash_of(&again), hash_of(&plain));
    assert_ne!(hash_of(&again), hash_of(&other));
    assert_ne!(hash_of(&again), hash);
    // A layer that tracks no changes is not asked for its generation.
    assert_eq!(pages::footer(&plain, "arcgis:server_generation"), None);
}

/// Each key that is listed for `Provenance`, with a value from elsewhere; and no others.
#[tokio::test(flavor = "multi_thread")]
async fn every_key_has_its_value() {
    let paths = paths()
        .with_capabilities("Query,ChangeTracking")
        .with_copyright_text("(c) Survey")
        .with_metadata_patch(json!({
            "editingInfo": {"lastEditDate": 1_700_000_000_123_i64},
            "dateFieldsTimeReference": {"timeZoneIANA": "Europe/Zurich", "respectsDaylightSaving": true}
        }));
    let service = Testkit::builder().layer(paths).start().await.unwrap();
    let query = Query::new()
        .with_where("NAME = 'a'")
        .with_fields(["NAME"])
        .with_limit(5)
        .with_out_sr(SpatialReference::from_wkid(3857))
        .with_geometry_precision(3)
        .with_max_allowable_offset(0.5);
    let layer = open(&service, "paths").await;
    let before = jiff::Timestamp::now();
    let (file, report) = export(LayerExport::new(layer).with_query(query)).await;
    let mut keys = footer_keys(&file);
    let mut is = |key: &str, wanted: &str| {
        let value = pages::footer(&file, key).unwrap();
        assert_eq!(value, wanted, "{key}");
        keys.retain(|known| known != key);
    };
    let url = service.layer_url("paths");
    is("arcgis:source", &url);
    is("arcgis:layer", "paths");
    is("arcgis:layer_id", "0");
    is(
        "arcgis:query",
        &format!(
            "{url}/query?where=NAME+%3D+%27a%27&outFields=OBJECTID%2CNAME&returnGeometry=true&outSR=3857&maxAllowableOffset=0.5&geometryPrecision=3"
        ),
    );
    is("arcgis:limit", "5");
    is("arcgis:out_sr", "3857");
    is("arcgis:spatial_reference", "3857");
    is("arcgis:coordinates", "x 1e-4, y 1e-4, m 1e-4");
    is("arcgis:time_zone", "Europe/Zurich");
    is("arcgis:schema_hash", report.schema_hash.as_deref().unwrap());
    is("arcgis:last_edit", "2023-11-14T22:13:20.123Z");
    let generation = report.server_generation.unwrap().to_string();
    is("arcgis:server_generation", &generation);
    is("arcgis:rows", "1");
    is("arcgis:proof", "object-ids");
    is("arcgis:copyright", "(c) Survey");
    is(
        "arcgis:tool",
        concat!("arcgis-export ", env!("CARGO_PKG_VERSION")),
    );
    let retrieved: jiff::Timestamp = pages::footer(&file, "arcgis:retrieved")
        .unwrap()
        .parse()
        .unwrap();
    assert!(retrieved.as_second() >= before.as_second() && retrieved <= jiff::Timestamp::now());
    let options: serde_json::Value =
        serde_json::from_str(&pages::footer(&file, "arcgis:options").unwrap()).unwrap();
    assert_eq!(options["query"]["where"], "NAME = 'a'");
    keys.retain(|key| !["arcgis:retrieved", "arcgis:options"].contains(&key.as_str()));
    keys.sort();
    assert_eq!(keys, ["ARROW:schema", "geo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn m_comes_with_version_2_and_is_told_of_otherwise() {
    let service = Testkit::builder().layer(paths()).start().await.unwrap();
    let layer = open(&service, "paths").await;
    let (_, report) = export(LayerExport::new(layer.clone())).await;
    let geometry = report.geometry.unwrap();
    assert_eq!(geometry.types, ["LineString"]);
    assert_eq!(geometry.dropped_m_rows, 1);
    assert!(report.notes.iter().any(|note| note.kind() == "dropped-m"));
    let writer = WriterOptions::default().with_geoparquet_version(GeoParquetVersion::V2_0);
    let (file, report) = export(LayerExport::new(layer).with_writer(writer)).await;
    let geometry = report.geometry.unwrap();
    assert_eq!(geometry.types, ["LineString M"]);
    assert_eq!(geometry.dropped_m_rows, 0);
    let writer = report.writer.unwrap();
    assert_eq!(writer.geoparquet_version.as_deref(), Some("2.0"));
    assert_eq!(writer.geometry_encoding.as_deref(), Some("wkb"));
    let geo = pages::footer(&file, "geo").unwrap();
    assert!(
        geo.contains(r#""geometry_types":["LineString M"]"#),
        "{geo}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_refused_before_rows_are_asked_for() {
    let service = Testkit::builder().layer(paths()).start().await.unwrap();
    let layer = open(&service, "paths").await;
    service.clear_requests();
    let writer = WriterOptions::default()
        .with_geoparquet_version(GeoParquetVersion::V2_0)
        .with_geometry_encoding(GeometryEncoding::Native);
    let folder = tempfile::tempdir().unwrap();
    let error = LayerExport::new(layer)
        .with_writer(writer)
        .to(LocalFile::new(folder.path().join("out.parquet")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert_eq!(service.requests().len(), 0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(feature = "repair")]
#[tokio::test(flavor = "multi_thread")]
async fn polygons_are_mended_on_request_and_told_of() {
    let ring = |corners: [(f64, f64); 5]| corners.map(|(x, y)| Vertex::xy(x, y));
    let bow = ring([(0., 0.), (0., 4.), (4., 0.), (4., 5.), (0., 0.)]);
    let square = ring([(9., 9.), (9., 10.), (10., 10.), (10., 9.), (9., 9.)]);
    let shapes = Served::new("shapes", GeometryType::Polygon)
        .with_row(Row::new().at(Geometry::polygon([square])))
        .with_row(Row::new().at(Geometry::polygon([bow])));
    let service = Testkit::builder().layer(shapes).start().await.unwrap();
    let layer = open(&service, "shapes").await;
    let (_, report) = export(LayerExport::new(layer.clone())).await;
    assert_eq!(report.geometry.unwrap().mended_rows, 0);
    let options = ColumnOptions::default().with_repair(true);
    let (_, report) = export(LayerExport::new(layer).with_columns(options)).await;
    let geometry = report.geometry.unwrap();
    assert_eq!(geometry.mended_rows, 1);
    assert_eq!(geometry.types, ["MultiPolygon", "Polygon"]);
    let note = report
        .notes
        .iter()
        .find(|note| note.kind() == "mended")
        .unwrap();
    assert_eq!(
        note.to_string(),
        "polygons that were not valid were mended in 1 row: object id 2"
    );
}
