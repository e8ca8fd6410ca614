//! Whatever goes wrong on the way, the file holds what it holds when nothing does.

use std::time::Duration;

use arcgis_testkit::{
    Ability, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer, Quirk, RequestKind,
    Row, Testkit, TestkitBuilder,
};
use arcgis_tests::{Bench, Noise, ParquetFile, in_id_order, paging, patient_client};

const ROWS: i64 = 47;
const PAGES: u64 = 5;

/// 47 rows in pages of ten, with nulls of every kind, and ids that are no places.
pub(crate) fn layer() -> Layer {
    let row = |n: i64| {
        let mut row = Row::new()
            .with("OBJECTID", n * 3)
            .with("NAME", format!("Row {n} – ü"))
            .with("VALUE", n as f64 / 7.0);
        if n % 5 != 0 {
            row = row.with("SEEN", n * 86_400_000);
        }
        let at = n as f64;
        match n % 4 {
            0 => row,
            1 => row.at(Geometry::polygon([[
                (at, 0.0),
                (at, 1.0),
                (at + 1.0, 1.0),
                (at, 0.0),
            ]])),
            _ => row.at(Geometry::polygon([
                [
                    (at, 0.0),
                    (at, 9.0),
                    (at + 9.0, 9.0),
                    (at + 9.0, 0.0),
                    (at, 0.0),
                ],
                [
                    (at + 1.0, 1.0),
                    (at + 2.0, 1.0),
                    (at + 2.0, 2.0),
                    (at + 1.0, 2.0),
                    (at + 1.0, 1.0),
                ],
            ])),
        }
    };
    Layer::new("t", GeometryType::Polygon)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("VALUE", FieldType::Double))
        .with_field(Field::new("SEEN", FieldType::Date))
        .with_max_record_count(10)
        .with_rows((1..=ROWS).map(row))
}

pub(crate) fn service() -> TestkitBuilder {
    Testkit::builder().layer(layer())
}

/// The file of an export that nothing disturbs.
pub(crate) async fn undisturbed() -> ParquetFile {
    let (report, file) = Bench::start(service()).await.exported("t").await;
    assert_eq!(report.fetch.unwrap().retries, 0);
    assert_eq!(file.rows(), ROWS as usize);
    file
}

fn error(code: i64, message: &str) -> FaultKind {
    FaultKind::ErrorBody {
        code,
        message: message.into(),
        details: Vec::new(),
    }
}

fn status_after(status: u16, seconds: &str) -> FaultKind {
    FaultKind::StatusWith {
        status,
        headers: vec![("Retry-After".into(), seconds.into())],
    }
}

fn respond(body: &str) -> FaultKind {
    FaultKind::Respond {
        status: 200,
        content_type: "application/json",
        body: body.into(),
    }
}

/// What passes when it is asked again, whatever was asked.
fn passing() -> Vec<FaultKind> {
    vec![
        FaultKind::Status(500),
        FaultKind::Status(502),
        FaultKind::Status(503),
        FaultKind::Status(504),
        status_after(429, "0"),
        status_after(503, "0"),
        FaultKind::Reset,
        FaultKind::Truncate,
        FaultKind::EmptyBody,
        FaultKind::QuotaBody { retry_after: 0 },
        FaultKind::Delay(Duration::from_millis(30)),
        error(500, "Error performing query operation"),
        error(503, "Service unavailable"),
        error(504, "Gateway timeout"),
    ]
}

