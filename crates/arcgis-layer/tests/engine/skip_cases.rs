// Rows that cannot be served, budgets, and sizes of pages. Included beside `cases.rs`.

fn polygons(rows: i64, cap: usize) -> arcgis_testkit::Layer {
    arcgis_testkit::Layer::new("t", GeometryType::Polygon)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_max_record_count(cap)
        .with_rows((1..=rows).map(|n| {
            let x = (n * 3) as f64 / 100.0;
            Row::new()
                .with("OBJECTID", n * 3)
                .with("NAME", format!("row {}", n * 3))
                .at(Geometry::polygon([[
                    (x, 0.0),
                    (x, 1.0),
                    (x + 1.0, 1.0),
                    (x + 1.0, 0.0),
                    (x, 0.0),
                ]]))
        }))
}

#[tokio::test]
async fn a_row_that_cannot_be_served_is_named_or_left_out() {
    let mut all = Vec::new();
    for (bad, without_geometry, generalized) in [
        (BadRow::Never, false, false),
        (BadRow::WithoutGeometry, true, false),
        (BadRow::Generalized, true, true),
    ] {
        for ability in [None, Some(Ability::Pagination), Some(Ability::Ids)] {
            all.push(one_bad_row(bad, without_geometry, generalized, ability));
        }
    }
    futures_util::future::join_all(all).await;
}

async fn one_bad_row(
    bad: BadRow,
    without_geometry: bool,
    generalized: bool,
    ability: Option<Ability>,
) {
    let layer = || {
        let layer = polygons(12, 4).with_quirk(Quirk::BadRow(15, bad));
        ability.map_or(layer.clone(), |ability| layer.without(ability))
    };
    let error = fetch(layer(), vec![]).await.err().unwrap();
    let Error::Incomplete(incomplete) = &error else {
        panic!("{bad:?}: {error}");
    };
    assert_eq!(incomplete.missing.iter().collect::<Vec<_>>(), [15]);
    assert!(
        error.to_string().contains("cannot serve object id 15"),
        "{error}"
    );

    let service = Testkit::builder().layer(layer()).start().await.unwrap();
    let options = FetchOptions::default().with_allow_skips(true);
    let fetched = fetch_from(service, Query::new(), options).await.unwrap();
    let ids: Vec<i64> = fetched.rows.iter().map(|row| row.0).collect();
    let expected: Vec<i64> = (1..=12).map(|n| n * 3).filter(|id| *id != 15).collect();
    assert_eq!(ids, expected);
    assert_eq!(fetched.completion.rows, 11);
    let skipped = &fetched.completion.skipped;
    assert_eq!(skipped.len(), 1);
    assert_eq!(
        (
            skipped[0].object_id,
            skipped[0].without_geometry,
            skipped[0].generalized
        ),
        (15, without_geometry, generalized),
        "{bad:?}"
    );
    assert!(!skipped[0].error.is_empty());
}

#[tokio::test]
async fn a_server_that_is_down_skips_no_row() {
    for status in [500, 504] {
        let down = Fault::on_query(2, FaultKind::Status(status)).always();
        let service = Testkit::builder()
            .layer(layer(20, 10))
            .fault(down)
            .start()
            .await
            .unwrap();
        let options = FetchOptions::default().with_allow_skips(true);
        let error = fetch_from(service, Query::new(), options)
            .await
            .err()
            .unwrap();
        assert!(matches!(&error, Error::Service(_)), "{error}");
    }
}

#[tokio::test]
async fn retries_of_the_transport_and_of_the_engine_do_not_multiply() {
    // Two retries of the transport: three requests of a page that is always refused, and no more.
    let service = Testkit::builder()
        .layer(layer(5, 10))
        .fault(Fault::on_query(1, FaultKind::Status(503)).always())
        .start()
        .await
        .unwrap();
    let layer = open(&service).await;
    let query = Query::new().resolve(layer.info()).unwrap();
    let options = FetchOptions::default().with_format(FORMAT);
    let plan = layer.plan(&query, &options).await.unwrap();
    let mut pages = layer.pages(plan, Rows);
    assert!(pages.next().await.is_err());
    assert_eq!(service.faults_fired(), [3]);
    assert_eq!((pages.stats().requests, pages.stats().retries), (3, 2));
}

