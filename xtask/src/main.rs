//! Tasks of this repository: `cargo xtask <task>`.

mod crs_table;
mod demo_data;
mod python;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

const USAGE: &str = "\
usage: cargo xtask <task>

  crs-table [--check]   make the table of reference systems from PROJ (or compare every code with it)
  demo-data [--check]   make the demo layers of arcgis-testkit from Natural Earth (or compare them)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    // Cargo sets it for the program that it runs: a program built elsewhere finds this checkout too.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").context("run it as `cargo xtask`")?;
    let root = Path::new(&package)
        .parent()
        .context("xtask lies in no folder")?;
    match arguments {
        ["crs-table"] => crs_table::run(root, false)?,
        ["crs-table", "--check"] => crs_table::run(root, true)?,
        ["demo-data"] => demo_data::run(root, false)?,
        ["demo-data", "--check"] => demo_data::run(root, true)?,
        _ => {
            eprintln!("{USAGE}");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