/// What passes where rows were asked for.
fn passing_for_pages() -> Vec<FaultKind> {
    let mut kinds = passing();
    kinds.extend([
        FaultKind::CutShort,
        FaultKind::LateError {
            code: 500,
            message: "Error performing query operation".into(),
        },
        FaultKind::LoseRow(3),
        FaultKind::LoseRow(0),
        FaultKind::DoubleRow(6),
        FaultKind::EmptyPage,
        respond(r#"{"features":[{"attributes":"#),
    ]);
    kinds
}

#[tokio::test]
async fn a_fault_at_any_page_leaves_no_trace_in_the_file() {
    let straight = undisturbed().await;
    for kind in passing_for_pages() {
        for number in [1, 3, PAGES] {
            let bench = Bench::start(service().fault(Fault::on_query(number, kind.clone()))).await;
            let export = bench.export("t").await;
            let (report, file) = bench
                .write(export)
                .await
                .unwrap_or_else(|error| panic!("{kind:?} at {number}: {error}"));
            assert_eq!(bench.service.faults_fired(), [1], "{kind:?} at {number}");
            assert_eq!(file.batch, straight.batch, "{kind:?} at {number}");
            assert_eq!(file.geo(), straight.geo(), "{kind:?} at {number}");
            assert_eq!(report.proof.unwrap().level, "object-ids");
        }
    }
}

#[tokio::test]
async fn a_fault_before_the_first_page_passes_too() {
    let straight = undisturbed().await;
    for kind in passing() {
        for request in [RequestKind::Layer, RequestKind::Count, RequestKind::Ids] {
            let bench = Bench::start(service().fault(Fault::on(request, 1, kind.clone()))).await;
            let layer = bench
                .open("t")
                .await
                .unwrap_or_else(|error| panic!("{kind:?} at {request:?}: {error}"));
            let export = in_id_order(layer);
            let (_, file) = bench
                .write(export)
                .await
                .unwrap_or_else(|error| panic!("{kind:?} at {request:?}: {error}"));
            assert_eq!(bench.service.faults_fired(), [1], "{kind:?} at {request:?}");
            assert_eq!(file.batch, straight.batch, "{kind:?} at {request:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_goes_silent_is_asked_again() {
    let straight = undisturbed().await;
    let fault = Fault::on_query(2, FaultKind::Stall);
    let bench = Bench::with_client(service().fault(fault), |_| {
        patient_client().timeout(Duration::from_millis(400))
    })
    .await;
    let (report, file) = bench.exported("t").await;
    assert_eq!(file.batch, straight.batch);
    assert!(report.fetch.unwrap().retries >= 1);
}

#[tokio::test]
async fn many_faults_at_once_cost_no_row() {
    let straight = undisturbed().await;
    let (anywhere, pages) = (passing(), passing_for_pages());
    for seed in 0..48 {
        let mut noise = Noise::new(seed);
        let mut builder = Testkit::builder();
        let mut layer = layer();
        if noise.below(3) == 0 {
            layer = layer.without(Ability::Pagination);
        }
        if noise.below(4) == 0 {
            layer = layer.with_quirk(Quirk::ActualCap(7));
        }
        builder = builder.layer(layer);
        let mut told = Vec::new();
        for _ in 0..=noise.below(4) {
            let number = 1 + noise.below(PAGES + 2);
            let fault = if noise.below(4) == 0 {
                let request = *noise.pick(&[RequestKind::Count, RequestKind::Ids]);
                Fault::on(request, 1 + noise.below(2), noise.pick(&anywhere).clone())
            } else {
                Fault::on_query(number, noise.pick(&pages).clone())
            };
            told.push(format!("{fault:?}"));
            builder = builder.fault(fault);
        }
        let bench = Bench::start(builder).await;
        let (rows, at_once) = (3 + noise.below(10), 1 + noise.below(5));
        let fetch = paging(
            u32::try_from(rows).unwrap(),
            usize::try_from(at_once).unwrap(),
        );
        let export = bench.export("t").await.with_fetch(fetch);
        let outcome = bench.write(export).await;
        let (_, file) = outcome.unwrap_or_else(|error| panic!("seed {seed}, {told:#?}: {error}"));
        assert_eq!(file.batch, straight.batch, "seed {seed}, {told:#?}");
    }
}

#[tokio::test]
async fn what_a_server_always_does_wrong_leaves_no_trace_either() {
    let straight = undisturbed().await;
    let quirks = [
        vec![Quirk::ActualCap(7)],
        vec![Quirk::ActualCap(1)],
        vec![Quirk::PageBytes(900)],
        vec![Quirk::UnorderedPages(11)],
        vec![Quirk::IgnoresOrder(11)],
        vec![Quirk::IgnoresOffset],
        vec![Quirk::NeverExceeded],
        vec![Quirk::AlwaysExceeded],
        vec![Quirk::FeaturesFirst],
        vec![
            Quirk::IgnoresOrder(5),
            Quirk::ActualCap(7),
            Quirk::NeverExceeded,
        ],
        vec![
            Quirk::IgnoresOffset,
            Quirk::PageBytes(700),
            Quirk::AlwaysExceeded,
        ],
    ];
    let lacks: [&[Ability]; 4] = [
        &[],
        &[Ability::Pagination],
        &[Ability::OrderBy],
        &[Ability::Pagination, Ability::OrderBy],
    ];
    for quirks in &quirks {
        for lacking in lacks {
            let layer = lacking
                .iter()
                .fold(layer(), |layer, ability| layer.without(*ability));
            let layer = quirks
                .iter()
                .fold(layer, |layer, quirk| layer.with_quirk(*quirk));
            let bench = Bench::start(Testkit::builder().layer(layer)).await;
            let export = bench.export("t").await;
            let outcome = bench.write(export).await;
            let (_, file) =
                outcome.unwrap_or_else(|error| panic!("{quirks:?} without {lacking:?}: {error}"));
            assert_eq!(file.batch, straight.batch, "{quirks:?} without {lacking:?}");
        }
    }
}

#[tokio::test]
async fn the_report_counts_what_the_server_saw() {
    for (faults, requests, retries) in [(0, 5, 0), (1, 6, 1), (2, 7, 2)] {
        let fault = Fault::on_query(2, FaultKind::Status(503)).times(faults);
        let bench = Bench::start(service().fault(fault)).await;
        let (report, _) = bench.exported("t").await;
        let fetch = report.fetch.unwrap();
        assert_eq!((fetch.requests, fetch.retries), (requests, retries));
        assert_eq!((fetch.halved, fetch.refetched, fetch.corrected), (0, 0, 0));
        assert_eq!(bench.count(RequestKind::Features) as u64, requests);
        assert_eq!(fetch.page_size, 10);
        let pages = bench.service.requests_of(RequestKind::Features);
        let answers = pages
            .iter()
            .filter_map(|page| page.answered())
            .filter(|answer| answer.status == 200);
        assert_eq!(
            fetch.bytes,
            answers.map(|answer| answer.bytes as u64).sum::<u64>()
        );
        let stats = bench.client.stats();
        assert_eq!(stats.requests, bench.service.requests().len() as u64);
        assert_eq!((stats.retries, stats.mints), (retries, 0));
    }
}

#[tokio::test]
async fn pages_that_were_wrong_are_counted() {
    for (kind, corrected, refetched) in [(FaultKind::LoseRow(3), 1, 0), (FaultKind::CutShort, 0, 1)]
    {
        let bench = Bench::start(service().fault(Fault::on_query(2, kind.clone()))).await;
        let (report, _) = bench.exported("t").await;
        let fetch = report.fetch.unwrap();
        assert_eq!(
            (fetch.corrected, fetch.refetched),
            (corrected, refetched),
            "{kind:?}"
        );
        assert_eq!(report.notes.len() as u64, corrected, "{:?}", report.notes);
        assert_eq!(fetch.requests, bench.count(RequestKind::Features) as u64);
    }
}

#[tokio::test]
async fn what_does_not_pass_ends_the_export_and_leaves_nothing() {
    for (kind, says) in [
        (FaultKind::Status(404), "404"),
        (
            error(400, "Invalid query parameters"),
            "Invalid query parameters",
        ),
        (error(403, "You do not have permissions"), "permission"),
        (FaultKind::Status(503), "503"),
        (FaultKind::Html, "HTML"),
        (FaultKind::Reset, "connection"),
    ] {
        let bench = Bench::with_client(
            service().fault(Fault::on_query(3, kind.clone()).always()),
            |_| patient_client().retries(2),
        )
        .await;
        let export = bench.export("t").await;
        let error = bench.write(export).await.unwrap_err();
        assert!(error.to_string().contains(says), "{kind:?}: {error}");
        assert_eq!(bench.files(), [""; 0], "{kind:?}");
    }
}
