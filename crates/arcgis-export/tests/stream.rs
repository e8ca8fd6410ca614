//! A layer as a stream of batches.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::arrow_array::cast::AsArray;
use arcgis_export::arrow_array::types::{Int32Type, Int64Type};
use arcgis_export::arrow_array::{RecordBatch, RecordBatchReader};
use arcgis_export::{BatchLimits, Error, LayerExport, Resume, RowOrder, WriterOptions};
use arcgis_layer::{FetchOptions, Layer, LayerAddress};
use arcgis_testkit::{
    BadRow, Field, FieldType, Geometry, GeometryType, Layer as Served, Quirk, Row, Testkit,
};
use futures_util::TryStreamExt as _;
use parquet::arrow::AsyncArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

fn towns(rows: i32) -> Served {
    Served::new("towns", GeometryType::Point)
        .with_field(Field::new("POP", FieldType::Integer))
        .with_rows((0..rows).map(|n| {
            Row::new()
                .with("POP", n)
                .at(Geometry::point((f64::from(n % 90), 47.0)))
        }))
        .with_max_record_count(70)
}

async fn open(service: &Testkit) -> Layer {
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("towns")).unwrap();
    Layer::open(Arc::new(client), address).await.unwrap()
}

fn limits(rows: usize) -> BatchLimits {
    BatchLimits::default().with_rows(rows.try_into().unwrap())
}

