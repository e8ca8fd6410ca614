//! The numbers in the report are those of the service.

use arcgis_testkit::{Fault, FaultKind, RefusalStyle, Request, RequestKind, Security, Testkit};
use serde_json::Value;

use crate::run::{Desk, start, towns};

/// What a report says the client did, and what the service has counted.
fn exported(service: &Testkit, options: &[&str]) -> (Value, Vec<Request>, f64) {
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let portal = service.root_url();
    let args = [
        &["export", &url, "out.parquet", "--report", "r.json"],
        options,
    ]
    .concat();
    let environment = [
        ("ARCGIS_USER", "user"),
        ("ARCGIS_PASSWORD", "password"),
        ("ARCGIS_PORTAL", portal.as_str()),
    ];
    let began = std::time::Instant::now();
    desk.run_in(&environment, &args).ok();
    let took = began.elapsed().as_secs_f64();
    let report = std::fs::read(desk.path("r.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let size = std::fs::metadata(desk.path("out.parquet")).unwrap().len();
    assert_eq!(report["file_bytes"], size);
    (report, service.requests(), took)
}

fn builder() -> arcgis_testkit::TestkitBuilder {
    let security = Security::token("user", "password");
    Testkit::builder().layer(towns()).security(security)
}

#[test]
fn requests_outcomes_and_bytes_are_those_of_the_service() {
    let pause = FaultKind::StatusWith {
        status: 429,
        headers: vec![("Retry-After".to_owned(), "1".to_owned())],
    };
    let refused = FaultKind::TokenRefused {
        code: 498,
        style: RefusalStyle::Body,
    };
    let service = start(
        builder()
            .fault(Fault::on(RequestKind::Count, 1, FaultKind::Status(503)))
            .fault(Fault::on(RequestKind::Ids, 1, FaultKind::Reset))
            .fault(Fault::on_query(1, pause))
            .fault(Fault::on_query(3, refused)),
    );
    let (report, requests, took) = exported(&service, &["--concurrency", "1"]);
    assert_eq!(service.faults_fired(), [1, 1, 1, 1]);
    let client = &report["client"];
    assert_eq!(client["requests"], requests.len(), "{client}");
    let answered = || requests.iter().filter_map(|request| request.answered());
    let wire: usize = answered().map(|answer| answer.wire_bytes).sum();
    assert_eq!(client["wire_bytes"], wire, "{client}");
    let pages = requests.iter().filter(|request| {
        request.kind() == RequestKind::Features
            && request
                .answered()
                .is_some_and(|answer| answer.faults.is_empty())
    });
    let decoded: usize = pages.map(|page| page.answered().unwrap().bytes).sum();
    assert_eq!(
        report["fetch"]["decoded_bytes"], decoded,
        "{}",
        report["fetch"]
    );
    assert!(wire < answered().map(|answer| answer.bytes).sum());

    assert_eq!(client["tokens"], service.mints());
    // Those of the table: 503, 429 and the reset are sent again; the refused token is another matter.
    assert_eq!(client["retries"], 3);
    assert_eq!(
        report["fetch"]["retries"], 2,
        "those of counting are not of the rows: {report:#}"
    );
    let well = answered().filter(|answer| answer.status == 200 && answer.error.is_none());
    assert_eq!(client["outcomes"]["ok"], well.count());
    for (name, times) in [
        ("transient", 1),
        ("busy", 1),
        ("unanswered", 1),
        ("token_refused", 1),
        ("too_big", 0),
        ("terminal", 0),
    ] {
        assert_eq!(client["outcomes"][name], times, "{name}: {client}");
    }
    // A second as the server named it, and what the two others waited.
    let backoff = client["backoff_seconds"].as_f64().unwrap();
    assert!(backoff >= 1.0 && backoff <= took, "{backoff} of {took}");
    let elapsed = report["elapsed_seconds"].as_f64().unwrap();
    assert!(elapsed >= 1.0 && elapsed <= took);
    let decoding = report["fetch"]["decoding_seconds"].as_f64().unwrap();
    let writing = report["writer"]["writing_seconds"].as_f64().unwrap();
    assert!(decoding > 0.0 && decoding <= elapsed, "{decoding}");
    assert!(writing > 0.0 && writing <= elapsed, "{writing}");
}

#[test]
fn waiting_in_line_is_what_a_rate_takes() {
    let service = start(builder());
    let (report, requests, took) = exported(&service, &["--rate", "5", "--concurrency", "1"]);
    // One request at a time, each 200 ms behind the one before; that for a token has no line.
    let in_line = requests
        .iter()
        .filter(|request| request.kind() != RequestKind::Token);
    let (first, last) = (in_line.clone().next().unwrap(), in_line.last().unwrap());
    let between = (last.at() - first.at()).as_secs_f64();
    let queued = report["client"]["queued_seconds"].as_f64().unwrap();
    assert!(between >= 1.0, "{between}");
    assert!(
        queued > between / 2.0 && queued <= took,
        "{queued} of {between}"
    );
    assert_eq!(report["client"]["backoff_seconds"], 0.0);
}
