//! Each wrong thing has its own clear error, before any row is asked for, and nothing existing is lost.

use arcgis_testkit::{Edit, Fault, FaultKind, Geometry, RequestKind, Row, Testkit};

use crate::run::{Desk, mixed, rows_in, start, towns};

#[test]
fn addresses_that_are_no_layer() {
    let desk = Desk::new();
    for (address, said) in [
        ("", "it is empty"),
        ("places", "it is no URL"),
        (
            "ftp://host/arcgis/rest/services/x/FeatureServer/0",
            "neither http nor https",
        ),
        (
            "https://host.invalid/some/page",
            "nothing in it names a service",
        ),
        (
            "https://host.invalid/arcgis/rest/services",
            "the list of all services",
        ),
        (
            "https://host.invalid/arcgis/rest/services/x/ImageServer",
            "ImageServer has no rows",
        ),
        (
            "https://host.invalid/arcgis/rest/services/x/FeatureServer/0/1/2",
            "1 is something below it",
        ),
        ("demo:cities", "no demo layer"),
    ] {
        desk.run(&["export", address, "out.parquet"])
            .fails(2, &[said]);
    }
    assert!(desk.names().is_empty());
}

#[test]
fn a_service_is_answered_with_its_layers() {
    let service = start(Testkit::builder().service(mixed()));
    let desk = Desk::new();
    desk.run(&["export", &service.service_url("mixed"), "out.parquet"])
        .fails(
            2,
            &[
                "whole service",
                "hint: ",
                "/0 all",
                "/1 towns",
                "/2 photo",
                "/3 hidden",
            ],
        );
    // A layer number that leads to nothing gets the same list.
    let missing = format!("{}/77", service.service_url("mixed"));
    for args in [
        vec!["export", &missing, "out.parquet"],
        vec!["count", &missing],
        vec!["info", &missing],
    ] {
        desk.run(&args)
            .fails(2, &["/77: the service has no layer 77", "/1 towns"]);
    }
    // So does a service that is not there, with where to look.
    let nowhere = format!("{}/nowhere/FeatureServer", service.services_url());
    let root = format!("arcgis info {} lists", service.services_url());
    for address in [nowhere.clone(), format!("{nowhere}/0")] {
        desk.run(&["export", &address, "out.parquet"])
            .fails(2, &["knows no such service", &root]);
        desk.run(&["info", &address])
            .fails(2, &["knows no such service", &root]);
    }
    assert!(desk.names().is_empty());
}

#[test]
fn layers_without_rows_to_give() {
    let service = start(Testkit::builder().service(mixed()));
    let desk = Desk::new();
    let layer = |id: u32| format!("{}/{id}", service.service_url("mixed"));
    for (id, said) in [
        (0, ["group of layers", "1 (towns)"]),
        (2, ["raster layer", "pixels"]),
        (3, ["hidden", "without Query"]),
    ] {
        desk.run(&["export", &layer(id), "out.parquet"])
            .fails(2, &said);
        desk.run(&["count", &layer(id)]).fails(2, &said);
    }
    assert!(service.requests_of(RequestKind::Features).is_empty());
    assert!(desk.names().is_empty());
}

#[test]
fn queries_that_do_not_fit_the_layer() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let cases: [(&[&str], &str); 8] = [
        (
            &["--fields", "NAME,POPU"],
            "no field POPU (did you mean POP?)",
        ),
        (
            &["--exclude-fields", "NOME"],
            "no field NOME (did you mean NAME?)",
        ),
        (&["--where", "NAME = 'x"], "where"),
        (&["--param", "outFields=*"], "use --fields"),
        (&["--param", "resultOffset=5"], "resultOffset cannot be set"),
        (
            &["--param", "outSR=4326"],
            "--param: outSR cannot be set: use --out-sr",
        ),
        (
            &["--no-geometry", "--out-sr", "3857"],
            "--out-sr: no geometry is asked for",
        ),
        (
            &["--no-geometry", "--exclude-fields", "OBJECTID,NAME,POP"],
            "nothing is left",
        ),
    ];
    for (options, said) in cases {
        let args = [&["export", &url, "out.parquet"], options].concat();
        desk.run(&args).fails(2, &[said]);
    }
    assert!(service.requests_of(RequestKind::Features).is_empty());
    assert!(desk.names().is_empty());
}

