//! Rows that are edited on the server while they are exported: files and tables have them as they are at the end, each
//! once; what is read while it is written has them as they came, and names them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{
    BatchLimits, ColumnOptions, Error, ExportEvent, FileFormat, LayerExport, LocalFile, Note,
    Report, Resume, RowOrder, WriterOptions,
};
use arcgis_layer::{FetchOptions, FormatChoice, Layer, LayerAddress, Query, Strategy};
use arcgis_testkit::{
    Edit, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer as Served, RequestKind,
    Row, Testkit, Vertex,
};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_select::take::take_record_batch;
use bytes::Bytes;
use futures_util::TryStreamExt as _;

const ROWS: i64 = 250;

/// Row 1 lies far in the west, and alone holds the extent open there.
fn place(n: i64) -> Geometry {
    let x = if n == 1 { -170.0 } else { n as f64 / 10.0 };
    Geometry::point((x, 47.0))
}

fn towns() -> Served {
    Served::new("towns", GeometryType::Point)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("POP", FieldType::Integer))
        .with_max_record_count(40)
        .with_edit_tracking()
        .with_rows((1..=ROWS).map(|n| {
            Row::new()
                .with("OBJECTID", n)
                .with("NAME", format!("Town {n}"))
                .with("POP", n * 1_000)
                .at(place(n))
        }))
}

fn table() -> Served {
    Served::table("towns")
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("POP", FieldType::Integer))
        .with_max_record_count(40)
        .with_edit_tracking()
        .with_rows((1..=ROWS).map(|n| {
            Row::new()
                .with("OBJECTID", n)
                .with("NAME", format!("Town {n}"))
                .with("POP", n * 1_000)
        }))
}

fn edit(page: u64, edit: Edit) -> Fault {
    let layer = "towns".to_owned();
    Fault::on_query(page, FaultKind::Edit { layer, edit })
}

/// While the fifth page is fetched, rows of the first and of the second are edited.
fn edits(has_places: bool) -> [Fault; 3] {
    let mut first = Row::new().with("NAME", "Near").with("POP", -1);
    if has_places {
        first = first.at(Geometry::point((3.5, 48.5)));
    }
    [
        edit(5, Edit::Update(1, first)),
        edit(5, Edit::Update(77, Row::new().with("POP", -77))),
        edit(5, Edit::Delete(249)),
    ]
}

/// Not worth another try.
fn refused() -> FaultKind {
    FaultKind::ErrorBody {
        code: 400,
        message: "no".to_owned(),
        details: Vec::new(),
    }
}

async fn start(layer: Served, faults: impl IntoIterator<Item = Fault>) -> Testkit {
    let faults = faults.into_iter();
    let builder = faults.fold(Testkit::builder().layer(layer), |builder, fault| {
        builder.fault(fault)
    });
    let service = builder.start().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    service
}

async fn export(service: &Testkit, format: FormatChoice) -> LayerExport {
    let client = ArcGisClient::builder().retries(0).build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("towns")).unwrap();
    let layer = Layer::open(Arc::new(client), address).await.unwrap();
    let fetch = FetchOptions::default()
        .with_concurrency(NonZeroUsize::MIN)
        .with_format(format);
    LayerExport::new(layer)
        .with_fetch(fetch)
        .with_query(Query::new().with_fields(["OBJECTID", "NAME", "POP"]))
}

fn read(path: &Path) -> RecordBatch {
    pages::read(&Bytes::from(std::fs::read(path).unwrap()))
}

fn ids(rows: &RecordBatch) -> Vec<i64> {
    let ids = rows.column_by_name("OBJECTID").unwrap();
    ids.as_primitive::<Int64Type>().values().to_vec()
}

fn by_id(rows: &RecordBatch) -> RecordBatch {
    let ids = ids(rows);
    let mut places: Vec<u32> = (0..).take(ids.len()).collect();
    places.sort_by_key(|place| ids[*place as usize]);
    take_record_batch(rows, &arrow_array::UInt32Array::from(places)).unwrap()
}

fn people(rows: &RecordBatch, id: i64) -> i32 {
    let row = ids(rows).iter().position(|other| *other == id).unwrap();
    let all = rows.column_by_name("POP").unwrap();
    all.as_primitive::<Int32Type>().value(row)
}

/// The rows as they are now, and what is said of them, by an export that nothing disturbs.
async fn now(service: &Testkit, format: FormatChoice) -> (RecordBatch, Report) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("now.parquet");
    let writer = WriterOptions::default().with_order(RowOrder::None);
    let export = export(service, format).await.with_writer(writer);
    let report = export.to(LocalFile::new(&path)).await.unwrap();
    (read(&path), report)
}

