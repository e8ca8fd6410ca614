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
    let kinds = [RequestKind::Features, RequestKind::Ids];
    for request in kinds.iter().flat_map(|kind| fetched.service.requests_of(*kind)) {
        assert_eq!(request.parameters().get("historicMoment"), Some(moment));
    }
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
