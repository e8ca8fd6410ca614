// Rows that are edited while they are fetched, and come again as they are at the end. Included beside `cases.rs`.

/// What came of a fetch whose caller drops rows that others take the place of.
struct Newest {
    /// Rows in the order in which they came, `None` for those that were dropped.
    rows: Vec<Option<(i64, String, f64)>>,
    completion: Option<Completion>,
    /// Each page as a spool keeps it.
    kept: Vec<(u64, String)>,
}

impl Newest {
    /// The rows that are left, by their ids.
    fn by_id(&self) -> BTreeMap<i64, (String, f64)> {
        let left = self.rows.iter().flatten();
        let rows: BTreeMap<_, _> = left.clone().map(|(id, name, x)| (*id, (name.clone(), *x))).collect();
        assert_eq!(rows.len(), left.count(), "a row is there twice");
        rows
    }

    fn drift(&self) -> &arcgis_layer::Drift {
        &self.completion.as_ref().unwrap().drift
    }
}

/// Goes on behind what was kept, for at most so many pages.
async fn newest(
    layer: &Layer,
    plan: arcgis_layer::Plan,
    before: Newest,
    most: usize,
) -> Result<Newest, Error> {
    let mut now = before;
    let mut progress = arcgis_layer::Progress::new();
    for (position, record) in &now.kept {
        progress.add(*position, &serde_json::from_str(record).unwrap())?;
    }
    let different = now.rows.iter().flatten().count() as u64;
    assert_eq!(progress.rows(), different);
    let mut pages = layer.pages_after(plan, Rows, progress).with_edited_rows_again();
    for _ in 0..most {
        let Some(page) = pages.next().await? else {
            now.completion = pages.completion().cloned();
            break;
        };
        for number in page.replaces.iter() {
            let old = now.rows[usize::try_from(number).unwrap()].take();
            let old = old.expect("it was dropped before");
            assert!(page.facts.ids.contains(&old.0), "{old:?} is no row of {:?}", page.facts.ids);
        }
        if !page.replaces.is_empty() {
            assert_eq!(page.replaces.len(), page.facts.ids.len() as u64);
        }
        now.rows.extend(page.page.rows.into_iter().map(Some));
        now.kept.push((page.position, serde_json::to_string(&page.record).unwrap()));
    }
    Ok(now)
}

fn nothing() -> Newest {
    Newest { rows: Vec::new(), completion: None, kept: Vec::new() }
}

fn one_by_one() -> FetchOptions {
    FetchOptions::default().with_concurrency(NonZeroUsize::MIN).with_format(FORMAT)
}

async fn plan_of(layer: &Layer, query: Query, options: &FetchOptions) -> arcgis_layer::Plan {
    let query = query.with_fields(["OBJECTID", "NAME"]).resolve(layer.info()).unwrap();
    layer.plan(&query, options).await.unwrap()
}

async fn whole(service: &Testkit, query: Query, options: &FetchOptions) -> Newest {
    let layer = open(service).await;
    let plan = plan_of(&layer, query, options).await;
    newest(&layer, plan, nothing(), usize::MAX).await.unwrap()
}

fn change(name: &str, x: f64) -> Row {
    Row::new().with("NAME", name).at(Geometry::point((x, 1.5)))
}

fn at_page(number: u64, edit: Edit) -> Fault {
    let layer = "t".to_owned();
    Fault::on_query(number, FaultKind::Edit { layer, edit })
}

async fn tracked(layer: arcgis_testkit::Layer, faults: impl IntoIterator<Item = Fault>) -> Testkit {
    let mut builder = Testkit::builder().layer(layer.with_edit_tracking());
    for fault in faults {
        builder = builder.fault(fault);
    }
    let service = builder.start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    service
}

/// What row `id` is without any edit.
fn as_made(id: i64) -> (String, f64) {
    (format!("row {id}"), id as f64 / 100.0)
}

fn is_near(row: &(String, f64), wanted: &(String, f64)) -> bool {
    // PBF rounds to 1e-9 degrees.
    row.0 == wanted.0 && (row.1 - wanted.1).abs() < 1e-8
}