#[test]
fn options_that_cannot_be_read_send_nothing() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let cases: [(&[&str], &str); 33] = [
        (&["--bbox", "1,2,3"], "--bbox"),
        (&["--bbox", "-10,x,5,50"], "--bbox"),
        (&["--bbox", "10,0,-10,5"], "--bbox"),
        (&["--bbox", "0,0,500000,5200000"], "--bbox"),
        (&["--bbox", ""], "--bbox"),
        (&["--limit", "0"], "--limit <ROWS>': it must be at least 1"),
        (&["--limit", "-5"], "it must be at least 1"),
        (&["--limit", "ten"], "a whole number is needed"),
        (&["--page-size", "0"], "it must be at least 1"),
        (&["--concurrency", "0"], "it must be at least 1"),
        (&["--row-group-rows", "0"], "it must be at least 1"),
        (&["--timeout", "0"], "--timeout"),
        (&["--retries", "-1"], "it must be at least 0"),
        (&["--max-allowable-offset", "-1"], "above 0"),
        (&["--format", "csv"], "none of auto, json and pbf"),
        (&["--where", ""], "--where <SQL>': it is empty"),
        (&["--where", "  "], "it is empty"),
        (&["--fields", ""], "it names no field"),
        (&["--exclude-fields", " , "], "it names no field"),
        (
            &["--out-sr", "999999"],
            "999999 is no horizontal reference system",
        ),
        (&["--report", "-"], "--json prints the report"),
        (&["--compression", "zip"], "zstd:22"),
        (&["--out-sr", "here"], "well-known id"),
        (&["--param", "loose"], "--param"),
        (&["--header", "loose"], "--header"),
        (&["--header", "Bad Name: x"], "header"),
        (&["--proxy", "not a proxy"], "proxy"),
        (&["--cacert", "missing.pem"], "missing.pem"),
        (&["--report", "out.parquet"], "--report"),
        (&["--token-file", "missing.txt"], "missing.txt"),
        (&["--portal", "https://h/portal"], "--portal"),
        (&["--user", "me"], "--password-stdin"),
        (&["--frobnicate"], "--frobnicate"),
    ];
    for (options, said) in cases {
        let args = [&["export", &url, "out.parquet"], options].concat();
        desk.run(&args).fails(2, &[said]);
    }
    desk.run(&["export", &url, "out.shp"])
        .fails(2, &[".shp", ".parquet", "--as"]);
    desk.run(&["export", &url, "out.csv", "--as", "geojson"])
        .fails(2, &["out.csv", "CSV", "GeoJSON"]);
    desk.run(&["export", &url, "out.csv", "--compression", "zstd"])
        .fails(2, &["--compression", "CSV"]);
    desk.run(&["export", &url, "out.csv", "--row-group-rows", "10"])
        .fails(2, &["--row-group-rows", "CSV", "row groups"]);
    desk.run(&["export", &url, "out.arrow", "--compression", "snappy"])
        .fails(2, &["--compression", "Arrow", "snappy"]);
    let ran = desk.run(&["export", &url, "-", "--json"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("--report"), "{ran:?}");
    desk.run(&["export", &url, "-", "--overwrite"])
        .fails(2, &["standard output"]);
    desk.run(&["export", &url]).fails(2, &["<OUT>"]);
    assert!(service.requests().is_empty());
    assert!(desk.names().is_empty());
}

#[test]
fn outputs_that_cannot_be_written_send_nothing() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    desk.write("there.parquet", "earlier");
    desk.write("report.json", "earlier");
    std::fs::create_dir(desk.path("folder.parquet")).unwrap();
    desk.run(&["export", &url, "there.parquet"])
        .fails(6, &["there.parquet exists", "--overwrite"]);
    // What is wrong with address and options is said first: it is wrong for any file.
    for (args, said) in [
        (vec!["export", "nothing", "there.parquet"], "no URL"),
        (
            vec!["export", &url, "there.parquet", "--proxy", "not a proxy"],
            "--proxy: ",
        ),
        (
            vec!["export", &url, "there.parquet", "--report", "-"],
            "--report",
        ),
        (
            vec!["convert", "missing.json", "there.parquet"],
            "missing.json",
        ),
    ] {
        desk.run(&args).fails(2, &[said]);
    }
    desk.run(&["export", &url, "missing/out.parquet"])
        .fails(6, &["no folder missing"]);
    desk.run(&["export", &url, "folder.parquet", "--overwrite"])
        .fails(
            6,
            &["it is a folder", "give the name of a file; --partition-by"],
        );
    desk.run(&["export", &url, "out.parquet", "--report", "report.json"])
        .fails(6, &["report.json exists"]);
    desk.run(&["export", &url, "out.parquet", "--report", "missing/r.json"])
        .fails(6, &["no folder missing"]);
    assert!(service.requests().is_empty());
    assert_eq!(
        desk.names(),
        ["folder.parquet", "report.json", "there.parquet"]
    );
    for name in ["there.parquet", "report.json"] {
        assert_eq!(std::fs::read_to_string(desk.path(name)).unwrap(), "earlier");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_sends_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let locked = desk.path("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(locked.join("probe"), "").is_ok() {
        println!("skipped: this user may write everywhere");
        return;
    }
    desk.run(&["export", &service.layer_url("towns"), "locked/out.parquet"])
        .fails(6, &["locked/out.parquet"]);
    assert!(service.requests().is_empty());
}

