// Each way of asking, alone and against servers that do not heed it. Included beside `cases.rs`.

async fn by(
    layer: arcgis_testkit::Layer,
    strategy: Strategy,
    faults: Vec<Fault>,
) -> Result<Fetched, Error> {
    let mut builder = Testkit::builder().layer(layer);
    for fault in faults {
        builder = builder.fault(fault);
    }
    let options = FetchOptions::default().with_strategy(strategy);
    fetch_from(builder.start().await.unwrap(), Query::new(), options).await
}

/// The names of all rows, which tell them apart, in order.
fn names(fetched: &Fetched) -> Vec<String> {
    let mut names: Vec<String> = fetched.rows.iter().map(|row| row.1.clone()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn ids_that_are_not_listed_are_counted_in_ranges() {
    for quirk in [
        None,
        Some(Quirk::ActualCap(7)),
        Some(Quirk::PageBytes(500)),
        Some(Quirk::IgnoresOrder(7)),
        Some(Quirk::NeverExceeded),
        Some(Quirk::AlwaysExceeded),
        Some(Quirk::IgnoresOffset),
        Some(Quirk::IgnoresRecordCount),
    ] {
        for pagination in [true, false] {
            let mut layer = layer(95, 10).without(Ability::Ids);
            if let Some(quirk) = quirk {
                layer = layer.with_quirk(quirk);
            }
            if !pagination {
                layer = layer.without(Ability::Pagination);
            }
            let fetched = fetch(layer, vec![]).await.unwrap();
            assert_all(&fetched, 95);
            assert_eq!(fetched.strategy, Strategy::IdRanges, "{quirk:?}");
            assert_eq!(fetched.stats.delivered.rows(Strategy::IdRanges), 95);
            assert_eq!(fetched.completion.proof, Proof::UniqueIdsAndCount);
        }
    }
}

#[tokio::test]
async fn ranges_are_found_without_statistics_and_over_all_of_64_bits() {
    let ids = [
        -7,
        0,
        3,
        2_147_483_649,
        9_007_199_254_740_993,
        9_007_199_254_740_995,
        4_611_686_018_427_387_905,
    ];
    let sparse = || {
        arcgis_testkit::Layer::new("t", GeometryType::Point)
            .with_field(Field::new("OBJECTID", FieldType::Oid))
            .with_field(Field::new("NAME", FieldType::String))
            .with_max_record_count(2)
            .with_rows(ids.into_iter().map(row))
            .without(Ability::Ids)
    };
    for layer in [sparse(), sparse().without(Ability::Statistics)] {
        let fetched = fetch(layer, vec![]).await.unwrap();
        let came: Vec<i64> = fetched.rows.iter().map(|row| row.0).collect();
        assert_eq!(came, ids);
        assert_eq!(fetched.strategy, Strategy::IdRanges);
        // 64 halvings lead to a row; a few rows are no thousands of requests.
        let counts = fetched.service.requests_of(RequestKind::Count).len();
        assert!(counts < 300, "{counts} counts");
    }
}

#[tokio::test]
async fn key_sets_go_on_behind_the_last_id() {
    for quirk in [
        None,
        Some(Quirk::ActualCap(7)),
        Some(Quirk::NeverExceeded),
        Some(Quirk::AlwaysExceeded),
        Some(Quirk::IgnoresOrder(7)),
        Some(Quirk::IgnoresRecordCount),
    ] {
        let mut layer = layer(95, 10);
        if let Some(quirk) = quirk {
            layer = layer.with_quirk(quirk);
        }
        let fetched = by(layer, Strategy::KeySet, vec![]).await.unwrap();
        assert_all(&fetched, 95);
        assert_eq!(fetched.completion.proof, Proof::UniqueIdsAndCount);
        let key_sets = fetched.stats.delivered.rows(Strategy::KeySet);
        assert_eq!(key_sets, 95, "{quirk:?}");
        assert_eq!(fetched.service.most_in_flight(), 1);
        for request in fetched.service.requests_of(RequestKind::Features) {
            assert_eq!(request.parameters().get("resultOffset"), None);
        }
    }
}

#[tokio::test]
async fn an_empty_page_does_not_end_a_key_set() {
    let fetched = by(
        layer(95, 10),
        Strategy::KeySet,
        vec![Fault::on_query(4, FaultKind::EmptyPage)],
    )
    .await
    .unwrap();
    assert_eq!(fetched.service.faults_fired(), [1]);
    assert_all(&fetched, 95);
}

#[tokio::test]
async fn lists_of_ids_are_posted() {
    let options = FetchOptions::default()
        .with_strategy(Strategy::IdLists)
        .with_page_size(NonZeroU32::new(600).unwrap());
    let service = Testkit::builder()
        .layer(layer(1200, 1000))
        .start()
        .await
        .unwrap();
    let fetched = fetch_from(service, Query::new(), options).await.unwrap();
    assert_all(&fetched, 1200);
    assert_eq!(fetched.stats.delivered.rows(Strategy::IdLists), 1200);
    assert_eq!(fetched.completion.proof, Proof::ObjectIds);
    let pages = fetched.service.requests_of(RequestKind::Features);
    // Two pages of 600, each in lists of at most 250.
    assert_eq!(pages.len(), 6);
    assert!(pages.iter().all(|request| {
        let condition = request.parameters().get("where").unwrap_or_default();
        condition.contains(" IN (") && condition.matches(',').count() < 250
    }));
}

#[tokio::test]
async fn rectangles_bring_each_row_once() {
    // Some lie at one place.
    let mut rows: Vec<Row> = (1..=60).map(row).collect();
    for id in 61..=68 {
        rows.push(
            Row::new()
                .with("OBJECTID", id)
                .with("NAME", format!("row {id}"))
                .at(Geometry::point((0.25, 1.5))),
        );
    }
    let layer = |cap: usize| {
        arcgis_testkit::Layer::new("t", GeometryType::Point)
            .with_field(Field::new("OBJECTID", FieldType::Oid))
            .with_field(Field::new("NAME", FieldType::String))
            .with_max_record_count(cap)
            .with_rows(rows.clone())
    };
    for quirk in [None, Some(Quirk::NeverExceeded), Some(Quirk::IgnoresOffset)] {
        let mut layer = layer(10);
        if let Some(quirk) = quirk {
            layer = layer.with_quirk(quirk);
        }
        let fetched = by(layer, Strategy::Areas, vec![]).await.unwrap();
        let mut ids: Vec<i64> = fetched.rows.iter().map(|row| row.0).collect();
        ids.sort_unstable();
        assert_eq!(ids, (1..=68).collect::<Vec<_>>());
        assert_eq!(fetched.strategy, Strategy::Areas);
        assert_eq!(fetched.completion.proof, Proof::UniqueIdsAndCount);
    }
    // More rows at one place than come in one answer, and nothing else to tell them apart by.
    let refused = by(layer(5), Strategy::Areas, vec![]).await.err().unwrap();
    assert!(matches!(&refused, Error::NotQueryable { .. }), "{refused}");
}

#[tokio::test]
async fn polygons_on_the_borders_of_rectangles_come_once() {
    let square = |id: i64| {
        let (x, y) = ((id % 9) as f64, (id / 9) as f64);
        Row::new().with("N", id).with("NAME", format!("row {id}")).at(Geometry::polygon([[
            (x, y),
            (x, y + 3.5),
            (x + 3.5, y + 3.5),
            (x + 3.5, y),
            (x, y),
        ]]))
    };
    let layer = || {
        arcgis_testkit::Layer::new("t", GeometryType::Polygon)
            .with_field(Field::new("N", FieldType::Integer))
            .with_field(Field::new("NAME", FieldType::String))
            .with_rows((0..81).map(square))
            .with_max_record_count(25)
    };
    for layer in [
        layer().without_object_ids().without(Ability::Pagination),
        // Two equal rows are two.
        layer().with_row(square(40)).without_object_ids().without(Ability::Pagination),
    ] {
        let rows = layer.rows().len();
        let fetched = fetch(layer, vec![]).await.unwrap();
        assert_eq!(fetched.strategy, Strategy::Areas);
        assert_eq!(fetched.rows.len(), rows);
        let mut names = names(&fetched);
        names.dedup();
        assert_eq!(names.len(), 81);
        assert_eq!(fetched.completion.proof, Proof::FingerprintsAndCount);
    }
}

#[tokio::test]
async fn rows_that_lie_everywhere_are_not_divided_for_ever() {
    let world = |id: i64| {
        Row::new()
            .with("OBJECTID", id)
            .with("NAME", format!("row {id}"))
            .at(Geometry::polygon([[
                (0.0, 0.0),
                (0.0, 9.0),
                (9.0, 9.0),
                (9.0, 0.0),
                (0.0, 0.0),
            ]]))
    };
    let layer = |cap: usize| {
        arcgis_testkit::Layer::new("t", GeometryType::Polygon)
            .with_field(Field::new("OBJECTID", FieldType::Oid))
            .with_field(Field::new("NAME", FieldType::String))
            .with_max_record_count(cap)
            .with_rows((1..=30).map(world))
    };
    let refused = by(layer(10), Strategy::Areas, vec![]).await.err().unwrap();
    assert!(matches!(&refused, Error::NotQueryable { .. }), "{refused}");
    // And where the cap is lower than advertised.
    let layer = layer(40).with_quirk(Quirk::ActualCap(10));
    let error = by(layer, Strategy::Areas, vec![]).await.err().unwrap();
    assert!(
        error.to_string().starts_with("10 of 30 rows arrived"),
        "{error}"
    );
}

#[tokio::test]
async fn a_limit_is_exact_whatever_the_strategy() {
    for strategy in [
        Strategy::Offset,
        Strategy::IdRanges,
        Strategy::IdLists,
        Strategy::KeySet,
    ] {
        for (limit, expected) in [(0, 0), (3, 3), (10, 10), (17, 17), (99, 25)] {
            for layer in [layer(25, 10), layer(25, 10).without(Ability::Ids)] {
                let service = Testkit::builder().layer(layer).start().await.unwrap();
                let options = FetchOptions::default().with_strategy(strategy);
                let query = Query::new().with_limit(limit);
                match fetch_from(service, query, options).await {
                    Ok(fetched) => assert_all(&fetched, expected),
                    Err(Error::NotQueryable { .. }) if strategy == Strategy::IdLists => {}
                    Err(error) => panic!("{strategy} {limit}: {error}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn what_a_layer_cannot_do_is_refused_before_anything_is_sent() {
    let service = Testkit::builder()
        .layer(layer(25, 10).without(Ability::Pagination).without(Ability::OrderBy))
        .start()
        .await
        .unwrap();
    let layer = open(&service).await;
    let query = Query::new().resolve(layer.info()).unwrap();
    let before = service.requests().len();
    for strategy in [Strategy::Offset, Strategy::KeySet] {
        let options = FetchOptions::default().with_strategy(strategy);
        let refused = layer.plan(&query, &options).await;
        assert!(matches!(refused, Err(Error::Query(_))), "{strategy}");
    }
    assert_eq!(service.requests().len(), before);
}

#[tokio::test]
async fn what_was_distrusted_is_told() {
    let told = async |quirk: Quirk| {
        let fetched = fetch(layer(95, 10).with_quirk(quirk), vec![]).await.unwrap();
        assert_all(&fetched, 95);
        let doubts: Vec<Doubt> = fetched.stats.doubts.iter().map(|(doubt, _)| doubt).collect();
        (doubts, fetched.stats.delivered)
    };
    let (doubts, delivered) = told(Quirk::IgnoresOffset).await;
    assert!(doubts.contains(&Doubt::IgnoredOffset), "{doubts:?}");
    assert_eq!(delivered.rows(Strategy::Offset), 10);
    assert_eq!(delivered.rows(Strategy::IdRanges), 85);
    let (doubts, _) = told(Quirk::IgnoresOrder(7)).await;
    assert!(doubts.contains(&Doubt::Unordered), "{doubts:?}");
    let (doubts, delivered) = told(Quirk::ActualCap(7)).await;
    assert_eq!(doubts, [Doubt::ShortPage]);
    assert_eq!(delivered.rows(Strategy::Offset), 95);
    let service = Testkit::builder()
        .layer(layer(95, 10).with_quirk(Quirk::IgnoresRecordCount))
        .start()
        .await
        .unwrap();
    let options = FetchOptions::default().with_page_size(NonZeroU32::new(4).unwrap());
    let fetched = fetch_from(service, Query::new(), options).await.unwrap();
    assert_all(&fetched, 95);
    assert!(fetched.stats.doubts.count(Doubt::MoreThanAsked) > 0);
    let (doubts, _) = told(Quirk::OverlappingPages(2)).await;
    assert!(doubts.contains(&Doubt::ForeignRows), "{doubts:?}");
    for (kind, doubt) in [
        (FaultKind::EmptyPage, Doubt::EmptyPage),
        (FaultKind::DoubleRow(3), Doubt::RepeatedRow),
        (FaultKind::LoseRow(3), Doubt::ShortPage),
    ] {
        let fetched = fetch(layer(95, 10), vec![Fault::on_query(3, kind)]).await.unwrap();
        assert_all(&fetched, 95);
        assert_eq!(fetched.stats.doubts.count(doubt), 1, "{doubt}");
    }
}

#[tokio::test]
async fn a_wrong_count_costs_no_row() {
    for off in [-30, -1, 1, 30] {
        let fetched = fetch(layer(95, 10).with_quirk(Quirk::WrongCount(off)), vec![])
            .await
            .unwrap_or_else(|error| panic!("{off}: {error}"));
        assert_all(&fetched, 95);
        assert_eq!(fetched.completion.proof, Proof::ObjectIds);
        if off > 0 {
            assert_eq!(fetched.stats.doubts.count(Doubt::WrongCount), 1);
        }
    }
    // Without ids nothing but the rows themselves stands against the count.
    let fetched = fetch(without_ids(95, 10).with_quirk(Quirk::WrongCount(-30)), vec![])
        .await
        .unwrap();
    assert_eq!(fetched.rows.len(), 95);
    assert_eq!(fetched.completion.proof, Proof::EndReached);
    let error = fetch(without_ids(95, 10).with_quirk(Quirk::WrongCount(30)), vec![])
        .await
        .err()
        .unwrap();
    assert!(
        error.to_string().starts_with("95 of 125 rows arrived"),
        "{error}"
    );
}

#[tokio::test]
async fn equal_rows_on_different_pages_are_told_from_pages_that_came_twice() {
    let equal = || {
        arcgis_testkit::Layer::new("t", GeometryType::Point)
            .with_field(Field::new("N", FieldType::Integer))
            .with_field(Field::new("NAME", FieldType::String))
            .with_rows((0..45).map(|n| {
                Row::new()
                    .with("N", n % 4)
                    .with("NAME", format!("row {}", n % 4))
                    .at(Geometry::point((1.0, 0.0)))
            }))
            .with_max_record_count(10)
            .without_object_ids()
    };
    let fetched = fetch(equal(), vec![]).await.unwrap();
    assert_eq!(fetched.rows.len(), 45);
    assert_eq!(fetched.completion.proof, Proof::FingerprintsTwice);
    let error = fetch(equal().with_quirk(Quirk::IgnoresOffset), vec![])
        .await
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("a second pass brought others"),
        "{error}"
    );
}

#[tokio::test]
async fn ids_that_are_capped_are_listed_to_the_end() {
    for layer in [
        layer(95, 10).with_max_unique_id_count(30),
        layer(95, 10).with_quirk(Quirk::IdsCap(30)),
    ] {
        let fetched = fetch(layer, vec![]).await.unwrap();
        assert_all(&fetched, 95);
        assert_eq!(fetched.completion.proof, Proof::ObjectIds);
    }
}

#[tokio::test]
async fn unique_fields_order_the_pages_of_hashed_ids() {
    let hashed = layer(25, 10).with_hashed_object_ids(["NAME"]);
    let fetched = fetch(hashed, vec![]).await.unwrap();
    let expected: Vec<String> = {
        let mut all: Vec<String> = (1..=25).map(|n| format!("row {}", n * 3)).collect();
        all.sort();
        all
    };
    assert_eq!(names(&fetched), expected);
    assert_eq!(fetched.completion.proof, Proof::FingerprintsAndCount);
}

#[tokio::test]
async fn a_filter_by_a_large_polygon_is_asked_by_lists_of_ids() {
    // A circle around x = 0.5 of radius 0.4, finer than fits into one request.
    let positions: Vec<String> = (0..=20_000)
        .map(|step| {
            let angle = f64::from(step % 20_000) / 20_000.0 * std::f64::consts::TAU;
            format!("[{},{}]", 0.5 + 0.4 * angle.cos(), 1.5 + 0.4 * angle.sin())
        })
        .collect();
    let circle = format!(
        r#"{{"type":"Polygon","coordinates":[[{}]]}}"#,
        positions.join(",")
    );
    let service = Testkit::builder().layer(layer(95, 10)).start().await.unwrap();
    let filter = arcgis_layer::SpatialFilter::from_geojson(&circle).unwrap();
    let query = Query::new().with_spatial_filter(filter);
    let fetched = fetch_from(service, query, FetchOptions::default())
        .await
        .unwrap();
    let ids: Vec<i64> = fetched.rows.iter().map(|row| row.0).collect();
    let inside: Vec<i64> = (1..=95).map(|n| n * 3).filter(|id| (10..=90).contains(id)).collect();
    assert_eq!(ids, inside);
    assert_eq!(fetched.strategy, Strategy::IdLists);
    assert_eq!(fetched.completion.proof, Proof::ObjectIds);
}
