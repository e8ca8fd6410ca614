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

#[tokio::test]
async fn as_many_requests_are_sent_as_planned() {
    for (layer, options) in [
        (layer(95, 10), FetchOptions::default()),
        (layer(95, 10).without(Ability::Pagination), FetchOptions::default()),
        (layer(95, 10), FetchOptions::default().with_strategy(Strategy::IdLists)),
        (without_ids(95, 10), FetchOptions::default()),
        (without_ids(95, 10).with_null_metadata("editingInfo"), FetchOptions::default()),
    ] {
        let (plan, service) = planned(layer, Query::new(), options).await;
        let expected = plan.summary().expected_requests;
        let before = service.requests().len();
        let opened = open(&service).await;
        let asked_to_open = service.requests().len() - before;
        let mut pages = opened.pages(plan, Rows);
        while pages.next().await.unwrap().is_some() {}
        let sent = service.requests().len() - before - asked_to_open;
        assert_eq!(sent as u64, expected);
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
