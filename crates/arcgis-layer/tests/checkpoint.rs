//! A fetch that goes on in another process: the same rows in the same pages, and the same proof.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::num::NonZeroU32;
use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_layer::{
    Checkpoint, CheckpointError, Completion, Error, FeatureCollector, FetchOptions, FormatChoice,
    Layer, LayerAddress, LayerInfo, PageRecord, Progress, Query,
};
use arcgis_testkit::{
    Ability, Edit, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, RequestKind, Row,
    Testkit,
};

fn served(rows: i64) -> arcgis_testkit::Layer {
    arcgis_testkit::Layer::new("t", GeometryType::Point)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_max_record_count(10)
        .with_rows((1..=rows).map(|n| {
            Row::new()
                .with("OBJECTID", n * 3)
                .with("NAME", format!("row {n}"))
                .at(Geometry::point((n as f64 / 100.0, 1.5)))
        }))
}

async fn open(service: &Testkit) -> Layer {
    let client = ArcGisClient::builder().retries(0).build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("t")).unwrap();
    Layer::open(Arc::new(client), address).await.unwrap()
}

/// A page as a spool keeps it: its position, what the engine wants to be told of it, and its rows.
type Kept = (u64, String, Vec<String>);

async fn fetch(
    layer: &Layer,
    checkpoint: Option<&[u8]>,
    kept: &[Kept],
    most: usize,
) -> Result<(Vec<u8>, Vec<Kept>, Option<Completion>), Error> {
    let query = Query::new().resolve(layer.info())?;
    let options = FetchOptions::default();
    let plan = match checkpoint {
        None => layer.plan(&query, &options).await?,
        Some(bytes) => layer.plan_of(&query, &options, &Checkpoint::from_bytes(bytes)?)?,
    };
    let bytes = plan.checkpoint().to_bytes();
    let mut progress = Progress::new();
    for (position, record, _) in kept {
        let record: PageRecord = serde_json::from_str(record).unwrap();
        progress.add(*position, &record)?;
    }
    let sink = FeatureCollector::new(Arc::clone(query.layout()));
    let mut pages = layer.pages_after(plan, sink, progress);
    let mut came = Vec::new();
    while came.len() < most {
        let Some(page) = pages.next().await? else {
            break;
        };
        let record = serde_json::to_string(&page.record).unwrap();
        let rows = page.page.into_features(&page.facts);
        let rows = rows.iter().map(|row| format!("{row:?}")).collect();
        came.push((page.position, record, rows));
    }
    Ok((bytes, came, pages.completion().cloned()))
}

/// The requests for rows, once those that a dropped fetch left on the wire have come.
async fn settled(service: &Testkit) -> usize {
    let mut known = service.requests_of(RequestKind::Features).len();
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let now = service.requests_of(RequestKind::Features).len();
        if now == known && service.in_flight() == 0 {
            return now;
        }
        known = now;
    }
}

#[tokio::test]
async fn a_fetch_goes_on_behind_any_page() {
    for layer in [
        served(45),
        served(45).without(Ability::Pagination),
        served(45).without_object_ids(),
    ] {
        let service = Testkit::builder().layer(layer).start().await.unwrap();
        let layer = open(&service).await;
        let (bytes, whole, completion) = fetch(&layer, None, &[], usize::MAX).await.unwrap();
        assert_eq!(whole.len(), 5);
        for cut in 0..=5 {
            let (_, first, _) = fetch(&layer, Some(&bytes), &[], cut).await.unwrap();
            assert_eq!(first, whole[..cut]);
            let before = settled(&service).await;
            let again = open(&service).await;
            let (same, rest, then) = fetch(&again, Some(&bytes), &first, usize::MAX)
                .await
                .unwrap();
            assert_eq!(same, bytes);
            assert_eq!(rest, whole[cut..], "behind {cut} pages");
            assert_eq!(then, completion);
            // What is safe is not fetched again; one more request asks for rows behind those that were counted.
            let asked = service.requests_of(RequestKind::Features).len() - before;
            assert!(
                asked == 5 - cut || asked == 6 - cut,
                "{asked} behind {cut} pages"
            );
        }
    }
}

