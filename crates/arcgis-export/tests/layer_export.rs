//! The whole way, from a service over real sockets to a file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{
    Committed, Destination, Error, ExportEvent, LayerExport, LocalFile, Note, Output,
};
use arcgis_layer::{FetchOptions, FormatChoice, Layer, LayerAddress, Query};
use arcgis_testkit::{
    Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer as Served, Quirk,
    RequestKind, Row, Testkit, Value, Vertex,
};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use bytes::Bytes;
use wkb::reader::read_wkb;

const ROWS: i32 = 250;

fn towns() -> Served {
    Served::new("towns", GeometryType::Point)
        .with_field(
            Field::new("NAME", FieldType::String)
                .with_alias("Name")
                .with_length(80),
        )
        .with_field(Field::new("POP", FieldType::Integer))
        .with_max_record_count(40)
        .with_copyright_text("Nobody")
        .with_rows((0..ROWS).map(|n| {
            Row::new()
                .with("NAME", format!("Town {n}"))
                .with("POP", n * 1_000)
                .at(Geometry::point((f64::from(n) / 10.0, 47.0)))
        }))
}

async fn open(service: &Testkit, name: &str) -> Layer {
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(&service.layer_url(name)).unwrap();
    Layer::open(Arc::new(client), address).await.unwrap()
}

