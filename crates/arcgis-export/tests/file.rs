//! What a file says of itself, and that the same rows make the same file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use std::num::NonZeroUsize;

use arcgis_export::{
    ArrowSink, Authority, Compression, DateZone, ExportSchema, PageBatch, WriterOptions, projjson,
};
use arcgis_layer::{
    Dimensions, FeatureSink, Field, FieldType, GeometryType, Layout, PageSink, ValueRef,
};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use geoparquet::metadata::GeoParquetMetadata;
use pages::Shape;
use parquet::basic::{Compression as Codec, LogicalType};
use parquet::file::statistics::Statistics;

fn points(count: u32) -> (ExportSchema, PageBatch) {
    let layout = Layout::new(vec![
        Field::new("OBJECTID", FieldType::Oid),
        Field::new("name", FieldType::String),
    ])
    .with_object_id("OBJECTID")
    .with_geometry(pages::geometry_layout(4326));
    let schema = ExportSchema::new(&layout, DateZone::Utc);
    let mut page = ArrowSink::new(schema.clone()).page(0);
    for n in 0..count {
        let name = format!("place {n}");
        page.attribute(0, ValueRef::Int(i64::from(n))).unwrap();
        page.attribute(1, ValueRef::Str(&name)).unwrap();
        let n = f64::from(n);
        page.geometry(Shape::point(n / 8., -n / 16.).as_ref())
            .unwrap();
        page.end_row().unwrap();
    }
    (schema, page.into_batch().unwrap())
}

#[test]
fn the_footer_is_geoparquet_1_1() {
    let (schema, page) = points(3);
    let file = pages::write(&schema, &[page], &WriterOptions::default());
    let expected = format!(
        concat!(
            r#"{{"version":"1.1.0","primary_column":"geometry","columns":{{"geometry":{{"#,
            r#""encoding":"WKB","geometry_types":["Point"],"crs":{crs},"#,
            r#""orientation":"counterclockwise","edges":"planar","bbox":[0.0,-0.125,0.25,0.0],"#,
            r#""covering":{{"bbox":{{"xmin":["bbox","xmin"],"ymin":["bbox","ymin"],"#,
            r#""xmax":["bbox","xmax"],"ymax":["bbox","ymax"]}}}}}}}}}}"#,
        ),
        crs = projjson(Authority::Epsg, 4326).unwrap()
    );
    assert_eq!(pages::footer(&file, "geo").unwrap(), expected);
    assert_eq!(pages::footer(&file, "arcgis:rows").unwrap(), "3");
}

