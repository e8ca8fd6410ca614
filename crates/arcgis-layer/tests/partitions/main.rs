//! For any ids, any caps and any way of asking, the engine gives each row once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod server;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use arcgis_layer::arcgis_auth_core::Transport;
use arcgis_layer::{
    Checkpoint, Completion, Error, FeatureCollector, FetchOptions, FormatChoice, Layer,
    LayerAddress, LayerInfo, PageRecord, Progress, Proof, Query, Strategy as Way, Value,
};
use proptest::prelude::*;
use server::{Server, Serving};

fn open(server: &Arc<Server>) -> Layer {
    let info = LayerInfo::from_json(server.metadata().to_string().as_bytes()).unwrap();
    let address: LayerAddress = "http://host/arcgis/rest/services/t/FeatureServer/0"
        .parse()
        .unwrap();
    let transport: Arc<dyn Transport> = Arc::clone(server) as _;
    Layer::from_info(transport, address, info).unwrap()
}

/// A page as it is kept: position, record, the rows' names.
type Kept = (u64, String, Vec<String>);

struct Fetched {
    pages: Vec<Kept>,
    completion: Option<Completion>,
    checkpoint: Vec<u8>,
}

impl Fetched {
    fn names(&self) -> Vec<String> {
        self.pages.iter().flat_map(|page| page.2.clone()).collect()
    }
}

async fn fetch(
    layer: &Layer,
    query: &Query,
    options: &FetchOptions,
    most: usize,
    before: Option<&Fetched>,
) -> Result<Fetched, Error> {
    let query = query.resolve(layer.info())?;
    let plan = match before {
        None => layer.plan(&query, options).await?,
        Some(before) => layer.plan_of(
            &query,
            options,
            &Checkpoint::from_bytes(&before.checkpoint)?,
        )?,
    };
    let checkpoint = plan.checkpoint().to_bytes();
    let mut progress = Progress::new();
    for (position, record, _) in before.iter().flat_map(|before| &before.pages) {
        let record: PageRecord = serde_json::from_str(record).unwrap();
        progress.add(*position, &record)?;
    }
    let sink = FeatureCollector::new(Arc::clone(query.layout()));
    let mut pages = layer.pages_after(plan, sink, progress);
    let mut kept = Vec::new();
    while kept.len() < most {
        let Some(page) = pages.next().await? else {
            break;
        };
        let record = serde_json::to_string(&page.record).unwrap();
        let rows = page.page.into_features(&page.facts);
        let names = rows.iter().map(|row| match row.get("N") {
            Some(Value::Str(name)) => name.to_string(),
            other => panic!("{other:?}"),
        });
        kept.push((page.position, record, names.collect()));
    }
    Ok(Fetched {
        pages: kept,
        completion: pages.completion().cloned(),
        checkpoint,
    })
}

/// Ids close together, far apart, and at the ends of 64 bits.
fn ids() -> impl Strategy<Value = Vec<i64>> {
    let id = prop_oneof![
        4 => -20..60_i64,
        2 => 9_007_199_254_740_990..9_007_199_254_741_010_i64,
        1 => any::<i64>(),
        1 => Just(i64::MAX),
        1 => Just(i64::MIN),
    ];
    prop::collection::vec(id, 0..60)
}

fn serving() -> impl Strategy<Value = Serving> {
    let flags = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let caps = prop::collection::vec(1..12_usize, 1..5);
    (
        ids(),
        caps,
        1..15_u32,
        flags,
        prop::collection::vec(0..1000_u32, 60),
    )
        .prop_map(
            |(ids, caps, cap, (paginates, lists, statistics, orders, flags), xs)| {
                let place = |x: u32| (x % 7 > 0).then_some(f64::from(x));
                Serving {
                    rows: ids.into_iter().zip(xs.into_iter().map(place)).collect(),
                    caps,
                    cap,
                    paginates,
                    lists,
                    statistics,
                    orders,
                    flags,
                    has_ids: true,
                }
            },
        )
}