/// Asserts that these rows are those of the server, each once; 249 may have come before it was deleted.
async fn assert_newest(
    rows: &RecordBatch,
    report: &Report,
    service: &Testkit,
    format: FormatChoice,
) {
    let (now, undisturbed) = now(service, format).await;
    let rows = by_id(rows);
    let wanted = ids(&now);
    assert_eq!(ids(&rows), wanted);
    assert_eq!(people(&rows, 77), -77);
    for field in now.schema().fields() {
        let name = field.name();
        assert_eq!(
            rows.column_by_name(name),
            now.column_by_name(name),
            "{name}"
        );
    }
    let proof = report.proof.as_ref().unwrap();
    let told = (proof.refetched_rows, proof.updated_rows, proof.deleted_rows);
    assert_eq!(told, (2, 0, 1));
    assert!(
        report.notes.contains(&Note::Refetched { rows: 2 }),
        "{:?}",
        report.notes
    );
    assert_eq!(report.rows, wanted.len() as u64);
    // Of the place that row 1 had, nothing is left.
    assert_eq!(report.geometry, undisturbed.geometry);
}

#[tokio::test]
async fn files_have_rows_as_they_are_at_the_end() {
    let writer = WriterOptions::default;
    let tiny = NonZeroUsize::new(1).unwrap();
    for format in [FormatChoice::Json, FormatChoice::Pbf] {
        for (options, order) in [
            (writer(), "hilbert"),
            (writer().with_sort_memory(tiny), "hilbert"),
            (writer().with_order(RowOrder::Id), "id"),
            (
                writer().with_order(RowOrder::Id).with_sort_memory(tiny),
                "id",
            ),
        ] {
            for resume in [false, true] {
                let service = start(towns(), edits(true)).await;
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("towns.parquet");
                let events = Arc::new(Mutex::new(Vec::new()));
                let seen = Arc::clone(&events);
                let mut export = export(&service, format)
                    .await
                    .with_writer(options.clone())
                    .with_observer(move |event| seen.lock().unwrap().push(event.clone()));
                if resume {
                    export = export.with_resume(Resume::new());
                }
                let report = export.to(LocalFile::new(&path)).await.unwrap();
                assert_eq!(report.order.as_deref(), Some(order));
                let rows = read(&path);
                assert_newest(&rows, &report, &service, format).await;
                if order == "id" {
                    assert!(ids(&rows).is_sorted());
                }
                // The footer says the same as the report, and nobody counts a row twice.
                let file = Bytes::from(std::fs::read(&path).unwrap());
                let geo = pages::footer(&file, "geo").unwrap();
                let geo: serde_json::Value = serde_json::from_str(&geo).unwrap();
                let least = geo["columns"]["geometry"]["bbox"][0].as_f64().unwrap();
                assert!((least - 0.2).abs() < 1e-6, "{geo}");
                let told: u64 = events
                    .lock()
                    .unwrap()
                    .iter()
                    .map(|event| match event {
                        ExportEvent::Page { rows, .. } => *rows,
                        _ => 0,
                    })
                    .sum();
                assert_eq!(told, report.rows);
            }
        }
    }
}

