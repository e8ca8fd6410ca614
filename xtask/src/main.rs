//! Tasks of this repository: `cargo xtask <task>`.

mod crs_table;
mod demo_data;
mod python;

use std::path::Path;

use anyhow::{Context as _, Result, bail};

const USAGE: &str = "\
usage: cargo xtask <task>

  crs-table [--check]   make the table of reference systems from PROJ (or compare every code with it)
  demo-data [--check]   make the demo layers of arcgis-testkit from Natural Earth (or compare them)";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in no folder")?;
    match arguments.as_slice() {
        ["crs-table"] => crs_table::run(root, false),
        ["crs-table", "--check"] => crs_table::run(root, true),
        ["demo-data"] => demo_data::run(root, false),
        ["demo-data", "--check"] => demo_data::run(root, true),
        _ => bail!("{USAGE}"),
    }
}
