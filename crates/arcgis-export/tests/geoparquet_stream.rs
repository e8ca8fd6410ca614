//! A layer as the columns of a GeoParquet file, fed to `parquet`'s own writers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::arrow_array::RecordBatch;
use arcgis_export::{
    BatchLimits, ColumnOptions, Compression, DomainValues, Error, FileFormat, GeoParquetVersion,
    GeometryEncoding, LayerExport, LayerStream, LocalFile, Resume, RowOrder, WriterOptions,
};
use arcgis_layer::{Layer, LayerAddress};
use arcgis_testkit::{
    BadRow, Field, FieldType, Geometry, GeometryType, Layer as Served, Quirk, Row, Testkit, Vertex,
};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use parquet::arrow::{ArrowWriter, AsyncArrowWriter};
use parquet::basic::{Compression as Codec, LogicalType};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde_json::json;

/// Paths with m, in a reference system of metres.
fn paths(rows: i32) -> Served {
    let states = json!({"type": "codedValue", "name": "states", "codedValues": [
        {"name": "open", "code": 0}, {"name": "closed", "code": 1}]});
    Served::new("paths", GeometryType::Polyline)
        .with_wkid(2056)
        .with_m()
        .with_field(Field::new("STATE", FieldType::Integer).with_domain(states))
        .with_rows((0..rows).map(|n| {
            let x = 2_600_000.0 + f64::from(n);
            let line = [
                Vertex::xym(x, 1_200_000.0, 1.0),
                Vertex::xym(x + 5.0, 1_200_007.5, 2.0),
            ];
            Row::new()
                .with("STATE", n % 2)
                .at(Geometry::polyline([line]))
        }))
        .with_max_record_count(70)
}

async fn open(service: &Testkit) -> Layer {
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("paths")).unwrap();
    Layer::open(Arc::new(client), address).await.unwrap()
}

fn few() -> BatchLimits {
    BatchLimits::default().with_rows(64.try_into().unwrap())
}

/// What a writer of one's own makes of a stream.
async fn fed(mut rows: LayerStream, properties: WriterProperties) -> Bytes {
    let mut out = Vec::new();
    let mut writer = AsyncArrowWriter::try_new(&mut out, rows.schema(), Some(properties)).unwrap();
    while let Some(batch) = rows.try_next().await.unwrap() {
        assert!(rows.footer().is_none());
        writer.write(&batch).await.unwrap();
    }
    for (key, value) in rows.footer().unwrap() {
        writer.append_key_value_metadata(KeyValue::new(key.clone(), value.clone()));
    }
    writer.close().await.unwrap();
    out.into()
}

/// What the crate itself makes of the same layer.
async fn written(layer: &Layer, writer: WriterOptions) -> Bytes {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paths.parquet");
    LayerExport::new(layer.clone())
        .with_writer(writer.with_order(RowOrder::Id))
        .to(LocalFile::new(&path))
        .await
        .unwrap();
    std::fs::read(&path).unwrap().into()
}

