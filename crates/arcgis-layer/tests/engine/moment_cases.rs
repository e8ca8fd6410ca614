// What changes on the server meanwhile. Included beside `cases.rs`.

fn edits(number: u64) -> Vec<Fault> {
    let edit = |edit: Edit| FaultKind::Edit {
        layer: "t".into(),
        edit,
    };
    vec![
        Fault::on_query(number, edit(Edit::Delete(120))),
        Fault::on_query(number, edit(Edit::Insert(row(7)))),
        Fault::on_query(
            number,
            edit(Edit::Update(
                90,
                Row::new()
                    .with("NAME", "edited")
                    .at(Geometry::point((0.9, 1.5))),
            )),
        ),
    ]
}

async fn edited_meanwhile(
    layer: arcgis_testkit::Layer,
    options: FetchOptions,
) -> Result<Fetched, Error> {
    let mut builder = Testkit::builder().layer(layer);
    for fault in edits(2) {
        builder = builder.fault(fault);
    }
    let options = options.with_concurrency(NonZeroUsize::MIN);
    // The moment of the snapshot is in whole seconds: what was there when the layer was made lies before it.
    let service = builder.start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    fetch_from(service, Query::new().with_fields(["OBJECTID", "NAME"]), options).await
}

#[tokio::test]
async fn a_layer_with_history_is_seen_as_of_one_moment() {
    let fetched = edited_meanwhile(layer(40, 10).with_archiving(), FetchOptions::default())
        .await
        .unwrap();
    assert_all(&fetched, 40);
    let requests = fetched.service.requests_of(RequestKind::Features);
    let moment = requests[0].parameters().get("historicMoment").unwrap();
    assert!(moment.parse::<i64>().unwrap() > 1_600_000_000_000);
    for request in &requests {
        assert_eq!(request.parameters().get("historicMoment"), Some(moment));
    }
    // At the start, those of now too: they have to be among those as of the moment. At the end, and behind the last.
    let lists = fetched.service.requests_of(RequestKind::Ids);
    let of: Vec<_> = lists.iter().map(|list| list.parameters().get("historicMoment")).collect();
    assert_eq!(of, [Some(moment), None, Some(moment), Some(moment)]);
    // Without it, what changed shows.
    let fetched = edited_meanwhile(
        layer(40, 10).with_archiving(),
        FetchOptions::default().with_snapshot(false),
    )
    .await
    .unwrap();
    assert_eq!(fetched.rows.len(), 39);
    assert_eq!(fetched.completion.drift.deleted.iter().collect::<Vec<_>>(), [120]);
    for request in fetched.service.requests_of(RequestKind::Features) {
        assert_eq!(request.parameters().get("historicMoment"), None);
    }
}

#[tokio::test]
async fn rows_that_were_edited_meanwhile_are_named() {
    let fetched = edited_meanwhile(layer(40, 10).with_edit_tracking(), FetchOptions::default())
        .await
        .unwrap();
    let drift = &fetched.completion.drift;
    assert_eq!(drift.deleted.iter().collect::<Vec<_>>(), [120]);
    assert_eq!(drift.inserted.iter().collect::<Vec<_>>(), [7]);
    assert_eq!(drift.updated.iter().collect::<Vec<_>>(), [90]);
    assert_eq!(drift.to_string(), "1 row added, 1 deleted, 1 row edited");
    // Each came once, in one of its states.
    let ninety: Vec<_> = fetched.rows.iter().filter(|row| row.0 == 90).collect();
    assert_eq!(ninety.len(), 1);
}

/// The service with one row more, which came before anything was asked.
async fn with_a_late_row(layer: arcgis_testkit::Layer) -> Testkit {
    let service = Testkit::builder().layer(layer).start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    service.layer("t").unwrap().insert(row(1000)).unwrap();
    service
}

fn moments_of(service: &Testkit) -> Vec<String> {
    let pages = service.requests_of(RequestKind::Features);
    let moments = pages.iter().filter_map(|page| page.parameters().get("historicMoment"));
    moments.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_row_of_the_same_second_is_there_as_of_the_moment() {
    // `Date` is in whole seconds, which as a rule is before the row came.
    let service = with_a_late_row(layer(40, 10).with_archiving()).await;
    let fetched = fetch_from(service, Query::new(), FetchOptions::default()).await.unwrap();
    assert_eq!((fetched.rows.len(), fetched.rows[40].0), (41, 1000));
    assert!(moments_of(&fetched.service).len() >= 4);
    // Also where nothing tells of the last edit: then the moment is a second later.
    let layer = layer(40, 10).with_archiving().with_null_metadata("editingInfo");
    let fetched = fetch_from(with_a_late_row(layer).await, Query::new(), FetchOptions::default());
    let fetched = fetched.await.unwrap();
    assert_eq!((fetched.rows.len(), fetched.rows[40].0), (41, 1000));
    assert!(moments_of(&fetched.service).len() >= 4);
}

#[tokio::test]
async fn a_moment_that_leaves_rows_out_is_left_alone() {
    let late = || layer(40, 10).with_archiving().with_quirk(Quirk::LateHistory(3600));
    for layer in [late(), late().without(Ability::Ids)] {
        let service = with_a_late_row(layer).await;
        let fetched = fetch_from(service, Query::new(), FetchOptions::default()).await.unwrap();
        assert_eq!((fetched.rows.len(), fetched.rows[40].0), (41, 1000));
        assert_eq!(moments_of(&fetched.service), Vec::<String>::new());
        assert!(fetched.completion.drift.is_none(), "{}", fetched.completion.drift);
    }
    // As many gone as come: the counts are the same.
    let service = with_a_late_row(late()).await;
    service.layer("t").unwrap().delete(60).unwrap();
    let shared = open(&service).await;
    let query = Query::new().resolve(shared.info()).unwrap();
    let plan = shared.plan(&query, &FetchOptions::default()).await.unwrap();
    assert_eq!((plan.rows(), plan.historic_moment()), (40, None));
    assert!(plan.reason().contains("lacks rows that are there"), "{}", plan.reason());
}

#[tokio::test]
async fn a_server_that_heeds_no_moment_is_seen_through() {
    // Before its archive began it has as many rows as now.
    let served = || layer(40, 10).with_archiving().with_quirk(Quirk::IgnoresHistoricMoment);
    let (plan, service) = planned(served(), Query::new(), FetchOptions::default()).await;
    assert_eq!(plan.historic_moment(), None);
    assert!(plan.reason().contains("does not heed moments"), "{}", plan.reason());
    let asked = service.requests_of(RequestKind::Count);
    let moments = asked.iter().filter_map(|count| count.parameters().get("historicMoment"));
    let began = open(&service).await.info().archive_start.unwrap();
    assert_eq!(moments.collect::<Vec<_>>(), [(began - 1).to_string()]);
    // Then rows that were edited meanwhile are looked for.
    let fetched = edited_meanwhile(served().with_edit_tracking(), FetchOptions::default()).await.unwrap();
    assert_eq!(fetched.completion.drift.updated.iter().collect::<Vec<_>>(), [90]);
    assert_eq!(moments_of(&fetched.service), Vec::<String>::new());
    // One that heeds them counts none.
    let (plan, _) = planned(layer(40, 10).with_archiving(), Query::new(), FetchOptions::default()).await;
    assert!(plan.historic_moment().is_some());
}
