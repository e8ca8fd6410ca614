use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::{ArcGisClient, RetryPolicy};
use arcgis_layer::{
    Completion, Doubt, Error, FeatureSink, FetchOptions, FetchStats, GeometryRef, Layer, LayerAddress,
    PageSink, Proof, Query, SinkError, Strategy, ValueRef,
};
use arcgis_testkit::{
    Ability, BadRow, Edit, Failure, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Quirk, RequestKind,
    Row, Testkit,
};

/// Keeps each row as object id, name and x.
#[derive(Debug, Clone)]
struct Rows;

#[derive(Debug, Default, Clone)]
struct Page {
    rows: Vec<(i64, String, f64)>,
    id: i64,
    name: String,
    x: f64,
}

impl FeatureSink for Page {
    fn attribute(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), SinkError> {
        match (column, value) {
            (0, ValueRef::Int(id)) => self.id = id,
            (1, ValueRef::Str(name)) => self.name = name.to_owned(),
            other => panic!("{other:?}"),
        }
        Ok(())
    }
    fn geometry(&mut self, geometry: GeometryRef<'_>) -> Result<(), SinkError> {
        self.x = geometry.coords[0];
        Ok(())
    }
    fn end_row(&mut self) -> Result<(), SinkError> {
        self.rows
            .push((self.id, std::mem::take(&mut self.name), self.x));
        Ok(())
    }
}

impl PageSink for Rows {
    type Page = Page;
    fn page(&self, _: usize) -> Page {
        Page::default()
    }
    fn select(&self, pages: Vec<Page>, rows: &[(usize, usize)]) -> Result<Page, SinkError> {
        Ok(Page {
            rows: rows
                .iter()
                .map(|(page, row)| pages[*page].rows[*row].clone())
                .collect(),
            ..Page::default()
        })
    }
}

fn row(id: i64) -> Row {
    Row::new()
        .with("OBJECTID", id)
        .with("NAME", format!("row {id}"))
        .at(Geometry::point((id as f64 / 100.0, 1.5)))
}

/// Rows with ids 3, 6, 9, … so that ids are no places.
fn layer(rows: i64, cap: usize) -> arcgis_testkit::Layer {
    arcgis_testkit::Layer::new("t", GeometryType::Point)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_max_record_count(cap)
        .with_rows((1..=rows).map(|n| row(n * 3)))
}

struct Fetched {
    rows: Vec<(i64, String, f64)>,
    completion: Completion,
    stats: FetchStats,
    strategy: Strategy,
    service: Testkit,
}

async fn open(service: &Testkit) -> Layer {
    let client = ArcGisClient::builder()
        .retry_policy(
            RetryPolicy::default()
                .with_retries(2)
                .with_backoff(Duration::from_millis(2), Duration::from_millis(20)),
        )
        .timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let address = LayerAddress::parse(&service.layer_url("t")).unwrap();
    Layer::open(Arc::new(client), address).await.unwrap()
}

async fn fetch_from(
    service: Testkit,
    query: Query,
    options: FetchOptions,
) -> Result<Fetched, Error> {
    let layer = open(&service).await;
    let options = options.with_format(FORMAT);
    let query = query.resolve(layer.info())?;
    let plan = layer.plan(&query, &options).await?;
    let strategy = plan.strategy();
    let mut pages = layer.pages(plan, Rows);
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await? {
        assert_eq!(page.facts.rows, page.page.rows.len());
        rows.extend(page.page.rows);
    }
    Ok(Fetched {
        rows,
        completion: pages.completion().unwrap().clone(),
        stats: pages.stats(),
        strategy,
        service,
    })
}

async fn fetch(layer: arcgis_testkit::Layer, faults: Vec<Fault>) -> Result<Fetched, Error> {
    let mut builder = Testkit::builder().layer(layer);
    for fault in faults {
        builder = builder.fault(fault);
    }
    fetch_from(
        builder.start().await.unwrap(),
        Query::new(),
        FetchOptions::default(),
    )
    .await
}

