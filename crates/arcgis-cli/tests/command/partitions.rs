//! Datasets in several files.

use serde_json::{Value, json};

use crate::run::{Desk, rows_in, start, towns};

fn index(desk: &Desk, folder: &str) -> Value {
    let json = std::fs::read(desk.path(folder).join("_index.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn each_country_has_a_folder() {
    let desk = Desk::new();
    let args = [
        "export",
        "demo:countries",
        "world/",
        "--partition-by",
        "continent",
        "--report",
        "report.json",
    ];
    let ran = desk.run(&args).ok();
    assert_eq!(desk.names(), ["report.json", "world"]);
    let index = index(&desk, "world");
    let files = index["files"].as_array().unwrap();
    assert_eq!((index["rows"].as_u64(), files.len()), (Some(250), 8));
    for file in files {
        let name = file["file"].as_str().unwrap();
        let rows = rows_in(&desk.path("world").join(name));
        assert_eq!(rows, file["rows"].as_i64().unwrap(), "{name}");
    }
    let asia = desk.path("world/continent=Asia/part-00000.parquet");
    assert_eq!(rows_in(&asia), 55);
    for said in [" → world/", "8 files, by continent; 1 to 55 rows, "] {
        assert!(ran.stderr.contains(said), "{said:?} is not in {ran:?}");
    }
    let report = std::fs::read(desk.path("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["partitions"]["columns"], json!(["continent"]));
    assert_eq!(report["partitions"]["files"], 8);
    // Nothing is written over without a word, and nothing else is taken away with it.
    desk.run(&args)
        .fails(6, &["world", "exists", "--overwrite"]);
    let over = |extra: &[&str]| {
        let mut args = args[..3].to_vec();
        args.extend(["--overwrite", "-q"]);
        args.extend(extra);
        desk.run(&args)
    };
    over(&["--partition-by", "continent,type"]).ok();
    over(&["--partition", "spatial", "--partition-rows", "100"]).ok();
    let names: Vec<_> = std::fs::read_dir(desk.path("world")).unwrap().collect();
    assert_eq!(names.len(), 4, "{names:?}");
    desk.write("world/mine.txt", "mine");
    over(&["--partition-by", "type"]).fails(6, &["mine.txt is not one of the files"]);
    assert_eq!(desk.names(), ["report.json", "world"]);
}

#[test]
fn what_does_not_go_together_is_said_before_anything_is_asked() {
    let service = start(arcgis_testkit::Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let (layer, root) = (service.layer_url("towns"), service.services_url());
    let by_name = ["--partition-by", "NAME"];
    for (args, said) in [
        (
            vec![&*layer, "https://me:pw@h/x/?sig=1"],
            "the files go into a folder, and https://h/x/ is none",
        ),
        (
            vec![&*layer, "-"],
            "the files go into a folder, and - is none",
        ),
        (
            vec![&*layer, "out/", "--as", "csv"],
            "the files are GeoParquet",
        ),
        (vec![&*layer, "out.fgb"], "the files are GeoParquet"),
        (vec![&*root, "out/"], "is no layer"),
        (
            vec![&*layer, "out/", "--partition", "spatial"],
            "cannot be used with",
        ),
    ] {
        let mut all = vec!["export"];
        all.extend(args);
        all.extend(by_name);
        desk.run(&all).fails(2, &[said]);
    }
    for (args, said) in [
        (
            vec!["--partition-rows", "10"],
            "it is for the files of --partition-by",
        ),
        (vec!["--partition", "h3"], "spatial"),
        (
            vec!["--partition", "spatial", "--order", "id"],
            "--partition-by takes a field",
        ),
        (
            vec!["--partition", "spatial", "--no-geometry"],
            "they have no geometry",
        ),
        (vec!["--partition-by", "NOTHING"], "no column NOTHING"),
        (vec!["--partition-by", "OBJECTID"], "it is the object id"),
    ] {
        let mut all = vec!["export", &*layer, "out/"];
        all.extend(args);
        desk.run(&all).fails(2, &[said]);
    }
    let asked = service.requests_of(arcgis_testkit::RequestKind::Features);
    assert!(asked.is_empty(), "{asked:?}");
    assert!(desk.names().is_empty(), "{:?}", desk.names());
}
