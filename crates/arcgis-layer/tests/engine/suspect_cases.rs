// Servers that were suspected to get something past the engine. Included beside the other cases, whose layers it uses.

fn by_key(rows: i64) -> arcgis_testkit::Layer {
    arcgis_testkit::Layer::new("t", GeometryType::Point)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_max_record_count(10)
        .with_hashed_object_ids(["NAME"])
        .with_rows((1..=rows).map(|n| row(n + 100)))
}

#[tokio::test]
async fn a_rectangle_that_counts_none_is_not_believed_where_another_counts_too_few() {
    // 6, 5 and 3 rows in corners of their own, each counted as 3 fewer: 11 of 14 rows would agree with the count.
    let corner = |rows: std::ops::Range<i32>, x: f64, y: f64| {
        rows.map(move |n| {
            let at = (x + f64::from(n) / 1000.0, y);
            Row::new().with("N", n).with("NAME", format!("row {n}")).at(Geometry::point(at))
        })
    };
    let rows = corner(0..6, 0.0, 0.0)
        .chain(corner(6..11, 100.0, 0.0))
        .chain(corner(11..14, 100.0, 100.0));
    let layer = without_ids(0, 10)
        .with_rows(rows)
        .without(Ability::Pagination);
    let honest = fetch(layer.clone(), vec![]).await.unwrap();
    assert_eq!((honest.rows.len(), honest.strategy), (14, Strategy::Areas));
    let error = all_or_refused(layer.with_quirk(Quirk::WrongCount(-3)), 14).await.err().unwrap();
    assert!(error.to_string().contains("than the server counts"), "{error}");
}

fn edit(number: u64, edit: Edit) -> Fault {
    Fault::on_query(number, FaultKind::Edit { layer: "t".into(), edit })
}

#[tokio::test]
async fn as_many_rows_gone_as_come_are_seen_where_the_layer_says_that_it_was_edited() {
    // All rows behind the deleted one move by one place, and the count stays.
    let faults = || vec![edit(2, Edit::Delete(102)), edit(2, Edit::Insert(row(999)))];
    let serve = async |layer: arcgis_testkit::Layer, faults: Vec<Fault>| {
        let mut builder = Testkit::builder().layer(layer);
        for fault in faults {
            builder = builder.fault(fault);
        }
        let options = FetchOptions::default().with_concurrency(NonZeroUsize::MIN);
        let service = builder.start().await.unwrap();
        let query = Query::new().with_fields(["OBJECTID", "NAME"]);
        fetch_from(service, query, options).await
    };
    let layer = by_key(40).with_edit_tracking();
    let fetched = serve(layer.clone(), vec![]).await.unwrap();
    assert_eq!(fetched.completion.proof, Proof::FingerprintsAndCount);
    let error = serve(layer.clone(), faults()).await.err().unwrap();
    assert!(error.to_string().contains("rows moved from one page"), "{error}");
    // Behind the last page nothing moves: a second pass brings the same rows.
    let other = Row::new().at(Geometry::point((7.0, 7.0)));
    let fetched = serve(layer, vec![edit(4, Edit::Update(140, other))]).await.unwrap();
    assert_eq!(fetched.completion.proof, Proof::FingerprintsTwice);
    assert_eq!(fetched.rows.len(), 40);
}

