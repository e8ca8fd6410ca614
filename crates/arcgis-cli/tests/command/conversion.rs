//! `convert`: a saved answer becomes a file.

use crate::run::{Desk, columns_in, integers_in, rows_in};

const ANSWER: &str = r#"{
    "objectIdFieldName": "OBJECTID", "geometryType": "esriGeometryPoint",
    "spatialReference": {"wkid": 102100, "latestWkid": 3857},
    "fields": [
        {"name": "OBJECTID", "type": "esriFieldTypeOID"},
        {"name": "CODE", "type": "esriFieldTypeSmallInteger"}],
    "features": [
        {"attributes": {"OBJECTID": 1, "CODE": 7}, "geometry": {"x": 1.5, "y": 2.5}},
        {"attributes": {"OBJECTID": 2, "CODE": MISFIT}, "geometry": {"x": 3, "y": 4}}]
}"#;

#[test]
fn a_saved_answer_becomes_a_file() {
    let desk = Desk::new();
    desk.write("answer.json", &ANSWER.replace("MISFIT", "8"));
    let ran = desk
        .run(&["convert", "answer.json", "out.parquet", "--json"])
        .ok();
    let said = ran.json();
    assert_eq!(said["rows"], 2);
    assert_eq!(said["source"], "answer.json");
    assert_eq!(said["geometry"]["crs"], "EPSG:3857");
    assert_eq!(
        said["geometry"]["extent"],
        serde_json::json!([1.5, 2.5, 3.0, 4.0])
    );
    assert!(ran.stderr.contains("CRS       EPSG:3857"), "{ran:?}");
    assert_eq!(rows_in(&desk.path("out.parquet")), 2);
    assert_eq!(integers_in(&desk.path("out.parquet"), "CODE"), [7, 8]);
    assert_eq!(
        columns_in(&desk.path("out.parquet"))[..3],
        ["OBJECTID", "CODE", "geometry"]
    );
}

#[test]
fn an_answer_may_come_over_standard_input() {
    let desk = Desk::new();
    let answer = ANSWER.replace("MISFIT", "8");
    let ran = desk
        .run_with_stdin(&answer, &["convert", "-", "out.parquet", "--json"])
        .ok();
    assert_eq!(ran.json()["rows"], 2);
    assert_eq!(ran.json()["source"], "standard input");
    assert_eq!(rows_in(&desk.path("out.parquet")), 2);
    desk.run_with_stdin("", &["convert", "-", "none.parquet"])
        .fails(2, &["saved answer"]);
    assert_eq!(desk.names(), ["out.parquet"]);
}

#[test]
fn a_value_that_does_not_fit_is_an_error_or_counted() {
    let desk = Desk::new();
    desk.write("answer.json", &ANSWER.replace("MISFIT", "70000"));
    desk.run(&["convert", "answer.json", "out.parquet"])
        .fails(2, &["CODE", "70000", "--lenient"]);
    assert_eq!(desk.names(), ["answer.json"]);
    let ran = desk
        .run(&[
            "convert",
            "answer.json",
            "out.parquet",
            "--lenient",
            "--json",
        ])
        .ok();
    assert_eq!(ran.json()["misfits"][0]["column"], "CODE");
    assert!(ran.stderr.contains("1 in CODE"), "{ran:?}");
    assert_eq!(integers_in(&desk.path("out.parquet"), "CODE"), [7]);
}

#[test]
fn what_is_no_answer_is_refused() {
    let desk = Desk::new();
    desk.write("page.html", "<html>sign in</html>");
    desk.write("cut.json", &ANSWER[..300]);
    desk.write(
        "error.json",
        r#"{"error":{"code":499,"message":"Token Required","details":[]}}"#,
    );
    for (name, answer, said) in [
        (
            "ids.json",
            r#"{"objectIdFieldName":"OBJECTID","objectIds":[1,2]}"#,
            "object ids",
        ),
        ("count.json", r#"{"count":5}"#, "count"),
        (
            "extent.json",
            r#"{"extent":{"xmin":0,"ymin":0,"xmax":1,"ymax":1}}"#,
            "extent",
        ),
    ] {
        desk.write(name, answer);
        let ran = desk
            .run(&["convert", name, "out.parquet"])
            .fails(2, &[said, "outFields=*"]);
        assert!(!ran.stderr.contains("--no-geometry"), "{ran:?}");
        assert!(!ran.stderr.contains("()"), "{ran:?}");
        std::fs::remove_file(desk.path(name)).unwrap();
    }
    desk.write("there.parquet", "earlier");
    desk.run(&["convert", "missing.json", "out.parquet"])
        .fails(2, &["missing.json"]);
    desk.run(&["convert", "page.html", "out.parquet"])
        .fails(2, &["saved answer"]);
    desk.run(&["convert", "cut.json", "out.parquet"])
        .fails(2, &["saved answer"]);
    let ran = desk
        .run(&["convert", "error.json", "out.parquet"])
        .fails(2, &["Token Required"]);
    assert!(!ran.stderr.contains("()"), "{ran:?}");
    desk.run(&["convert", "error.json", "out.parquet", "--report", "r.json"])
        .fails(2, &["Token Required"]);
    let report = std::fs::read_to_string(desk.path("r.json")).unwrap();
    assert!(report.contains("Token Required"), "{report}");
    std::fs::remove_file(desk.path("r.json")).unwrap();
    desk.run(&["convert", "cut.json", "there.parquet"])
        .fails(6, &["exists", "--overwrite"]);
    assert_eq!(
        desk.names(),
        ["cut.json", "error.json", "page.html", "there.parquet"]
    );
}

#[test]
fn real_answers_arrive_whole() {
    let Some(captures) = std::env::var_os("ARCGIS_CAPTURES") else {
        println!("skipped: ARCGIS_CAPTURES names no folder of real answers");
        return;
    };
    let folder = std::path::Path::new(&captures).join("json");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let answer: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let desk = Desk::new();
        let ran = desk
            .run(&["convert", path.to_str().unwrap(), "out.parquet", "--json"])
            .ok();
        let rows = answer["features"].as_array().unwrap().len();
        assert_eq!(ran.json()["rows"], rows);
        assert_eq!(
            rows_in(&desk.path("out.parquet")),
            i64::try_from(rows).unwrap()
        );
        seen += 1;
    }
    assert!(seen > 0);
}