fn geometry_type(file: &Bytes) -> Option<LogicalType> {
    let metadata = pages::metadata(file);
    let descriptor = metadata.file_metadata().schema_descr_ptr();
    let leaf = descriptor
        .columns()
        .iter()
        .find(|leaf| leaf.name() == "geometry");
    leaf.and_then(|leaf| leaf.logical_type_ref().cloned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_callers_writer_makes_is_the_geoparquet_that_the_crate_would_write() {
    let service = Testkit::builder().layer(paths(500)).start().await.unwrap();
    let layer = open(&service).await;
    let options = WriterOptions::default();
    for (what, options) in [
        ("1.1", options.clone()),
        (
            "2.0",
            options
                .clone()
                .with_geoparquet_version(GeoParquetVersion::V2_0),
        ),
        (
            "native",
            options.with_geometry_encoding(GeometryEncoding::Native),
        ),
    ] {
        let rows = LayerExport::new(layer.clone())
            .with_writer(options.clone())
            .into_geoparquet_stream(few())
            .await
            .unwrap();
        let properties = WriterProperties::builder()
            .set_created_by("a survey".to_owned())
            .set_compression(Codec::SNAPPY)
            .set_bloom_filter_enabled(true)
            .set_max_row_group_row_count(Some(200))
            .build();
        let file = fed(rows, properties).await;
        let whole = written(&layer, options).await;

        // The caller's properties.
        let metadata = pages::metadata(&file);
        assert_eq!(metadata.file_metadata().created_by(), Some("a survey"));
        let groups: Vec<i64> = metadata.row_groups().iter().map(|g| g.num_rows()).collect();
        assert_eq!(groups, [200, 200, 100], "{what}");
        for column in metadata.row_group(0).columns() {
            assert_eq!(column.compression(), Codec::SNAPPY);
        }
        let id = metadata.row_group(0).column(0);
        assert!(id.bloom_filter_offset().is_some(), "{what}");

        // Our columns and footer.
        let geo = pages::footer(&file, "geo");
        assert!(geo.is_some());
        assert_eq!(geo, pages::footer(&whole, "geo"), "{what}");
        assert_eq!(
            pages::footer(&file, "arcgis:rows").as_deref(),
            Some("500"),
            "{what}"
        );
        assert_eq!(
            pages::footer(&file, "arcgis:proof").as_deref(),
            Some("object-ids")
        );
        let (ours, theirs) = (pages::read(&whole), pages::read(&file));
        assert_eq!(theirs.num_columns(), ours.num_columns(), "{what}");
        assert_eq!(theirs.columns(), ours.columns(), "{what}");
        let is_geometry = matches!(geometry_type(&file), Some(LogicalType::Geometry(_)));
        assert_eq!(is_geometry, what == "2.0");
        if is_geometry {
            // With the reference system in the schema, as in our own file.
            let Some(LogicalType::Geometry(geometry)) = geometry_type(&file) else {
                panic!("{file:?}");
            };
            let crs: serde_json::Value =
                serde_json::from_str(geometry.crs.as_deref().unwrap()).unwrap();
            assert_eq!(crs["id"], json!({"authority": "EPSG", "code": 2056}));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_writer_may_block_and_options_of_columns_count() {
    let service = Testkit::builder().layer(paths(100)).start().await.unwrap();
    let mut rows = LayerExport::new(open(&service).await)
        .with_columns(ColumnOptions::default().with_domains(DomainValues::Label))
        .into_geoparquet_stream(few())
        .await
        .unwrap();
    let schema = rows.schema();
    assert_eq!(
        schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect::<Vec<_>>(),
        ["OBJECTID", "STATE", "geometry", "bbox"]
    );
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), None).unwrap();
    let mut batches: Vec<RecordBatch> = Vec::new();
    while let Some(batch) = rows.try_next().await.unwrap() {
        assert_eq!(batch.schema(), schema);
        writer.write(&batch).unwrap();
        batches.push(batch);
    }
    for (key, value) in rows.footer().unwrap() {
        writer.append_key_value_metadata(KeyValue::new(key.clone(), value.clone()));
    }
    let file = Bytes::from(writer.into_inner().unwrap());
    let table = pages::read(&file);
    use arcgis_export::arrow_array::cast::AsArray as _;
    let states = table
        .column_by_name("STATE")
        .unwrap()
        .as_string::<i32>()
        .clone();
    assert_eq!((states.value(0), states.value(1)), ("open", "closed"));
    // The report goes with the stream as ever: m has no place in version 1.1.
    let report = rows.report().unwrap();
    assert_eq!(report.geometry.as_ref().unwrap().dropped_m_rows, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_footer_for_rows_that_are_not_all() {
    let layer = paths(300).with_quirk(Quirk::BadRow(222, BadRow::Never));
    let service = Testkit::builder().layer(layer).start().await.unwrap();
    let mut rows = LayerExport::new(open(&service).await)
        .into_geoparquet_stream(few())
        .await
        .unwrap();
    let error = loop {
        match rows.try_next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended as if nothing was missing"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Layer(_)), "{error}");
    assert!(rows.footer().is_none());
    assert!(rows.report().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_does_not_do_is_refused() {
    let service = Testkit::builder().layer(paths(10)).start().await.unwrap();
    let layer = open(&service).await;
    service.clear_requests();
    let export = || LayerExport::new(layer.clone());
    let with = |writer: WriterOptions| export().with_writer(writer);
    let options = WriterOptions::default();
    let refused = [
        export().with_resume(Resume::new()),
        export().with_format(FileFormat::Csv),
        with(options.clone().with_order(RowOrder::Hilbert)),
        with(options.clone().with_compression(Compression::Snappy)),
        with(options.clone().with_row_group_rows(7.try_into().unwrap())),
        with(
            options
                .clone()
                .with_row_group_bytes(7_000_000.try_into().unwrap()),
        ),
    ];
    for export in refused {
        let told = |error: Error| matches!(error, Error::Unsupported { .. });
        assert!(told(export.clone().into_stream(few()).await.unwrap_err()));
        assert!(told(
            export.into_geoparquet_stream(few()).await.unwrap_err()
        ));
    }
    // Columns of GeoParquet, and none of a table.
    let both = options
        .with_geoparquet_version(GeoParquetVersion::V2_0)
        .with_geometry_encoding(GeometryEncoding::Native);
    let error = with(both.clone()).into_geoparquet_stream(few()).await;
    assert!(matches!(error, Err(Error::Unsupported { .. })));
    let error = with(both).into_stream(few()).await;
    assert!(matches!(error, Err(Error::Unsupported { .. })));
    assert!(service.requests().is_empty());
}