/// Asserts that exactly the rows with the ids 3, 6, … `3 * rows` came, in order, with their values.
fn assert_all(fetched: &Fetched, rows: i64) {
    assert_eq!(fetched.rows.len() as i64, rows);
    for (row, n) in fetched.rows.iter().zip(1..) {
        assert_eq!(
            (row.0, row.1.as_str()),
            (n * 3, format!("row {}", n * 3).as_str())
        );
        // PBF rounds to 1e-9 degrees.
        assert!((row.2 - (n * 3) as f64 / 100.0).abs() < 1e-9, "{row:?}");
    }
    assert_eq!(fetched.completion.rows, rows as u64);
    assert!(
        fetched.completion.drift.is_none(),
        "{}",
        fetched.completion.drift
    );
}

#[tokio::test]
async fn t34_a_faithful_paging_server() {
    let fetched = fetch(layer(25, 10), vec![]).await.unwrap();
    assert_all(&fetched, 25);
    assert_eq!(fetched.strategy, Strategy::Offset);
    assert_eq!(fetched.completion.proof, Proof::ObjectIds);
    assert_eq!(fetched.stats.requests, 3);
    assert_eq!(fetched.stats.corrected, 0);
    for request in fetched.service.requests_of(RequestKind::Features) {
        assert_eq!(
            request.parameters().get("orderByFields"),
            Some("OBJECTID ASC")
        );
    }
}

#[tokio::test]
async fn t40_whole_pages_and_none() {
    for (rows, cap, requests) in [
        (0, 10, 0),
        (1, 10, 1),
        (10, 10, 1),
        (20, 10, 2),
        (11, 10, 2),
    ] {
        let fetched = fetch(layer(rows, cap), vec![]).await.unwrap();
        assert_all(&fetched, rows);
        assert_eq!(fetched.stats.requests, requests, "{rows} rows");
    }
}

#[tokio::test]
async fn t33_a_server_without_pagination_is_read_by_ranges_of_ids() {
    let fetched = fetch(layer(2001, 1000).without(Ability::Pagination), vec![])
        .await
        .unwrap();
    assert_all(&fetched, 2001);
    assert_eq!(fetched.strategy, Strategy::IdRanges);
    for request in fetched.service.requests_of(RequestKind::Features) {
        assert_eq!(request.parameters().get("resultOffset"), None);
    }
    let small = fetch(layer(7, 1000).without(Ability::Pagination), vec![])
        .await
        .unwrap();
    assert_all(&small, 7);
    assert_eq!(small.strategy, Strategy::Single);
}

#[tokio::test]
async fn t2_a_cap_below_the_advertised_one() {
    let fetched = fetch(layer(95, 20).with_quirk(Quirk::ActualCap(7)), vec![])
        .await
        .unwrap();
    assert_all(&fetched, 95);
    let ranges = layer(95, 20)
        .without(Ability::Pagination)
        .with_quirk(Quirk::ActualCap(7));
    assert_all(&fetch(ranges, vec![]).await.unwrap(), 95);
    let silent = layer(95, 20)
        .with_quirk(Quirk::ActualCap(7))
        .with_quirk(Quirk::NeverExceeded);
    assert_all(&fetch(silent, vec![]).await.unwrap(), 95);
    let silent = layer(95, 20)
        .without(Ability::Pagination)
        .with_quirk(Quirk::ActualCap(7))
        .with_quirk(Quirk::NeverExceeded);
    assert_all(&fetch(silent, vec![]).await.unwrap(), 95);
}

#[tokio::test]
async fn t36_pages_cut_by_bytes() {
    let fetched = fetch(layer(60, 20).with_quirk(Quirk::PageBytes(500)), vec![])
        .await
        .unwrap();
    assert_all(&fetched, 60);
}

#[tokio::test]
async fn t4_an_ignored_offset() {
    let fetched = fetch(layer(95, 10).with_quirk(Quirk::IgnoresOffset), vec![])
        .await
        .unwrap();
    assert_all(&fetched, 95);
    assert!(fetched.stats.corrected > 0);
}

