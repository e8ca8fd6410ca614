//! Decodes a page of JSON with the crates that others use, again and again.
//!
//!     rivals <folder with page.json>
//!
//! The crate `arcgis` decodes PBF too, but gives nobody its function.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use serde_esri::features::FeatureSet;
use serde_json::json;

fn main() {
    let folder = std::env::args().nth(1).expect("a folder");
    let page = std::fs::read(Path::new(&folder).join("page.json")).expect("a page");
    time("crate arcgis, JSON to FeatureSet", &page, || {
        let set: arcgis::FeatureSet = serde_json::from_slice(&page).map_err(|error| error.to_string())?;
        black_box(set);
        Ok(())
    });
    time("crate serde_esri, JSON to FeatureSet", &page, || {
        let set: FeatureSet<2> = serde_json::from_slice(&page).map_err(|error| error.to_string())?;
        black_box(set);
        Ok(())
    });
    time("crate serde_esri, JSON to RecordBatch", &page, || {
        let set: FeatureSet<2> = serde_json::from_slice(&page).map_err(|error| error.to_string())?;
        black_box(RecordBatch::try_from(&set).map_err(|error| error.to_string())?);
        Ok(())
    });
}

/// What a page takes, on average over a second and at least five times: the system tells the time of a thread
/// only now and then.
fn time(what: &str, page: &[u8], mut work: impl FnMut() -> Result<(), String>) {
    let (begin, before, mut times) = (Instant::now(), processor_seconds(), 0);
    while times < 5 || begin.elapsed() < Duration::from_secs(1) {
        if let Err(failure) = work() {
            println!("{}", json!({ "what": what, "bytes": page.len(), "failure": failure }));
            return;
        }
        times += 1;
    }
    let seconds = (processor_seconds() - before) / f64::from(times);
    println!("{}", json!({ "what": what, "seconds": seconds, "bytes": page.len() }));
}

/// Seconds on a processor, of this thread, as Linux tells it.
fn processor_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = told.split(' ').next().expect("a number");
    nanoseconds.parse::<f64>().expect("a number") / 1e9
}
