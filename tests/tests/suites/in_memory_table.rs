//! The whole layer in memory: the rows of the file, and a schema that says what they are.

use arcgis_auth_http::arcgis_auth_core::{Credentials, Url};
use arcgis_export::{Error, ExportEvent, LayerExport};
use arcgis_layer::{Layer as Opened, LayerAddress, Query, SpatialReference};
use arcgis_testkit::{Field, FieldType, Layer, RequestKind, Row, Security, Testkit};
use arcgis_tests::{Bench, paging, patient_client};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::DataType;
use std::sync::Arc;

use crate::faults::service;

#[tokio::test]
async fn a_table_holds_what_the_file_holds() {
    let bench = Bench::start(service()).await;
    let (written, file) = bench.exported("t").await;
    let export = bench.export("t").await.with_fetch(paging(4, 3));
    let table = export.into_table().await.unwrap();
    assert_eq!(table.batch.num_rows(), file.rows());
    let names: Vec<_> = table
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names, ["OBJECTID", "NAME", "VALUE", "SEEN", "geometry"]);
    for name in &names {
        assert_eq!(
            table.batch.column_by_name(name).unwrap(),
            file.column(name),
            "{name}"
        );
    }
    for name in names.iter().filter(|name| *name != "geometry") {
        assert_eq!(
            table.schema().field_with_name(name).unwrap(),
            &file.field(name)
        );
    }
    assert_eq!(table.report.rows, written.rows);
    assert_eq!(table.report.geometry, written.geometry);
    assert_eq!(table.report.proof, written.proof);
    assert_eq!(
        (
            table.report.output,
            table.report.file_bytes,
            table.report.row_groups
        ),
        (None, None, None)
    );
}

#[tokio::test]
async fn the_geometry_says_its_type_and_system() {
    let bench = Bench::start(service()).await;
    let query = Query::new().with_out_sr(SpatialReference::from_wkid(3857));
    let table = bench
        .export("t")
        .await
        .with_query(query)
        .into_table()
        .await
        .unwrap();
    let schema = table.schema();
    let metadata = schema.field_with_name("geometry").unwrap().metadata();
    assert_eq!(metadata["ARROW:extension:name"], "geoarrow.wkb");
    let extension: serde_json::Value =
        serde_json::from_str(&metadata["ARROW:extension:metadata"]).unwrap();
    assert_eq!(extension["crs_type"], "projjson");
    assert_eq!(
        extension["crs"]["id"],
        serde_json::json!({"authority": "EPSG", "code": 3857})
    );
    assert_eq!(table.crs.unwrap().id(), "EPSG:3857");
}

#[tokio::test]
async fn a_table_from_a_pasted_address_with_its_token() {
    let service = service()
        .security(Security::token("u", "p").static_token("pasted-token"))
        .start()
        .await
        .unwrap();
    let pasted: Url = format!("{}/query?f=json&token=pasted-token", service.layer_url("t"))
        .parse()
        .unwrap();
    let (url, credentials) = Credentials::split_from(&pasted).unwrap();
    let client = patient_client()
        .credentials(credentials.unwrap())
        .build()
        .unwrap();
    let address = LayerAddress::parse(url.as_str()).unwrap();
    let layer = Opened::open(Arc::new(client), address).await.unwrap();
    let table = LayerExport::new(layer).into_table().await.unwrap();
    assert_eq!(table.batch.num_rows(), 47);
    for request in service.requests() {
        assert_eq!(
            request.header("x-esri-authorization"),
            Some("Bearer pasted-token")
        );
        assert_eq!(request.parameters().get("token"), None);
    }
    assert_eq!(service.requests_of(RequestKind::Token).len(), 0);
}

#[tokio::test]
async fn tables_without_geometry_and_without_rows() {
    let layer = Layer::table("t")
        .with_field(Field::new("N", FieldType::BigInteger))
        .with_field(Field::new("S", FieldType::String))
        .with_max_record_count(3)
        .with_rows((0..8_i64).map(|n| Row::new().with("N", n).with("S", format!("s{n}"))));
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    let table = bench.export("t").await.into_table().await.unwrap();
    assert!(table.crs.is_none());
    let numbers: Vec<_> = table
        .batch
        .column_by_name("N")
        .unwrap()
        .as_primitive::<Int64Type>()
        .iter()
        .flatten()
        .collect();
    assert_eq!(numbers, (0..8).collect::<Vec<_>>());

    let none = Query::new().with_where("N > 100");
    let empty = bench
        .export("t")
        .await
        .with_query(none)
        .into_table()
        .await
        .unwrap();
    assert_eq!((empty.batch.num_rows(), empty.batch.num_columns()), (0, 3));
    assert_eq!(empty.batch.column(2).data_type(), &DataType::Utf8);
    // Whatever the rows, the columns are those of the metadata.
    assert_eq!(empty.schema().fields(), table.schema().fields());
}

#[tokio::test]
async fn drift_is_told_and_can_be_an_error() {
    let bench = Bench::start(service()).await;
    let rows = bench.service.layer("t").unwrap();
    let insert = move |event: &ExportEvent| {
        if matches!(event, ExportEvent::Planned { .. }) {
            rows.insert(Row::new().with("OBJECTID", 10_000)).unwrap();
        }
    };
    let table = bench
        .export("t")
        .await
        .with_observer(insert)
        .into_table()
        .await
        .unwrap();
    assert_eq!(table.batch.num_rows(), 47);
    assert_eq!(table.report.proof.unwrap().inserted_rows, 1);
    let rows = bench.service.layer("t").unwrap();
    let delete = move |event: &ExportEvent| {
        if matches!(event, ExportEvent::Planned { .. }) {
            rows.delete(3).unwrap();
        }
    };
    let export = bench
        .export("t")
        .await
        .with_fail_on_drift(true)
        .with_observer(delete);
    assert!(matches!(export.into_table().await, Err(Error::Drift(_))));
}
