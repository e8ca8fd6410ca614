//! Every option is seen on the wire or in the file.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use arcgis_testkit::{
    Ability, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer, RequestKind, Row,
    Testkit,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::reader::FileReader;

use crate::run::{Desk, Ran, columns_in, integers_in, parquet, rows_in, start, towns};

/// A service with the towns, and the run of an export of them with these options.
fn export(options: &[&str]) -> (Testkit, Desk, Ran) {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let ran = desk
        .run(&[&["export", &url, "out.parquet"], options].concat())
        .ok();
    (service, desk, ran)
}

/// What each page was asked with.
fn asked(service: &Testkit, name: &str) -> Vec<Option<String>> {
    service
        .requests_of(RequestKind::Features)
        .iter()
        .map(|request| request.parameters().get(name).map(str::to_owned))
        .collect()
}

#[track_caller]
fn all_asked(service: &Testkit, name: &str, value: &str) {
    let asked = asked(service, name);
    assert!(!asked.is_empty());
    for page in &asked {
        assert_eq!(page.as_deref(), Some(value), "{name}: {asked:?}");
    }
}

#[test]
fn a_condition_goes_with_count_ids_and_pages() {
    let (service, desk, _) = export(&["--where", "POP >= 2000"]);
    for kind in [RequestKind::Count, RequestKind::Ids, RequestKind::Features] {
        let requests = service.requests_of(kind);
        assert!(!requests.is_empty(), "{kind:?}");
        for request in requests {
            let condition = request.parameters().get("where");
            // Ids are asked for once more behind the last of them.
            let behind =
                kind == RequestKind::Ids && condition == Some("(POP >= 2000) AND (OBJECTID > 250)");
            assert!(behind || condition == Some("POP >= 2000"), "{condition:?}");
        }
    }
    let pop = integers_in(&desk.path("out.parquet"), "POP");
    let expected: Vec<i64> = (200..250).map(|n| n * 10).collect();
    assert_eq!(pop, expected);
}

#[test]
fn one_row_and_none_are_said_as_such() {
    let (_, desk, ran) = export(&["--where", "POP = 2000"]);
    assert_eq!(rows_in(&desk.path("out.parquet")), 1);
    for said in ["1 row to fetch", "1 of 1 row (100 %)", "1 page as PBF"] {
        assert!(ran.stderr.contains(said), "{said:?} is not in {ran:?}");
    }
    let (_, desk, ran) = export(&["--where", "POP < 0"]);
    assert_eq!(rows_in(&desk.path("out.parquet")), 0);
    for said in ["no rows to fetch", "Proof     no rows, counted"] {
        assert!(ran.stderr.contains(said), "{said:?} is not in {ran:?}");
    }
    assert!(!ran.stderr.contains("rows/s"), "{ran:?}");
}

#[test]
fn a_rectangle_is_one_in_wgs_84() {
    let (service, desk, _) = export(&["--bbox", "-1,46,1.05,48"]);
    all_asked(&service, "inSR", "4326");
    all_asked(&service, "geometryType", "esriGeometryEnvelope");
    let sent = asked(&service, "geometry")[0].clone().unwrap();
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(
        (&sent["xmin"], &sent["ymax"]),
        (&(-1.0).into(), &48.0.into())
    );
    assert_eq!(rows_in(&desk.path("out.parquet")), 11);
}

#[test]
fn columns_are_chosen_or_left_out() {
    let (service, desk, _) = export(&["--fields", "pop,NAME"]);
    let sent = asked(&service, "outFields")[0].clone().unwrap();
    assert!(!sent.contains('*'), "{sent}");
    assert_eq!(
        columns_in(&desk.path("out.parquet"))[..3],
        ["POP", "NAME", "geometry"]
    );

    let (_, desk, _) = export(&["--exclude-fields", "NAME"]);
    assert_eq!(
        columns_in(&desk.path("out.parquet"))[..3],
        ["OBJECTID", "POP", "geometry"]
    );

    let (service, desk, _) = export(&["--no-geometry"]);
    all_asked(&service, "returnGeometry", "false");
    assert_eq!(
        columns_in(&desk.path("out.parquet")),
        ["OBJECTID", "NAME", "POP"]
    );
}