#[tokio::test]
async fn t5_unordered_pages() {
    for quirk in [Quirk::UnorderedPages(7), Quirk::IgnoresOrder(7)] {
        let fetched = fetch(layer(95, 10).with_quirk(quirk), vec![])
            .await
            .unwrap();
        assert_all(&fetched, 95);
    }
    let without = layer(95, 10)
        .with_quirk(Quirk::UnorderedPages(7))
        .without(Ability::OrderBy);
    assert_all(&fetch(without, vec![]).await.unwrap(), 95);
}

#[tokio::test]
async fn t37_a_flag_that_lies() {
    for quirk in [Quirk::AlwaysExceeded, Quirk::NeverExceeded] {
        assert_all(
            &fetch(layer(25, 10).with_quirk(quirk), vec![])
                .await
                .unwrap(),
            25,
        );
        let ranges = layer(25, 10).with_quirk(quirk).without(Ability::Pagination);
        assert_all(&fetch(ranges, vec![]).await.unwrap(), 25);
    }
    // No rows, and yet more to come: the rows are asked for otherwise, and it is noted.
    let nothing = FaultKind::Respond {
        status: 200,
        content_type: "application/json",
        body: r#"{"features":[],"exceededTransferLimit":true}"#.into(),
    };
    let fetched = fetch(layer(25, 10), vec![Fault::on_query(2, nothing)]).await.unwrap();
    assert_all(&fetched, 25);
    assert_eq!(fetched.stats.doubts.count(Doubt::FlagWithoutRows), 1);
}

#[tokio::test]
async fn members_after_the_features_count_too() {
    assert_all(
        &fetch(layer(25, 10).with_quirk(Quirk::FeaturesFirst), vec![])
            .await
            .unwrap(),
        25,
    );
}

#[tokio::test]
async fn passing_faults_cost_no_row() {
    let error = |code: i64, message: &str| FaultKind::ErrorBody {
        code,
        message: message.into(),
        details: vec![],
    };
    let kinds = [
        FaultKind::Status(503),
        FaultKind::Status(500),
        FaultKind::Reset,
        FaultKind::Truncate,
        FaultKind::CutShort,
        FaultKind::EmptyBody,
        FaultKind::EmptyPage,
        FaultKind::LoseRow(3),
        FaultKind::DoubleRow(3),
        FaultKind::QuotaBody { retry_after: 0 },
        error(500, "Error performing query operation"),
        error(400, "Unable to complete operation."),
        FaultKind::LateError {
            code: 500,
            message: "Error performing query operation".into(),
        },
    ];
    for (place, kind) in kinds.into_iter().enumerate() {
        // A plain 400 is no passing fault: it ends the fetch. Of a request for PBF it may mean the format.
        let terminal = place == 11 && FORMAT == arcgis_layer::FormatChoice::Json;
        let fetched = fetch(layer(45, 10), vec![Fault::on_query(2, kind.clone())]).await;
        if terminal {
            assert!(matches!(fetched, Err(Error::Service(_))), "{kind:?}");
            continue;
        }
        let fetched = fetched.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!(fetched.service.faults_fired(), [1], "{kind:?}");
        assert_all(&fetched, 45);
    }
}

#[tokio::test]
async fn a_page_that_is_too_big_is_halved_down_to_one_row() {
    let too_big = |most: u64| {
        Fault::on_query(
            1,
            FaultKind::ErrorBody {
                code: 400,
                message: "Unable to complete operation.".into(),
                details: vec!["Error performing query operation".into()],
            },
        )
        .always()
        .when(move |request| {
            let count = request.parameters().get("resultRecordCount");
            count.is_some_and(|count| count.parse::<u64>().unwrap() > most)
        })
    };
    for most in [6, 1] {
        let fetched = fetch(layer(33, 16), vec![too_big(most)]).await.unwrap();
        assert_all(&fetched, 33);
        assert!(fetched.stats.halved > 0);
    }
    // Not even one row comes by offset; by ids they all do.
    let fetched = fetch(layer(3, 16), vec![too_big(0)]).await.unwrap();
    assert_all(&fetched, 3);
    assert_eq!(fetched.stats.delivered.most(), Some(Strategy::IdRanges));
}

