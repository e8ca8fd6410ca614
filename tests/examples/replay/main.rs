//! What `cargo xtask bench` starts: it makes the data of the comparison, serves them as pages that are
//! ready before anyone asks, and measures the least that a way through them can cost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod esri_json;
mod expected;
mod floors;
mod geojson;
mod geometry;
mod layers;
#[path = "../../../crates/arcgis-layer/tests/pbf/messages.rs"]
#[allow(dead_code)]
mod messages;
mod mixture;
mod pages;
mod pbf;
mod question;
mod service;
mod store;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: replay <what>

  make <folder> <layer> <rows>            make a layer's data
  serve <folder>                          serve all layers that are there, until standard input ends
  fetch <layer URL> <json|pbf> <requests> fetch all pages, and throw them away
  ignore <folder> <layer>                 read all pages as JSON, and keep nothing
  write <in.parquet> <out.parquet>        write the same batches again, out of memory
  decode <folder> <layer>                 decode one page again and again, in each way";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["make", folder, layer, rows] => {
            let layer = layers::named(layer).expect("a layer of that name");
            store::make(Path::new(folder), &layer, rows.parse().expect("rows"));
        }
        ["serve", folder] => service::run(Path::new(folder)),
        ["fetch", url, format, requests] => {
            floors::fetch(url, format, requests.parse().expect("requests"));
        }
        ["ignore", folder, layer] => floors::ignore(Path::new(folder), layer),
        ["write", from, to] => floors::write(Path::new(from), Path::new(to)),
        ["decode", folder, layer] => floors::decode(Path::new(folder), layer),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