#[test]
fn a_failure_on_the_way_leaves_what_was_there() {
    let late = Fault::on_query(
        3,
        FaultKind::ErrorBody {
            code: 400,
            message: "Unable to complete operation.".into(),
            details: vec![],
        },
    );
    let service = start(Testkit::builder().layer(towns()).fault(late.always()));
    let desk = Desk::new();
    desk.write("there.parquet", "earlier");
    desk.run(&[
        "export",
        &service.layer_url("towns"),
        "there.parquet",
        "--overwrite",
        "--report",
        "report.json",
    ])
    .fails(4, &["Unable to complete operation"]);
    // The report says why.
    assert_eq!(desk.names(), ["report.json", "there.parquet"]);
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(desk.path("report.json")).unwrap()).unwrap();
    assert_eq!(report["source"], service.layer_url("towns"));
    assert_eq!(report["error"]["exit"], 4);
    assert_eq!(report["error"]["kind"], "service");
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.contains("Unable to complete operation"), "{report}");
    assert!(report["client"]["requests"].as_u64().unwrap() >= 3);
    assert_eq!(
        std::fs::read_to_string(desk.path("there.parquet")).unwrap(),
        "earlier"
    );
}

#[test]
fn services_that_cannot_be_reached() {
    let desk = Desk::new();
    let url = "http://127.0.0.1:1/arcgis/rest/services/x/FeatureServer/0";
    desk.run(&["export", url, "out.parquet", "--retries", "0"])
        .fails(4, &["could not connect", "hint: "]);
    assert!(desk.names().is_empty());
}

#[test]
fn lost_rows_are_named() {
    let lose = Fault::on_query(1, FaultKind::LoseRow(0)).always();
    let service = start(Testkit::builder().layer(towns()).fault(lose));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    desk.run(&["export", &url, "out.parquet"])
        .fails(5, &["missing", "object id"]);
    assert!(desk.names().is_empty());
    let ran = desk.run(&["export", &url, "out.parquet", "--json"]);
    assert_eq!(ran.code, 5, "{ran:?}");
    let error = &ran.json()["error"];
    assert_eq!(
        (&error["exit"], &error["kind"]),
        (&5.into(), &"rows".into())
    );
    let missing = error["missing"].as_array().unwrap();
    assert!(!missing.is_empty());
    assert_eq!(error["missing_count"], missing.len());
    assert_eq!(error["expected_rows"], 250);
    assert!(ran.stderr.contains(error["message"].as_str().unwrap()));
}

#[test]
fn errors_are_json_on_standard_output_where_json_is_wanted() {
    let desk = Desk::new();
    let error = |args: &[&str]| {
        let ran = desk.run(args);
        assert!(ran.stderr.contains("error: "), "{ran:?}");
        let error = ran.json()["error"].clone();
        assert_eq!(error["exit"], ran.code);
        error
    };
    let of_address = error(&["count", "nothing", "--json"]);
    assert_eq!(of_address["kind"], "usage");
    assert!(of_address["hint"].is_string(), "{of_address}");
    let of_option = error(&["export", "x", "y.parquet", "--json", "--limit", "0"]);
    let message = of_option["message"].as_str().unwrap();
    assert!(message.ends_with("it must be at least 1"), "{message}");
    let of_lack = error(&["sync", "x", "--json"]);
    let message = of_lack["message"].as_str().unwrap();
    assert!(
        message.ends_with("not provided: <FILE.parquet|FOLDER/>"),
        "{message}"
    );
    let of_slip = error(&["export", "x", "y.parquet", "--json", "--limt", "1"]);
    let hint = of_slip["hint"].as_str().unwrap();
    assert!(hint.contains("'--limit'"), "{hint}");
    desk.write("there.parquet", "");
    let address = "https://host.invalid/arcgis/rest/services/x/FeatureServer/0";
    let of_output = error(&["export", address, "there.parquet", "--json"]);
    assert_eq!(of_output["kind"], "output");
}

