//! Random edits, round by round: after each the file is what a fresh export would be.

use arcgis_export::SyncWay;

use crate::world::{Kind, Tells, World, rounds};

/// Rounds for each way and kind: 360 in all.
const ROUNDS: u64 = 30;

async fn rounds(tells: Tells, kind: Kind, way: SyncWay, seed: u64) {
    // Each with other options of the file.
    for part in 0..3 {
        let mut world = World::new(tells, kind, seed * 10 + part).await;
        world.begin().await;
        let mut written = 0;
        for round in 0..ROUNDS / 3 {
            world.edit();
            let report = world.follow().await;
            assert_eq!(report.way, way, "{tells:?} {kind:?} {round}: {report:?}");
            if way == SyncWay::Changes && tells != Tells::ChangesAndDates {
                // No more than what was touched by six edits. By dates it may be more: clocks tell seconds.
                assert!(report.fetched_rows <= 6, "{report:?}");
            }
            written += u64::from(report.written);
        }
        assert!(written >= ROUNDS / 10, "chance changes next to nothing");
    }
}

rounds! {
    points_by_changes: Changes, Points, Changes, 1;
    polygons_by_changes: Changes, Polygons, Changes, 2;
    tables_by_changes: Changes, Table, Changes, 3;
    points_by_jobs_and_dates: ChangesAndDates, Points, Changes, 4;
    polygons_by_jobs_and_dates: ChangesAndDates, Polygons, Changes, 5;
    tables_by_jobs_and_dates: ChangesAndDates, Table, Changes, 6;
    points_by_dates: Dates, Points, EditDates, 7;
    polygons_by_dates: Dates, Polygons, EditDates, 8;
    tables_by_dates: Dates, Table, EditDates, 9;
    points_by_comparison: Nothing, Points, Full, 10;
    polygons_by_comparison: Nothing, Polygons, Full, 11;
    tables_by_comparison: Nothing, Table, Full, 12;
}