#[tokio::test]
async fn as_many_rows_gone_as_come_are_seen_where_nothing_says_that_there_were_edits() {
    let silent = || by_key(40).with_null_metadata("editingInfo");
    let serve = async |layer: arcgis_testkit::Layer, at_once: usize, edits: Vec<Fault>| {
        let mut builder = Testkit::builder().layer(layer);
        for edit in edits {
            builder = builder.fault(edit);
        }
        let options = FetchOptions::default().with_concurrency(NonZeroUsize::new(at_once).unwrap());
        let query = Query::new().with_fields(["OBJECTID", "NAME"]);
        fetch_from(builder.start().await.unwrap(), query, options).await
    };
    // "row 102" is on the first page, so that another row is the last of the second one before and after.
    let swap = || vec![edit(2, Edit::Delete(102)), edit(2, Edit::Insert(row(999)))];
    let error = serve(silent(), 1, swap()).await.err().unwrap();
    assert!(error.to_string().contains("rows moved from one page"), "{error}");
    // Several at once may all come after it: then it is one state, and whole.
    if let Ok(fetched) = serve(silent(), 4, swap()).await {
        let names: std::collections::BTreeSet<&str> = fetched.rows.iter().map(|row| row.1.as_str()).collect();
        assert!(names.len() == 40 && names.contains("row 999") && !names.contains("row 102"), "{names:?}");
    }
    // The least of all comes, and the greatest goes: each moves by one place the other way, and one comes twice.
    let swap = vec![edit(3, Edit::Insert(row(1))), edit(3, Edit::Delete(140))];
    let error = serve(silent(), 1, swap).await.err().unwrap();
    assert!(matches!(&error, Error::Incomplete(_)), "{error}");
    // Nothing moves where nothing is edited, and pages begin with the last row of the one before.
    let fetched = serve(silent(), 1, vec![]).await.unwrap();
    assert_eq!((fetched.rows.len(), fetched.completion.proof), (40, Proof::FingerprintsAndCount));
    let expected = [(0, 10), (9, 10), (18, 10), (27, 10), (36, 4), (39, 10)];
    assert_eq!(offsets(&fetched.service), expected);
    // As it is where only one row comes at once, whatever is asked for.
    let fetched = serve(silent().with_quirk(Quirk::ActualCap(1)), 4, vec![]).await.unwrap();
    let names: std::collections::BTreeSet<_> = fetched.rows.iter().map(|row| &row.1).collect();
    assert_eq!((fetched.rows.len(), names.len()), (40, 40));
}

#[tokio::test]
async fn a_moment_that_is_offered_and_not_heeded_hides_no_edit() {
    let plain = Testkit::builder().layer(layer(40, 10).with_edit_tracking()).start().await.unwrap();
    let client = ArcGisClient::builder().build().unwrap();
    let url = format!("{}?f=json", plain.layer_url("t")).parse().unwrap();
    let request = arcgis_layer::arcgis_auth_core::Request::read(url);
    use arcgis_layer::arcgis_auth_core::Transport as _;
    let body = client.send(request).await.unwrap().into_ok().unwrap();
    let mut metadata: serde_json::Value = serde_json::from_slice(&body).unwrap();
    metadata["archivingInfo"]["supportsQueryWithHistoricMoment"] = true.into();
    let offers = FaultKind::Respond {
        status: 200,
        content_type: "application/json",
        body: metadata.to_string(),
    };
    plain.add_fault(Fault::on(RequestKind::Layer, 1, offers).always());
    for fault in edits(2) {
        plain.add_fault(fault);
    }
    let options = FetchOptions::default().with_concurrency(NonZeroUsize::MIN);
    // Moments are in whole seconds: what was there when the layer was made lies before.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let query = Query::new().with_fields(["OBJECTID", "NAME"]);
    let fetched = fetch_from(plain, query, options).await.unwrap();
    let pages = fetched.service.requests_of(RequestKind::Features);
    assert!(pages[0].parameters().get("historicMoment").is_some());
    let drift = &fetched.completion.drift;
    assert_eq!(drift.to_string(), "1 row added, 1 deleted, 1 row edited");
    assert_eq!(drift.updated.iter().collect::<Vec<_>>(), [90]);
}

#[tokio::test]
async fn edits_that_cannot_be_asked_for_are_told_of() {
    let refused = || {
        Fault::on_any(1, FaultKind::Status(500))
            .always()
            .when(|request| {
                let condition = request.parameters().get("where").unwrap_or_default();
                condition.contains("EditDate >=")
            })
    };
    let query = || Query::new().with_fields(["OBJECTID", "NAME"]);
    for edited in [true, false] {
        let mut builder = Testkit::builder()
            .layer(layer(40, 10).with_edit_tracking())
            .fault(refused());
        if edited {
            builder = builder.fault(edit(2, Edit::Update(90, Row::new().with("NAME", "edited"))));
        }
        let service = builder.start().await.unwrap();
        let fetched = fetch_from(service, query(), FetchOptions::default()).await.unwrap();
        let drift = &fetched.completion.drift;
        // That the layer was not edited at all says enough.
        assert_eq!((drift.edits_unknown, drift.is_none()), (edited, !edited), "{drift}");
    }
}

#[tokio::test]
async fn a_firewall_that_refuses_1_0_does_not_make_a_flag_honest() {
    let refused = Fault::on_any(1, FaultKind::Status(403))
        .always()
        .when(|request| {
            let condition = request.parameters().get("where").unwrap_or_default();
            condition.contains("1=0")
        });
    let layer = without_ids(8, 10)
        .without(Ability::Pagination)
        .with_quirk(Quirk::AlwaysExceeded);
    let fetched = fetch(layer, vec![refused]).await.unwrap();
    assert_eq!((fetched.rows.len(), fetched.strategy), (8, Strategy::Single));
    assert!(fetched.service.faults_fired()[0] > 0);
}

