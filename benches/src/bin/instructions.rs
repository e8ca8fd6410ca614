//! How many instructions each contestant takes, by `valgrind --tool=callgrind`: the same in every run, on
//! however busy a machine.
//!
//! ```text
//! cargo run --release --bin instructions [-- <part of a page's name>]
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::{Command, ExitCode};

use arcgis_benches::contestants::{CONTESTANTS, Contestant};
use arcgis_benches::{Page, captured, points, polygons};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let pages = || [points(2_000), polygons(300)].into_iter().chain(captured());
    if let [flag, page, contestant] = arguments.as_slice()
        && flag == "--run"
    {
        let page = pages().nth(page.parse().unwrap()).unwrap();
        collected(&CONTESTANTS[contestant.parse::<usize>().unwrap()], &page);
        return ExitCode::SUCCESS;
    }
    let wanted = arguments.first().map_or("", String::as_str);
    println!(
        "{:<20} {:<20} {:>10} {:>10} {:>9} {:>9}",
        "page", "what", "per row", "per byte", "of floor", ""
    );
    for (place, page) in pages().enumerate() {
        if !page.name.contains(wanted) {
            continue;
        }
        let mut floor = None;
        let mut format = None;
        for (number, contestant) in CONTESTANTS.iter().enumerate() {
            let bytes = page.body(contestant.format).len();
            if bytes == 0 {
                continue;
            }
            let Some(count) = count(place, number) else {
                eprintln!("valgrind is not installed, or it failed");
                return ExitCode::FAILURE;
            };
            if format != Some(contestant.format) {
                (format, floor) = (Some(contestant.format), None);
            }
            let first = *floor.get_or_insert(count);
            println!(
                "{:<20} {:<20} {:>10.0} {:>10.2} {:>8.2}x",
                page.name,
                contestant.name,
                count as f64 / page.rows as f64,
                count as f64 / bytes as f64,
                first as f64 / count as f64,
            );
        }
    }
    ExitCode::SUCCESS
}

/// What callgrind counts: it is told by this name.
#[inline(never)]
fn collected(contestant: &Contestant, page: &Page) {
    (contestant.run)(page);
}

fn count(page: usize, contestant: usize) -> Option<u64> {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*collected*",
        ])
        .arg(std::env::current_exe().ok()?)
        .args(["--run", &page.to_string(), &contestant.to_string()])
        .output()
        .ok()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = told.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}
