// Counts and lists that are wrong, and rows that shift. Included beside `cases.rs`.

fn incomplete(result: Result<Fetched, Error>) -> arcgis_layer::Incomplete {
    match result {
        Err(Error::Incomplete(incomplete)) => *incomplete,
        Err(other) => panic!("{other}"),
        Ok(fetched) => panic!("{} rows were accepted", fetched.rows.len()),
    }
}

#[tokio::test]
async fn counts_that_see_rows_where_none_are_end_in_missing_rows_and_not_in_requests_without_end() {
    for wrong in [3, -3] {
        let wrong = layer(47, 10)
            .without(Ability::Ids)
            .with_quirk(Quirk::WrongCount(wrong));
        let fetched = tokio::time::timeout(Duration::from_secs(60), fetch(wrong, vec![])).await;
        incomplete(fetched.unwrap());
    }
}

#[tokio::test]
async fn a_count_or_a_list_that_is_wrong_once_is_asked_for_again() {
    for off in [2, -2] {
        let fault = Fault::on(RequestKind::Count, 1, FaultKind::CountOff(off));
        let unlisted = layer(47, 10).without(Ability::Ids).without(Ability::Pagination);
        let fetched = fetch(unlisted, vec![fault]).await.unwrap();
        assert_all(&fetched, 47);
        assert_eq!(fetched.strategy, Strategy::IdRanges);
    }
    let fault = Fault::on(RequestKind::Ids, 1, FaultKind::LoseId(5));
    let fetched = fetch(layer(47, 10).without(Ability::Pagination), vec![fault])
        .await
        .unwrap();
    assert_all(&fetched, 47);
    assert_eq!(fetched.completion.proof, Proof::ObjectIds);
}

#[tokio::test]
async fn a_row_that_goes_while_pages_come_by_offset_shifts_another_out_of_sight() {
    // In the order of the names, "row 102" is on the first page, and "row 3" on the third.
    let without = async |id| {
        let edit = FaultKind::Edit {
            layer: "t".to_owned(),
            edit: Edit::Delete(id),
        };
        let service = Testkit::builder()
            .layer(layer(47, 10).with_hashed_object_ids(["NAME"]))
            .fault(Fault::on_query(2, edit))
            .start()
            .await
            .unwrap();
        let options = FetchOptions::default().with_concurrency(NonZeroUsize::MIN);
        fetch_from(service, Query::new(), options).await
    };
    let lacks = incomplete(without(102).await);
    assert!(lacks.to_string().contains("shifts the rows"), "{lacks}");
    let fetched = without(3).await.unwrap();
    assert_eq!(fetched.rows.len(), 46);
    assert_eq!(fetched.completion.drift.count_change, -1);
    assert_eq!(fetched.completion.proof, Proof::FingerprintsTwice);
}

#[tokio::test]
async fn a_count_of_nothing_is_not_believed() {
    let nothing = |layer: arcgis_testkit::Layer| layer.with_quirk(Quirk::WrongCount(-40));
    let fetched = fetch(nothing(layer(40, 10)), vec![]).await.unwrap();
    assert_all(&fetched, 40);
    assert_eq!(fetched.completion.proof, Proof::ObjectIds);
    for lacking in [
        layer(40, 10).without(Ability::Ids),
        layer(40, 10).without(Ability::Ids).without(Ability::Pagination),
        without_ids(40, 10),
        without_ids(40, 10).without(Ability::Pagination),
        layer(40, 10).with_hashed_object_ids(["NAME"]),
    ] {
        let lacks = incomplete(fetch(nothing(lacking), vec![]).await);
        assert!(lacks.to_string().contains("counts no rows and has some"), "{lacks}");
    }
    let by_keys = incomplete(by(nothing(layer(40, 10)), Strategy::KeySet, vec![]).await);
    assert!(by_keys.to_string().contains("counts no rows and has some"), "{by_keys}");
    // Once is none.
    let fault = Fault::on(RequestKind::Count, 1, FaultKind::CountOff(-40));
    let fetched = fetch(without_ids(40, 10), vec![fault]).await.unwrap();
    assert_eq!(fetched.rows.len(), 40);
}

#[tokio::test]
async fn counts_and_lists_that_end_together_hide_no_row() {
    let cut = |layer: arcgis_testkit::Layer| {
        layer
            .with_quirk(Quirk::WrongCount(-20))
            .with_quirk(Quirk::IdsCap(20))
            .with_quirk(Quirk::NeverExceeded)
    };
    for layer in [layer(40, 10), layer(40, 100).without(Ability::Pagination)] {
        let lacks = incomplete(fetch(cut(layer.clone()), vec![]).await);
        assert!(lacks.missing.contains(63), "{lacks}");
        assert!(lacks.to_string().contains("neither counts nor lists"), "{lacks}");
        // A row that came meanwhile, and that is listed then, is drift.
        let late = edit(2, Edit::Insert(row(1000)));
        let fetched = fetch(layer, vec![late]).await.unwrap();
        let inserted: Vec<i64> = fetched.completion.drift.inserted.iter().collect();
        assert_eq!((fetched.rows.len(), inserted.len()), (40, usize::from(fetched.strategy == Strategy::Offset)));
    }
}