#[test]
fn requests_go_at_the_rate_that_is_given() {
    let (service, _, _) = export(&["--rate", "20", "--page-size", "25"]);
    let mut sent: Vec<Duration> = service
        .requests()
        .iter()
        .map(|request| request.at())
        .collect();
    sent.sort_unstable();
    assert!(sent.len() >= 12, "{sent:?}");
    // However they are spread, no second has more, but for what may go at once.
    let all = sent[sent.len() - 1] - sent[0];
    let least = Duration::from_millis(50) * u32::try_from(sent.len() - 2).unwrap();
    assert!(all >= least.mul_f64(0.8), "{sent:?}");
}

#[test]
fn a_limit_takes_the_first_rows() {
    let (service, desk, ran) = export(&["--limit", "120"]);
    assert_eq!(
        integers_in(&desk.path("out.parquet"), "OBJECTID").len(),
        120
    );
    assert_eq!(
        integers_in(&desk.path("out.parquet"), "POP").last(),
        Some(&1190)
    );
    let rows: usize = service
        .requests_of(RequestKind::Features)
        .iter()
        .filter_map(|request| request.answered()?.rows)
        .sum();
    assert_eq!(rows, 120);
    assert!(ran.stderr.contains("120 of 120 rows"), "{ran:?}");
}

#[test]
fn the_server_projects() {
    let (service, desk, ran) = export(&["--out-sr", "3857"]);
    all_asked(&service, "outSR", "3857");
    assert!(
        ran.stderr.contains("EPSG:3857  WGS 84 / Pseudo-Mercator"),
        "{ran:?}"
    );
    let metadata = parquet(&desk.path("out.parquet"));
    let footer = metadata
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .unwrap();
    let geo = footer
        .iter()
        .find(|pair| pair.key == "geo")
        .unwrap()
        .value
        .clone()
        .unwrap();
    let geo: serde_json::Value = serde_json::from_str(&geo).unwrap();
    assert_eq!(geo["columns"]["geometry"]["crs"]["id"]["code"], 3857);
    // 24.9 degrees east in spherical Mercator: 24.9 × π / 180 × 6,378,137 m.
    let xmax = geo["columns"]["geometry"]["bbox"][2].as_f64().unwrap();
    assert!((xmax - 2_771_855.3).abs() < 1.0, "{xmax}");

    let (service, _, ran) = export(&["--out-sr", "native"]);
    all_asked(&service, "outSR", "4326");
    assert!(ran.stderr.contains("EPSG:4326"), "{ran:?}");
}

#[test]
fn simplification_and_further_parameters_are_passed_on() {
    let (service, _, _) = export(&[
        "--max-allowable-offset",
        "0.25",
        "--param",
        "sqlFormat=standard",
        "--param",
        "collation=-1=2",
    ]);
    all_asked(&service, "maxAllowableOffset", "0.25");
    for kind in [RequestKind::Count, RequestKind::Ids, RequestKind::Features] {
        for request in service.requests_of(kind) {
            assert_eq!(request.parameters().get("sqlFormat"), Some("standard"));
            assert_eq!(request.parameters().get("collation"), Some("-1=2"));
        }
    }
}

#[test]
fn the_format_is_that_which_was_asked_for() {
    for (options, format) in [
        (&[][..], "pbf"),
        (&["--format", "auto"], "pbf"),
        (&["--format", "pbf"], "pbf"),
        (&["--format", "json"], "json"),
    ] {
        let (service, desk, ran) = export(options);
        all_asked(&service, "f", format);
        let said = format!("Format    {}", format.to_uppercase());
        assert!(ran.stderr.contains(&said), "{ran:?}");
        assert_eq!(rows_in(&desk.path("out.parquet")), 250);
    }
    // A page in PBF that cannot be read is asked for as JSON, and that is said.
    let broken = Fault::on(RequestKind::Features, 1, FaultKind::CutShort)
        .when(|request| request.parameters().get("f") == Some("pbf"));
    let service = start(Testkit::builder().layer(towns()).fault(broken));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let ran = desk.run(&["export", &url, "out.parquet"]).ok();
    let said = "Format    PBF, 1 page of it as JSON instead";
    assert!(ran.stderr.contains(said), "{ran:?}");
    // Without a choice there is none.
    let layer = towns().without(Ability::Pbf);
    let service = start(Testkit::builder().layer(layer));
    desk.run(&[
        "export",
        &service.layer_url("towns"),
        "x.parquet",
        "--format",
        "pbf",
    ])
    .fails(2, &["--format: the layer does not offer PBF"]);
}

