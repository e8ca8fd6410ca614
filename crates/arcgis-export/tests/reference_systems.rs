//! Reference systems in files: with heights, and given as text alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use arcgis_export::{Conversion, GeoParquetVersion, LocalFile, Report, WriterOptions};
use bytes::Bytes;
use parquet::basic::LogicalType;
use serde_json::{Value, json};

/// A file of one point with a height, in this reference system.
fn file(reference: &Value, version: GeoParquetVersion) -> (Bytes, Value, Report) {
    let answer = json!({
        "geometryType": "esriGeometryPoint", "spatialReference": reference, "hasZ": true,
        "fields": [{"name": "N", "type": "esriFieldTypeInteger"}],
        "features": [{"attributes": {"N": 1}, "geometry": {"x": 8.5, "y": 47.25, "z": 408.5}}]
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    let report = Conversion::new(answer.to_string().as_bytes())
        .with_writer(WriterOptions::default().with_geoparquet_version(version))
        .to(&LocalFile::new(&path))
        .unwrap();
    let file = Bytes::from(std::fs::read(&path).unwrap());
    let geo: Value = serde_json::from_str(&pages::footer(&file, "geo").unwrap()).unwrap();
    let column = geo["columns"]["geometry"].clone();
    (file, column, report)
}

#[test]
fn heights_make_it_a_compound_system() {
    // EGM96 height, as ArcGIS numbers it.
    let reference =
        json!({"wkid": 4326, "latestWkid": 4326, "vcsWkid": 5773, "latestVcsWkid": 5773});
    let (_, column, report) = file(&reference, GeoParquetVersion::V1_1);
    let crs = &column["crs"];
    assert_eq!(crs["type"], "CompoundCRS");
    let ids: Vec<&Value> = crs["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| &part["id"]["code"])
        .collect();
    assert_eq!(ids, [&json!(4326), &json!(5773)]);
    assert_eq!(column["geometry_types"], json!(["Point Z"]));
    assert_eq!(
        column["bbox"],
        json!([8.5, 47.25, 408.5, 8.5, 47.25, 408.5])
    );
    let said = report.geometry.unwrap();
    assert_eq!(said.crs.as_deref(), Some("EPSG:4326+EPSG:5773"));
    assert!(report.notes.is_empty());
}

#[test]
fn heights_that_no_table_has_do_not_spoil_the_rest() {
    let reference = json!({"wkid": 2056, "vcsWkid": 999_999});
    let (_, column, report) = file(&reference, GeoParquetVersion::V1_1);
    assert_eq!(column["crs"]["id"]["code"], 2056);
    assert_eq!(report.notes[0].kind(), "unknown-heights");
}

#[test]
fn a_text_is_matched_by_its_id_or_parameters_or_kept_as_it_is() {
    // EPSG:2056 as ArcGIS writes it.
    let wkt = r#"PROJCS["CH1903+_LV95",GEOGCS["GCS_CH1903+",DATUM["D_CH1903+",SPHEROID["Bessel_1841",6377397.155,299.1528128]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Hotine_Oblique_Mercator_Azimuth_Center"],PARAMETER["False_Easting",2600000.0],PARAMETER["False_Northing",EASTING],PARAMETER["Scale_Factor",1.0],PARAMETER["Azimuth",90.0],PARAMETER["Longitude_Of_Center",7.439583333333333],PARAMETER["Latitude_Of_Center",46.95240555555556],UNIT["Meter",1.0]]"#;
    let by_parameters = wkt.replace("EASTING", "1200000.0");
    for reference in [
        json!({"wkt": by_parameters}),
        json!({"wkt": by_parameters.replace("UNIT[\"Meter\",1.0]]", "UNIT[\"Meter\",1.0],AUTHORITY[\"EPSG\",2056]]")}),
    ] {
        let (_, column, report) = file(&reference, GeoParquetVersion::V1_1);
        assert_eq!(column["crs"]["id"]["code"], 2056, "{reference}");
        assert!(report.notes.is_empty());
    }

    // A grid of somebody's own.
    let own = wkt
        .replace("EASTING", "1234567.0")
        .replace("CH1903+_LV95", "Quarry");
    for version in [GeoParquetVersion::V1_1, GeoParquetVersion::V2_0] {
        let (file, column, report) = file(&json!({"wkt": own}), version);
        assert_eq!(column["crs"], Value::Null);
        assert!(column.as_object().unwrap().contains_key("crs"));
        let kept = pages::footer(&file, "arcgis:spatial_reference").unwrap();
        assert!(kept.contains(&own), "{kept}");
        assert_eq!(report.notes[0].kind(), "unknown-crs");
        let metadata = pages::metadata(&file);
        let schema = metadata.file_metadata().schema_descr();
        let leaf = schema
            .columns()
            .iter()
            .find(|leaf| leaf.name() == "geometry");
        if let Some(LogicalType::Geometry(geometry)) = leaf.unwrap().logical_type_ref() {
            // Parquet's word for none: without it, it would be longitude and latitude.
            assert_eq!(geometry.crs.as_deref(), Some("srid:0"));
        } else {
            assert_eq!(version, GeoParquetVersion::V1_1);
        }
    }
}
