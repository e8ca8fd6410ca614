//! Servers that break down, and servers that tell what is not so.

use std::sync::atomic::Ordering;

use arcgis_export::{Error, SyncWay};
use arcgis_testkit::{Edit, Fault, FaultKind, RefusalStyle, RequestKind, Row};
use serde_json::{Value, json};

use crate::world::{Kind, Tells, World, refused};

/// Rows of which one came, one went and one was changed.
async fn edited(tells: Tells, kind: Kind, seed: u64) -> World {
    let mut world = World::new(tells, kind, seed).await;
    let rows = world.rows();
    let ids = rows.object_ids();
    // Whatever the filter is.
    rows.update(ids[9], Row::new().with("NUMBER", 3)).unwrap();
    world.begin().await;
    let row = |name: &str| Row::new().with("NAME", name).with("NUMBER", 3);
    rows.update(ids[7], row("changed")).unwrap();
    rows.delete(ids[9]).unwrap();
    rows.insert(row("added")).unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_waited_for() {
    let kinds = [
        FaultKind::Status(503),
        FaultKind::Reset,
        FaultKind::Truncate,
        FaultKind::CutShort,
        FaultKind::LateError {
            code: 500,
            message: "Error performing query operation".to_owned(),
        },
        FaultKind::TokenRefused {
            code: 498,
            style: RefusalStyle::Body,
        },
        FaultKind::QuotaBody { retry_after: 0 },
    ];
    for (seed, kind) in kinds.into_iter().enumerate() {
        for request in [
            RequestKind::Changes,
            RequestKind::Ids,
            RequestKind::Features,
        ] {
            let mut world = edited(Tells::Changes, Kind::Points, seed as u64).await;
            let fault = world
                .bench
                .service
                .add_fault(Fault::on(request, 1, kind.clone()));
            let report = world.follow().await;
            assert_eq!(
                world.bench.service.faults_fired()[fault],
                1,
                "{request:?} {kind:?}"
            );
            assert_eq!(
                report.way,
                SyncWay::Changes,
                "{request:?} {kind:?}: {report:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_leaves_the_file_and_the_next_sync_goes_on() {
    for (seed, (tells, request)) in [
        (Tells::Changes, RequestKind::Features),
        (Tells::Changes, RequestKind::Ids),
        (Tells::Dates, RequestKind::Features),
        (Tells::Nothing, RequestKind::Features),
    ]
    .into_iter()
    .enumerate()
    {
        let mut world = edited(tells, Kind::Polygons, seed as u64).await;
        let broken = world.breaks(request);
        let error = refused(&world, world.sync().await).await;
        assert!(matches!(error, Error::Layer(_)), "{error:?}");
        broken.store(false, Ordering::SeqCst);
        world.follow().await;
    }
}

/// An answer of `extractChanges` as it is not.
fn told(generation: u64, ids: &Value) -> FaultKind {
    let body = json!({
        "layerServerGens": [{"id": 0, "serverGen": generation}],
        "edits": [{"id": 0, "objectIds": ids}],
    });
    answer(200, &body.to_string())
}

fn answer(status: u16, body: &str) -> FaultKind {
    FaultKind::Respond {
        status,
        content_type: "application/json",
        body: body.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_changes_are_not_believed() {
    for case in 0..9 {
        let mut world = edited(Tells::Changes, Kind::Points, case).await;
        let now = world.rows().last_edit();
        let ids = world.rows().object_ids();
        let (gone, added) = (10, *ids.last().unwrap());
        let wrong = match case {
            // Nothing at all, though the layer was edited.
            0 => told(now, &json!({"adds": [], "updates": [], "deletes": []})),
            // Without the row that came.
            1 => told(now, &json!({"adds": [], "updates": [8], "deletes": [gone]})),
            // Without the row that went.
            2 => told(
                now,
                &json!({"adds": [added], "updates": [8], "deletes": []}),
            ),
            // Of an earlier time than the file's.
            3 => told(
                1,
                &json!({"adds": [added], "updates": [8], "deletes": [gone]}),
            ),
            4 => answer(
                200,
                r#"{"error":{"code":400,"message":"Unable to extract changes","details":[]}}"#,
            ),
            5 => answer(
                200,
                r#"{"layerServerGens":[],"edits":[{"id":7,"objectIds":{}}]}"#,
            ),
            6 => answer(200, r#"{"edits":[{"id":0,"objectIds":{"adds":["#),
            7 => answer(200, r#"{"statusUrl":"https://elsewhere.example/jobs/1"}"#),
            _ => answer(200, r#"{"status":"Failed"}"#),
        };
        let fault = Fault::on(RequestKind::Changes, 1, wrong).times(1000);
        world.bench.service.add_fault(fault);
        let report = world.follow().await;
        assert_eq!(report.way, SyncWay::Full, "{case}: {report:?}");
        assert!(report.written && report.reason.is_some(), "{case}");
    }
}

/// What the service forgets to tell, the dates of edits tell.
#[tokio::test(flavor = "multi_thread")]
async fn dates_tell_what_changes_do_not() {
    let mut world = edited(Tells::ChangesAndDates, Kind::Polygons, 3).await;
    let added = *world.rows().object_ids().last().unwrap();
    let lacking = json!({"adds": [added], "updates": [], "deletes": [10]});
    let wrong = told(world.rows().last_edit(), &lacking);
    world
        .bench
        .service
        .add_fault(Fault::on(RequestKind::Changes, 1, wrong));
    let report = world.follow().await;
    assert_eq!(report.way, SyncWay::Changes, "{report:?}");
    assert!(report.changed_rows > 0);
}

/// A service that tells less than it says it is at: what it did not tell is asked for the next time.
#[tokio::test(flavor = "multi_thread")]
async fn a_generation_counts_as_far_as_it_was_told() {
    let mut world = World::new(Tells::Changes, Kind::Points, 4).await;
    world.begin().await;
    let rows = world.rows();
    let ids = rows.object_ids();
    let change = |name: &str| Row::new().with("NAME", name).with("NUMBER", 3);
    rows.update(ids[3], change("first")).unwrap();
    let first = rows.last_edit();
    rows.update(ids[5], change("second")).unwrap();
    let behind = told(
        first,
        &json!({"adds": [], "updates": [ids[3]], "deletes": []}),
    );
    world
        .bench
        .service
        .add_fault(Fault::on(RequestKind::Changes, 1, behind));
    let report = world.sync().await.run().await.unwrap();
    assert_eq!(report.changed_ids, [ids[3]]);
    assert_eq!(report.server_generation, i64::try_from(first).ok());
    let report = world.sync().await.run().await.unwrap();
    assert_eq!(report.changed_ids, [ids[5]]);
    world.is_fresh().await;
}

/// Rows that change while the file is brought up to date are there the next time.
#[tokio::test(flavor = "multi_thread")]
async fn edits_meanwhile_are_not_lost() {
    for tells in [Tells::Changes, Tells::Dates] {
        for (seed, request) in [RequestKind::Count, RequestKind::Ids, RequestKind::Features]
            .into_iter()
            .enumerate()
        {
            let world = edited(tells, Kind::Points, seed as u64).await;
            let ids = world.rows().object_ids();
            let row = |name: &str| Row::new().with("NAME", name).with("NUMBER", 4);
            for edit in [
                Edit::Update(ids[20], row("meanwhile")),
                Edit::Update(ids[7], row("meanwhile")),
                Edit::Delete(ids[30]),
                Edit::Insert(row("meanwhile")),
            ] {
                let layer = "rows".to_owned();
                let fault = Fault::on(request, 1, FaultKind::Edit { layer, edit });
                world.bench.service.add_fault(fault);
            }
            world.sync().await.run().await.unwrap();
            world.sync().await.run().await.unwrap();
            world.is_fresh().await;
        }
    }
}

/// A server that gives no rows by their ids gives them all the same.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_come_by_id_come_with_all_others() {
    let mut world = edited(Tells::Changes, Kind::Table, 6).await;
    let by_id = Fault::on_query(1, FaultKind::EmptyPage)
        .times(1000)
        .when(|request| {
            let condition = request.parameters().get("where").unwrap_or_default();
            condition.contains("OBJECTID") || request.parameters().get("objectIds").is_some()
        });
    world.bench.service.add_fault(by_id);
    let report = world.follow().await;
    assert_eq!(report.way, SyncWay::Full, "{report:?}");
    assert!(report.reason.unwrap().contains("did not come"));
}