#[test]
fn pages_have_the_size_that_was_asked_for() {
    let (service, desk, _) = export(&["--page-size", "40"]);
    let sizes: Vec<_> = service
        .requests_of(RequestKind::Features)
        .iter()
        .filter_map(|request| request.answered()?.rows)
        .collect();
    assert_eq!(sizes.len(), 7, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size <= 40), "{sizes:?}");
    assert_eq!(rows_in(&desk.path("out.parquet")), 250);
}

#[test]
fn concurrency_is_a_limit_and_is_used() {
    for (requests, most) in [("1", 1), ("3", 3)] {
        let service = start(
            Testkit::builder()
                .layer(towns())
                .latency(Duration::from_millis(60)),
        );
        let desk = Desk::new();
        desk.run(&[
            "export",
            &service.layer_url("towns"),
            "out.parquet",
            "--page-size",
            "20",
            "--concurrency",
            requests,
        ])
        .ok();
        assert_eq!(service.most_in_flight(), most);
    }
}

#[test]
fn a_request_has_its_time() {
    let stall = Fault::on_query(1, FaultKind::Stall).always();
    let service = start(Testkit::builder().layer(towns()).fault(stall));
    let desk = Desk::new();
    let started = Instant::now();
    desk.run(&[
        "export",
        &service.layer_url("towns"),
        "out.parquet",
        "--timeout",
        "1s",
        "--retries",
        "0",
    ])
    .fails(4, &["no complete answer in time", "--timeout"]);
    assert!(started.elapsed() < Duration::from_secs(30));
    // Smaller pages do not help: it is found out that the server is silent, not that each row is too much.
    let asked = service.requests_of(RequestKind::Features).len();
    assert!(asked <= 20, "{asked} requests");
}

#[test]
fn failed_requests_are_sent_again_as_often_as_asked() {
    let twice = || Fault::on(RequestKind::Count, 1, FaultKind::Status(503)).times(2);
    let desk = Desk::new();
    let service = start(Testkit::builder().layer(towns()).fault(twice()));
    let ran = desk
        .run(&[
            "export",
            &service.layer_url("towns"),
            "out.parquet",
            "--retries",
            "2",
            "--json",
        ])
        .ok();
    assert_eq!(ran.json()["client"]["retries"], 2);
    assert!(ran.stderr.contains("2 retries"), "{ran:?}");
    let service = start(Testkit::builder().layer(towns()).fault(twice()));
    desk.run(&["count", &service.layer_url("towns"), "--retries", "1"])
        .fails(4, &["503"]);
    assert_eq!(service.requests_of(RequestKind::Count).len(), 2);
}

#[test]
fn compression_and_row_groups_are_in_the_file() {
    for (name, expected) in [
        ("zstd:3", Compression::ZSTD(ZstdLevel::try_new(1).unwrap())),
        ("snappy", Compression::SNAPPY),
        ("none", Compression::UNCOMPRESSED),
    ] {
        let (_, desk, ran) = export(&["--compression", name, "--row-group-rows", "100"]);
        let reader = parquet(&desk.path("out.parquet"));
        let sizes: Vec<i64> = reader
            .metadata()
            .row_groups()
            .iter()
            .map(|group| group.num_rows())
            .collect();
        assert_eq!(sizes, [100, 100, 50]);
        for column in reader.metadata().row_group(0).columns() {
            // The level is not in the file: codecs are compared by their kind.
            assert_eq!(
                std::mem::discriminant(&column.compression()),
                std::mem::discriminant(&expected)
            );
        }
        assert!(
            ran.stderr.contains(&format!("{name}, 3 row groups")),
            "{ran:?}"
        );
    }
}

#[test]
fn a_higher_level_makes_a_smaller_file() {
    let size = |level: &str| {
        let desk = Desk::new();
        desk.run(&[
            "export",
            "demo:rivers",
            "out.parquet",
            "-q",
            "--compression",
            level,
        ])
        .ok();
        std::fs::metadata(desk.path("out.parquet")).unwrap().len()
    };
    assert!(size("zstd:19") < size("zstd:1"));
}