/// Asserts that the rows 3, 6, … `3 * rows` are there once, edited as said, but for those that are gone.
fn assert_newest(newest: &Newest, rows: i64, edited: &[(i64, &str, f64)], gone: &[i64]) {
    let mut wanted: BTreeMap<i64, (String, f64)> =
        (1..=rows).map(|n| n * 3).filter(|id| !gone.contains(id)).map(|id| (id, as_made(id))).collect();
    for (id, name, x) in edited {
        wanted.insert(*id, ((*name).to_owned(), *x));
    }
    let got = newest.by_id();
    assert_eq!(got.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (id, row) in &got {
        assert!(is_near(row, &wanted[id]), "{id}: {row:?}, not {:?}", wanted[id]);
    }
    let completion = newest.completion.as_ref().unwrap();
    assert_eq!(completion.rows, wanted.len() as u64);
}

#[tokio::test]
async fn edited_rows_come_again_as_they_are_at_the_end() {
    for served in [
        layer(40, 10),
        layer(40, 10).without(Ability::Pagination),
        layer(40, 10).with_quirk(Quirk::IgnoresOrder(5)),
        layer(40, 10).with_quirk(Quirk::ActualCap(7)),
    ] {
        // Of pages before and behind the one that is asked for; and rows that come and go beside them.
        let service = tracked(
            served,
            [
                at_page(3, Edit::Update(9, change("first page", 7.5))),
                at_page(3, Edit::Update(30, change("first page too", -3.25))),
                at_page(3, Edit::Delete(117)),
                at_page(3, Edit::Insert(row(7))),
                at_page(3, Edit::Update(120, change("last page", 8.25))),
            ],
        )
        .await;
        let got = whole(&service, Query::new(), &one_by_one()).await;
        let edited =
            [(9, "first page", 7.5), (30, "first page too", -3.25), (120, "last page", 8.25)];
        assert_newest(&got, 40, &edited, &[117]);
        let completion = got.completion.as_ref().unwrap();
        assert_eq!(completion.refetched, 3);
        assert_eq!(completion.drift.to_string(), "1 row added, 1 deleted");
    }
}

#[tokio::test]
async fn nothing_more_is_asked_where_no_row_was_edited() {
    let service = tracked(layer(40, 10), []).await;
    let layer = open(&service).await;
    let plan = plan_of(&layer, Query::new(), &one_by_one()).await;
    assert!(plan.names_edited_rows());
    let mut pages = layer.pages(plan, Rows);
    while pages.next().await.unwrap().is_some() {}
    let asked = service.requests().len();
    service.clear_requests();
    whole(&service, Query::new(), &one_by_one()).await;
    assert_eq!(service.requests().len(), asked);
}

#[tokio::test]
async fn rows_that_are_edited_again_and_again_are_named_in_the_end() {
    // Each request for rows from the third on edits row 30; the row's edit date tells it from what came.
    let forever = at_page(3, Edit::Update(30, change("once more", 7.5))).always();
    let service = tracked(layer(40, 10), [forever, at_page(4, Edit::Update(60, change("once", 6.5)))]).await;
    let got = whole(&service, Query::new(), &one_by_one()).await;
    assert_newest(&got, 40, &[(30, "once more", 7.5), (60, "once", 6.5)], &[]);
    assert_eq!(got.drift().updated.iter().collect::<Vec<_>>(), [30]);
    assert_eq!(got.completion.as_ref().unwrap().refetched, 1);
    let lists = service.requests_of(RequestKind::Features);
    assert!(lists.len() < 20, "{} requests", lists.len());
}

#[tokio::test]
async fn rows_of_a_later_edit_come_once_more() {
    // The fifth request is for the dates, the sixth for the row: it is edited behind that.
    let service = tracked(
        layer(40, 10),
        [
            at_page(3, Edit::Update(30, change("one", 1.0))),
            at_page(7, Edit::Update(30, change("two", 2.0))),
            at_page(7, Edit::Update(33, change("three", 3.0))),
        ],
    )
    .await;
    let got = whole(&service, Query::new(), &one_by_one()).await;
    assert_newest(&got, 40, &[(30, "two", 2.0), (33, "three", 3.0)], &[]);
    assert!(got.drift().is_none(), "{}", got.drift());
    // The row of 30 that came second was replaced too.
    assert_eq!(got.rows.len(), 43);
}

#[tokio::test]
async fn only_rows_that_are_wanted_come_again() {
    let service = tracked(
        layer(40, 10),
        [
            at_page(2, Edit::Update(30, change("edited", 7.5))),
            // Behind the limit, no row of the query any more, and none before.
            at_page(2, Edit::Update(90, change("edited", 7.5))),
            at_page(2, Edit::Update(33, Row::new().with("NAME", "hidden"))),
        ],
    )
    .await;
    let query = Query::new().with_where("NAME <> 'hidden'").with_limit(25);
    let got = whole(&service, query, &one_by_one()).await;
    assert_eq!(got.completion.as_ref().unwrap().refetched, 1);
    assert!(got.drift().updated.is_empty(), "{}", got.drift());
    let rows = got.by_id();
    assert!(rows.keys().all(|id| *id <= 75), "{rows:?}");
    assert!(is_near(&rows[&30], &("edited".to_owned(), 7.5)), "{rows:?}");
    assert!(!rows.contains_key(&33) && got.drift().deleted.contains(33));
}

#[tokio::test]
async fn rows_that_do_not_come_again_are_named() {
    // Dates, then the rows: they cannot be had, each as it is.
    let broken = FaultKind::Respond { status: 500, content_type: "text/html", body: "no".to_owned() };
    let service = tracked(
        layer(40, 10),
        [
            at_page(3, Edit::Update(30, change("edited", 7.5))),
            Fault::on_query(6, broken).always(),
        ],
    )
    .await;
    let got = whole(&service, Query::new(), &one_by_one()).await;
    assert_newest(&got, 40, &[], &[]);
    let completion = got.completion.as_ref().unwrap();
    assert_eq!(completion.refetched, 0);
    // The dates of the second look cannot be had either: what the list of ids tells is named.
    assert_eq!(completion.drift.updated.iter().collect::<Vec<_>>(), [30], "{}", completion.drift);
}

#[tokio::test]
async fn a_fetch_goes_on_behind_any_page_with_rows_that_came_again() {
    let served = || async {
        let edits = [
            at_page(3, Edit::Update(9, change("one", 1.0))),
            at_page(3, Edit::Update(90, change("two", 2.0))),
            at_page(3, Edit::Delete(117)),
            at_page(9, Edit::Update(9, change("three", 3.0))),
        ];
        tracked(layer(40, 10), edits).await
    };
    let mut pages = usize::MAX;
    let mut cut = 0;
    while cut <= pages {
        let service = served().await;
        let shared = open(&service).await;
        let plan = plan_of(&shared, Query::new(), &one_by_one()).await;
        let checkpoint = plan.checkpoint();
        let query = plan.query().clone();
        let first = newest(&shared, plan, nothing(), cut).await.unwrap();
        if first.completion.is_some() {
            pages = first.kept.len();
        }
        // Meanwhile, with nobody there.
        service.layer("t").unwrap().update(60, change("between", 4.0)).unwrap();
        let again = open(&service).await;
        let plan = again.plan_of(&query, &one_by_one(), &checkpoint).unwrap();
        let got = newest(&again, plan, first, usize::MAX).await.unwrap();
        // As they are now; one that was deleted may have come before it was.
        let mut rows = got.by_id();
        let now = whole(&service, Query::new(), &one_by_one()).await.by_id();
        rows.retain(|id, _| *id != 117 || now.contains_key(id));
        assert_eq!(rows, now, "behind {cut} pages");
        assert_eq!(now[&60], ("between".to_owned(), 4.0));
        assert!(got.drift().updated.is_empty(), "behind {cut} pages: {}", got.drift());
        cut += 1;
    }
    assert!(pages >= 6, "{pages} pages");
}