fn populations(batches: &[RecordBatch]) -> Vec<i32> {
    let columns = batches.iter().map(|batch| {
        let column = batch.column_by_name("POP").unwrap();
        column.as_primitive::<Int32Type>().values().to_vec()
    });
    columns.flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_known_first_and_the_proof_comes_last() {
    let service = Testkit::builder().layer(towns(500)).start().await.unwrap();
    let mut rows = LayerExport::new(open(&service).await)
        .into_stream(limits(120))
        .await
        .unwrap();
    let schema = rows.schema();
    assert_eq!(
        schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect::<Vec<_>>(),
        ["OBJECTID", "POP", "geometry"]
    );
    assert_eq!(schema.field(2).extension_type_name(), Some("geoarrow.wkb"));
    assert!(schema.metadata()["arcgis:source"].ends_with("/FeatureServer/0"));
    assert!(!schema.metadata().contains_key("arcgis:rows"));
    let mut batches = Vec::new();
    while let Some(batch) = rows.try_next().await.unwrap() {
        assert!(rows.report().is_none());
        assert_eq!(batch.schema(), schema);
        batches.push(batch);
    }
    // Pages have 70 rows: batches do not care.
    let sizes: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(sizes, [120, 120, 120, 120, 20]);
    assert_eq!(populations(&batches), (0..500).collect::<Vec<_>>());
    let report = rows.report().unwrap();
    assert_eq!(report.rows, 500);
    assert_eq!(report.proof.as_ref().unwrap().level, "object-ids");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_end_by_bytes_too() {
    let service = Testkit::builder().layer(towns(100)).start().await.unwrap();
    let few = BatchLimits::default().with_bytes(1_000.try_into().unwrap());
    let rows = LayerExport::new(open(&service).await).into_stream(few);
    let batches: Vec<RecordBatch> = rows.await.unwrap().try_collect().await.unwrap();
    // A row has at least its two numbers, 21 bytes of WKB and four sides of 8.
    assert!(batches.iter().all(|batch| batch.num_rows() <= 1_000 / 33));
    assert_eq!(populations(&batches), (0..100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_lacking_are_an_error_at_the_end() {
    let layer = towns(300).with_quirk(Quirk::BadRow(222, BadRow::Never));
    let service = Testkit::builder().layer(layer).start().await.unwrap();
    let mut rows = LayerExport::new(open(&service).await)
        .into_stream(limits(50))
        .await
        .unwrap();
    let mut seen = 0;
    let error = loop {
        match rows.try_next().await {
            Ok(Some(batch)) => seen += batch.num_rows(),
            Ok(None) => panic!("the stream ended as if nothing was missing"),
            Err(error) => break error,
        }
    };
    assert!(seen < 300);
    let Error::Layer(arcgis_layer::Error::Incomplete(incomplete)) = error else {
        panic!("{error}");
    };
    assert_eq!(incomplete.missing.iter().collect::<Vec<_>>(), [222]);
    assert!(rows.report().is_none());
    assert!(rows.try_next().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_stops_the_requests() {
    let service = Testkit::builder()
        .layer(towns(5_000))
        .latency(Duration::from_millis(20))
        .start()
        .await
        .unwrap();
    let mut rows = LayerExport::new(open(&service).await)
        .with_fetch(FetchOptions::default().with_concurrency(2.try_into().unwrap()))
        .into_stream(limits(10))
        .await
        .unwrap();
    assert!(rows.try_next().await.unwrap().is_some());
    drop(rows);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sent = service.requests().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(service.requests().len(), sent);
    assert!(sent < 40, "{sent} of more than 70 requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_has_not_is_refused() {
    let service = Testkit::builder().layer(towns(10)).start().await.unwrap();
    let layer = open(&service).await;
    service.clear_requests();
    let hilbert = WriterOptions::default().with_order(RowOrder::Hilbert);
    for export in [
        LayerExport::new(layer.clone()).with_resume(Resume::new()),
        LayerExport::new(layer.clone()).with_writer(hilbert),
    ] {
        let error = export
            .into_stream(BatchLimits::default())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    }
    assert!(service.requests().is_empty());
}

/// The upstream writer, with properties of the caller's, into what takes bytes asynchronously.
#[tokio::test(flavor = "multi_thread")]
async fn upstream_writers_are_fed() {
    let service = Testkit::builder().layer(towns(500)).start().await.unwrap();
    let mut rows = LayerExport::new(open(&service).await)
        .into_stream(limits(64))
        .await
        .unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(200))
        .build();
    let mut out = Vec::new();
    let mut writer = AsyncArrowWriter::try_new(&mut out, rows.schema(), Some(properties)).unwrap();
    while let Some(batch) = rows.try_next().await.unwrap() {
        writer.write(&batch).await.unwrap();
    }
    writer.close().await.unwrap();
    let file = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(out)).unwrap();
    assert_eq!(file.metadata().num_row_groups(), 3);
    let batches: Result<Vec<_>, _> = file.build().unwrap().collect();
    assert_eq!(populations(&batches.unwrap()), (0..500).collect::<Vec<_>>());
}

/// What pyarrow, Polars and DuckDB take a table by: pointers of Arrow's C Stream Interface.
#[tokio::test(flavor = "multi_thread")]
async fn the_c_stream_interface_hands_rows_on() {
    use arrow::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};

    let service = Testkit::builder().layer(towns(500)).start().await.unwrap();
    let rows = LayerExport::new(open(&service).await)
        .into_stream(limits(100))
        .await
        .unwrap();
    let schema = rows.schema();
    let reader = rows.into_reader(tokio::runtime::Handle::current());
    // Whoever reads blocks, so it is a thread of its own.
    let ids = tokio::task::spawn_blocking(move || {
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        let other_side = ArrowArrayStreamReader::try_new(stream).unwrap();
        assert_eq!(other_side.schema().fields(), schema.fields());
        let ids = other_side.flat_map(|batch| {
            let batch = batch.unwrap();
            batch
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        });
        ids.collect::<Vec<i64>>()
    });
    assert_eq!(ids.await.unwrap(), (1..=500).collect::<Vec<_>>());
}

/// A reader in C gets the error in words, after the rows before it, and one that is given up stops the requests.
#[tokio::test(flavor = "multi_thread")]
async fn the_c_stream_interface_hands_errors_on_and_ends_when_it_is_released() {
    use arrow::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};

    let layer = towns(5_000).with_quirk(Quirk::BadRow(222, BadRow::Never));
    let service = Testkit::builder()
        .layer(layer)
        .latency(Duration::from_millis(5))
        .start()
        .await
        .unwrap();
    let layer = open(&service).await;
    let stream = |rows| {
        let layer = layer.clone();
        async move {
            let rows = LayerExport::new(layer).into_stream(limits(rows)).await;
            let reader = rows.unwrap().into_reader(tokio::runtime::Handle::current());
            FFI_ArrowArrayStream::new(Box::new(reader))
        }
    };
    let whole = stream(50).await;
    let (rows, error) = tokio::task::spawn_blocking(move || {
        let mut rows = 0;
        for batch in ArrowArrayStreamReader::try_new(whole).unwrap() {
            match batch {
                Ok(batch) => rows += batch.num_rows(),
                Err(error) => return (rows, error.to_string()),
            }
        }
        panic!("the stream ended as if nothing was missing");
    })
    .await
    .unwrap();
    assert!((1..5_000).contains(&rows), "{rows}");
    assert!(error.contains("222"), "{error}");

    service.clear_requests();
    let given_up = stream(50).await;
    tokio::task::spawn_blocking(move || {
        let mut reader = ArrowArrayStreamReader::try_new(given_up).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().num_rows(), 50);
    })
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sent = service.requests().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(service.requests().len(), sent);
    assert!(sent < 60, "{sent} of more than 70 requests");
}
