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
