// What a plan says before anything is fetched. Included beside `cases.rs`.

async fn planned(layer: arcgis_testkit::Layer, query: Query, options: FetchOptions) -> (arcgis_layer::Plan, Testkit) {
    let service = Testkit::builder().layer(layer).start().await.unwrap();
    let layer = open(&service).await;
    let query = query.resolve(layer.info()).unwrap();
    let options = options.with_format(FORMAT);
    (layer.plan(&query, &options).await.unwrap(), service)
}

#[tokio::test]
async fn a_plan_explains_itself_before_anything_is_fetched() {
    let (plan, service) = planned(
        layer(95, 10),
        Query::new().with_where("OBJECTID > 30").with_limit(60),
        FetchOptions::default().with_page_size(NonZeroU32::new(8).unwrap()),
    )
    .await;
    assert!(service.requests_of(RequestKind::Features).is_empty());
    let summary = serde_json::to_value(plan.summary()).unwrap();
    let json = FORMAT == arcgis_layer::FormatChoice::Json;
    for (name, value) in [
        ("layer", serde_json::json!("t")),
        ("source", service.layer_url("t").into()),
        ("where", "OBJECTID > 30".into()),
        ("matching", 85.into()),
        ("rows", 60.into()),
        ("strategy", "offset".into()),
        ("reason", "the layer supports pagination".into()),
        ("page_size", 8.into()),
        ("page_size_reason", "as asked for".into()),
        ("format", if json { "json" } else { "pbf" }.into()),
        ("pages", 8.into()),
        ("concurrency", 4.into()),
        ("proof", "object-ids".into()),
        ("fingerprint", format!("{:016x}", plan.fingerprint()).into()),
    ] {
        assert_eq!(summary[name], value, "{name}");
    }
    // The pages, the count and the ids at the end, and whether there were edits.
    let requests = summary["expected_requests"].as_u64().unwrap();
    assert_eq!(requests, 8 + 2 + 1);
    assert!(summary["expected_seconds"].as_f64().is_some());
    let text = plan.to_string();
    for line in [
        "Rows         60 of 85 that match\n",
        "Strategy     pages by offset: the layer supports pagination\n",
        "Page size    8 rows (as asked for)\n",
        "Pages        8, 4 at once\n",
        "Requests     about 11 more, ",
        "Proof        every object id, once\n",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
}

/// Many rows, 8,000 of which come at once.
fn light() -> arcgis_testkit::Layer {
    let rows = arcgis_testkit::Generated::new(20_000, |id| {
        Row::new().with("NAME", format!("row {id}")).at(Geometry::point((1.0, 1.5)))
    });
    arcgis_testkit::Layer::new("t", GeometryType::Point)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_generated_rows(rows)
        .with_max_record_count(1000)
        .with_standard_max_record_count(8_000)
}

#[tokio::test]
async fn time_is_that_of_requests_and_of_what_they_carry() {
    let seconds = async |layer: arcgis_testkit::Layer| {
        let (plan, _) = planned(layer, Query::new(), FetchOptions::default()).await;
        plan.summary().expected_seconds.unwrap()
    };
    let points = seconds(light()).await;
    let heavy = light().with_field(Field::new("TEXT", FieldType::String).with_length(500));
    let heavy = (0..200).fold(heavy, |layer, n| {
        layer.with_field(Field::new(format!("TEXT{n}"), FieldType::String).with_length(500))
    });
    let heavy = seconds(heavy).await;
    // 20,000 rows with 200 texts more are some 130 MB in JSON, where a megabyte a second comes on each of four ways.
    assert!(heavy > 5.0 && points < heavy / 4.0, "{points} s, and {heavy} s");
}

#[tokio::test]
async fn as_many_requests_are_sent_as_planned() {
    // Of the fields that tell of edits, none is asked for.
    let tracked = 3;
    let cases = [
        (layer(95, 10), FetchOptions::default()),
        (layer(95, 10).without(Ability::Pagination), FetchOptions::default()),
        (layer(95, 10), FetchOptions::default().with_strategy(Strategy::IdLists)),
        (layer(95, 10).with_edit_tracking(), FetchOptions::default()),
        (layer(95, 10).with_archiving(), FetchOptions::default()),
        // The first pages are of 2,000 rows each, and those behind them as large as they may.
        (light(), FetchOptions::default()),
        (light(), FetchOptions::default().with_concurrency(NonZeroUsize::MIN)),
        (light(), FetchOptions::default().with_page_size(NonZeroU32::new(6000).unwrap())),
        (light().without(Ability::Pagination), FetchOptions::default()),
        (light(), FetchOptions::default().with_strategy(Strategy::IdLists)),
        (light(), FetchOptions::default().with_strategy(Strategy::KeySet)),
        (without_ids(95, 10), FetchOptions::default()),
        (without_ids(95, 10).with_null_metadata("editingInfo"), FetchOptions::default()),
    ];
    for (number, (layer, options)) in cases.into_iter().enumerate() {
        let query = match tracked == number {
            true => Query::new().with_fields(["OBJECTID", "NAME"]),
            false => Query::new(),
        };
        let (plan, service) = planned(layer, query, options).await;
        let expected = plan.summary().expected_requests;
        let before = service.requests().len();
        let opened = open(&service).await;
        let asked_to_open = service.requests().len() - before;
        let mut pages = opened.pages(plan, Rows);
        while pages.next().await.unwrap().is_some() {}
        let sent = service.requests().len() - before - asked_to_open;
        assert_eq!(sent as u64, expected, "case {number}");
    }
}

#[tokio::test]
async fn a_fingerprint_is_that_of_the_rows_and_of_what_is_asked() {
    let of = async |rows: i64, query: Query| planned(layer(rows, 10), query, FetchOptions::default()).await;
    let (plan, service) = of(25, Query::new()).await;
    let same = open(&service).await;
    let options = FetchOptions::default().with_format(FORMAT);
    let again = same
        .plan(&Query::new().resolve(same.info()).unwrap(), &options)
        .await
        .unwrap();
    assert_eq!(plan.fingerprint(), again.fingerprint());
    let other = same
        .plan(
            &Query::new().with_where("OBJECTID > 0").resolve(same.info()).unwrap(),
            &options,
        )
        .await
        .unwrap();
    assert_ne!(plan.fingerprint(), other.fingerprint());
    assert!(service.layer("t").unwrap().insert(row(1000)).is_ok());
    let more = same
        .plan(&Query::new().resolve(same.info()).unwrap(), &options)
        .await
        .unwrap();
    assert_ne!(plan.fingerprint(), more.fingerprint());
}

#[tokio::test]
async fn very_many_ids_are_listed_in_ranges() {
    let many = || {
        let rows = arcgis_testkit::Generated::new(600_000, |id| {
            Row::new().with("NAME", format!("row {id}")).at(Geometry::point((1.0, 1.5)))
        })
        .with_ids(|place| 9_007_199_254_740_993 + 3 * place as i64);
        arcgis_testkit::Layer::new("t", GeometryType::Point)
            .with_field(Field::new("OBJECTID", FieldType::Oid))
            .with_field(Field::new("NAME", FieldType::String))
            .with_generated_rows(rows)
    };
    for layer in [many(), many().without(Ability::Statistics)] {
        let service = Testkit::builder().layer(layer).start().await.unwrap();
        let layer = open(&service).await;
        let query = Query::new().resolve(layer.info()).unwrap();
        let ids = layer.object_ids(&query).await.unwrap();
        assert_eq!(ids.len(), 600_000);
        assert_eq!(ids.min(), Some(9_007_199_254_740_993));
        assert_eq!(ids.max(), Some(9_007_199_254_740_993 + 3 * 599_999));
        let asked = service.requests_of(RequestKind::Ids);
        assert!((6..30).contains(&asked.len()), "{} lists", asked.len());
        assert!(asked.iter().all(|request| {
            request.parameters().get("where").unwrap_or_default().contains(">=")
        }));
    }
}
