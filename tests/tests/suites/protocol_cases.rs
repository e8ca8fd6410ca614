//! Cases that other clients of the protocol got wrong, by the numbers under which they were collected.

use std::time::{Duration, Instant};

use arcgis_export::Error;
use arcgis_layer::{Error as LayerError, Strategy};
use arcgis_testkit::{
    Ability, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer, RequestKind, Row,
    Security, Testkit, TestkitBuilder,
};
use arcgis_tests::{Bench, ParquetFile, in_id_order, paging};
use arrow_array::types::{Int32Type, Int64Type};

/// So many rows of a table, in pages of ten: the number is null in the first page.
fn table(rows: i64) -> Layer {
    Layer::table("t")
        .with_field(Field::new("NUMBER", FieldType::Integer))
        .with_max_record_count(10)
        .with_rows((1..=rows).map(|n| Row::new().with("NUMBER", (n > 10).then_some(n * 2))))
}

fn service(rows: i64) -> TestkitBuilder {
    Testkit::builder().layer(table(rows))
}

/// Each row once, with its number.
fn assert_all(file: &ParquetFile, rows: i64) {
    let ids: Vec<Option<i64>> = (1..=rows).map(Some).collect();
    assert_eq!(file.numbers::<Int64Type>("OBJECTID"), ids);
    let numbers: Vec<Option<i32>> = (1..=rows)
        .map(|n| (n > 10).then(|| i32::try_from(n * 2).unwrap()))
        .collect();
    assert_eq!(file.numbers::<Int32Type>("NUMBER"), numbers);
}

#[tokio::test]
async fn t1_t3_t6_a_short_page_an_error_and_an_empty_page_in_the_middle_cost_no_row() {
    for (case, kind) in [
        (
            "t1",
            FaultKind::ShortPage {
                rows: 3,
                flag: true,
            },
        ),
        (
            "t3",
            FaultKind::ErrorBody {
                code: 500,
                message: "Error performing query operation".into(),
                details: Vec::new(),
            },
        ),
        ("t6", FaultKind::EmptyPage),
    ] {
        for page in 1..=5 {
            let bench = Bench::start(service(47).fault(Fault::on_query(page, kind.clone()))).await;
            let (_, file) = bench.exported("t").await;
            assert_all(&file, 47);
            assert_eq!(bench.service.faults_fired(), [1], "{case} at page {page}");
        }
    }
}

#[tokio::test]
async fn t7_points_in_one_place_end_the_search_for_smaller_rectangles() {
    let stacked = |rows: usize| {
        Layer::new("t", GeometryType::Point)
            .without_object_ids()
            .without(Ability::Pagination)
            .with_field(Field::new("NUMBER", FieldType::Integer))
            .with_max_record_count(10)
            .with_row(
                Row::new()
                    .with("NUMBER", 0)
                    .at(Geometry::point((-9.0, -9.0))),
            )
            .with_row(Row::new().with("NUMBER", 0).at(Geometry::point((9.0, 9.0))))
            .with_rows((1..=rows).map(|n| {
                let number = i64::try_from(n).unwrap();
                Row::new()
                    .with("NUMBER", number)
                    .at(Geometry::point((1.0, 1.0)))
            }))
    };
    let bench = Bench::start(Testkit::builder().layer(stacked(10))).await;
    let (report, file) = bench.exported("t").await;
    assert_eq!(
        report.fetch.unwrap().delivered.most(),
        Some(Strategy::Areas)
    );
    let mut numbers: Vec<i32> = file
        .numbers::<Int32Type>("NUMBER")
        .into_iter()
        .flatten()
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);

    // One more than fits into an answer, and no way to tell them apart.
    let bench = Bench::start(Testkit::builder().layer(stacked(11))).await;
    let error = bench.write(bench.export("t").await).await.unwrap_err();
    assert!(
        matches!(&error, Error::Layer(LayerError::NotQueryable { .. })),
        "{error:?}"
    );
    let counts = bench.count(RequestKind::Count);
    assert!(counts <= 4 * 31 + 4, "{counts} counts");
}

#[tokio::test]
async fn t15_tokens_refused_from_page_seven_on_are_renewed_once_by_eight_workers() {
    let service = service(240)
        .security(Security::token("user", "password"))
        .latency(Duration::from_millis(20));
    let bench = Bench::signed_in(service, "user", "password").await;
    let export = bench.export("t").await.with_fetch(paging(10, 8));
    let revoke = async {
        while bench.count(RequestKind::Features) < 7 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bench.service.revoke_tokens();
    };
    let (written, ()) = tokio::join!(bench.write(export), revoke);
    assert_all(&written.unwrap().1, 240);
    let requests = bench.service.requests();
    let refused = requests.iter().filter_map(|request| request.answered());
    let refused = refused.filter(|answer| answer.error == Some(498)).count();
    assert!(refused >= 2, "{refused} requests were refused");
    assert_eq!(bench.service.mints(), 2, "one for all, and one more");
}

#[tokio::test]
async fn t20_a_quota_that_names_its_seconds_is_waited_for() {
    let quota = FaultKind::QuotaBody { retry_after: 1 };
    let bench = Bench::start(service(47).fault(Fault::on_query(3, quota))).await;
    let begun = Instant::now();
    let (_, file) = bench.exported("t").await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_all(&file, 47);
}

#[tokio::test]
async fn t21_a_login_page_is_no_page_of_rows() {
    let login = Fault::on_query(2, FaultKind::Html).always();
    let bench = Bench::start(service(47).fault(login)).await;
    let error = bench.write(bench.export("t").await).await.unwrap_err();
    assert!(matches!(&error, Error::Layer(LayerError::Service(_))));
    assert!(error.to_string().contains("an HTML page instead of data"));
    assert!(bench.files().is_empty());
}

#[tokio::test]
async fn t25_a_page_of_nulls_does_not_decide_what_a_column_is() {
    let bench = Bench::start(service(47)).await;
    let (report, file) = bench.exported("t").await;
    assert_all(&file, 47);
    let number = report.columns.iter().find(|column| column.name == "NUMBER");
    assert_eq!(number.unwrap().arrow_type, "Int32");
}

#[tokio::test]
async fn t42_ids_over_the_limit_are_listed_to_the_end() {
    let layer = table(95)
        .without(Ability::Pagination)
        .with_max_unique_id_count(10);
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    let (report, file) = bench
        .write(in_id_order(bench.open("t").await.unwrap()))
        .await
        .unwrap();
    assert_all(&file, 95);
    assert_eq!(report.proof.unwrap().level, "object-ids");
}
