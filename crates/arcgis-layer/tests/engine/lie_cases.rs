// Servers whose answers agree with each other and are wrong all the same. Included beside `cases.rs` and
// `proof_cases.rs`, whose layers it uses.

/// Fetches `rows` rows of an honest layer with these quirks: all of them, or an error that says that they are not all.
async fn all_or_refused(layer: arcgis_testkit::Layer, rows: usize) -> Result<Fetched, Error> {
    match fetch(layer, vec![]).await {
        Ok(fetched) => {
            let mut names: Vec<&String> = fetched.rows.iter().map(|row| &row.1).collect();
            names.sort();
            names.dedup();
            assert_eq!((names.len(), fetched.rows.len()), (rows, rows), "{:?}", fetched.completion);
            Ok(fetched)
        }
        Err(error) => {
            assert!(matches!(&error, Error::Incomplete(_)), "{error}");
            Err(error)
        }
    }
}

#[tokio::test]
async fn the_same_first_rows_over_and_over_are_no_proof_however_often_they_come() {
    // The true cap is below the size of the pages of either pass, so that both get the same answers.
    for cap in [1, 2, 3, 4] {
        let layer = without_ids(12, 10)
            .with_quirk(Quirk::ActualCap(cap))
            .with_quirk(Quirk::IgnoresOffset);
        all_or_refused(layer, 12).await.err().unwrap();
    }
}

#[tokio::test]
async fn equal_rows_on_several_pages_are_rows_of_their_own() {
    // Also where the true cap is below the size of the pages of either pass.
    for quirk in [None, Some(Quirk::ActualCap(3))] {
        let mut layer = without_ids(0, 10).with_rows((1..=25).map(|n| {
            Row::new()
                .with("N", n % 4)
                .with("NAME", "same")
                .at(Geometry::point((0.0, 0.0)))
        }));
        if let Some(quirk) = quirk {
            layer = layer.with_quirk(quirk);
        }
        let fetched = fetch(layer, vec![]).await.unwrap();
        assert_eq!(fetched.rows.len(), 25);
        assert_eq!(fetched.completion.proof, Proof::FingerprintsTwice);
    }
}

#[tokio::test]
async fn a_flag_that_says_more_outweighs_a_count_that_says_all() {
    // 13 rows, counted as 10, of which one answer holds 10 and says that there are more.
    for rows in [13, 47] {
        for layer in [
            layer(rows, 10).without(Ability::Ids),
            layer(rows, 10).without(Ability::Ids).without(Ability::Pagination),
            layer(rows, 10).without(Ability::Ids).without(Ability::OrderBy),
            layer(rows, 10)
                .without(Ability::Ids)
                .without(Ability::OrderBy)
                .without(Ability::Pagination)
                .with_quirk(Quirk::IgnoresOrder(7)),
            without_ids(rows as i32, 10).without(Ability::Pagination),
            without_ids(rows as i32, 10),
        ] {
            let layer = layer.with_quirk(Quirk::WrongCount(-3));
            // By offset, and behind the rows that were counted, the end shows itself; elsewhere only counts would tell.
            match all_or_refused(layer, rows as usize).await {
                Ok(fetched) => assert_eq!(fetched.completion.proof, Proof::EndReached),
                Err(error) => assert!(error.to_string().contains("than it counts") || error.to_string().contains("than the server counts"), "{error}"),
            }
        }
    }
}

#[tokio::test]
async fn a_count_and_a_list_that_end_early_together_are_no_proof() {
    // As of providers that count and list only what they load at once: 20 of 25.
    for cap in [10, 20] {
        let ids: Vec<i64> = (1..=20).map(|n| n * 3).collect();
        let list = format!(r#"{{"objectIdFieldName":"OBJECTID","objectIds":{ids:?}}}"#);
        let service = Testkit::builder()
            .layer(layer(25, cap))
            .fault(answer_to(1, "returnCountOnly", r#"{"count":20}"#).always())
            .fault(answer_to(1, "returnIdsOnly", &list).always())
            .start()
            .await
            .unwrap();
        let fetched = fetch_from(service, Query::new(), FetchOptions::default()).await;
        let error = fetched.map(|fetched| fetched.rows.len()).unwrap_err();
        assert!(matches!(&error, Error::Incomplete(_)), "{error}");
    }
}

#[tokio::test]
async fn a_flag_that_is_always_there_costs_no_rows_and_few_requests() {
    // One small request shows that it means nothing.
    for layer in [
        layer(40, 10),
        layer(40, 10).without(Ability::Ids),
        layer(40, 10).without(Ability::Ids).without(Ability::OrderBy),
        layer(40, 10).without(Ability::Ids).without(Ability::Pagination),
        layer(10, 10).without(Ability::Ids).without(Ability::Pagination),
        layer(10, 10).without(Ability::Pagination),
    ] {
        let honest = fetch(layer.clone(), vec![]).await.unwrap();
        let fetched = fetch(layer.with_quirk(Quirk::AlwaysExceeded), vec![])
            .await
            .unwrap();
        assert_all(&fetched, honest.rows.len() as i64);
        assert_eq!(fetched.completion.proof, honest.completion.proof);
        let requests = |fetched: &Fetched| fetched.service.requests_of(RequestKind::Features).len();
        assert!(requests(&fetched) <= requests(&honest) + 1);
    }
}
