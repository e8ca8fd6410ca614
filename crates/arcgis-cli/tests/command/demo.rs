//! The demo addresses: the main job, whole.

use arcgis_testkit::Testkit;

use crate::run::{Desk, columns_in, rows_in, start, towns};

#[test]
fn the_places_arrive_every_one() {
    let desk = Desk::new();
    let ran = desk.run(&["export", "demo:places", "places.parquet"]).ok();
    // Natural Earth's populated places have 7,322 rows.
    assert_eq!(rows_in(&desk.path("places.parquet")), 7_322);
    let columns = columns_in(&desk.path("places.parquet"));
    assert!(columns.contains(&"geometry".to_owned()), "{columns:?}");
    assert!(columns.contains(&"bbox.xmin".to_owned()), "{columns:?}");
    assert_eq!(ran.stdout, "");
    for said in [
        "7,322 of 7,322 rows (100 %)",
        "rows/s",
        "Rows      7,322",
        "CRS       EPSG:4326  WGS 84",
        "Extent    -179.589979, -90, 179.383304, 82.483323",
        "Proof     every object id, once",
        "Format    PBF",
        " of rows, decoded)",
        "0 retries, 1 token",
        "File      ",
        "Time      ",
    ] {
        assert!(
            ran.stderr.contains(said),
            "{said:?} is not in {}",
            ran.stderr
        );
    }
    // No terminal, no colours.
    assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
    assert_eq!(desk.names(), ["places.parquet"]);
}

#[test]
fn quiet_is_silent_and_json_is_whole() {
    let desk = Desk::new();
    let ran = desk
        .run(&[
            "export",
            "demo:rivers",
            "r.parquet",
            "-q",
            "--json",
            "--report",
            "r.json",
        ])
        .ok();
    assert_eq!(ran.stderr, "");
    let report = ran.json();
    assert_eq!(report["rows"], 1_454);
    assert_eq!(report["layer"], "rivers");
    assert_eq!(report["output"], "r.parquet");
    assert_eq!(report["geometry"]["crs"], "EPSG:4326");
    assert_eq!(report["proof"]["level"], "object-ids");
    assert_eq!(report["client"]["tokens"], 1);
    // What it cost, and how the requests ended.
    let client = &report["client"];
    let ended: u64 = client["outcomes"]
        .as_object()
        .unwrap()
        .values()
        .map(|outcome| outcome.as_u64().unwrap())
        .sum();
    assert_eq!(client["requests"], ended, "{client}");
    assert!(client["queued_seconds"].is_f64(), "{client}");
    assert!(report["fetch"]["decoding_seconds"].as_f64().unwrap() > 0.0);
    let writing = report["writer"]["writing_seconds"].as_f64().unwrap();
    assert!(writing > 0.0 && writing <= report["elapsed_seconds"].as_f64().unwrap());
    let size = std::fs::metadata(desk.path("r.parquet")).unwrap().len();
    assert_eq!(report["file_bytes"], size);
    let file = std::fs::read_to_string(desk.path("r.json")).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&file).unwrap(),
        report
    );
}

#[test]
fn other_commands_know_the_demo_too() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["count", "demo:places"]).ok().stdout, "7322\n");
    let ran = desk.run(&["info", "demo:", "--json"]).ok();
    let said = "this demo service ends with this command";
    assert!(ran.stderr.contains(said), "{ran:?}");
    assert_eq!(desk.run(&["info", "demo:places", "-q"]).ok().stderr, "");
    assert_eq!(ran.json()["layers"][2]["name"], "countries");
    desk.run(&["count", "demo:places", "--user", "me", "--password-stdin"])
        .fails(2, &["signs in by itself"]);
}

#[cfg(unix)]
#[test]
fn a_terminal_shows_a_bar() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let service = start(
        Testkit::builder()
            .layer(towns())
            .latency(Duration::from_millis(150)),
    );
    let desk = Desk::new();
    let program = format!(
        "{} export {} towns.parquet --page-size 40 --concurrency 1",
        env!("CARGO_BIN_EXE_arcgis"),
        service.layer_url("towns")
    );
    let screen = |colour: bool| {
        let mut command = Command::new("script");
        command
            .args(["-qec", &program, "/dev/null"])
            .current_dir(desk.path(""))
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        if !colour {
            command.env("NO_COLOR", "1");
        }
        let output = command.output().ok()?;
        let screen = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{screen}");
        std::fs::remove_file(desk.path("towns.parquet")).unwrap();
        Some(screen)
    };
    let (Some(plain), Some(coloured)) = (screen(false), screen(true)) else {
        println!("skipped: there is no program `script` to make a terminal with");
        return;
    };
    for screen in [&plain, &coloured] {
        for said in ["/250 rows", "rows/s", "ETA"] {
            assert!(screen.contains(said), "{said:?} is not in {screen}");
        }
    }
    let bold = "\u{1b}[1m";
    assert!(coloured.contains(bold), "{coloured}");
    assert!(!plain.contains(bold), "{plain}");
}
