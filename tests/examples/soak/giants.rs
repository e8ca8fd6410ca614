//! Answers of sizes that no server sends on purpose, in full: polygons of 100,000 rings, an attribute of 50 MB, ten
//! million rows in one page. Each becomes a file that is read again, and memory stays a small multiple of the answer.

use std::process::Command;
use std::time::Instant;

use arcgis_export::{Conversion, LocalFile, RowOrder, WriterOptions};

use crate::giant::{FORMATS, Format, Giant};

/// What may be resident for each byte of the answer, which is not counted, or of what it holds once it is decoded, where
/// that is more; and beside it, in MB.
const PER_BYTE: u64 = 10;
const FIXED_MB: u64 = 64;

const FULL: [(&str, Giant, usize); 4] = [
    ("rings", Giant::Rings, 100_000),
    ("holes", Giant::Holes, 100_000),
    ("text", Giant::Text, 50_000_000),
    ("rows", Giant::Rows, 10_000_000),
];

pub(crate) fn run() {
    for (name, ..) in FULL {
        for format in ["json", "pbf"] {
            // Each in a process of its own: what an earlier one left to the allocator is not its memory.
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["--giant", name, format])
                .status()
                .unwrap();
            assert!(status.success(), "{status}");
        }
    }
}

/// What that process does.
pub(crate) fn work(arguments: &[String]) {
    let [name, format] = arguments else {
        panic!("not a giant and a format: {arguments:?}");
    };
    let (_, giant, size) = FULL.into_iter().find(|(known, ..)| known == name).unwrap();
    let format = match format.as_str() {
        "pbf" => FORMATS[1],
        _ => FORMATS[0],
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("giant.parquet");
    let answer = giant.answer(size, format);
    // From here on the highest is that of what follows.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = resident("VmRSS:");
    let began = Instant::now();
    let report = Conversion::new(&answer)
        .with_writer(WriterOptions::default().with_order(RowOrder::Id))
        .to(&LocalFile::new(&path))
        .unwrap();
    let took = began.elapsed().as_secs_f64();
    let (most, megabytes) = (
        resident("VmHWM:").saturating_sub(before),
        answer.len() as u64 / 1_000_000,
    );
    let shown = if format == Format::Pbf { "PBF" } else { "JSON" };
    println!(
        "  {size} {name}, {megabytes} MB of {shown}: {took:.2} s, {most} MB beside the answer, a file of {} kB",
        report.file_bytes.unwrap() / 1_000
    );
    assert_eq!(
        report.rows,
        if giant == Giant::Rows { size as u64 } else { 1 }
    );
    let held = megabytes.max(giant.held(size) as u64 / 1_000_000);
    assert!(most <= FIXED_MB + PER_BYTE * held, "{most} MB");
    giant.assert_in(&path, size);
}

/// What Linux tells of this process's memory, in MB.
fn resident(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what));
    let kilobytes = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap();
    kilobytes.parse::<u64>().unwrap() / 1_000
}
