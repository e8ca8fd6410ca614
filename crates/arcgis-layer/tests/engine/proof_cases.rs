// What must not pass for proof. Included beside `cases.rs`, whose servers and sinks it uses.

fn without_ids(rows: i32, cap: usize) -> arcgis_testkit::Layer {
    arcgis_testkit::Layer::new("t", GeometryType::Point)
        .with_field(Field::new("N", FieldType::Integer))
        .with_field(Field::new("NAME", FieldType::String))
        .with_rows((1..=rows).map(|n| {
            Row::new()
                .with("N", n)
                .with("NAME", format!("row {n}"))
                .at(Geometry::point((f64::from(n), 0.0)))
        }))
        .with_max_record_count(cap)
        .without_object_ids()
}

fn answer_to(number: u64, parameter: &'static str, body: &str) -> Fault {
    let answer = FaultKind::Respond {
        status: 200,
        content_type: "application/json",
        body: body.to_owned(),
    };
    Fault::on_any(number, answer)
        .when(move |request| request.parameters().get(parameter) == Some("true"))
}

#[tokio::test]
async fn an_answer_in_another_format_does_not_hide_a_repeated_page() {
    // The offset is ignored, so that all pages are the first one, and none can be read as PBF from the second on.
    let broken = FaultKind::Respond {
        status: 200,
        content_type: "application/x-protobuf",
        body: "\u{12}\u{7f}broken".to_owned(),
    };
    let broken = Fault::on_query(2, broken)
        .always()
        .when(|request| request.parameters().get("f") == Some("pbf"));
    let layer = without_ids(4, 2).with_quirk(Quirk::IgnoresOffset);
    let error = fetch(layer, vec![broken]).await.err().unwrap();
    assert!(matches!(&error, Error::Incomplete(_)), "{error}");
}

#[tokio::test]
async fn a_short_list_at_the_end_makes_no_lost_row_a_deleted_one() {
    // Row 21 is never served, and the last list of ids ends early, however often it is asked for.
    let lose = Fault::on_query(1, FaultKind::LoseRow(6));
    let hide = Fault::on_query(1, FaultKind::EmptyPage)
        .always()
        .when(|request| {
            let condition = request.parameters().get("where").unwrap_or_default();
            condition.contains("21")
        });
    let short = r#"{"objectIdFieldName":"OBJECTID","objectIds":[3,6,9]}"#;
    let service = Testkit::builder()
        .layer(layer(10, 10))
        .fault(lose)
        .fault(hide)
        .fault(answer_to(2, "returnIdsOnly", short).always())
        .start()
        .await
        .unwrap();
    let options = FetchOptions::default();
    let error = fetch_from(service, Query::new(), options)
        .await
        .err()
        .unwrap();
    assert!(matches!(&error, Error::Incomplete(_)), "{error}");
}

#[tokio::test]
async fn ids_that_are_new_in_each_answer_are_no_proof() {
    // The list names ids that no page has.
    let foreign = r#"{"objectIdFieldName":"OBJECTID","objectIds":[101,102,103,104,105]}"#;
    let service = Testkit::builder()
        .layer(layer(5, 10))
        .fault(answer_to(1, "returnIdsOnly", foreign))
        .start()
        .await
        .unwrap();
    let options = FetchOptions::default();
    let error = fetch_from(service, Query::new(), options)
        .await
        .err()
        .unwrap();
    assert!(matches!(&error, Error::Incomplete(_)), "{error}");
    assert!(error.to_string().contains("new ids"), "{error}");
}

#[tokio::test]
async fn hashed_ids_are_not_planned_by() {
    let hashed = layer(25, 10).with_metadata_patch(serde_json::json!({
        "uniqueIdInfo": {"type": "simple", "fields": ["NAME"], "OIDFieldContainsHashValue": true}
    }));
    let fetched = fetch(hashed, vec![]).await.unwrap();
    assert_eq!(fetched.rows.len(), 25);
    assert_eq!(fetched.completion.proof, Proof::FingerprintsAndCount);
    assert!(fetched.service.requests_of(RequestKind::Ids).is_empty());
    let pages = fetched.service.requests_of(RequestKind::Features);
    let ordered = pages
        .iter()
        .filter(|request| request.parameters().get("orderByFields") == Some("NAME"));
    // Three pages, and a look behind the last row.
    assert_eq!(ordered.count(), 4);
}

#[tokio::test]
async fn rows_behind_a_wrong_count_are_not_forgotten() {
    let count = answer_to(1, "returnCountOnly", r#"{"count":20}"#).always();
    let fetched = fetch(without_ids(25, 10), vec![count]).await.unwrap();
    assert_eq!(fetched.rows.len(), 25);
    assert_eq!(fetched.completion.proof, Proof::EndReached);
    assert_eq!(fetched.stats.doubts.count(Doubt::WrongCount), 1);
}

#[tokio::test]
async fn a_broken_answer_at_the_very_end_does_not_end_the_fetch() {
    let broken = Fault::on_query(1, FaultKind::CutShort)
        .when(|request| request.parameters().get("resultOffset") == Some("24"));
    let fetched = fetch(without_ids(25, 10), vec![broken]).await.unwrap();
    assert_eq!(fetched.service.faults_fired(), [1]);
    assert_eq!(fetched.rows.len(), 25);
}

#[tokio::test]
async fn a_plan_is_for_its_own_layer() {
    let service = Testkit::builder()
        .layer(layer(5, 10))
        .layer(without_ids(5, 10).with_name("other"))
        .start()
        .await
        .unwrap();
    let first = open(&service).await;
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("other")).unwrap();
    let other = Layer::open(Arc::new(client), address).await.unwrap();
    let query = Query::new().resolve(first.info()).unwrap();
    let plan = first.plan(&query, &FetchOptions::default()).await.unwrap();
    let refused = other.pages(plan, Rows).next().await;
    assert!(matches!(refused, Err(Error::Query(_))));
}