#[tokio::test]
async fn a_time_budget_ends_the_fetch() {
    let service = Testkit::builder()
        .layer(layer(95, 5))
        .latency(Duration::from_millis(100))
        .start()
        .await
        .unwrap();
    let options = FetchOptions::default()
        .with_concurrency(NonZeroUsize::MIN)
        .with_time_budget(Duration::from_millis(700));
    let start = std::time::Instant::now();
    let error = fetch_from(service, Query::new(), options)
        .await
        .err()
        .unwrap();
    assert!(matches!(&error, Error::OutOfTime { .. }), "{error}");
    assert_eq!(error.to_string(), "the time budget of 700ms is spent");
    assert!(start.elapsed() < Duration::from_secs(5));
    // Planning counts too.
    let service = Testkit::builder()
        .layer(layer(95, 5))
        .latency(Duration::from_millis(200))
        .start()
        .await
        .unwrap();
    let options = FetchOptions::default().with_time_budget(Duration::from_millis(100));
    let error = fetch_from(service, Query::new(), options).await.err().unwrap();
    assert!(matches!(&error, Error::OutOfTime { .. }), "{error}");
}

#[tokio::test]
async fn the_standard_limit_is_used_where_it_is_higher() {
    let service = Testkit::builder()
        .layer(layer(95, 10).with_standard_max_record_count(50))
        .start()
        .await
        .unwrap();
    let fetched = fetch_from(service, Query::new(), FetchOptions::default())
        .await
        .unwrap();
    assert_all(&fetched, 95);
    assert_eq!(fetched.stats.requests, 2);
    for request in fetched.service.requests_of(RequestKind::Features) {
        assert_eq!(request.parameters().get("resultType"), Some("standard"));
    }
    let service = Testkit::builder()
        .layer(layer(95, 10).with_standard_max_record_count(50))
        .start()
        .await
        .unwrap();
    let options = FetchOptions::default().with_page_size(NonZeroU32::new(10).unwrap());
    let fetched = fetch_from(service, Query::new(), options).await.unwrap();
    assert_all(&fetched, 95);
    for request in fetched.service.requests_of(RequestKind::Features) {
        assert_eq!(request.parameters().get("resultType"), None);
    }
}

#[tokio::test]
async fn without_geometry_the_limit_for_that_is_used() {
    let layer = layer(95, 10)
        .with_standard_max_record_count(20)
        .with_standard_max_record_count_no_geometry(60);
    for (query, pages) in [(Query::new().without_geometry(), 2), (Query::new(), 5)] {
        let service = Testkit::builder().layer(layer.clone()).start().await.unwrap();
        let fetched = fetch_from(service, query, FetchOptions::default()).await.unwrap();
        assert_eq!((fetched.rows.len(), fetched.stats.requests), (95, pages));
    }
}

#[tokio::test]
async fn the_factor_raises_the_limit_of_light_rows() {
    let service = Testkit::builder()
        .layer(layer(95, 10).with_max_record_count_factor(3))
        .start()
        .await
        .unwrap();
    let fetched = fetch_from(service, Query::new(), FetchOptions::default())
        .await
        .unwrap();
    assert_all(&fetched, 95);
    assert_eq!(fetched.stats.requests, 4);
    for request in fetched.service.requests_of(RequestKind::Features) {
        assert_eq!(request.parameters().get("maxRecordCountFactor"), Some("3"));
    }
    let heavy = polygons(95, 10).with_max_record_count_factor(3);
    let fetched = fetch(heavy, vec![]).await.unwrap();
    assert_eq!(fetched.stats.requests, 10);
    for request in fetched.service.requests_of(RequestKind::Features) {
        assert_eq!(request.parameters().get("maxRecordCountFactor"), None);
    }
}

#[tokio::test]
async fn a_page_that_the_server_cannot_make_is_asked_for_in_parts() {
    for failure in [Failure::Status(500), Failure::Status(504), Failure::Status(413), Failure::Body] {
        for strategy in [
            Strategy::Offset,
            Strategy::IdRanges,
            Strategy::IdLists,
            Strategy::KeySet,
        ] {
            let layer = layer(95, 20).with_quirk(Quirk::TooManyRows(6, failure));
            let fetched = by(layer, strategy, vec![])
                .await
                .unwrap_or_else(|error| panic!("{failure:?} {strategy}: {error}"));
            assert_all(&fetched, 95);
        }
        let unlisted = layer(95, 20)
            .without(Ability::Ids)
            .with_quirk(Quirk::TooManyRows(6, failure));
        assert_all(&fetch(unlisted, vec![]).await.unwrap(), 95);
    }
}