#[test]
fn a_file_is_replaced_only_on_demand() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    desk.write("out.parquet", "earlier");
    desk.write("report.json", "earlier");
    let url = service.layer_url("towns");
    desk.run(&[
        "export",
        &url,
        "out.parquet",
        "--overwrite",
        "--report",
        "report.json",
    ])
    .ok();
    assert_eq!(rows_in(&desk.path("out.parquet")), 250);
    let report = std::fs::read_to_string(desk.path("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["rows"], 250);
    assert_eq!(desk.names(), ["out.parquet", "report.json"]);
}

#[test]
fn misfits_fail_or_are_counted() {
    let layer = Layer::new("odd", GeometryType::Point)
        .with_field(Field::new("SMALL", FieldType::SmallInteger))
        .with_row(Row::new().with("SMALL", 5).at(Geometry::point((0.0, 0.0))))
        .with_row(
            Row::new()
                .with("SMALL", 70_000)
                .at(Geometry::point((1.0, 1.0))),
        );
    let service = start(Testkit::builder().layer(layer));
    let desk = Desk::new();
    let url = service.layer_url("odd");
    desk.run(&["export", &url, "out.parquet"])
        .fails(4, &["SMALL", "70000", "--lenient"]);
    assert!(desk.names().is_empty());
    let ran = desk
        .run(&["export", &url, "out.parquet", "--lenient", "--json"])
        .ok();
    assert_eq!(ran.json()["misfits"][0]["count"], 1);
    assert!(
        ran.stderr.contains("Nulls for misfits  1 in SMALL"),
        "{ran:?}"
    );
    assert_eq!(integers_in(&desk.path("out.parquet"), "SMALL"), [5]);
}

#[test]
fn headers_and_user_agent_are_on_every_request() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    desk.run(&[
        "count",
        &service.layer_url("towns"),
        "--user-agent",
        "survey/7",
        "--header",
        "X-Gateway: a: b",
        "--header",
        "X-Second:c",
    ])
    .ok();
    assert!(!service.requests().is_empty());
    for request in service.requests() {
        assert_eq!(request.header("user-agent"), Some("survey/7"));
        assert_eq!(request.header("x-gateway"), Some("a: b"));
        assert_eq!(request.header("x-second"), Some("c"));
    }
}

#[test]
fn certificates_are_checked_unless_told_otherwise() {
    let service = start(Testkit::builder().layer(towns()).tls());
    let desk = Desk::new();
    let url = service.layer_url("towns");
    assert!(url.starts_with("https://"), "{url}");
    desk.run(&["count", &url, "--retries", "0"])
        .fails(4, &["no secure connection", "--cacert"]);
    desk.write("ca.pem", service.ca_pem().unwrap());
    let ran = desk.run(&["count", &url, "--cacert", "ca.pem"]).ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("250\n", ""));
    let ran = desk.run(&["count", &url, "--insecure", "-q"]).ok();
    assert!(
        ran.stderr
            .contains("WARNING: --insecure: certificates are NOT checked"),
        "{ran:?}"
    );
}

/// A proxy that answers one request itself, and gives its first line.
fn proxy() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).unwrap() > 0 {
            head.push(byte[0]);
        }
        let body = r#"{"error":{"code":400,"message":"said the proxy","details":[]}}"#;
        write!(
            socket,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let head = String::from_utf8(head).unwrap();
        head.lines().next().unwrap_or_default().to_owned()
    });
    (address, thread)
}

#[test]
fn a_proxy_is_used_from_option_and_environment() {
    let desk = Desk::new();
    let url = "http://gis.invalid/arcgis/rest/services/x/FeatureServer/0";
    let first_line =
        "GET http://gis.invalid/arcgis/rest/services/x/FeatureServer/0?f=json HTTP/1.1";
    let (address, thread) = proxy();
    desk.run(&["count", url, "--retries", "0", "--proxy", &address])
        .fails(4, &["said the proxy"]);
    assert_eq!(thread.join().unwrap(), first_line);
    let (address, thread) = proxy();
    desk.run_in(
        &[("http_proxy", &address)],
        &["count", url, "--retries", "0"],
    )
    .fails(4, &["said the proxy"]);
    assert_eq!(thread.join().unwrap(), first_line);
}
