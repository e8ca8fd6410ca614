//! What is written where.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arcgis_export::{
    FileFormat, LayerOutcome, LayerStatus, PlannedAction, ServiceEvent, WriterOptions,
};
use arcgis_layer::Query;
use arcgis_testkit::{Fault, FaultKind, RequestKind, Service, Testkit};

use crate::bench::{Bench, server, towns};

#[tokio::test(flavor = "multi_thread")]
async fn each_layer_and_table_has_its_file_and_the_index_tells_of_them() {
    let bench = Bench::start(server()).await;
    let report = bench.export().to(bench.folder()).await.unwrap();
    assert_eq!(
        bench.files(),
        [
            "Land/Towns/Notes_old_new.parquet",
            "Land/Towns/TOWNS-2.parquet",
            "Land/Towns/Towns.parquet",
            "bare/nothing.parquet",
            "index.json",
        ]
    );
    for (file, rows) in [
        ("Land/Towns/Notes_old_new.parquet", 4),
        ("Land/Towns/TOWNS-2.parquet", 3),
        ("Land/Towns/Towns.parquet", 25),
        ("bare/nothing.parquet", 0),
    ] {
        assert_eq!(bench.rows(file), rows, "{file}");
    }
    let index = bench.index();
    assert_eq!(index, report.index);
    assert!(index.is_complete());
    assert_eq!(index.source, bench.server.services_url());
    let of_towns: Vec<_> = index
        .layers
        .iter()
        .filter(|layer| layer.url.contains("/Towns/FeatureServer/"))
        .map(|layer| (layer.id, layer.status, layer.rows))
        .collect();
    let (done, skipped) = (LayerStatus::Done, LayerStatus::Skipped);
    assert_eq!(
        of_towns,
        [
            (0, skipped, None),
            (1, done, Some(25)),
            (2, done, Some(3)),
            (3, skipped, None),
            (4, skipped, None),
            (5, done, Some(4)),
        ]
    );
    let layer = |name: &str| {
        index
            .layers
            .iter()
            .find(|layer| layer.name == name)
            .unwrap()
    };
    let problem = |name: &str| layer(name).problem.clone().unwrap();
    assert!(problem("all").contains("group"));
    assert!(problem("photo").contains("pixels"));
    assert!(problem("hidden").contains("does not allow"));
    // What the map service shows is the same, and is said to be.
    let twins = index
        .layers
        .iter()
        .filter(|layer| layer.url.contains("/Towns/MapServer/"));
    let twins: Vec<_> = twins.filter_map(|layer| layer.problem.clone()).collect();
    let same = twins.iter().filter(|problem| {
        problem.starts_with(&format!(
            "it is the same as {}",
            bench.server.services_url()
        ))
    });
    assert_eq!((twins.len(), same.count()), (6, 3));

    let known = layer("Towns");
    assert_eq!(known.service, "Land/Towns");
    assert_eq!(known.kind, "Feature Layer");
    assert_eq!(known.geometry_type.as_deref(), Some("esriGeometryPoint"));
    assert_eq!(known.crs.as_deref(), Some("EPSG:4326"));
    assert_eq!(known.extent, Some([0.0, 1.0, 24.0, 1.0]));
    assert_eq!(known.format.as_deref(), Some("geoparquet"));
    assert_eq!(known.proof.as_deref(), Some("object-ids"));
    let size = std::fs::metadata(bench.path().join("Land/Towns/Towns.parquet"))
        .unwrap()
        .len();
    assert_eq!(known.bytes, Some(size));
    assert!(known.last_edit.is_some());
    assert_eq!(layer("Notes/old & new").kind, "Table");
    assert_eq!(layer("nothing").extent, None);

    let [related] = &known.relationships[..] else {
        panic!("{known:?}")
    };
    assert_eq!((related.id, related.related_id), (7, 5));
    assert_eq!(related.name, "notes");
    assert_eq!(related.is_origin, Some(true));
    assert_eq!(related.cardinality.as_deref(), Some("one-to-many"));
    assert_eq!(
        related.related_file.as_deref(),
        Some("Land/Towns/Notes_old_new.parquet")
    );
    assert_eq!(related.key_field.as_deref(), Some("NAME"));
    assert_eq!(related.related_key_field.as_deref(), Some("TOWN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn below_a_service_or_a_folder_names_are_shorter() {
    let bench = Bench::start(server()).await;
    let service = bench.server.service_url("Land/Towns");
    let report = bench.export_of(&service).to(bench.folder()).await.unwrap();
    assert_eq!(
        bench.files(),
        [
            "Notes_old_new.parquet",
            "TOWNS-2.parquet",
            "Towns.parquet",
            "index.json"
        ]
    );
    assert_eq!(report.index.layers.len(), 6);

    let bench = Bench::start(server()).await;
    let folder = format!("{}/Land", bench.server.services_url());
    bench
        .export_of(&folder)
        .with_format(FileFormat::Csv)
        .to(bench.folder())
        .await
        .unwrap();
    assert_eq!(
        bench.files(),
        [
            "Towns/Notes_old_new.csv",
            "Towns/TOWNS-2.csv",
            "Towns/Towns.csv",
            "index.json"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_will_be_done_and_writes_nothing() {
    let bench = Bench::start(server()).await;
    let plan = bench.export().plan(None).await.unwrap();
    assert!(!bench.path().exists());
    assert!(bench.server.requests_of(RequestKind::Features).is_empty());
    let planned: Vec<_> = plan
        .layers
        .iter()
        .filter(|layer| layer.action == PlannedAction::Export)
        .map(|layer| {
            (
                layer.file.clone().unwrap(),
                layer.plan.as_ref().unwrap().rows,
            )
        })
        .collect();
    let report = bench.export().to(bench.folder()).await.unwrap();
    let done: Vec<_> = report
        .index
        .of_status(LayerStatus::Done)
        .map(|layer| (layer.file.clone().unwrap(), layer.rows.unwrap()))
        .collect();
    assert_eq!(planned, done);
    assert_eq!(plan.rows(), 32);
    let json = serde_json::to_value(&plan).unwrap();
    // Services beside folders come first.
    assert_eq!(json["layers"][0]["file"], "bare/nothing.parquet");
    assert_eq!(json["layers"][1]["action"], "skip");
    assert_eq!(json["layers"][2]["action"], "export");
    assert_eq!(json["layers"][2]["plan"]["rows"], 25);
    assert_eq!(json["layers"][2]["file"], "Land/Towns/Towns.parquet");
}

#[tokio::test(flavor = "multi_thread")]
async fn options_hold_for_every_layer_and_tables_have_no_place() {
    let bench = Bench::start(server()).await;
    let equator = Query::parse_bbox("0.5,0,2.5,2").unwrap();
    let report = bench
        .export_of(&bench.server.service_url("Land/Towns"))
        .with_each_layer(move |export| {
            export
                .with_query(Query::new().with_bbox(equator).with_limit(1))
                .with_writer(WriterOptions::default().with_row_group_rows(1.try_into().unwrap()))
        })
        .to(bench.folder())
        .await
        .unwrap();
    assert_eq!(
        bench.files(),
        ["TOWNS-2.parquet", "Towns.parquet", "index.json"]
    );
    assert_eq!(bench.rows("Towns.parquet"), 1);
    let table = &report.index.layers[5];
    assert_eq!(table.status, LayerStatus::Skipped);
    assert!(table.problem.as_ref().unwrap().contains("by place"));
    let LayerOutcome::Exported(report) = &report.outcomes[1] else {
        panic!("{report:?}")
    };
    assert_eq!(report.writer.as_ref().unwrap().row_group_rows, Some(1));
    assert_eq!(report.query.as_ref().unwrap().limit, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_layers_are_under_way_than_is_said() {
    let service = (0..9).fold(Service::new("many"), |service, n| {
        service.with_layer(towns(&format!("layer {n}"), 5))
    });
    let slow = FaultKind::Delay(Duration::from_millis(20));
    let slow = Fault::on(RequestKind::Features, 1, slow).always();
    let bench = Bench::start(Testkit::builder().service(service).fault(slow)).await;
    for at_once in [1, 3] {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(0)));
        let seen = Arc::clone(&most);
        bench
            .export_of(&bench.server.service_url("many"))
            .with_overwrite(true)
            .with_layers_at_once(at_once.try_into().unwrap())
            .with_observer(move |event| match event {
                ServiceEvent::Began { .. } => {
                    let now = now.fetch_add(1, Ordering::SeqCst) + 1;
                    let mut most = seen.lock().unwrap();
                    *most = now.max(*most);
                }
                ServiceEvent::Ended { .. } => {
                    now.fetch_sub(1, Ordering::SeqCst);
                }
                _ => {}
            })
            .to(bench.folder())
            .await
            .unwrap();
        assert_eq!(*most.lock().unwrap(), at_once);
    }
    assert_eq!(bench.files().len(), 10);
}
