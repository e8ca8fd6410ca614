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
            "https://host.invalid/arcgis/rest/services/x/FeatureServer/a",
            "no layer number",
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
    // A layer number that leads to nothing is the server's to refuse.
    let missing = format!("{}/77", service.service_url("mixed"));
    desk.run(&["export", &missing, "out.parquet"])
        .fails(4, &["/77"]);
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
        (&["--param", "outFields=*"], "use the option fields"),
        (&["--param", "resultOffset=5"], "resultOffset cannot be set"),
        (&["--max-allowable-offset", "-1"], "above 0"),
        (&["--no-geometry", "--out-sr", "3857"], "out_sr"),
        (&["--no-geometry", "--fields", ""], "nothing is left"),
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
    let cases: [(&[&str], &str); 22] = [
        (&["--bbox", "1,2,3"], "--bbox"),
        (&["--bbox", "-10,x,5,50"], "--bbox"),
        (&["--bbox", "10,0,-10,5"], "--bbox"),
        (&["--bbox", "0,0,500000,5200000"], "--bbox"),
        (&["--limit", "0"], "--limit"),
        (&["--page-size", "0"], "--page-size"),
        (&["--concurrency", "0"], "--concurrency"),
        (&["--row-group-rows", "0"], "--row-group-rows"),
        (&["--timeout", "0"], "--timeout"),
        (&["--retries", "-1"], "--retries"),
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
    desk.run(&["export", &url, "out.csv"])
        .fails(2, &["GeoParquet", ".parquet"]);
    desk.run(&["export", &url, "-"])
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
    desk.run(&["export", &url, "missing/out.parquet"])
        .fails(6, &["no folder missing"]);
    desk.run(&["export", &url, "folder.parquet", "--overwrite"])
        .fails(6, &["it is a folder"]);
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
    assert_eq!(desk.names(), ["there.parquet"]);
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
    desk.run(&["export", &service.layer_url("towns"), "out.parquet"])
        .fails(5, &["missing", "object id"]);
    assert!(desk.names().is_empty());
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
    .fails(5, &["changed during the export", "1 rows added"]);
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
    assert!(ran.stderr.contains("1 rows added"), "{ran:?}");
    assert_eq!(ran.json()["proof"]["inserted_rows"], 1);
    assert_eq!(rows_in(&desk.path("out.parquet")), 250);
}