#[tokio::test]
async fn key_sets_name_a_row_that_cannot_be_served_and_go_on_behind_it() {
    for (bad, ability) in [
        (BadRow::Never, None),
        (BadRow::WithoutGeometry, None),
        (BadRow::Never, Some(Ability::Pagination)),
        (BadRow::Never, Some(Ability::Statistics)),
    ] {
        // Also the first and the last of all.
        for id in [3, 15, 36] {
            let mut layer = polygons(12, 4).with_quirk(Quirk::BadRow(id, bad));
            if let Some(ability) = ability {
                layer = layer.without(ability);
            }
            let error = by(layer.clone(), Strategy::KeySet, vec![]).await.err().unwrap();
            let Error::Incomplete(incomplete) = &error else {
                panic!("{bad:?} {id}: {error}");
            };
            assert_eq!(incomplete.missing.iter().collect::<Vec<_>>(), [id]);
            let service = Testkit::builder().layer(layer).start().await.unwrap();
            let options = FetchOptions::default()
                .with_strategy(Strategy::KeySet)
                .with_allow_skips(true);
            let fetched = fetch_from(service, Query::new(), options).await.unwrap();
            let ids: Vec<i64> = fetched.rows.iter().map(|row| row.0).collect();
            let expected: Vec<i64> = (1..=12).map(|n| n * 3).filter(|other| *other != id).collect();
            assert_eq!(ids, expected, "{bad:?} {id} {ability:?}");
            let skipped: Vec<i64> = fetched.completion.skipped.iter().map(|row| row.object_id).collect();
            assert_eq!(skipped, [id]);
        }
    }
}

#[tokio::test]
async fn key_sets_that_read_to_the_end_need_no_count() {
    let layer = layer(47, 10).with_quirk(Quirk::WrongCount(-3));
    let fetched = by(layer, Strategy::KeySet, vec![]).await.unwrap();
    assert_all(&fetched, 47);
    assert_eq!(fetched.completion.proof, Proof::EndReached);
    // Not where an order is kept within pages alone, and no flag tells.
    let layer = layer_in_disorder();
    let fetched = by(layer, Strategy::KeySet, vec![]).await.unwrap();
    assert_all(&fetched, 47);
}

fn layer_in_disorder() -> arcgis_testkit::Layer {
    layer(47, 10)
        .with_quirk(Quirk::IgnoresOrder(7))
        .with_quirk(Quirk::NeverExceeded)
        .with_quirk(Quirk::WrongCount(-3))
}

#[tokio::test]
async fn counts_of_rows_where_there_are_none_are_seen_through() {
    // All ids are listed, and none lies behind the last, where three rows are counted.
    let wrong = |layer: arcgis_testkit::Layer| layer.with_quirk(Quirk::WrongCount(3));
    let fetched = fetch(wrong(layer(47, 10).without(Ability::Pagination)), vec![]).await.unwrap();
    assert_all(&fetched, 47);
    assert_eq!(fetched.completion.proof, Proof::ObjectIds);
    assert_eq!(fetched.stats.doubts.count(Doubt::WrongCount), 1);
    // Where nothing is listed, all that is known is that the counts are wrong.
    let bare = layer(47, 10)
        .without(Ability::Ids)
        .without(Ability::Statistics)
        .without(Ability::OrderBy)
        .without(Ability::Pagination);
    for layer in [bare, without_ids(47, 10).without(Ability::Pagination)] {
        let error = fetch(wrong(layer), vec![]).await.err().unwrap();
        assert!(matches!(&error, Error::Incomplete(_)), "{error}");
        assert!(error.to_string().contains("of 50 rows"), "{error}");
    }
}

