//! How many instructions each contestant takes, and each part of the way, by `valgrind --tool=callgrind`: the same in every
//! run, on however busy a machine. What is counted is the second time, as of the second page of an export.
//!
//! ```text
//! cargo run --release --bin instructions [-- <part of a name>]
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::{Command, ExitCode};

use arcgis_benches::contestants::CONTESTANTS;
use arcgis_benches::{pages, parts};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, which, number @ ..] = arguments.as_slice()
        && flag == "--run"
    {
        run(which, number);
        return ExitCode::SUCCESS;
    }
    let wanted = arguments.first().map_or("", String::as_str);
    println!(
        "{:<20} {:<20} {:>10} {:>10} {:>9} {:>9}",
        "page", "what", "per row", "per byte", "of floor", ""
    );
    for (place, page) in pages().iter().enumerate() {
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
            let Some(count) = count(&[place, number]) else {
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
    for (number, part) in parts().iter().enumerate() {
        // Callgrind counts one thread.
        if !part.name.contains(wanted) || part.threads {
            continue;
        }
        let Some(count) = count(&[number]) else {
            eprintln!("valgrind is not installed, or it failed");
            return ExitCode::FAILURE;
        };
        let each = count as f64 / part.count as f64;
        println!("{:<41} {each:>10.0} {}", part.name, part.unit);
    }
    ExitCode::SUCCESS
}

/// Runs a contestant on a page, or a part.
fn run(which: &str, contestant: &[String]) {
    let which: usize = which.parse().unwrap();
    match contestant {
        [contestant] => {
            let page = pages().swap_remove(which);
            let contestant = &CONTESTANTS[contestant.parse::<usize>().unwrap()];
            (contestant.run)(&page);
            collected(&|| (contestant.run)(&page));
        }
        _ => {
            let part = parts().swap_remove(which);
            part.run();
            collected(&|| part.run());
        }
    }
}

/// What callgrind counts: it is told by this name.
#[inline(never)]
fn collected(work: &dyn Fn()) {
    work();
}

fn count(which: &[usize]) -> Option<u64> {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*collected*",
        ])
        .arg(std::env::current_exe().ok()?)
        .arg("--run")
        .args(which.iter().map(usize::to_string))
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = told.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}