#[tokio::test]
async fn a_row_that_never_comes_is_named() {
    // The server never serves the row of id 45, however it is asked.
    let hide = |number: u64| {
        let mut builder = Testkit::builder().layer(layer(40, 10));
        builder = builder.fault(Fault::on_query(number, FaultKind::EmptyPage).always().when(
            |request| {
                let within = request.parameters().get("where").unwrap_or_default();
                within.contains("45")
            },
        ));
        builder.fault(Fault::on_query(2, FaultKind::LoseRow(4)))
    };
    let service = hide(1).start().await.unwrap();
    let options = FetchOptions::default().with_concurrency(NonZeroUsize::MIN);
    let error = fetch_from(service, Query::new(), options)
        .await
        .err()
        .unwrap();
    let Error::Incomplete(incomplete) = &error else {
        panic!("{error}");
    };
    assert_eq!(incomplete.missing.iter().collect::<Vec<_>>(), [45]);
    assert_eq!((incomplete.expected, incomplete.received), (40, 39));
    assert!(
        error.to_string().contains("missing: object ids 45"),
        "{error}"
    );
}

#[tokio::test]
async fn drift_is_reported_and_costs_no_row() {
    let edit = |edit: Edit| FaultKind::Edit {
        layer: "t".into(),
        edit,
    };
    let faults = vec![
        Fault::on_query(2, edit(Edit::Delete(6))),
        Fault::on_query(2, edit(Edit::Delete(120))),
        Fault::on_query(2, edit(Edit::Insert(row(7)))),
        Fault::on_query(2, edit(Edit::Insert(row(1000)))),
    ];
    let mut builder = Testkit::builder().layer(layer(40, 10));
    for fault in faults {
        builder = builder.fault(fault);
    }
    let options = FetchOptions::default().with_concurrency(NonZeroUsize::MIN);
    let fetched = fetch_from(builder.start().await.unwrap(), Query::new(), options)
        .await
        .unwrap();
    // 6 was fetched before it went; 120 went before it was fetched; 7 and 1000 came too late.
    let ids: Vec<_> = fetched.rows.iter().map(|row| row.0).collect();
    let expected: Vec<_> = (1..40).map(|n| n * 3).collect();
    assert_eq!(ids, expected);
    let drift = &fetched.completion.drift;
    assert_eq!(drift.deleted.iter().collect::<Vec<_>>(), [6, 120]);
    assert_eq!(drift.inserted.iter().collect::<Vec<_>>(), [7, 1000]);
}

#[tokio::test]
async fn t41_a_limit_is_exact() {
    for (limit, expected) in [(0, 0), (3, 3), (10, 10), (17, 17), (99, 25)] {
        let service = Testkit::builder()
            .layer(layer(25, 10))
            .start()
            .await
            .unwrap();
        let query = Query::new().with_limit(limit);
        let fetched = fetch_from(service, query, FetchOptions::default())
            .await
            .unwrap();
        assert_all(&fetched, expected);
    }
}

