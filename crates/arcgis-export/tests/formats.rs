//! What formats ask of an export, and refuse of it. Their values are compared by readers of others' in
//! `cargo xtask interop`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{
    ColumnOptions, Compression, Conversion, DomainValues, Error, FileFormat, GeoParquetVersion,
    GeometryEncoding, GuidType, LayerExport, LocalFile, WriterOptions,
};
use arcgis_layer::{Layer, LayerAddress, Query, SpatialReference};
use arcgis_testkit::{
    Field, FieldType, Geometry, GeometryType, Layer as Served, RequestKind, Row, Testkit,
};
use serde_json::Value;

/// In metres of Web Mercator.
fn towns() -> Served {
    Served::new("towns", GeometryType::Point)
        .with_wkid(102_100)
        .with_field(Field::new("POP", FieldType::Integer))
        .with_rows((0..50).map(|n| {
            Row::new().with("POP", n).at(Geometry::point((
                f64::from(n) * 111_319.490_793_273_57,
                0.0,
            )))
        }))
}

async fn open(service: &Testkit) -> Layer {
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("towns")).unwrap();
    Layer::open(Arc::new(client), address).await.unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn names_and_extensions_find_their_format() {
    for format in FileFormat::all() {
        assert_eq!(format.name().parse(), Ok(format));
        for extension in format.extensions() {
            assert_eq!(
                FileFormat::of_name(&format!("a.b.{extension}")),
                Some(format)
            );
            let address = format!("https://h/a.{}?sig=x.csv#y", extension.to_uppercase());
            assert_eq!(FileFormat::of_name(&address), Some(format));
        }
    }
    for name in ["a", "a.shp", ".parquet", "csv", "https://h.csv"] {
        let found = FileFormat::of_name(name);
        assert!(found.is_none(), "{name} {found:?}");
    }
    let error = "shapefile".parse::<FileFormat>().unwrap_err().to_string();
    assert!(
        error.contains("geoparquet, arrow, arrows, geojson"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn geojson_is_asked_for_in_degrees() {
    let service = Testkit::builder().layer(towns()).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.geojson");
    let report = LayerExport::new(open(&service).await)
        .to(LocalFile::new(&path))
        .await
        .unwrap();
    let pages = service.requests_of(RequestKind::Features);
    let asked = pages
        .iter()
        .filter_map(|page| page.parameters().get("outSR"));
    assert!(asked.clone().count() > 0 && asked.clone().all(|wkid| wkid == "4326"));
    assert_eq!(report.query.unwrap().out_sr.as_deref(), Some("4326"));
    assert_eq!(report.geometry.unwrap().crs.as_deref(), Some("EPSG:4326"));
    assert_eq!(report.row_groups, None);
    assert_eq!(report.writer.as_ref().unwrap().format, "geojson");
    let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let features = document["features"].as_array().unwrap();
    assert_eq!(features.len(), 50);
    for feature in features {
        let longitude = feature["geometry"]["coordinates"][0].as_f64().unwrap();
        let expected = feature["properties"]["POP"].as_f64().unwrap();
        assert!(
            (longitude - expected).abs() < 1e-6,
            "{longitude} {expected}"
        );
        assert_eq!(feature["id"], feature["properties"]["OBJECTID"]);
    }
    assert_eq!(document["arcgis"]["proof"], "object-ids");
    let notes: Vec<String> = report.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "the server was asked for longitude and latitude (EPSG:4326) in place of EPSG:3857: GeoJSON knows nothing else"
        ]
    );
    assert_eq!(report.notes[0].kind(), "reprojected");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_format_has_not_is_refused_before_anything_is_asked_for() {
    let service = Testkit::builder().layer(towns()).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let layer = open(&service).await;
    service.clear_requests();
    let options = WriterOptions::default();
    let metres = Query::new().with_out_sr(SpatialReference::from_wkid(3857));
    for (name, options, query) in [
        (
            "a.csv",
            options.clone().with_compression(Compression::default()),
            Query::new(),
        ),
        (
            "a.fgb",
            options.clone().with_compression(Compression::None),
            Query::new(),
        ),
        (
            "a.arrow",
            options.clone().with_compression(Compression::Snappy),
            Query::new(),
        ),
        (
            "a.arrows",
            options.clone().with_row_group_rows(7.try_into().unwrap()),
            Query::new(),
        ),
        (
            "a.geojsonl",
            options.clone().with_row_group_bytes(7.try_into().unwrap()),
            Query::new(),
        ),
        ("a.geojson", options.clone(), metres),
        (
            "a.csv",
            options
                .clone()
                .with_geoparquet_version(GeoParquetVersion::V2_0),
            Query::new(),
        ),
        (
            "a.fgb",
            options
                .clone()
                .with_geometry_encoding(GeometryEncoding::Native),
            Query::new(),
        ),
    ] {
        let error = LayerExport::new(layer.clone())
            .with_writer(options)
            .with_query(query)
            .to(LocalFile::new(folder.path().join(name)))
            .await
            .unwrap_err();
        let told = matches!(
            error,
            Error::Unsupported { .. } | Error::NotInDegrees { .. }
        );
        assert!(told, "{name}: {error}");
    }
    let columns = ColumnOptions::default();
    for (name, columns) in [
        ("a.csv", columns.with_domains(DomainValues::Dictionary)),
        ("a.geojsonl", columns.with_guids(GuidType::Uuid)),
    ] {
        let error = LayerExport::new(layer.clone())
            .with_columns(columns)
            .to(LocalFile::new(folder.path().join(name)))
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Unsupported { .. }),
            "{name}: {error}"
        );
    }
    // Coordinates of the layer's own, in a format that has none but degrees.
    let error = LayerExport::new(layer)
        .with_own_coordinates(true)
        .to(LocalFile::new(folder.path().join("a.geojson")))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "GeoJSON is in longitude and latitude (EPSG:4326) alone, and the rows are to be in EPSG:3857"
    );
    assert!(service.requests().is_empty());
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_file_that_does_not_appear() {
    let service = Testkit::builder().layer(towns()).start().await.unwrap();
    for format in FileFormat::all() {
        let folder = tempfile::tempdir().unwrap();
        let error = LayerExport::new(open(&service).await)
            .with_format(format)
            .with_before_commit(|_| Err("not today".into()))
            .to(LocalFile::new(folder.path().join("out")))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::BeforeCommit(_)), "{format}: {error}");
        assert_eq!(names(folder.path()), [""; 0], "{format}");
    }
}

