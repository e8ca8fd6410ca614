//! Random edits of several layers, which come, go and fail: after each round the folder is what a fresh export would be.

use arcgis_export::{LayerOutcome, SyncWay};

use crate::world::World;

/// So many rounds for each seed.
pub(crate) async fn rounds(mut world: World, rounds: u64) {
    world.begin().await;
    let (mut written, mut ways) = (0, Vec::new());
    for _ in 0..rounds {
        let happened = world.happen();
        let report = world.follow(&happened).await;
        for outcome in &report.outcomes {
            if let LayerOutcome::Synced(report) = outcome {
                written += u64::from(report.written);
                ways.push(report.way);
            }
        }
    }
    assert!(written >= rounds, "chance changes next to nothing");
    for way in [SyncWay::Changes, SyncWay::EditDates, SyncWay::Full] {
        assert!(ways.contains(&way), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_follow_their_service() {
    for seed in 1..=2 {
        rounds(World::here(seed).await, 12).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_with_other_options_follow_too() {
    for seed in 3..=4 {
        rounds(World::here(seed).await, 12).await;
    }
}

#[cfg(feature = "cloud")]
#[tokio::test(flavor = "multi_thread")]
async fn folders_in_buckets_follow_too() {
    use crate::s3::S3;
    use crate::world::Place;

    for seed in 5..=6 {
        rounds(World::new(Place::Bucket(S3::start()), seed).await, 8).await;
    }
}
