//! Every row once, or an error that names it and leaves things as they were.

use arcgis_export::{Error, ExportEvent, LocalFile};
use arcgis_layer::Query;
use arcgis_testkit::{
    Ability, Edit, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer, Quirk,
    RequestKind, Row, Testkit,
};
use arcgis_tests::{Bench, paging};
use arrow_array::types::{Int32Type, Int64Type};

use crate::faults::{layer, service};

/// The row of id 75 gets lost: in its page, and whenever it is asked for by its id.
fn without_row_75(builder: arcgis_testkit::TestkitBuilder) -> arcgis_testkit::TestkitBuilder {
    builder
        .fault(
            Fault::on_query(1, FaultKind::LoseRow(4))
                .always()
                .when(|request| request.parameters().get("resultOffset") == Some("20")),
        )
        .fault(
            Fault::on_query(1, FaultKind::EmptyPage)
                .always()
                .when(|request| {
                    request
                        .parameters()
                        .get("where")
                        .unwrap_or_default()
                        .contains("75")
                }),
        )
}

#[tokio::test]
async fn a_lost_row_is_named_and_an_earlier_file_stays() {
    for earlier in [false, true] {
        let bench = Bench::start(without_row_75(service())).await;
        if earlier {
            std::fs::write(bench.path(), b"an earlier file").unwrap();
        }
        let export = bench.export("t").await;
        let error = export
            .to(LocalFile::new(bench.path()).with_overwrite(true))
            .await
            .unwrap_err();
        let Error::Layer(arcgis_layer::Error::Incomplete(incomplete)) = &error else {
            panic!("{error:?}")
        };
        assert_eq!(incomplete.missing.iter().collect::<Vec<_>>(), [75]);
        assert_eq!((incomplete.expected, incomplete.received), (47, 46));
        assert!(error.to_string().contains("75"), "{error}");
        if earlier {
            assert_eq!(bench.files(), ["out.parquet"]);
            assert_eq!(std::fs::read(bench.path()).unwrap(), b"an earlier file");
        } else {
            assert_eq!(bench.files(), [""; 0]);
        }
    }
}

#[tokio::test]
async fn a_lost_row_is_no_table_either() {
    let bench = Bench::start(without_row_75(service())).await;
    let error = bench.export("t").await.into_table().await.unwrap_err();
    assert!(
        matches!(error, Error::Layer(arcgis_layer::Error::Incomplete(_))),
        "{error:?}"
    );
}

fn drifting() -> arcgis_testkit::TestkitBuilder {
    let edit = |edit| {
        Fault::on_query(
            2,
            FaultKind::Edit {
                layer: "t".into(),
                edit,
            },
        )
    };
    service()
        .fault(edit(Edit::Delete(3)))
        .fault(edit(Edit::Delete(141)))
        .fault(edit(Edit::Insert(
            Row::new().with("OBJECTID", 4).with("NAME", "new"),
        )))
        .fault(edit(Edit::Insert(
            Row::new().with("OBJECTID", 1000).with("NAME", "new"),
        )))
}

#[tokio::test]
async fn rows_that_come_and_go_are_reported() {
    let bench = Bench::start(drifting()).await;
    let export = bench.export("t").await.with_fetch(paging(10, 1));
    let (report, file) = bench.write(export).await.unwrap();
    // 3 had come before it went; 141 went before it came; 4 and 1000 were not there at the start.
    let expected: Vec<_> = (1..47).map(|n| Some(n * 3)).collect();
    assert_eq!(file.numbers::<Int64Type>("OBJECTID"), expected);
    let proof = report.proof.unwrap();
    assert_eq!(
        (
            proof.level.as_str(),
            proof.deleted_rows,
            proof.inserted_rows,
            proof.count_change
        ),
        ("object-ids", 2, 2, 0)
    );
    assert_eq!(file.key("arcgis:rows"), Some("46"));
    assert_eq!(file.key("arcgis:proof"), Some("object-ids"));
}