#[tokio::test]
async fn t31_page_size_and_concurrency_are_kept() {
    let service = Testkit::builder()
        .layer(layer(90, 50))
        .latency(Duration::from_millis(20))
        .start()
        .await
        .unwrap();
    let options = FetchOptions::default()
        .with_page_size(NonZeroU32::new(8).unwrap())
        .with_concurrency(NonZeroUsize::new(2).unwrap());
    let fetched = fetch_from(service, Query::new(), options).await.unwrap();
    assert_all(&fetched, 90);
    assert_eq!(fetched.stats.requests, 12);
    assert_eq!(fetched.service.most_in_flight(), 2);
    let mut offsets = BTreeMap::new();
    for request in fetched.service.requests_of(RequestKind::Features) {
        let get = |name| {
            request
                .parameters()
                .get(name)
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        offsets.insert(get("resultOffset"), get("resultRecordCount"));
    }
    let expected: BTreeMap<_, _> = (0..12)
        .map(|n| (n * 8, if n == 11 { 2 } else { 8 }))
        .collect();
    assert_eq!(offsets, expected);
}

#[tokio::test]
async fn a_small_window_still_brings_everything() {
    let service = Testkit::builder()
        .layer(layer(90, 10))
        .start()
        .await
        .unwrap();
    let options = FetchOptions::default().with_window_bytes(1);
    let fetched = fetch_from(service, Query::new(), options).await.unwrap();
    assert_all(&fetched, 90);
    assert_eq!(fetched.service.most_in_flight(), 1);
}

#[tokio::test]
async fn t26_without_ids_rows_are_proven_by_fingerprint() {
    let plain = || {
        arcgis_testkit::Layer::new("t", GeometryType::Point)
            .with_field(Field::new("N", FieldType::Integer))
            .with_field(Field::new("NAME", FieldType::String))
            .with_rows((1..=25).map(|n| {
                Row::new()
                    .with("N", n)
                    .with("NAME", format!("row {n}"))
                    .at(Geometry::point((n as f64, 0.0)))
            }))
            .with_max_record_count(10)
            .without_object_ids()
    };
    let fetched = fetch(plain(), vec![]).await.unwrap();
    assert_eq!(fetched.rows.len(), 25);
    assert_eq!(fetched.completion.proof, Proof::FingerprintsAndCount);

    let error = fetch(plain().with_quirk(Quirk::IgnoresOffset), vec![])
        .await
        .err()
        .unwrap();
    assert!(matches!(&error, Error::Incomplete(_)), "{error}");
    let error = fetch(
        plain(),
        vec![Fault::on_query(2, FaultKind::LoseRow(1)).always()],
    )
    .await
    .err()
    .unwrap();
    assert!(matches!(&error, Error::Incomplete(_)), "{error}");
    // Without pagination they come by where they are.
    let fetched = fetch(plain().without(Ability::Pagination), vec![])
        .await
        .unwrap();
    assert_eq!(fetched.strategy, Strategy::Areas);
    let mut names: Vec<_> = fetched.rows.iter().map(|row| row.1.clone()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 25);
    assert_eq!(fetched.completion.proof, Proof::FingerprintsAndCount);
}

#[tokio::test]
async fn a_failed_fetch_never_looks_complete() {
    let service = Testkit::builder()
        .layer(layer(30, 10))
        .fault(Fault::on_query(2, FaultKind::Status(404)).always())
        .start()
        .await
        .unwrap();
    let layer = open(&service).await;
    let query = Query::new().resolve(layer.info()).unwrap();
    let plan = layer
        .plan(&query, &FetchOptions::default().with_format(FORMAT))
        .await
        .unwrap();
    let mut pages = layer.pages(plan, Rows);
    let error = loop {
        match pages.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("complete"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Service(_)));
    assert!(matches!(pages.next().await, Err(Error::Failed)));
    assert!(pages.completion().is_none());
}

#[tokio::test]
async fn dropping_the_pages_stops_the_requests() {
    let service = Testkit::builder()
        .layer(layer(100, 10))
        .fault(Fault::on_query(2, FaultKind::Stall).always())
        .start()
        .await
        .unwrap();
    let layer = open(&service).await;
    let query = Query::new().resolve(layer.info()).unwrap();
    let plan = layer
        .plan(&query, &FetchOptions::default().with_format(FORMAT))
        .await
        .unwrap();
    let mut pages = layer.pages(plan, Rows);
    let _first = tokio::time::timeout(Duration::from_millis(500), pages.next()).await;
    drop(pages);
    // What was on its way to the server when the pages went is still logged.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sent = service.requests_of(RequestKind::Features).len();
    for _ in 0..50 {
        if service.in_flight() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(service.in_flight(), 0);
    assert_eq!(service.requests_of(RequestKind::Features).len(), sent);
}