/// Coordinates to the last digit, and no second format to fall back on.
fn as_json() -> FetchOptions {
    FetchOptions::default().with_format(FormatChoice::Json)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_arrives_with_its_values() {
    let service = Testkit::builder()
        .layer(towns().with_quirk(Quirk::ActualCap(33)))
        .fault(Fault::on_query(2, FaultKind::Truncate))
        .start()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.parquet");
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let report = LayerExport::new(open(&service, "towns").await)
        .with_fetch(as_json())
        .with_observer(move |event| seen.lock().unwrap().push(event.clone()))
        .to(LocalFile::new(&path))
        .await
        .unwrap();
    assert_eq!(report.rows, ROWS as u64);
    assert_eq!(names(folder.path()), ["towns.parquet"]);

    let file = Bytes::from(std::fs::read(&path).unwrap());
    assert_eq!(report.file_bytes, Some(file.len() as u64));
    let rows = pages::read(&file);
    assert_eq!(rows.num_rows(), ROWS as usize);
    let ids = rows
        .column_by_name("OBJECTID")
        .unwrap()
        .as_primitive::<Int64Type>();
    let names = rows.column_by_name("NAME").unwrap().as_string::<i32>();
    let people = rows
        .column_by_name("POP")
        .unwrap()
        .as_primitive::<Int32Type>();
    let geometry = rows.column_by_name("geometry").unwrap().as_binary::<i32>();
    for row in 0..ROWS {
        let at = row as usize;
        assert_eq!(ids.value(at), i64::from(row) + 1);
        assert_eq!(names.value(at), format!("Town {row}"));
        assert_eq!(people.value(at), row * 1_000);
        let mut point = vec![1, 1, 0, 0, 0];
        point.extend((f64::from(row) / 10.0).to_le_bytes());
        point.extend(47f64.to_le_bytes());
        assert_eq!(geometry.value(at), point);
    }

    assert_eq!(pages::footer(&file, "arcgis:copyright").unwrap(), "Nobody");
    assert_eq!(pages::footer(&file, "arcgis:proof").unwrap(), "object-ids");
    assert_eq!(
        pages::footer(&file, "arcgis:source").unwrap(),
        service.layer_url("towns")
    );
    let query = pages::footer(&file, "arcgis:query").unwrap();
    assert!(
        query.contains("where=1%3D1&") && query.contains("NAME"),
        "{query}"
    );
    assert!(
        pages::footer(&file, "arcgis:retrieved")
            .unwrap()
            .ends_with('Z')
    );

    let proof = report.proof.as_ref().unwrap();
    assert_eq!(
        (proof.level.as_str(), proof.deleted_rows),
        ("object-ids", 0)
    );
    let geometry = report.geometry.as_ref().unwrap();
    assert_eq!(geometry.crs.as_deref(), Some("EPSG:4326"));
    assert_eq!(geometry.extent, Some([0., 47., 24.9, 47.]));
    assert_eq!(geometry.types, ["Point"]);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["rows"], ROWS);
    assert_eq!(json["columns"][1]["esri_type"], "esriFieldTypeString");
    assert!(json["elapsed_seconds"].is_f64());

    let events = events.lock().unwrap();
    assert!(
        matches!(events[0], ExportEvent::Planned { rows: 250, .. }),
        "{:?}",
        events[0]
    );
    assert!(matches!(events.last(), Some(ExportEvent::Finished(report)) if report.rows == 250));
    let of_pages: u64 = events
        .iter()
        .map(|event| match event {
            ExportEvent::Page { rows, .. } => *rows,
            _ => 0,
        })
        .sum();
    let of_groups: u64 = events
        .iter()
        .map(|event| match event {
            ExportEvent::RowGroup(group) => group.rows,
            _ => 0,
        })
        .sum();
    assert_eq!((of_pages, of_groups), (250, 250));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, ExportEvent::Verified(_)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_becomes_a_table() {
    let islands = Served::new("islands", GeometryType::Polygon)
        .with_wkid(3857)
        .with_field(Field::new("NAME", FieldType::String))
        .with_max_record_count(2)
        .with_rows((0..5).map(|n| {
            let n = f64::from(n) * 100.0;
            // Clockwise, as Esri has its shells.
            let ring = [(n, 0.), (n, 10.), (n + 10., 10.), (n, 0.)].map(|(x, y)| Vertex::xy(x, y));
            Row::new()
                .with("NAME", "island")
                .at(Geometry::polygon([ring]))
        }))
        .with_row(Row::new().with("NAME", Value::Null));
    let service = Testkit::builder().layer(islands).start().await.unwrap();
    let table = LayerExport::new(open(&service, "islands").await)
        .with_query(Query::new().with_fields(["name"]))
        .into_table()
        .await
        .unwrap();
    assert_eq!(table.crs.as_ref().unwrap().id(), "EPSG:3857");
    let schema = table.schema();
    let columns: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(columns, ["NAME", "geometry"]);
    assert_eq!(
        schema.field(1).metadata()["ARROW:extension:name"],
        "geoarrow.wkb"
    );
    let geometry = table.batch.column(1).as_binary::<i32>();
    assert_eq!((table.batch.num_rows(), geometry.null_count()), (6, 1));
    use geo_traits::to_geo::ToGeoGeometry;
    let first = read_wkb(geometry.value(0)).unwrap().to_geometry();
    let geo_types::Geometry::Polygon(first) = first else {
        panic!("{first:?}");
    };
    let ring: Vec<(f64, f64)> = first.exterior().coords().map(|at| (at.x, at.y)).collect();
    // Counter-clockwise: the signed area is positive.
    let area: f64 = ring
        .windows(2)
        .map(|w| w[0].0 * w[1].1 - w[1].0 * w[0].1)
        .sum();
    assert_eq!(area, 100.);
    assert_eq!(table.report.rows, 6);
    assert_eq!(table.report.geometry.as_ref().unwrap().null_rows, 1);
    assert_eq!(table.report.file_bytes, None);
    assert_eq!(
        schema.metadata()["arcgis:source"],
        service.layer_url("islands")
    );
    assert_eq!(schema.metadata()["arcgis:proof"], "object-ids");
}

/// All bytes but those of the footer, which holds the time of the export.
async fn rows_of_file(layer: Layer, page_size: u32) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.parquet");
    LayerExport::new(layer)
        .with_fetch(FetchOptions::default().with_page_size(page_size.try_into().unwrap()))
        .to(LocalFile::new(&path))
        .await
        .unwrap();
    let mut file = std::fs::read(&path).unwrap();
    let (length, _) = file[file.len() - 8..].split_first_chunk::<4>().unwrap();
    file.truncate(file.len() - 8 - u32::from_le_bytes(*length) as usize);
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_leave_no_trace_in_the_file() {
    let service = Testkit::builder().layer(towns()).start().await.unwrap();
    let layer = open(&service, "towns").await;
    let one = rows_of_file(layer.clone(), 40).await;
    assert!(one.len() > 1_000);
    assert_eq!(rows_of_file(layer, 7).await, one);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_for_an_output_that_cannot_be() {
    let service = Testkit::builder().layer(towns()).start().await.unwrap();
    let layer = open(&service, "towns").await;
    service.clear_requests();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.parquet");
    std::fs::write(&path, "earlier").unwrap();
    let export = LayerExport::new(layer);
    let error = export.clone().to(LocalFile::new(&path)).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let missing = folder.path().join("no").join("x.parquet");
    let error = export
        .clone()
        .to(LocalFile::new(missing))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unwritable { .. }), "{error}");
    let unknown = export.with_query(Query::new().with_fields(["NAMES"]));
    let error = unknown
        .to(LocalFile::new(&path).with_overwrite(true))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Layer(_)), "{error}");
    assert!(service.requests().is_empty());
    assert_eq!(std::fs::read(&path).unwrap(), b"earlier");
    assert_eq!(names(folder.path()), ["towns.parquet"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_leaves_the_earlier_file() {
    let service = Testkit::builder()
        .layer(towns())
        .fault(Fault::on_query(
            4,
            FaultKind::ErrorBody {
                code: 400,
                message: "Invalid query parameters.".to_owned(),
                details: Vec::new(),
            },
        ))
        .start()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.parquet");
    std::fs::write(&path, "earlier").unwrap();
    let error = LayerExport::new(open(&service, "towns").await)
        .with_fetch(as_json())
        .to(LocalFile::new(&path).with_overwrite(true))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Layer(_)), "{error}");
    assert_eq!(service.faults_fired(), [1]);
    assert_eq!(std::fs::read(&path).unwrap(), b"earlier");
    assert_eq!(names(folder.path()), ["towns.parquet"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_dropped_leaves_nothing() {
    let service = Testkit::builder()
        .layer(towns())
        .latency(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.parquet");
    let export = LayerExport::new(open(&service, "towns").await)
        .with_fetch(
            FetchOptions::default()
                .with_concurrency(const { std::num::NonZeroUsize::new(1).unwrap() }),
        )
        .to(LocalFile::new(&path));
    let result = tokio::time::timeout(Duration::from_millis(300), export).await;
    assert!(result.is_err());
    for _ in 0..100 {
        if names(folder.path()).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(names(folder.path()).is_empty());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sent = service.requests().len();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(service.requests().len(), sent);
}

/// A place that takes its time over the last bytes.
#[derive(Debug)]
struct Slow(LocalFile);

struct SlowOutput(Box<dyn Output>);

impl Destination for Slow {
    fn name(&self) -> String {
        self.0.name()
    }

    fn open(&self) -> Result<Box<dyn Output>, Error> {
        Ok(Box::new(SlowOutput(self.0.open()?)))
    }
}

impl Write for SlowOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // What every Parquet file ends with.
        if bytes.len() > 4 && bytes.ends_with(b"PAR1") {
            std::thread::sleep(Duration::from_millis(1_000));
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Output for SlowOutput {
    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        self.0.commit()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_dropped_at_its_very_end_leaves_nothing() {
    let service = Testkit::builder().layer(towns()).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.parquet");
    let verified = Arc::new(tokio::sync::Notify::new());
    let seen = Arc::clone(&verified);
    let export = LayerExport::new(open(&service, "towns").await)
        .with_observer(move |event| {
            if let ExportEvent::Verified(_) = event {
                seen.notify_one();
            }
        })
        .to(Slow(LocalFile::new(&path)));
    tokio::select! {
        result = export => panic!("{result:?}"),
        () = async {
            verified.notified().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        } => {}
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(
        names(folder.path()).is_empty(),
        "{:?}",
        names(folder.path())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_reported_or_fails_the_export() {
    for fail in [false, true] {
        let service = Testkit::builder().layer(towns()).start().await.unwrap();
        let rows = service.layer("towns").unwrap();
        let layer = open(&service, "towns").await;
        let result = LayerExport::new(layer)
            .with_fail_on_drift(fail)
            .with_observer(move |event| {
                if let ExportEvent::Planned { .. } = event {
                    rows.insert(Row::new().with("NAME", "late")).unwrap();
                }
            })
            .into_table()
            .await;
        match result {
            Ok(table) if !fail => {
                assert_eq!(table.batch.num_rows(), 250);
                let proof = table.report.proof.unwrap();
                assert_eq!(proof.inserted_rows, 1);
                assert_eq!(proof.inserted_ids, [251]);
                assert!(proof.deleted_ids.is_empty());
            }
            Err(Error::Drift(drift)) if fail => {
                assert_eq!(drift.inserted.iter().collect::<Vec<_>>(), [251]);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t33_misfits_stop_an_export_unless_it_is_lenient() {
    let measures = Served::table("measures")
        .with_field(Field::new("N", FieldType::SmallInteger))
        .with_rows((0..10).map(|n| Row::new().with("N", if n == 7 { 40_000 } else { n })));
    let service = Testkit::builder().layer(measures).start().await.unwrap();
    let layer = open(&service, "measures").await;
    let error = LayerExport::new(layer.clone())
        .into_table()
        .await
        .unwrap_err();
    let Error::Layer(layer_error) = &error else {
        panic!("{error}");
    };
    let text = format!("{layer_error}");
    assert!(
        text.contains("column N: 40000 is no whole number"),
        "{text}"
    );
    let table = LayerExport::new(layer)
        .with_lenient(true)
        .into_table()
        .await
        .unwrap();
    assert_eq!(table.batch.column_by_name("N").unwrap().null_count(), 1);
    assert_eq!(table.report.misfits.len(), 1);
    assert_eq!(
        table.report.notes,
        [Note::Misfits {
            column: "N".to_owned(),
            count: 1
        }]
    );
    assert_eq!(table.crs, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_layer_makes_a_file_with_its_columns() {
    let empty = Served::new("empty", GeometryType::Polyline)
        .with_field(Field::new("NAME", FieldType::String));
    let service = Testkit::builder().layer(empty).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.parquet");
    let report = LayerExport::new(open(&service, "empty").await)
        .to(LocalFile::new(&path))
        .await
        .unwrap();
    assert_eq!((report.rows, report.row_groups), (0, Some(0)));
    let proof = report.proof.unwrap();
    assert_eq!(proof.level, "count");
    assert_eq!(proof.meaning, "no rows, counted at start and end");
    assert_eq!(report.notes, []);
    let rows = pages::read(&Bytes::from(std::fs::read(&path).unwrap()));
    assert_eq!((rows.num_rows(), rows.num_columns()), (0, 4));
    assert!(!service.requests_of(RequestKind::Count).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn z_is_kept_and_m_is_reported() {
    let shots = Served::new("shots", GeometryType::Point)
        .with_z()
        .with_m()
        .with_row(Row::new().at(Geometry::point(Vertex::xyzm(1., 2., 3., 4.))));
    let service = Testkit::builder().layer(shots).start().await.unwrap();
    let table = LayerExport::new(open(&service, "shots").await)
        .into_table()
        .await
        .unwrap();
    let geometry = table.report.geometry.as_ref().unwrap();
    assert_eq!(geometry.types, ["Point Z"]);
    assert_eq!(geometry.z_range, Some([3., 3.]));
    assert_eq!(table.report.notes, [Note::DroppedM { rows: 1 }]);
}

#[tokio::test]
async fn rings_that_are_none_are_left_out_and_reported() {
    let square = |x: f64| vec![(x, 0.0), (x, 1.0), (x + 1.0, 1.0), (x + 1.0, 0.0), (x, 0.0)];
    let line = |x: f64| vec![(x, 0.0), (x + 1.0, 1.0), (x + 2.0, 2.0), (x, 0.0)];
    let layer = Served::new("lots", GeometryType::Polygon)
        .with_row(Row::new().at(Geometry::polygon([square(0.0)])))
        .with_row(Row::new().at(Geometry::polygon([square(5.0), line(9.0)])));
    let service = Testkit::builder().layer(layer).start().await.unwrap();
    let table = LayerExport::new(open(&service, "lots").await)
        .into_table()
        .await
        .unwrap();
    assert_eq!(table.report.rows, 2);
    assert_eq!(table.report.notes, [Note::LeftOut { rows: 1 }]);
}