#[tokio::test]
async fn rows_that_come_and_go_are_an_error_if_they_are_to_be() {
    let bench = Bench::start(drifting()).await;
    std::fs::write(bench.path(), b"an earlier file").unwrap();
    let export = bench
        .export("t")
        .await
        .with_fetch(paging(10, 1))
        .with_fail_on_drift(true);
    let error = bench.write(export).await.unwrap_err();
    let Error::Drift(drift) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(drift.deleted.iter().collect::<Vec<_>>(), [3, 141]);
    assert_eq!(bench.files(), ["out.parquet"]);
    assert_eq!(std::fs::read(bench.path()).unwrap(), b"an earlier file");

    let calm = Bench::start(service()).await;
    let export = calm.export("t").await.with_fail_on_drift(true);
    assert_eq!(calm.write(export).await.unwrap().0.rows, 47);
}

/// 25 rows without ids, in pages of ten; each stands three times over.
fn anonymous() -> Layer {
    Layer::new("t", GeometryType::Point)
        .with_field(Field::new("N", FieldType::Integer))
        .with_max_record_count(10)
        .with_rows((0..25).map(|n| {
            Row::new()
                .with("N", n / 3)
                .at(Geometry::point((f64::from(n / 3), 0.0)))
        }))
        .without_object_ids()
}

/// As [`anonymous`], and no row like another.
fn distinct() -> Layer {
    Layer::table("t")
        .with_field(Field::new("N", FieldType::Integer))
        .with_max_record_count(10)
        .with_rows((0..25).map(|n| Row::new().with("N", n)))
        .without_object_ids()
}

#[tokio::test]
async fn rows_without_ids_are_counted_and_compared() {
    let bench = Bench::start(Testkit::builder().layer(distinct())).await;
    let (report, file) = bench.exported("t").await;
    assert_eq!(
        file.numbers::<Int32Type>("N"),
        (0..25).map(Some).collect::<Vec<_>>()
    );
    assert_eq!(report.proof.unwrap().level, "fingerprints-and-count");
    assert_eq!(file.key("arcgis:proof"), Some("fingerprints-and-count"));

    for damage in [
        Testkit::builder()
            .layer(distinct())
            .fault(Fault::on_query(2, FaultKind::LoseRow(1)).always()),
        Testkit::builder().layer(distinct().with_quirk(Quirk::IgnoresOffset)),
        Testkit::builder().layer(distinct().with_quirk(Quirk::IgnoresOrder(3))),
    ] {
        let bench = Bench::start(damage).await;
        let export = bench.export("t").await;
        let error = bench.write(export).await.unwrap_err();
        assert!(
            matches!(error, Error::Layer(arcgis_layer::Error::Incomplete(_))),
            "{error:?}"
        );
        assert_eq!(bench.files(), [""; 0]);
    }
}

#[tokio::test]
async fn a_row_too_many_is_taken_for_what_it_is() {
    let fault = Fault::on_query(2, FaultKind::DoubleRow(1)).always();
    let bench = Bench::start(Testkit::builder().layer(distinct()).fault(fault)).await;
    let export = bench.export("t").await;
    match bench.write(export).await {
        Ok((_, file)) => assert_eq!(
            file.numbers::<Int32Type>("N"),
            (0..25).map(Some).collect::<Vec<_>>()
        ),
        Err(error) => assert!(
            matches!(error, Error::Layer(arcgis_layer::Error::Incomplete(_))),
            "{error:?}"
        ),
    }
}

