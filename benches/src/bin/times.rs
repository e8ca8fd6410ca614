//! How long each contestant takes beside the others: by turns, and the shortest time of each counts, so that the
//! ratios hold on a busy machine too.
//!
//! ```text
//! cargo run --release --bin times [-- <part of a page's name> [<rounds>]]
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use arcgis_benches::contestants::{CONTESTANTS, Contestant};
use arcgis_benches::{Page, pages};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.next().unwrap_or_default();
    let rounds = arguments
        .next()
        .map_or(100, |rounds| rounds.parse().unwrap());
    println!(
        "{:<20} {:<20} {:>10} {:>10} {:>9}",
        "page", "what", "ns a row", "MB/s", "of floor"
    );
    for page in pages() {
        if page.name.contains(&wanted) {
            compare(&page, rounds);
        }
    }
}

fn compare(page: &Page, rounds: usize) {
    let contestants: Vec<&Contestant> = CONTESTANTS
        .iter()
        .filter(|contestant| !page.body(contestant.format).is_empty())
        .collect();
    let mut shortest = vec![Duration::MAX; contestants.len()];
    for _ in 0..rounds {
        for (contestant, shortest) in contestants.iter().zip(&mut shortest) {
            let start = Instant::now();
            (contestant.run)(page);
            *shortest = start.elapsed().min(*shortest);
        }
    }
    for (contestant, time) in contestants.iter().zip(&shortest) {
        let floor = contestants
            .iter()
            .position(|floor| floor.format == contestant.format)
            .and_then(|floor| shortest.get(floor));
        println!(
            "{:<20} {:<20} {:>10.0} {:>10.0} {:>8.2}x",
            page.name,
            contestant.name,
            time.as_nanos() as f64 / page.rows as f64,
            page.body(contestant.format).len() as f64 / 1e6 / time.as_secs_f64(),
            floor.unwrap().as_secs_f64() / time.as_secs_f64(),
        );
    }
}