#[tokio::test]
async fn tables_and_rows_in_memory_are_as_at_the_end_too() {
    let service = start(table(), edits(false)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.parquet");
    let report = export(&service, FormatChoice::Json)
        .await
        .to(LocalFile::new(&path))
        .await
        .unwrap();
    assert_eq!(report.order.as_deref(), Some("id"));
    let rows = read(&path);
    assert!(ids(&rows).is_sorted());
    assert_newest(&rows, &report, &service, FormatChoice::Json).await;

    // Without the object id among the columns, rows are told apart all the same.
    let service = start(table(), edits(false)).await;
    let path = folder.path().join("people.parquet");
    let export_of = export(&service, FormatChoice::Json).await;
    let report = export_of
        .with_query(Query::new().with_fields(["POP"]))
        .to(LocalFile::new(&path))
        .await
        .unwrap();
    let rows = read(&path);
    let mut people = rows
        .column_by_name("POP")
        .unwrap()
        .as_primitive::<Int32Type>()
        .values()
        .to_vec();
    people.sort_unstable();
    let mut wanted: Vec<i32> = (1..=250).map(|n| n * 1_000).collect();
    wanted.retain(|pop| ![1_000, 77_000, 249_000].contains(pop));
    wanted.extend([-1, -77]);
    wanted.sort_unstable();
    assert_eq!(people, wanted);
    assert_eq!(report.proof.unwrap().refetched_rows, 2);

    for spool in [false, true] {
        let service = start(towns(), edits(true)).await;
        let spill = tempfile::tempdir().unwrap();
        let mut export = export(&service, FormatChoice::Pbf).await;
        if spool {
            export = export.with_resume(Resume::in_folder(spill.path()));
        }
        let table = export.into_table().await.unwrap();
        let (now, undisturbed) = now(&service, FormatChoice::Pbf).await;
        assert_eq!(ids(&by_id(&table.batch)), ids(&now));
        assert_eq!(people_of(&table.batch), people_of(&now));
        assert_eq!(table.report.geometry, undisturbed.geometry);
        assert_eq!(table.report.proof.unwrap().refetched_rows, 2);
    }
}

fn people_of(rows: &RecordBatch) -> Vec<i32> {
    let rows = by_id(rows);
    let people = rows.column_by_name("POP").unwrap();
    people.as_primitive::<Int32Type>().values().to_vec()
}

#[tokio::test]
async fn what_is_read_while_it_is_written_names_the_rows_instead() {
    let service = start(towns(), edits(true)).await;
    let stream = export(&service, FormatChoice::Json)
        .await
        .into_stream(BatchLimits::default())
        .await
        .unwrap();
    let mut stream = stream;
    let mut rows = 0;
    while let Some(batch) = stream.try_next().await.unwrap() {
        rows += batch.num_rows() as u64;
    }
    let report = stream.report().unwrap();
    assert_eq!(rows, report.rows);
    let named = |report: &Report| {
        let proof = report.proof.as_ref().unwrap();
        assert_eq!((proof.refetched_rows, proof.updated_rows), (0, 2));
        assert_eq!(proof.updated_ids, [1, 77]);
        assert!(
            report.notes.contains(&Note::Edited { rows: Some(2) }),
            "{:?}",
            report.notes
        );
    };
    named(report);

    let folder = tempfile::tempdir().unwrap();
    for (name, format, order) in [
        ("a.arrows", FileFormat::ArrowStream, None),
        ("a.parquet", FileFormat::GeoParquet, Some(RowOrder::None)),
    ] {
        let service = start(towns(), edits(true)).await;
        let mut writer = WriterOptions::default();
        if let Some(order) = order {
            writer = writer.with_order(order);
        }
        let export = export(&service, FormatChoice::Json).await;
        let report = export
            .with_format(format)
            .with_writer(writer)
            .to(LocalFile::new(folder.path().join(name)))
            .await
            .unwrap();
        named(&report);
    }
}

#[tokio::test]
async fn an_export_goes_on_behind_rows_that_came_again() {
    for order in [RowOrder::Hilbert, RowOrder::Id] {
        for memory in [1, 1 << 24] {
            // The list of the second look for edits fails, and what follows: the rows that came again are kept by then.
            let broken = refused();
            let mut faults = edits(true).to_vec();
            faults.push(Fault::on(RequestKind::Ids, 3, broken).times(3));
            let service = start(towns(), faults).await;
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("towns.parquet");
            let resumed = async || -> Result<Report, Error> {
                let memory = NonZeroUsize::new(memory).unwrap();
                let writer = WriterOptions::default()
                    .with_order(order)
                    .with_sort_memory(memory);
                let export = export(&service, FormatChoice::Json).await;
                let export = export.with_writer(writer).with_resume(Resume::new());
                export.to(LocalFile::new(&path)).await
            };
            resumed().await.unwrap_err();
            let journal = folder.path().join(".towns.parquet.arcgis-spool/journal");
            let journal = std::fs::read_to_string(journal).unwrap();
            // Rows 1 and 77 by their numbers.
            assert_eq!(
                journal.matches(r#""replaces":[0,76]"#).count(),
                1,
                "{journal}"
            );
            service
                .layer("towns")
                .unwrap()
                .update(77, Row::new().with("NAME", "Later"))
                .unwrap();
            let report = resumed().await.unwrap();
            let earlier = report.resumed.as_ref().unwrap();
            assert_eq!(earlier.rows, 249);
            assert_newest(&read(&path), &report, &service, FormatChoice::Json).await;
        }
    }
}

#[tokio::test]
async fn a_spool_with_rows_that_came_again_can_end_as_a_stream() {
    let broken = refused();
    let mut faults = edits(true).to_vec();
    faults.push(Fault::on(RequestKind::Ids, 3, broken).times(3));
    let service = start(towns(), faults).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.parquet");
    let resumed = async |order: RowOrder| -> Result<Report, Error> {
        let export = export(&service, FormatChoice::Json).await;
        export
            .with_writer(WriterOptions::default().with_order(order))
            .with_resume(Resume::new())
            .to(LocalFile::new(&path))
            .await
    };
    resumed(RowOrder::Hilbert).await.unwrap_err();
    // The next process lets rows go on as they come: without those that were replaced before.
    let report = resumed(RowOrder::None).await.unwrap();
    let rows = read(&path);
    let (now, undisturbed) = now(&service, FormatChoice::Json).await;
    assert_eq!(ids(&by_id(&rows)), ids(&now));
    assert_eq!(people_of(&rows), people_of(&now));
    assert_eq!(report.geometry, undisturbed.geometry);
}

#[tokio::test]
async fn rows_by_rectangles_are_not_known_by_their_ids() {
    // No list of ids tells which rows were edited; that some were does.
    let service = start(towns(), edits(true)).await;
    let folder = tempfile::tempdir().unwrap();
    let export = export(&service, FormatChoice::Json).await;
    let fetch = FetchOptions::default()
        .with_concurrency(NonZeroUsize::MIN)
        .with_strategy(Strategy::KeySet);
    let report = export
        .with_fetch(fetch)
        .to(LocalFile::new(folder.path().join("towns.parquet")))
        .await
        .unwrap();
    let proof = report.proof.unwrap();
    assert_eq!((proof.refetched_rows, proof.updated_rows), (0, 0));
    assert!(proof.edited || proof.count_change != 0, "{proof:?}");
}

#[tokio::test]
async fn edits_that_cannot_be_asked_for_are_told() {
    // The list of those that were edited is refused, whoever asks; the layer says that it was edited.
    let mut faults = edits(true).to_vec();
    let refused = Fault::on_any(1, refused()).when(|request| {
        let condition = request.parameters().get("where").unwrap_or_default();
        condition.contains("EditDate")
    });
    faults.push(refused.always());
    let service = start(towns(), faults).await;
    let folder = tempfile::tempdir().unwrap();
    let report = export(&service, FormatChoice::Json)
        .await
        .to(LocalFile::new(folder.path().join("towns.parquet")))
        .await
        .unwrap();
    let proof = report.proof.as_ref().unwrap();
    assert!(proof.edits_unknown, "{proof:?}");
    assert_eq!((proof.refetched_rows, proof.updated_rows), (0, 0));
    assert!(
        report.notes.contains(&Note::EditsUnknown),
        "{:?}",
        report.notes
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["proof"]["edits_unknown"], true);
    assert_eq!(
        json["notes"].as_array().unwrap().last().unwrap()["kind"],
        "edits-unknown"
    );
}

/// What is told of values and geometries is of the rows as they are in the file, not of those that they took the place of.
#[cfg(feature = "repair")]
#[tokio::test]
async fn what_is_counted_is_of_the_rows_that_stay() {
    // Its vertices in this order cross; in the other they are a square.
    let lot = |n: i64, crossed: bool| {
        let x = n as f64;
        let mut ring = vec![(x, 0.0), (x, 0.5), (x + 0.5, 0.5), (x + 0.5, 0.0), (x, 0.0)];
        if crossed {
            ring.swap(1, 2);
        }
        let ring = ring.into_iter().map(|(x, y)| Vertex::xym(x, y, 7.0));
        Geometry::polygon([ring.collect::<Vec<_>>()])
    };
    let lots = || {
        Served::new("towns", GeometryType::Polygon)
            .with_m()
            .with_field(Field::new("OBJECTID", FieldType::Oid))
            .with_field(Field::new("NAME", FieldType::String))
            .with_field(Field::new("POP", FieldType::SmallInteger))
            .with_max_record_count(10)
            .with_edit_tracking()
            .with_rows((1..=60).map(|n| {
                Row::new()
                    .with("OBJECTID", n)
                    .with("NAME", "lot")
                    .with("POP", if n < 3 { 40_000 } else { n })
                    .at(lot(n, n < 4))
            }))
    };
    let better = Row::new().with("POP", 5).at(lot(1, false));
    let no_better = Row::new().with("NAME", "other");
    for resume in [false, true] {
        let edits = [
            edit(5, Edit::Update(1, better.clone())),
            edit(5, Edit::Update(2, no_better.clone())),
        ];
        let service = start(lots(), edits).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lots.parquet");
        let mut export = export(&service, FormatChoice::Json)
            .await
            .with_lenient(true)
            .with_columns(ColumnOptions::default().with_repair(true));
        if resume {
            export = export.with_resume(Resume::new());
        }
        let report = export.to(LocalFile::new(&path)).await.unwrap();
        assert_eq!(report.proof.as_ref().unwrap().refetched_rows, 2);
        let geometry = report.geometry.as_ref().unwrap();
        assert_eq!((geometry.mended_rows, geometry.dropped_m_rows), (2, 60));
        let misfits: Vec<_> = report.misfits.iter().map(|misfit| misfit.count).collect();
        assert_eq!(misfits, [1]);
        for note in [
            Note::DroppedM { rows: 60 },
            Note::Mended {
                rows: 2,
                first: vec![2, 3],
            },
            Note::Misfits {
                column: "POP".to_owned(),
                count: 1,
            },
        ] {
            assert!(report.notes.contains(&note), "{note:?}: {:?}", report.notes);
        }
    }
}