#[tokio::test]
async fn what_happens_between_two_runs_is_drift() {
    let edit = |edit| FaultKind::Edit {
        layer: "t".into(),
        edit,
    };
    // At the fourth page, which only the second run asks for.
    let service = Testkit::builder()
        .layer(served(45))
        .fault(Fault::on_query(4, edit(Edit::Delete(6))))
        .fault(Fault::on_query(4, edit(Edit::Delete(135))))
        .start()
        .await
        .unwrap();
    let layer = open(&service).await;
    let query = Query::new().resolve(layer.info()).unwrap();
    let options = FetchOptions::default().with_concurrency(std::num::NonZeroUsize::MIN);
    let plan = layer.plan(&query, &options).await.unwrap();
    let bytes = plan.checkpoint().to_bytes();
    let mut pages = layer.pages(plan, FeatureCollector::new(Arc::clone(query.layout())));
    let mut kept = Vec::new();
    for _ in 0..2 {
        let page = pages.next().await.unwrap().unwrap();
        kept.push((
            page.position,
            serde_json::to_string(&page.record).unwrap(),
            vec![],
        ));
    }
    drop(pages);
    let (_, rest, completion) = fetch(&layer, Some(&bytes), &kept, usize::MAX)
        .await
        .unwrap();
    let rows: usize = rest.iter().map(|page| page.2.len()).sum();
    assert_eq!(rows, 24);
    let completion = completion.unwrap();
    assert_eq!(completion.rows, 44);
    assert_eq!(
        completion.drift.deleted.iter().collect::<Vec<_>>(),
        [6, 135]
    );
}

#[tokio::test]
async fn what_is_not_the_same_is_named() {
    let service = Testkit::builder().layer(served(25)).start().await.unwrap();
    let layer = open(&service).await;
    let (bytes, ..) = fetch(&layer, None, &[], 0).await.unwrap();
    let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
    let differs = |query: Query, options: FetchOptions| {
        let query = query.resolve(layer.info()).unwrap();
        match layer.plan_of(&query, &options, &checkpoint) {
            Err(Error::Checkpoint(CheckpointError::Differs { what, was, is })) => (what, was, is),
            other => panic!("{other:?}"),
        }
    };
    let plain = FetchOptions::default;
    let text = |(what, was, is): (&str, &str, &str)| (what.into(), was.into(), is.into());
    assert_eq!(
        differs(Query::new().with_where("NAME = 'x'"), plain()),
        text(("where", "1=1", "NAME = 'x'"))
    );
    assert_eq!(
        differs(Query::new().with_limit(3), plain()),
        text(("limit", "none", "3"))
    );
    assert_eq!(
        differs(Query::new(), plain().with_format(FormatChoice::Json)),
        text(("format", "auto", "json"))
    );
    assert_eq!(
        differs(Query::new().without_geometry(), plain()).0,
        "returnGeometry"
    );
    // The page size is the checkpoint's: where pages end decides nothing.
    let query = Query::new().resolve(layer.info()).unwrap();
    let options = plain().with_page_size(NonZeroU32::new(3).unwrap());
    let plan = layer.plan_of(&query, &options, &checkpoint).unwrap();
    assert_eq!(plan.page_size(), 10);
    assert_eq!(plan.fingerprint(), checkpoint.fingerprint());

    // The layer's columns have changed since.
    let changed = LayerInfo::from_json(
        br#"{"id": 0, "name": "t", "type": "Feature Layer", "geometryType": "esriGeometryPoint",
            "objectIdField": "OBJECTID", "spatialReference": {"wkid": 4326}, "fields": [
                {"name": "OBJECTID", "type": "esriFieldTypeOID"}, {"name": "NAME", "type": "esriFieldTypeInteger"}
            ]}"#,
    )
    .unwrap();
    let transport = Arc::clone(layer.transport());
    let changed = Layer::from_info(transport, layer.address().clone(), changed).unwrap();
    let query = Query::new().resolve(changed.info()).unwrap();
    let error = changed.plan_of(&query, &plain(), &checkpoint).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the checkpoint is of another column: NAME String then, NAME Integer now"
    );
}

#[tokio::test]
async fn a_torn_checkpoint_is_none() {
    let service = Testkit::builder().layer(served(25)).start().await.unwrap();
    let layer = open(&service).await;
    let (bytes, ..) = fetch(&layer, None, &[], 0).await.unwrap();
    for length in 0..bytes.len() {
        let torn = Checkpoint::from_bytes(&bytes[..length]);
        assert!(
            matches!(torn, Err(CheckpointError::Unreadable { .. })),
            "{length}"
        );
    }
    for place in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[place] ^= 0x10;
        assert!(Checkpoint::from_bytes(&wrong).is_err(), "byte {place}");
    }
    let record: PageRecord = serde_json::from_str(r#"{"next":4,"rows":1}"#).unwrap();
    assert!(record.is_whole());
    let mut progress = Progress::new();
    progress.add(3, &record).unwrap();
    assert_eq!((progress.next_position(), progress.rows()), (4, 1));
    assert_eq!(
        progress.add(3, &record),
        Err(CheckpointError::Order { position: 3 })
    );
    let record: PageRecord = serde_json::from_str(r#"{"next":5,"rows":0,"missing":[7]}"#).unwrap();
    assert!(!record.is_whole());
}