fn ways() -> impl Strategy<Value = Option<Way>> {
    prop::sample::select(vec![
        None,
        Some(Way::Offset),
        Some(Way::IdRanges),
        Some(Way::IdLists),
        Some(Way::KeySet),
        Some(Way::Areas),
    ])
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn expected(rows: &BTreeMap<i64, Option<f64>>, limit: Option<u64>) -> Vec<String> {
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    rows.keys()
        .take(limit)
        .map(|id| format!("row {id}"))
        .collect()
}

/// What a fetch cannot do without, or a reason why it cannot be whole.
fn may_fail(serving: &Serving, way: Option<Way>) -> bool {
    match way {
        // Without a list of ids nothing corrects the pages of a server that keeps no order.
        Some(Way::Offset) => !serving.paginates || (!serving.lists && !serving.orders),
        Some(Way::IdLists) => !serving.lists,
        // More rows at one place, or without geometry, than the server gives at once.
        Some(Way::Areas) => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_id_comes_once(
        serving in serving(),
        way in ways(),
        page_size in prop::option::of(1..20_u32),
        limit in prop::option::of(0..70_u64),
        concurrency in 1..5_usize,
        cut in 0..20_usize,
    ) {
        let mut options = FetchOptions::default()
            .with_format(FormatChoice::Json)
            .with_concurrency(NonZeroUsize::new(concurrency).unwrap());
        options.page_size = page_size.and_then(NonZeroU32::new);
        options.strategy = way;
        let mut query = Query::new();
        // Which rows are the first, only an order tells.
        let limit = limit.filter(|_| way != Some(Way::Offset) || serving.lists || serving.orders);
        if let Some(limit) = limit {
            query = query.with_limit(limit);
        }
        let expected = expected(&serving.rows, limit);
        let server = Server::new(serving.clone());
        let layer = open(&server);
        block_on(async {
            let whole = match fetch(&layer, &query, &options, usize::MAX, None).await {
                Ok(whole) => whole,
                Err(_) if may_fail(&serving, way) => return Ok(()),
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            };
            let sorted = |names: &[String]| {
                let mut names = names.to_vec();
                names.sort();
                names
            };
            let names = whole.names();
            // Nothing but the server orders rows that are not known by id.
            let any_order = way == Some(Way::Areas)
                || (way == Some(Way::Offset) && !serving.lists && !serving.orders);
            if any_order {
                prop_assert_eq!(sorted(&names), sorted(&expected));
            } else {
                prop_assert_eq!(&names, &expected);
            }
            prop_assert_eq!(whole.completion.as_ref().unwrap().rows, expected.len() as u64);
            // The same in two runs, the second of which goes on behind any page of the first.
            let first = fetch(&layer, &query, &options, cut, None).await;
            let Ok(mut first) = first else {
                // Where a place has more rows than come at once, how many come is the server's whim.
                prop_assert!(may_fail(&serving, way));
                return Ok(());
            };
            let rest = match fetch(&layer, &query, &options, usize::MAX, Some(&first)).await {
                Ok(rest) => rest,
                Err(_) if may_fail(&serving, way) => return Ok(()),
                Err(error) => return Err(TestCaseError::fail(format!("behind {cut}: {error}"))),
            };
            first.pages.extend(rest.pages);
            prop_assert_eq!(sorted(&first.names()), sorted(&names));
            if !any_order {
                prop_assert_eq!(first.names(), names);
            }
            Ok(())
        })?;
    }

    #[test]
    fn rows_without_ids_come_once(serving in serving(), cut in 0..10_usize) {
        let serving = Serving { has_ids: false, orders: true, paginates: true, ..serving };
        let expected = expected(&serving.rows, None);
        let layer = open(&Server::new(serving));
        block_on(async {
            let options = FetchOptions::default().with_format(FormatChoice::Json);
            let query = Query::new();
            let whole = fetch(&layer, &query, &options, usize::MAX, None).await.unwrap();
            prop_assert_eq!(whole.names(), expected);
            prop_assert_eq!(whole.completion.as_ref().unwrap().proof, Proof::FingerprintsAndCount);
            let mut first = fetch(&layer, &query, &options, cut, None).await.unwrap();
            let rest = fetch(&layer, &query, &options, usize::MAX, Some(&first)).await.unwrap();
            first.pages.extend(rest.pages);
            prop_assert_eq!(first.names(), whole.names());
            Ok(())
        })?;
    }
}

#[test]
fn rows_without_geometry_are_swept_up() {
    let rows = (0..40).map(|id| (id, (id % 4 > 0).then_some(id as f64 * 20.0)));
    let serving = Serving {
        rows: rows.collect(),
        caps: vec![10],
        cap: 10,
        flags: true,
        orders: true,
        ..Serving::default()
    };
    let server = Server::new(serving);
    let layer = open(&server);
    let options = FetchOptions::default();
    let whole = block_on(fetch(&layer, &Query::new(), &options, usize::MAX, None)).unwrap();
    let mut names = whole.names();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 40);
    assert_eq!(whole.completion.unwrap().rows, 40);
    let asked = server.asked.lock().unwrap();
    assert!(
        asked
            .iter()
            .any(|condition| condition.contains("SHAPE IS NULL"))
    );
}
