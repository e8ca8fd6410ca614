//! Memory does not grow with the layer, with and without a spool. A program of its own, since it counts
//! what all threads take.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod generated;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arcgis_export::{ExportEvent, LayerExport, LocalFile, Resume, RowOrder, WriterOptions};
use generated::Generated;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MANY: i64 = 200_000;
const FEW: i64 = 50_000;
/// So that the short layer has five: memory reaches its most when several have been written, and stays there.
const ROW_GROUP: usize = 10_000;
/// Of the few rows about a third fit into it.
const SORT_MEMORY: usize = 2 * 1024 * 1024;

/// The most bytes that an export takes beyond what was taken before it: while it plans, while pages come,
/// and from the last page on.
async fn peaks(rows: i64, order: RowOrder, resume: bool) -> [usize; 3] {
    let folder = tempfile::tempdir().unwrap();
    let server = Generated::new(rows, 2_000);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let phases = Arc::new(Mutex::new([0; 3]));
    let (seen, came) = (Arc::clone(&phases), AtomicU64::new(0));
    let enter = move |phase: usize| {
        let mut phases = seen.lock().unwrap();
        phases[phase] = MEMORY.peak_usage().saturating_sub(before);
        MEMORY.reset_peak_usage();
    };
    let mut export = LayerExport::new(server.open().await)
        .with_lenient(true)
        .with_writer(
            WriterOptions::default()
                .with_row_group_rows(ROW_GROUP.try_into().unwrap())
                .with_order(order)
                .with_sort_memory(SORT_MEMORY.try_into().unwrap()),
        )
        .with_observer(move |event| match event {
            ExportEvent::Planned { .. } => enter(0),
            ExportEvent::Page { rows: page, .. }
                if came.fetch_add(*page, Ordering::Relaxed) + page == rows as u64 =>
            {
                enter(1);
            }
            ExportEvent::Finished(_) => enter(2),
            _ => {}
        });
    if resume {
        export = export.with_resume(Resume::new());
    }
    let began = Instant::now();
    let report = export
        .to(LocalFile::new(folder.path().join("a.parquet")))
        .await
        .unwrap();
    assert_eq!(report.rows, rows as u64);
    let peaks = *phases.lock().unwrap();
    println!(
        "{rows} rows, order: {order}, spool: {resume}, {} row groups, {:?}: {:?} KiB",
        report.row_groups.unwrap(),
        began.elapsed(),
        peaks.map(|bytes| bytes / 1024),
    );
    peaks
}

#[tokio::test]
async fn a_layer_four_times_as_long_takes_no_more_memory() {
    // The first export pays for what is made once, such as the table of reference systems.
    peaks(2_000, RowOrder::Hilbert, true).await;
    for (order, resume) in [
        (RowOrder::Id, false),
        (RowOrder::Id, true),
        (RowOrder::Hilbert, false),
        (RowOrder::Hilbert, true),
    ] {
        let long = peaks(MANY, order, resume).await;
        // How many pages are under way at once, and how many wait to be compressed, is a matter of timing: a long export
        // comes upon the most that may be, and short ones only if there are several.
        let mut short = [0; 3];
        for _ in 0..4 {
            let once = peaks(FEW, order, resume).await;
            short = std::array::from_fn(|phase| short[phase].max(once[phase]));
            if is_alike(long, short) {
                break;
            }
        }
        assert!(
            is_alike(long, short),
            "{long:?} bytes for {MANY} rows, {short:?} for {FEW}"
        );
    }
}

/// Whether so many bytes in each phase of a long export are about those of a short one: a row that is kept in any form
/// takes more than what is allowed for it here.
fn is_alike(long: [usize; 3], short: [usize; 3]) -> bool {
    // The list of ids is as long as the layer: eight bytes for each row, twice that while it is read.
    let ids = 8 * (MANY - FEW) as usize;
    long[1] < short[1] + short[1] / 4 + ids
        && [0, 2]
            .into_iter()
            .all(|phase| long[phase] < short[1].max(short[phase]) + 2 * ids)
}