#[test]
fn another_reader_agrees() {
    let shapes = [
        Some(
            Shape::new(
                GeometryType::Polyline,
                Dimensions::Xyz,
                &[0., 1., 2., 3., 4., 5.],
            )
            .rings(&[2]),
        ),
        Some(
            Shape::new(
                GeometryType::Polygon,
                Dimensions::Xy,
                &[0., 0., 1., 0., 1., 1., 0., 0.],
            )
            .rings(&[4])
            .parts(&[1]),
        ),
        None,
    ];
    let schema = pages::shapes(102_100);
    let page = pages::page_of(&schema, &shapes).unwrap();
    let file = pages::write(&schema, &[page], &WriterOptions::default());
    let metadata = pages::metadata(&file);
    let geo = GeoParquetMetadata::from_parquet_meta(metadata.file_metadata())
        .unwrap()
        .unwrap();
    assert_eq!(geo.version, "1.1.0");
    assert_eq!(geo.primary_column, "geometry");
    let column = &geo.columns["geometry"];
    assert_eq!(column.crs.as_ref().unwrap()["id"]["code"], 3857);
    assert_eq!(column.bbox.as_deref(), Some(&[0., 0., 2., 3., 4., 5.][..]));
    let mut types: Vec<String> = column
        .geometry_types
        .iter()
        .map(|known| {
            serde_json::to_value(known)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    types.sort();
    assert_eq!(types, ["LineString Z", "Polygon"]);
    assert!(column.covering.is_some());
}

/// This crate's tests are built with parquet's `geospatial`, which turns fields that say `geoarrow.wkb`
/// into Parquet's GEOMETRY unless it is kept from it.
#[test]
fn the_arrow_schema_says_geoarrow_and_parquet_s_own_does_not() {
    let (schema, page) = points(1);
    let file = pages::write(&schema, &[page], &WriterOptions::default());
    let metadata = pages::metadata(&file);
    let descriptor = metadata.file_metadata().schema_descr();
    let told = parquet::arrow::parquet_to_arrow_schema(
        descriptor,
        metadata.file_metadata().key_value_metadata(),
    )
    .unwrap();
    let geometry = told.field_with_name("geometry").unwrap();
    assert_eq!(geometry.extension_type_name(), Some("geoarrow.wkb"));
    let extension: serde_json::Value =
        serde_json::from_str(geometry.extension_type_metadata().unwrap()).unwrap();
    assert_eq!(extension["crs_type"], "projjson");
    assert_eq!(
        extension["crs"],
        serde_json::from_str::<serde_json::Value>(&projjson(Authority::Epsg, 4326).unwrap())
            .unwrap()
    );
    // What an ordinary writer makes of the same columns here: the danger is real.
    let ordinary = parquet::arrow::ArrowSchemaConverter::new()
        .convert(schema.file())
        .unwrap();
    assert!(matches!(
        ordinary.column(2).logical_type_ref(),
        Some(LogicalType::Geometry { .. })
    ));
    for (ours, plain) in descriptor.columns().iter().zip(ordinary.columns()) {
        assert_eq!(ours.path(), plain.path());
        assert_eq!(ours.physical_type(), plain.physical_type());
        if ours.name() == "geometry" {
            assert_eq!(ours.logical_type_ref(), None::<&LogicalType>);
        } else {
            assert_eq!(ours.logical_type_ref(), plain.logical_type_ref());
        }
    }
}

#[test]
fn geometry_stays_plain_binary_in_the_file() {
    let (schema, page) = points(1);
    let file = pages::write(&schema, &[page], &WriterOptions::default());
    let metadata = pages::metadata(&file);
    let columns = metadata.file_metadata().schema_descr().columns().to_vec();
    let geometry = columns
        .iter()
        .find(|column| column.path().string() == "geometry")
        .unwrap();
    assert_eq!(geometry.logical_type_ref(), None::<&LogicalType>);
    let names: Vec<String> = columns
        .iter()
        .map(|column| column.path().string())
        .collect();
    assert_eq!(
        names,
        [
            "OBJECTID",
            "name",
            "geometry",
            "bbox.xmin",
            "bbox.ymin",
            "bbox.xmax",
            "bbox.ymax"
        ]
    );
}

#[test]
fn an_unknown_crs_is_null_and_an_empty_layer_has_no_bounds() {
    let schema = pages::shapes(999_999);
    for shapes in [vec![], vec![None, None]] {
        let page = pages::page_of(&schema, &shapes).unwrap();
        let file = pages::write(&schema, &[page], &WriterOptions::default());
        let geo: serde_json::Value =
            serde_json::from_str(&pages::footer(&file, "geo").unwrap()).unwrap();
        let column = geo["columns"]["geometry"].as_object().unwrap();
        assert!(column["crs"].is_null());
        assert!(!column.contains_key("bbox"));
        assert_eq!(column["geometry_types"], serde_json::json!([]));
        let rows = pages::read(&file);
        assert_eq!(rows.num_rows(), shapes.len());
        assert_eq!(rows.column(0).null_count(), shapes.len());
    }
}

#[test]
fn readers_can_skip_by_the_statistics_of_the_bounds() {
    let (schema, page) = points(1_000);
    let options = WriterOptions::default().with_row_group_rows(NonZeroUsize::new(400).unwrap());
    let file = pages::write(&schema, std::slice::from_ref(&page), &options);
    let metadata = pages::metadata(&file);
    let rows: Vec<i64> = metadata
        .row_groups()
        .iter()
        .map(|group| group.num_rows())
        .collect();
    assert_eq!(rows, [400, 400, 200]);
    let xmin = metadata.row_group(1).column(3).statistics().unwrap();
    let Statistics::Double(xmin) = xmin else {
        panic!("{xmin:?}");
    };
    assert_eq!(
        (xmin.min_opt(), xmin.max_opt()),
        (Some(&50.), Some(&99.875))
    );
    assert!(
        metadata
            .row_group(0)
            .column(3)
            .column_index_offset()
            .is_some()
    );
    assert_eq!(pages::read(&file), page.batch);
}

#[test]
fn row_groups_end_at_a_size_too() {
    let (schema, page) = points(1_000);
    let options = WriterOptions::default().with_row_group_bytes(NonZeroUsize::new(8_192).unwrap());
    let pieces: Vec<PageBatch> = (0..10)
        .map(|piece| {
            let mut part = page.clone();
            part.batch = page.batch.slice(piece * 100, 100);
            part
        })
        .collect();
    let file = pages::write(&schema, &pieces, &options);
    assert!(pages::metadata(&file).num_row_groups() > 2);
    assert_eq!(pages::read(&file), page.batch);
}

#[test]
fn compression_is_the_one_asked_for() {
    // With so many rows some columns have no dictionary: their pages are compressed beside the `parquet` crate.
    let (schema, page) = points(1_000);
    for (compression, codec) in [
        (Compression::default(), Codec::ZSTD(Default::default())),
        (Compression::Snappy, Codec::SNAPPY),
        (Compression::None, Codec::UNCOMPRESSED),
    ] {
        let options = WriterOptions::default().with_compression(compression);
        let file = pages::write(&schema, std::slice::from_ref(&page), &options);
        for column in pages::metadata(&file).row_group(0).columns() {
            assert_eq!(
                std::mem::discriminant(&column.compression()),
                std::mem::discriminant(&codec)
            );
        }
        assert_eq!(pages::read(&file), page.batch);
    }
}

#[test]
fn the_same_rows_make_the_same_bytes() {
    let write = || {
        let mut field = Field::new("name", FieldType::String);
        field.alias = Some("Name".to_owned());
        field.length = Some(50);
        let layout = Layout::new(vec![field]).with_geometry(pages::geometry_layout(2056));
        let schema = ExportSchema::new(&layout, DateZone::Utc);
        let mut page = ArrowSink::new(schema.clone()).page(0);
        for n in 0..500 {
            page.attribute(0, ValueRef::Int(n)).unwrap();
            page.geometry(Shape::point(n as f64, 0.5).as_ref()).unwrap();
            page.end_row().unwrap();
        }
        let page = page.into_batch().unwrap();
        pages::write(&schema, &[page], &WriterOptions::default())
    };
    let first = write();
    for _ in 0..5 {
        assert_eq!(write(), first);
    }
    assert_eq!(
        pages::read(&first).column(0).as_string::<i32>().value(499),
        "499"
    );
}

#[test]
fn fields_keep_what_the_service_says_of_them() {
    let mut field = Field::new("name", FieldType::String);
    field.alias = Some("Name".to_owned());
    let schema = ExportSchema::new(&Layout::new(vec![field]), DateZone::Utc);
    let file = pages::write(&schema, &[], &WriterOptions::default());
    let read = pages::read(&file).schema();
    assert_eq!(read.field(0).metadata()["esri:alias"], "Name");
    assert_eq!(read.field(0).metadata()["esri:type"], "esriFieldTypeString");
}