#[test]
fn numbers_that_json_has_not_are_an_error_or_null_and_counted() {
    let answer = br#"{"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326},
        "fields": [{"name": "depth", "type": "esriFieldTypeDouble"}],
        "features": [{"attributes": {"depth": "NaN"}, "geometry": {"x": 1, "y": 2}},
                     {"attributes": {"depth": 2.5}, "geometry": {"x": 1, "y": 2}}]}"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depths.geojsonl");
    let error = Conversion::new(answer)
        .to(&LocalFile::new(&path))
        .unwrap_err();
    let Error::Unfit { column, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(column, "depth");
    assert_eq!(names(folder.path()), [""; 0]);
    let report = Conversion::new(answer)
        .with_lenient(true)
        .to(&LocalFile::new(&path))
        .unwrap();
    let lines = std::fs::read_to_string(&path).unwrap();
    let depths: Vec<&str> = lines
        .lines()
        .map(|line| {
            line.split_once(r#""depth":"#)
                .unwrap()
                .1
                .trim_end_matches('}')
        })
        .collect();
    assert_eq!(depths, ["null", "2.5"]);
    assert_eq!(report.misfits.len(), 1);
    assert_eq!(
        (report.misfits[0].column.as_str(), report.misfits[0].count),
        ("depth", 1)
    );
    // Text holds it.
    let path = folder.path().join("depths.csv");
    Conversion::new(answer).to(&LocalFile::new(&path)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "depth,WKT\nNaN,POINT (1 2)\n2.5,POINT (1 2)\n");
}
