// How often a server is asked, and for how much. Included beside `cases.rs`, whose servers and sinks it uses.

#[tokio::test]
async fn a_size_that_worked_is_kept_for_the_pages_that_follow() {
    // More than six rows are too much, and each such request costs a timeout or an error.
    let too_big = Fault::on_query(
        1,
        FaultKind::ErrorBody {
            code: 400,
            message: "Unable to complete operation.".into(),
            details: vec!["Error performing query operation".into()],
        },
    )
    .always()
    .when(|request| {
        let count = request.parameters().get("resultRecordCount");
        count.is_some_and(|count| count.parse::<u64>().unwrap() > 6)
    });
    let service = Testkit::builder()
        .layer(layer(640, 64))
        .fault(too_big)
        .start()
        .await
        .unwrap();
    let options = FetchOptions::default().with_concurrency(NonZeroUsize::MIN);
    let fetched = fetch_from(service, Query::new(), options).await.unwrap();
    assert_all(&fetched, 640);
    // 64, 32, 16 and 8 fail once; then 8 is tried after 4, 8, 16, 32, 64 good answers of 4 rows.
    assert!(
        (4..=10).contains(&fetched.stats.halved),
        "{:?}",
        fetched.stats
    );
}

#[tokio::test]
async fn a_server_that_answers_with_other_rows_is_not_asked_for_ever() {
    // Whatever is asked for, the same ten rows come.
    let mut features = String::new();
    for id in 1..=10 {
        let comma = if id == 1 { "" } else { "," };
        features += &format!(
            r#"{comma}{{"attributes":{{"OBJECTID":{id},"NAME":"x"}},"geometry":{{"x":1,"y":1}}}}"#
        );
    }
    let body = format!(r#"{{"spatialReference":{{"wkid":4326}},"features":[{features}]}}"#);
    let other = FaultKind::Respond {
        status: 200,
        content_type: "application/json",
        body,
    };
    let service = Testkit::builder()
        .layer(layer(1000, 1000))
        .fault(Fault::on_query(1, other).always())
        .start()
        .await
        .unwrap();
    let layer = open(&service).await;
    let query = Query::new().resolve(layer.info()).unwrap();
    let options = FetchOptions::default().with_format(FORMAT);
    let plan = layer.plan(&query, &options).await.unwrap();
    let mut pages = layer.pages(plan, Rows);
    let first = pages.next().await.unwrap().unwrap();
    // 3, 6 and 9 are wanted.
    assert_eq!(first.facts.ids, [3, 6, 9]);
    assert!(matches!(pages.next().await, Err(Error::Incomplete(_))));
    assert!(pages.stats().requests < 60, "{:?}", pages.stats());
}

#[tokio::test]
async fn many_rows_that_went_cost_few_requests() {
    // Every second row goes while the first page is asked for.
    let mut builder = Testkit::builder().layer(layer(400, 400).without(Ability::Pagination));
    for n in 1..=200 {
        builder = builder.fault(Fault::on_query(
            1,
            FaultKind::Edit {
                layer: "t".into(),
                edit: Edit::Delete(n * 6),
            },
        ));
    }
    let service = builder.start().await.unwrap();
    let fetched = fetch_from(service, Query::new(), FetchOptions::default())
        .await
        .unwrap();
    assert_eq!(fetched.rows.len(), 200);
    assert_eq!(fetched.completion.drift.deleted.len(), 200);
    assert!(fetched.stats.requests < 8, "{:?}", fetched.stats);
}

#[tokio::test]
async fn halving_does_not_give_second_chances_at_each_size() {
    let always = |kind: FaultKind| Fault::on_query(1, kind).always();
    // Broken answers of whatever size: three requests for 64 rows, one for each smaller size, three for one row.
    let service = Testkit::builder()
        .layer(layer(64, 64))
        .fault(always(FaultKind::CutShort))
        .start()
        .await
        .unwrap();
    let layer = open(&service).await;
    let query = Query::new().resolve(layer.info()).unwrap();
    let options = FetchOptions::default().with_format(FORMAT);
    let plan = layer.plan(&query, &options).await.unwrap();
    let mut pages = layer.pages(plan, Rows);
    assert!(matches!(pages.next().await, Err(Error::Answer { .. })));
    // And what PBF costs until it is not tried any more, and five rows that are asked for its grid.
    let pbf = u64::from(FORMAT != arcgis_layer::FormatChoice::Json) * (3 + 5);
    assert_eq!(pages.stats().requests, 3 + 5 + 3 + pbf);
}

#[tokio::test]
async fn documents_get_second_chances_too() {
    let kinds = [RequestKind::Layer, RequestKind::Count, RequestKind::Ids];
    for kind in kinds {
        for times in [2, 3] {
            let service = Testkit::builder()
                .layer(layer(25, 10))
                .fault(Fault::on(kind, 1, FaultKind::CutShort).times(times))
                .start()
                .await
                .unwrap();
            let client = ArcGisClient::builder().retries(0).build().unwrap();
            let address = LayerAddress::parse(&service.layer_url("t")).unwrap();
            let result = async {
                let layer = Layer::open(Arc::new(client), address).await?;
                let query = Query::new().resolve(layer.info())?;
                layer.object_ids(&query).await
            };
            match (times, result.await) {
                (2, Ok(ids)) => assert_eq!(ids.len(), 25),
                (3, Err(Error::Answer { .. })) => {}
                (_, other) => panic!("{kind:?} {times}: {other:?}"),
            }
            assert_eq!(service.faults_fired(), [times]);
        }
    }
}

#[tokio::test]
async fn ids_are_listed_in_ranges_where_all_at_once_are_too_many() {
    // The list of more than 40 ids (of a span of 120) breaks down.
    let span = |clause: &str| -> i64 {
        let number = |mark: &str| {
            let rest = clause.split(mark).nth(1)?;
            rest.trim()
                .split(|c: char| !c.is_ascii_digit())
                .next()?
                .parse::<i64>()
                .ok()
        };
        match (number(">="), number("<=")) {
            (Some(from), Some(to)) => to - from,
            _ => i64::MAX,
        }
    };
    let kinds = [
        FaultKind::ErrorBody {
            code: 500,
            message: "Error performing query operation".into(),
            details: vec![],
        },
        FaultKind::Stall,
        FaultKind::Truncate,
    ];
    for kind in kinds {
        let fault = Fault::on(RequestKind::Ids, 1, kind.clone())
            .always()
            .when(move |request| span(request.parameters().get("where").unwrap()) > 120);
        let service = Testkit::builder()
            .layer(layer(500, 100))
            .fault(fault)
            .start()
            .await
            .unwrap();
        let client = ArcGisClient::builder()
            .retries(0)
            .timeout(Duration::from_millis(300))
            .build()
            .unwrap();
        let address = LayerAddress::parse(&service.layer_url("t")).unwrap();
        let layer = Layer::open(Arc::new(client), address).await.unwrap();
        let query = Query::new().resolve(layer.info()).unwrap();
        let ids = layer.object_ids(&query).await.unwrap();
        let expected: Vec<i64> = (1..=500).map(|n| n * 3).collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), expected, "{kind:?}");
        let first = service.requests_of(RequestKind::Ids).len();
        assert!(first < 40, "{first} requests");
        // It is remembered: nobody waits for all at once again.
        let before = service.faults_fired()[0];
        layer.object_ids(&query).await.unwrap();
        let all: Vec<_> = service.requests_of(RequestKind::Ids);
        assert!(
            all[first..]
                .iter()
                .all(|request| { request.parameters().get("where").unwrap().contains(">=") })
        );
        assert!(service.faults_fired()[0] > before);
    }
}

#[tokio::test]
async fn coordinates_without_a_reference_will_do_only_where_it_cannot_be_another() {
    let body = r#"{"features":[{"attributes":{"OBJECTID":3,"NAME":"row 3"},"geometry":{"x":0.03,"y":1.5}}]}"#;
    for (out_sr, right) in [(None, true), (Some(4326), true), (Some(3857), false)] {
        let bare = FaultKind::Respond {
            status: 200,
            content_type: "application/json",
            body: body.to_owned(),
        };
        let service = Testkit::builder()
            .layer(layer(1, 10))
            .fault(Fault::on_query(1, bare).always())
            .start()
            .await
            .unwrap();
        let mut query = Query::new();
        if let Some(wkid) = out_sr {
            query = query.with_out_sr(arcgis_layer::SpatialReference::from_wkid(wkid));
        }
        match fetch_from(service, query, FetchOptions::default()).await {
            Ok(fetched) if right => assert_all(&fetched, 1),
            Err(error @ Error::SpatialReference { got: None, .. }) if !right => assert_eq!(
                error.to_string(),
                "coordinates were asked for in 3857 and came in one that the answer does not name"
            ),
            other => panic!("{out_sr:?}: {:?}", other.err()),
        }
    }
}
