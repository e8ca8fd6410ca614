//! All layers of a service, a folder or a server.

use std::path::Path;

use arcgis_testkit::{
    BadRow, Fault, FaultKind, GeometryType, Layer, Quirk, RequestKind, Row, Service, Testkit,
};
use serde_json::{Value, json};

use crate::run::{Desk, mixed, rows_in, start, towns};

fn server() -> arcgis_testkit::TestkitBuilder {
    Testkit::builder().service(mixed()).service(
        Service::new("Water/Wells")
            .with_layer(Layer::table("notes").with_rows((0..3).map(|_| Row::new())))
            .with_layer(Layer::new("dry", GeometryType::Point)),
    )
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn index(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap()
}

#[test]
fn the_whole_demo_service_arrives() {
    let desk = Desk::new();
    let ran = desk.run(&["export", "demo:", "demo/"]).ok();
    for (name, rows) in [("places", 7_322), ("rivers", 1_454), ("countries", 250)] {
        let file = desk.path("demo").join(format!("{name}.parquet"));
        assert_eq!(rows_in(&file), rows, "{name}");
    }
    assert_eq!(
        files(&desk.path("demo")),
        [
            "countries.parquet",
            "index.json",
            "places.parquet",
            "rivers.parquet"
        ]
    );
    for said in [
        "3 layers to export",
        "✓ demo/places: 7,322 rows, ",
        " → places.parquet",
        "Layers    3 exported",
        "Rows      9,026",
    ] {
        assert!(ran.stderr.contains(said), "{said:?} is not in {ran:?}");
    }
    assert_eq!(ran.stdout, "");
    // Nothing is written over without a word.
    desk.run(&["export", "demo:", "demo"])
        .fails(6, &["index.json exists", "--resume goes on"]);
    assert_eq!(desk.run(&["export", "demo:", "new/", "-q"]).ok().stderr, "");
}

#[test]
fn what_fails_is_named_and_done_when_it_can_be() {
    let refused = Fault::on(RequestKind::Count, 1, FaultKind::Status(403)).times(2);
    let refused = refused.for_layer("towns");
    let service = start(server().fault(refused));
    let desk = Desk::new();
    let root = service.services_url();
    let args = [
        "export",
        &root,
        "out/",
        "--retries",
        "0",
        "--resume",
        "--report",
        "r.json",
    ];
    let ran = desk.run(&args).fails(
        3,
        &[
            "✗ mixed/towns: ",
            "error: 1 layer could not be exported (towns); all else is in its place",
            "hint: index.json says why; the same command with --resume does what is left",
            "Layers    2 exported, 1 failed, ",
        ],
    );
    assert!(!ran.stderr.contains("exists"), "{ran:?}");
    assert_eq!(files(&desk.path("out")), ["Water", "index.json", "mixed"]);
    assert!(files(&desk.path("out/mixed")).is_empty());
    assert_eq!(
        files(&desk.path("out/Water/Wells")),
        ["dry.parquet", "notes.parquet"]
    );
    let report: Value =
        serde_json::from_slice(&std::fs::read(desk.path("r.json")).unwrap()).unwrap();
    let of = |report: &Value, name: &str| {
        let layers = report["layers"].as_array().unwrap();
        layers
            .iter()
            .find(|layer| layer["name"] == name)
            .cloned()
            .unwrap()
    };
    assert_eq!(of(&report, "towns")["error"]["exit"], 3);
    assert_eq!(of(&report, "towns")["status"], "failed");
    assert_eq!(of(&report, "notes")["report"]["rows"], 3);
    assert_eq!(report["output"], "out/");

    // As JSON it is one document, the report, whatever the exit code.
    let again: Vec<&str> = args
        .iter()
        .copied()
        .filter(|arg| !["--report", "r.json"].contains(arg))
        .collect();
    let ran = desk.run(&[&again[..], &["--json"]].concat());
    assert_eq!(ran.code, 3, "{ran:?}");
    assert_eq!(of(&ran.json(), "notes")["kept"], true);
    let ran = desk.run(&again).ok();
    assert!(
        ran.stderr.contains("Layers    1 exported, 2 unchanged"),
        "{ran:?}"
    );
    assert_eq!(rows_in(&desk.path("out/mixed/towns.parquet")), 250);
    service.clear_requests();
    let ran = desk.run(&again).ok();
    assert!(
        ran.stderr.contains("= mixed/towns: 250 rows, unchanged"),
        "{ran:?}"
    );
    assert!(service.requests_of(RequestKind::Features).is_empty());
    let index = index(&desk.path("out"));
    assert_eq!(
        (&index["kind"], &index["version"]),
        (&json!("arcgis-index"), &json!(1))
    );
    assert_eq!(of(&index, "towns")["proof"], "object-ids");
}

#[test]
fn rows_that_are_lost_decide_the_exit_code() {
    let gone = towns()
        .with_name("gone")
        .with_quirk(Quirk::BadRow(7, BadRow::Never));
    let refused = Fault::on_query(1, FaultKind::Status(403))
        .always()
        .for_layer("towns");
    let service = start(
        Testkit::builder()
            .service(Service::new("s").with_layer(gone).with_layer(towns()))
            .fault(refused),
    );
    let desk = Desk::new();
    let ran = desk.run(&[
        "export",
        &service.service_url("s"),
        "out/",
        "--retries",
        "0",
        "-q",
    ]);
    let ran = ran.fails(
        5,
        &["2 layers could not be exported (gone, towns)", "✗ s/gone: "],
    );
    assert!(!ran.stderr.contains('✓'), "{ran:?}");
}

#[test]
fn a_plan_lists_every_layer_and_writes_nothing() {
    let service = start(server());
    let desk = Desk::new();
    let root = service.services_url();
    let ran = desk.run(&["export", &root, "--plan"]).ok();
    for said in [
        "mixed        1   towns",
        "it is a group of layers",
        "it is the same as",
        "Water/Wells/notes.parquet",
        "253 rows in 3 layers, about ",
    ] {
        assert!(ran.stdout.contains(said), "{said:?} is not in {ran:?}");
    }
    let plan = desk
        .run(&[
            "export",
            &root,
            "out/",
            "--plan",
            "--json",
            "--include",
            "*/towns",
        ])
        .ok();
    let plan = plan.json();
    assert_eq!(plan["source"], json!(root));
    assert_eq!(plan["layers"][0]["action"], "export");
    assert_eq!(plan["layers"][0]["plan"]["rows"], 250);
    assert_eq!(plan["layers"][0]["file"], "mixed/towns.parquet");
    assert_eq!(plan["layers"].as_array().unwrap().len(), 2);
    assert!(service.requests_of(RequestKind::Features).is_empty());
    assert!(desk.names().is_empty());
}

#[test]
fn options_choose_layers_formats_and_a_catalog() {
    let service = start(server());
    let desk = Desk::new();
    let url = service.service_url("Water/Wells");
    std::fs::create_dir(desk.path("there")).unwrap();
    let ran = desk
        .run(&[
            "export",
            &url,
            "there",
            "--as",
            "csv",
            "--stac",
            "--exclude",
            "dry",
            "--exclude",
            "x*",
            "--layers-at-once",
            "1",
            "--limit",
            "2",
        ])
        .ok();
    assert!(
        ran.stderr.contains("note: x* stands for no layer"),
        "{ran:?}"
    );
    assert_eq!(
        files(&desk.path("there")),
        ["catalog.json", "index.json", "notes.csv", "notes.json"]
    );
    let text = std::fs::read_to_string(desk.path("there/notes.csv")).unwrap();
    assert_eq!(text.lines().count(), 3);
    desk.run(&["export", &url, "none/", "--include", "nothing"])
        .fails(2, &["none is meant by nothing", "arcgis crawl"]);
}

#[test]
fn what_does_not_go_together_is_said_before_anything_is_asked() {
    let service = start(server());
    let desk = Desk::new();
    let layer = service.layer_url("towns");
    let url = service.service_url("mixed");
    for (args, said) in [
        (
            vec!["export", &layer, "out.parquet", "--include", "a"],
            "--include: it is for all layers",
        ),
        (vec!["export", &layer, "out.parquet", "--stac"], "--stac: "),
        (
            vec!["export", &layer, "--plan", "--layers-at-once", "2"],
            "--layers-at-once: ",
        ),
        (
            vec!["export", &url, "out.parquet", "--exclude", "a"],
            "--exclude: ",
        ),
        (
            vec!["export", &url, "out/", "--object-ids", "1"],
            "--object-ids: ",
        ),
        (vec!["export", &url, "out/", "--include", ""], "--include"),
        (
            vec!["export", &url, "out/", "--layers-at-once", "0"],
            "--layers-at-once",
        ),
        (
            vec![
                "export",
                &url,
                "out/",
                "--as",
                "csv",
                "--row-group-rows",
                "5",
            ],
            "--row-group-rows",
        ),
    ] {
        desk.run(&args).fails(2, &[said]);
    }
    desk.write("file", "");
    desk.run(&["export", &url, "file/"]).fails(6, &["file"]);
    assert!(service.requests().is_empty());
    assert_eq!(desk.names(), ["file"]);
}

/// A folder is one by its slash.
#[test]
fn who_points_at_a_service_is_told_how_all_of_it_comes() {
    let service = start(server());
    let desk = Desk::new();
    let url = service.service_url("mixed");
    for command in ["export", "sync"] {
        let way = format!("; arcgis {command} <service> <folder>/ takes all of them");
        desk.run(&[command, &url, "all.parquet"])
            .fails(2, &["is no layer", "hint: it has /0 ", &way]);
    }
    // It takes one layer only.
    let ran = desk.run(&["count", &url]);
    assert!(!ran.stderr.contains("takes all of them"), "{ran:?}");
    assert_eq!(desk.names(), [""; 0]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_what_is_through() {
    let slow = FaultKind::Delay(std::time::Duration::from_secs(20));
    let slow = Fault::on_query(1, slow).always().for_layer("towns");
    let service = start(server().fault(slow));
    let desk = Desk::new();
    let root = service.services_url();
    let child = desk.command(&["export", &root, "out/"]).spawn().unwrap();
    let there = desk.path("out/Water/Wells/notes.parquet");
    let started = std::time::Instant::now();
    while !there.exists() {
        assert!(started.elapsed().as_secs() < 60, "nothing comes");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let status = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let ran = crate::run::finish(child).fails(1, &["error: interrupted"]);
    assert!(!ran.stderr.contains("nothing was left"), "{ran:?}");
    assert_eq!(index(&desk.path("out")).get("finished"), None);
}

#[test]
fn related_tables_come_along_when_they_are_wanted() {
    use arcgis_testkit::{Field, FieldType, Relationship};
    let wells = towns()
        .with_name("wells")
        .with_relationship(Relationship::new(0, "tests", 1, "NAME", "WELL"));
    let tests = Layer::table("tests")
        .with_field(Field::new("WELL", FieldType::String))
        .with_relationship(Relationship::new(0, "wells", 0, "WELL", "NAME").as_destination());
    let water = Service::new("water")
        .with_layer(wells)
        .with_layer(tests)
        .with_layer(Layer::table("people"));
    let service = start(Testkit::builder().service(water));
    let desk = Desk::new();
    let url = service.service_url("water");
    desk.run(&["export", &url, "out/", "--related"])
        .fails(2, &["--include"]);
    desk.run(&[
        "export",
        &service.layer_url("wells"),
        "wells.parquet",
        "--include",
        "wells",
        "--related",
    ])
    .fails(2, &["--include"]);
    let args = ["export", &url, "out/", "--include", "wells", "--related"];
    let plan = desk.run(&[&args[..], &["--plan"]].concat()).ok();
    assert!(
        plan.stdout.contains("tests.parquet (related to wells)"),
        "{plan:?}"
    );
    desk.run(&args).ok();
    assert_eq!(
        files(&desk.path("out")),
        ["index.json", "tests.parquet", "wells.parquet"]
    );
    let index = index(&desk.path("out"));
    assert_eq!(index["layers"][1]["related_to"], "wells");
    assert_eq!(index["layers"][0].get("related_to"), None);
}
