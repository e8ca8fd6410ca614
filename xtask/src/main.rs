//! Tasks of this repository: `cargo xtask <task>`. `docs/development.md` tells when to use which.

mod artifacts;
mod bench;
mod benches;
mod crs_table;
mod debian;
mod demo_data;
mod dependencies;
mod documentation;
mod examples;
mod fuzz;
mod interop;
mod keyring;
mod links;
mod lints;
mod msrv;
mod node;
mod order;
mod package;
mod picture;
mod python;
mod repository;
mod screen;
mod site;
mod soak;
mod source;
mod stage;
mod standalone;
mod suites;
mod svg;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use repository::Repository;

const TASKS: &str = "\
usage: cargo xtask <task>

checks:
  test                  every check below marked with *, in this order: the one to run before a push
  <stage> [<stage> …]   only these; `test` may stand among them
      --keep-going      go on after a stage that failed, and fail at the end";

const MAKERS: &str = "\
what is generated:
  crs-table [--check]   make the table of reference systems from PROJ (or compare every code with it)
  demo-data [--check]   make the demo layers of arcgis-testkit from Natural Earth (or compare them)
  generated             both of these with --check; needs Python and the package registries
  picture [<command>]   make docs/export.svg from a real export (or from another command, to try it)

long runs:
  order                 what the order of rows spares a reader of a part of the map (DuckDB)
  soak [<part> …]       tokens, resume, ten-million, order, giants, or all; each part prints what it saw
  fuzz [<target>]       libFuzzer on one target or all; says where what it finds lies
      --seconds N       how long each target runs (60)
      --minimise        then keep the cases that show something new in fuzz/corpus";

const OTHERS: &str = "\
other:
  package --verify      also build each crate out of its package, as `cargo publish` would";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Asked when it runs: checkouts that share a target folder share this binary too.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("run it as `cargo xtask`")?;
    let root = Path::new(&manifest)
        .parent()
        .context("xtask lies in no folder")?;
    let repository = Repository::new(root);
    match arguments.as_slice() {
        ["crs-table"] => crs_table::run(root, false)?,
        ["crs-table", "--check"] => crs_table::run(root, true)?,
        ["demo-data"] => demo_data::run(root, false)?,
        ["demo-data", "--check"] => demo_data::run(root, true)?,
        ["picture", command @ ..] => picture::run(&repository, command)?,
        ["bench", options @ ..] => bench::run(&repository, options)?,
        ["order"] => order::run(&repository)?,
        ["soak", parts @ ..] => soak::run(&repository, parts)?,
        ["fuzz", arguments @ ..] => fuzz::run(&repository, arguments)?,
        ["package", "--verify"] => package::run(&repository, true)?,
        ["--help" | "-h" | "help"] => print!("{}", help()),
        [] => bail!("no task is named\n\n{}", help()),
        stages => return stage::run(&repository, stages),
    }
    Ok(ExitCode::SUCCESS)
}

fn help() -> String {
    format!(
        "{TASKS}\n\n{}\n{MAKERS}\n{}\n\n{OTHERS}\n",
        stage::list(),
        bench::USAGE
    )
}
