// Behaviours of other systems, by their numbers. Included beside `cases.rs`.

/// Offset and number of each request for a page, in the order of the offsets.
fn offsets(service: &Testkit) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = service
        .requests_of(RequestKind::Features)
        .iter()
        .map(|request| {
            let number = |name| request.parameters().get(name).unwrap().parse().unwrap();
            (number("resultOffset"), number("resultRecordCount"))
        })
        .collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn t30_offsets_and_numbers_cover_all_rows() {
    for (rows, cap, expected) in [
        (25, 10, vec![(0, 10), (10, 10), (20, 5)]),
        (20, 10, vec![(0, 10), (10, 10)]),
        (0, 10, vec![]),
        (3, 10, vec![(0, 3)]),
        (5, 2, vec![(0, 2), (2, 2), (4, 1)]),
    ] {
        let fetched = fetch(layer(rows, cap), vec![]).await.unwrap();
        assert_all(&fetched, rows);
        assert_eq!(offsets(&fetched.service), expected, "{rows} rows by {cap}");
    }
}

#[tokio::test]
async fn t32_two_object_ids_are_none_and_no_failure() {
    let two = layer(25, 10).with_metadata_patch(serde_json::json!({
        "objectIdField": null,
        "fields": [
            {"name": "OBJECTID", "type": "esriFieldTypeOID"}, {"name": "OTHER", "type": "esriFieldTypeOID"},
            {"name": "NAME", "type": "esriFieldTypeString"}
        ]
    }));
    let service = Testkit::builder().layer(two).start().await.unwrap();
    let query = Query::new().with_fields(["OBJECTID", "NAME"]);
    let fetched = fetch_from(service, query, FetchOptions::default())
        .await
        .unwrap();
    assert_eq!(fetched.rows.len(), 25);
    assert_eq!(fetched.completion.proof, Proof::FingerprintsAndCount);
    for request in fetched.service.requests_of(RequestKind::Features) {
        assert_eq!(request.parameters().get("orderByFields"), None);
    }
}

#[tokio::test]
async fn t35_a_limit_that_is_not_declared_is_a_thousand() {
    let undeclared = layer(2500, 2000).with_null_metadata("maxRecordCount");
    let fetched = fetch(undeclared, vec![]).await.unwrap();
    assert_all(&fetched, 2500);
    assert_eq!(
        offsets(&fetched.service),
        [(0, 1000), (1000, 1000), (2000, 500)]
    );
}

#[tokio::test]
async fn t39_order_is_kept_where_the_first_page_is_slow() {
    let slow = Fault::on_query(1, FaultKind::Delay(Duration::from_millis(400))).when(|request| {
        request.parameters().get("resultOffset") == Some("0")
    });
    let fetched = fetch(layer(50, 10), vec![slow]).await.unwrap();
    assert_all(&fetched, 50);
    assert_eq!(fetched.service.faults_fired(), [1]);
}

#[tokio::test]
async fn t39_what_is_dropped_early_asks_for_nothing_more() {
    let service = Testkit::builder()
        .layer(layer(500, 5))
        .latency(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    let layer = open(&service).await;
    let query = Query::new().resolve(layer.info()).unwrap();
    let options = FetchOptions::default()
        .with_format(FORMAT)
        .with_concurrency(NonZeroUsize::new(2).unwrap());
    let plan = layer.plan(&query, &options).await.unwrap();
    let mut pages = layer.pages(plan, Rows);
    pages.next().await.unwrap().unwrap();
    drop(pages);
    tokio::time::sleep(Duration::from_millis(150)).await;
    let asked = service.requests_of(RequestKind::Features).len();
    assert!(asked <= 5, "{asked}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(service.requests_of(RequestKind::Features).len(), asked);
}

#[tokio::test]
async fn t30_a_factor_is_believed_up_to_five() {
    let with = async |factor: serde_json::Value| {
        let patch = serde_json::json!({
            "maxRecordCountFactor": factor,
            "advancedQueryCapabilities": {"supportsMaxRecordCountFactor": true}
        });
        let (plan, _) = planned(layer(95, 10).with_metadata_patch(patch), Query::new(), FetchOptions::default()).await;
        plan.page_size()
    };
    for (factor, size) in [(2, 20), (3, 30), (5, 50), (7, 50), (1, 10)] {
        assert_eq!(with(factor.into()).await, size, "factor {factor}");
    }
    // What is no number of times says nothing: what servers that know factors take at least.
    for nonsense in [serde_json::json!(true), serde_json::json!("NaN"), 0.into(), (-1).into(), serde_json::Value::Null] {
        assert_eq!(with(nonsense.clone()).await, 50, "{nonsense}");
    }
    // Without the flag a number alone means nothing.
    let patch = serde_json::json!({"maxRecordCountFactor": 3});
    let (plan, _) = planned(layer(95, 10).with_metadata_patch(patch), Query::new(), FetchOptions::default()).await;
    assert_eq!(plan.page_size(), 10);
}

#[tokio::test]
async fn t39_a_page_that_is_no_object_is_an_error_of_its_own() {
    for body in ["[]", "[1, 2]", "7", "null", "\"features\"", "{\"features\": 3}", "{\"features\": [7]}"] {
        let page = FaultKind::Respond { status: 200, content_type: "application/json", body: body.to_owned() };
        let error = fetch(layer(40, 10), vec![Fault::on_query(2, page).always()]).await.err().unwrap();
        // Whose text is no JSON of an object is told before it is decoded.
        assert!(matches!(error, Error::Answer { .. } | Error::Service(_)), "{body}: {error:?}");
    }
    // Once is a mishap.
    let page = FaultKind::Respond { status: 200, content_type: "application/json", body: "[]".to_owned() };
    let fetched = fetch(layer(40, 10), vec![Fault::on_query(2, page)]).await.unwrap();
    assert_all(&fetched, 40);
}

#[tokio::test]
async fn t40_an_error_on_the_third_page_is_that_error() {
    let refused = FaultKind::ErrorBody {
        code: 400,
        message: "Unable to complete operation".to_owned(),
        details: vec!["no such layer".to_owned()],
    };
    let third = Fault::on_query(1, refused)
        .when(|request| request.parameters().get("resultOffset") == Some("20"))
        .always();
    let error = fetch(layer(40, 10), vec![third]).await.err().unwrap();
    let Error::Service(arcgis_layer::arcgis_auth_core::Error::Service(service)) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(service.code(), 400);
    assert!(error.to_string().contains("no such layer"), "{error}");
}