#[tokio::test]
async fn ids_that_come_some_at_a_time_and_in_no_order_are_listed_by_ranges() {
    for statistics in [true, false] {
        let mut layer = layer(47, 10)
            .with_max_unique_id_count(8)
            .with_quirk(Quirk::IgnoresOrder(11));
        if !statistics {
            layer = layer.without(Ability::Statistics);
        }
        let fetched = fetch(layer, vec![]).await.unwrap();
        assert_all(&fetched, 47);
        assert_eq!(fetched.completion.proof, Proof::ObjectIds);
        let lists = fetched.service.requests_of(RequestKind::Ids).len();
        assert!(lists < 400, "{lists} lists");
    }
    // In no order unless one is asked for: a small id that came late is among the last ones then.
    let fetched = fetch(
        layer(47, 10).with_max_unique_id_count(8),
        vec![edit(2, Edit::Insert(row(1)))],
    )
    .await
    .unwrap();
    assert_eq!(fetched.completion.drift.inserted.iter().collect::<Vec<_>>(), [1]);
    assert_eq!(fetched.rows.len(), 47);
}

#[tokio::test]
async fn rectangles_that_cannot_be_told_apart_end_after_some_requests() {
    // Seven polygons over every place, and six rows at once.
    let wide = |n: i64| {
        let x = n as f64;
        Row::new().with("OBJECTID", n).with("NAME", format!("row {n}")).at(Geometry::polygon([[
            (x, 0.0),
            (x, 7.0),
            (x + 7.0, 7.0),
            (x + 7.0, 0.0),
            (x, 0.0),
        ]]))
    };
    let layer = arcgis_testkit::Layer::new("t", GeometryType::Polygon)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_max_record_count(10)
        .with_rows((1..=30).map(wide))
        .with_quirk(Quirk::ActualCap(6));
    let service = Testkit::builder().layer(layer).start().await.unwrap();
    let asked = service.requests().len();
    let shared = open(&service).await;
    let query = Query::new().resolve(shared.info()).unwrap();
    let options = FetchOptions::default().with_format(FORMAT).with_strategy(Strategy::Areas);
    let ended = async {
        let plan = shared.plan(&query, &options).await?;
        let mut pages = shared.pages(plan, Rows);
        let mut rows = 0;
        while let Some(page) = pages.next().await? {
            rows += page.page.rows.len();
        }
        Ok::<_, Error>(rows)
    };
    match ended.await {
        Ok(rows) => assert_eq!(rows, 30),
        Err(error) => assert!(matches!(&error, Error::Incomplete(_)), "{error}"),
    }
    let requests = service.requests().len() - asked;
    assert!(requests < 3000, "{requests} requests");
}

#[tokio::test]
async fn a_rectangle_that_counts_none_is_missed_by_the_count_of_all() {
    // 40 rows along a line, ten at once: each count of a rectangle in turn says that nothing is there.
    let rows = (0..40).map(|n| {
        let at = (f64::from(n), f64::from(n % 7));
        Row::new().with("N", n).with("NAME", format!("row {n}")).at(Geometry::point(at))
    });
    let layer = without_ids(0, 10).with_rows(rows).without(Ability::Pagination);
    let mut refused = 0;
    for number in 1..=12 {
        let nothing = Fault::on(RequestKind::Count, number, FaultKind::CountOff(-1000))
            .when(|request| request.parameters().get("geometry").is_some());
        match fetch(layer.clone(), vec![nothing]).await {
            Ok(fetched) => assert_eq!(fetched.rows.len(), 40, "count {number}"),
            Err(Error::Incomplete(_)) => refused += 1,
            Err(error) => panic!("count {number}: {error}"),
        }
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn a_limit_without_lists_counts_or_order_is_refused() {
    let unlike = || {
        Fault::on(RequestKind::Count, 1, FaultKind::CountOff(1))
            .when(|request| request.parameters().get("where").unwrap_or_default().contains("OBJECTID"))
            .always()
    };
    let limited = async |layer: arcgis_testkit::Layer| {
        let service = Testkit::builder().layer(layer.without(Ability::Ids)).fault(unlike());
        let query = Query::new().with_limit(15);
        fetch_from(service.start().await.unwrap(), query, FetchOptions::default()).await
    };
    let ordered = limited(layer(40, 10)).await.unwrap();
    assert_eq!(ordered.strategy, Strategy::KeySet);
    let ids: Vec<i64> = ordered.rows.iter().map(|row| row.0).collect();
    assert_eq!(ids, (1..=15).map(|n| n * 3).collect::<Vec<_>>());
    let error = limited(layer(40, 10).with_quirk(Quirk::IgnoresOrder(7))).await.err().unwrap();
    assert!(matches!(error, Error::Incomplete(_)), "{error:?}");
    assert!(error.to_string().contains("the first ones are not to be told"), "{error}");
}