#[tokio::test]
async fn equal_rows_of_one_page_are_rows_of_the_layer() {
    let one_page = anonymous().with_max_record_count(100);
    let bench = Bench::start(Testkit::builder().layer(one_page)).await;
    let (_, file) = bench.exported("t").await;
    assert_eq!(
        file.numbers::<Int32Type>("N"),
        (0..25).map(|n| Some(n / 3)).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn equal_rows_of_two_pages_are_told_from_a_page_that_came_twice() {
    let bench = Bench::start(Testkit::builder().layer(anonymous())).await;
    let export = bench.export("t").await;
    let (report, file) = bench.write(export).await.unwrap();
    assert_eq!((report.rows, file.rows()), (25, 25));
    assert_eq!(report.proof.unwrap().level, "fingerprints-twice");
    // The same rows on a server that gives the first page for every other.
    let lying = anonymous().with_quirk(Quirk::IgnoresOffset);
    let bench = Bench::start(Testkit::builder().layer(lying)).await;
    let export = bench.export("t").await;
    let error = bench.write(export).await.unwrap_err();
    assert!(
        error.to_string().contains("came again on another page"),
        "{error}"
    );
    assert_eq!(bench.files(), [""; 0]);
}

#[tokio::test]
async fn a_row_that_went_and_one_that_came_leave_the_count_as_it_was() {
    let edit = |edit| {
        Fault::on_query(
            2,
            FaultKind::Edit {
                layer: "t".into(),
                edit,
            },
        )
    };
    let changed = service()
        .fault(edit(Edit::Delete(3)))
        .fault(edit(Edit::Insert(Row::new().with("OBJECTID", 1000))));
    let bench = Bench::start(changed).await;
    let export = bench.export("t").await.with_fetch(paging(10, 1));
    let (report, file) = bench.write(export).await.unwrap();
    assert_eq!(file.rows(), 47);
    let proof = report.proof.unwrap();
    assert_eq!((proof.deleted_rows, proof.inserted_rows), (1, 1));
}

#[tokio::test]
async fn t41_a_limit_takes_the_least_ids_and_is_written_down() {
    for (limit, rows) in [(0_u64, 0), (3, 3), (10, 10), (17, 17), (99, 47)] {
        let bench = Bench::start(service()).await;
        let export = bench
            .export("t")
            .await
            .with_query(Query::new().with_limit(limit));
        let (report, file) = bench.write(export).await.unwrap();
        assert_eq!(
            file.numbers::<Int64Type>("OBJECTID"),
            (1..=rows).map(|n| Some(n * 3)).collect::<Vec<_>>()
        );
        assert_eq!(report.rows, rows as u64);
        assert_eq!(file.key("arcgis:limit"), Some(limit.to_string().as_str()));
        let pages = bench.service.requests_of(RequestKind::Features);
        let sent: usize = pages.iter().filter_map(|page| page.answered()?.rows).sum();
        assert_eq!(sent, rows as usize, "no row is fetched in vain");
    }
}

#[tokio::test]
async fn an_empty_layer_is_a_file_with_columns_and_no_rows() {
    for empty in [layer().with_name("t"), layer().without(Ability::Pagination)] {
        let bench = Bench::start(Testkit::builder().layer(empty)).await;
        let export = bench
            .export("t")
            .await
            .with_query(Query::new().with_where("OBJECTID < 0"));
        let (report, file) = bench.write(export).await.unwrap();
        assert_eq!((report.rows, file.rows()), (0, 0));
        assert_eq!(
            file.names(),
            ["OBJECTID", "NAME", "VALUE", "SEEN", "geometry", "bbox"]
        );
        assert_eq!(file.geo_column()["crs"]["id"]["code"], 4326);
        assert_eq!(file.geo_column()["geometry_types"], serde_json::json!([]));
    }
}

#[tokio::test]
async fn events_tell_what_the_report_says() {
    let events = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&events);
    let bench = Bench::start(service().fault(Fault::on_query(2, FaultKind::Status(503)))).await;
    let export = bench
        .export("t")
        .await
        .with_observer(move |event| seen.lock().unwrap().push(event.clone()));
    let (report, _) = bench.write(export).await.unwrap();
    let events = events.lock().unwrap();
    let Some(ExportEvent::Planned {
        rows,
        pages,
        page_size,
        ..
    }) = events.first()
    else {
        panic!("{events:?}")
    };
    assert_eq!((*rows, *pages, *page_size), (47, 5, 10));
    let came: u64 = events
        .iter()
        .map(|event| {
            if let ExportEvent::Page { rows, .. } = event {
                *rows
            } else {
                0
            }
        })
        .sum();
    assert_eq!(came, 47);
    let retried: u64 = events
        .iter()
        .map(|event| {
            if let ExportEvent::Retried { times } = event {
                *times
            } else {
                0
            }
        })
        .sum();
    assert_eq!(retried, report.fetch.as_ref().unwrap().retries);
    assert!(
        events.iter().any(
            |event| matches!(event, ExportEvent::Verified(completion) if completion.rows == 47)
        )
    );
    let Some(ExportEvent::Finished(told)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        serde_json::to_value(&**told).unwrap(),
        serde_json::to_value(&report).unwrap()
    );
}