#[test]
fn refused_queries_name_the_options_that_they_come_from() {
    let refuse = |kind: RequestKind| {
        let refusal = FaultKind::ErrorBody {
            code: 400,
            message: "Cannot perform query. Invalid query parameters.".into(),
            details: vec![],
        };
        let fault = Fault::on(kind, 1, refusal).always();
        start(Testkit::builder().layer(towns()).fault(fault))
    };
    let desk = Desk::new();
    let export = |service: &Testkit, options: &[&str]| {
        let url = service.layer_url("towns");
        desk.run(&[&["export", &url, "out.parquet"], options].concat())
    };
    let filter = refuse(RequestKind::Count);
    export(&filter, &["--where", "POP > 'x'"]).fails(2, &["Invalid query", "--where is to check"]);
    export(&filter, &["--param", "collation=v"]).fails(2, &["--param is to check"]);
    export(&filter, &[]).fails(4, &["Invalid query"]);
    let page = refuse(RequestKind::Features);
    let options = ["--out-sr", "3857", "--where", "POP > 5"];
    let ran = export(&page, &options).fails(4, &["try without --out-sr"]);
    assert!(!ran.stderr.contains("--where"), "{ran:?}");
    assert!(desk.names().is_empty());
}

#[test]
fn answers_that_are_no_data_say_what_may_be_wrong() {
    let desk = Desk::new();
    let html = Fault::on_any(1, FaultKind::Html).always();
    let service = start(Testkit::builder().layer(towns()).fault(html));
    desk.run(&["count", &service.layer_url("towns"), "--retries", "0"])
        .fails(4, &["HTML page", "sign in with --user"]);
    let down = Fault::on_any(1, FaultKind::Status(503)).always();
    let service = start(Testkit::builder().layer(towns()).fault(down));
    desk.run(&["count", &service.layer_url("towns"), "--retries", "1"])
        .fails(4, &["503", "(2 attempts)"]);
}

#[test]
fn a_proxy_that_fails_is_named_without_its_password() {
    let desk = Desk::new();
    let url = "http://gis.invalid/arcgis/rest/services/x/FeatureServer/0";
    let proxy = "http://me:CANARY@127.0.0.1:1";
    for ran in [
        desk.run(&["count", url, "--retries", "0", "--proxy", proxy]),
        desk.run_in(&[("http_proxy", proxy)], &["count", url, "--retries", "0"]),
    ] {
        let ran = ran.fails(4, &["by way of the proxy http://127.0.0.1:1", "NO_PROXY"]);
        assert!(!ran.stderr.contains("CANARY"), "{ran:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn standard_output_that_fails_does_not_hide_that_the_file_is_there() {
    use std::process::Stdio;

    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let full = || Stdio::from(std::fs::File::create("/dev/full").unwrap());
    let run = |args: &[&str]| {
        let output = desk.command(args).stdout(full()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), stderr)
    };
    let (code, stderr) = run(&["export", &url, "out.parquet", "--json"]);
    assert_eq!(code, Some(6), "{stderr}");
    let said = "the rows are whole and in their place: out.parquet";
    assert!(stderr.contains(said), "{stderr}");
    assert_eq!(rows_in(&desk.path("out.parquet")), 250);
    let (code, stderr) = run(&["count", &url]);
    assert_eq!(code, Some(6), "{stderr}");
    assert!(stderr.contains("standard output could not"), "{stderr}");
}

#[test]
fn drift_is_reported_and_fails_on_demand() {
    let insert = || {
        let row = Row::new()
            .with("NAME", "New")
            .at(Geometry::point((1.0, 1.0)));
        let edit = Edit::Insert(row);
        Fault::on_query(
            2,
            FaultKind::Edit {
                layer: "towns".into(),
                edit,
            },
        )
    };
    let desk = Desk::new();
    let service = start(Testkit::builder().layer(towns()).fault(insert()));
    desk.run(&[
        "export",
        &service.layer_url("towns"),
        "strict.parquet",
        "--fail-on-drift",
    ])
    .fails(5, &["changed during the export", "1 row added"]);
    assert!(desk.names().is_empty());

    let service = start(Testkit::builder().layer(towns()).fault(insert()));
    let ran = desk
        .run(&[
            "export",
            &service.layer_url("towns"),
            "out.parquet",
            "--json",
        ])
        .ok();
    assert!(ran.stderr.contains("1 row added"), "{ran:?}");
    assert_eq!(ran.json()["proof"]["inserted_rows"], 1);
    assert_eq!(rows_in(&desk.path("out.parquet")), 250);
}
