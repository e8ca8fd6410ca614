//! Every kept case, and its neighbours.

use std::fs;
use std::path::{Path, PathBuf};

use crate::targets;

/// The kept cases of a target, by name.
pub(crate) fn cases(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder.join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 10, "{target} has {} cases", paths.len());
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// Runs the cases as they are, and each a few times with a byte changed, cut off, or put in.
fn replay(target: &str, neighbours: usize, run: fn(&[u8])) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let cases = cases(target);
    let mut runs = 0;
    for (path, case) in &cases {
        println!("{}", path.display());
        run(case);
        for _ in 0..neighbours {
            let mut near = case.clone();
            let at = random(near.len() + 1);
            match random(4) {
                0 => near.truncate(at),
                1 => near.insert(at, random(256) as u8),
                _ if at < near.len() => near[at] ^= 1 << random(8),
                _ => near.push(0),
            }
            run(&near);
        }
        runs += 1 + neighbours;
    }
    println!("{target}: {} cases, {runs} runs", cases.len());
}

#[test]
fn json_is_what_serde_json_reads() {
    replay("json", 10, targets::json);
}

#[test]
fn pbf_is_what_prost_reads() {
    replay("pbf", 10, targets::pbf);
}

#[test]
fn one_page_is_the_same_in_both_formats() {
    replay("twins", 10, targets::twins);
}

#[test]
fn no_error_is_taken_for_data() {
    replay("envelope", 10, targets::envelope);
}

#[test]
fn rings_become_the_polygons_that_they_are() {
    replay("rings", 10, targets::rings);
}

#[test]
fn addresses_come_back_and_show_no_secret() {
    replay("address", 10, targets::address);
}

#[test]
fn no_value_becomes_sql() {
    replay("literal", 10, targets::literal);
}

#[test]
fn wkb_is_what_another_reader_reads() {
    replay("wkb", 5, targets::wkb);
}

#[test]
fn an_export_that_goes_on_has_the_same_rows() {
    replay("spool", 1, targets::spool);
}

#[test]
fn a_stored_login_comes_back_and_shows_no_secret() {
    replay("login", 10, targets::login);
}

#[test]
fn a_plan_comes_back_or_is_refused() {
    replay("checkpoint", 10, targets::checkpoint);
}

#[test]
fn any_object_is_metadata_that_columns_can_be_made_of() {
    replay("metadata", 10, targets::metadata);
}
