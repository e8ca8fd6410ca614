//! The checks, in order, each with its time and its budget.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::repository::Repository;
use crate::suites::Counts;
use crate::{
    benches, dependencies, documentation, examples, interop, lints, msrv, package, site,
    standalone, suites, tidy,
};
use crate::{crs_table, demo_data};

/// One check, alone or as a part of `cargo xtask test`.
struct Stage {
    name: &'static str,
    about: &'static str,
    /// What it may take from cold on two cores, in seconds. All of `test` with `docs` and `site` has 70 minutes.
    budget: u64,
    /// Whether `cargo xtask test` runs it.
    in_test: bool,
    run: fn(&Repository) -> Result<Verdict>,
}

/// How a stage ended when it did not fail.
pub(crate) enum Verdict {
    Passed,
    /// Nothing was checked, for this reason.
    Skipped(String),
    /// What could be checked has passed; this could not.
    Partly(String),
    /// Tests ran.
    Tested(Counts),
}

// What only reads comes first; what can share the builds of another stage comes after it.
const STAGES: [Stage; 15] = [
    Stage {
        name: "tidy",
        about: "the rules of this repository",
        budget: 5,
        in_test: true,
        run: tidy::run,
    },
    Stage {
        name: "fmt",
        about: "formatting",
        budget: 15,
        in_test: true,
        run: lints::format,
    },
    Stage {
        name: "deps",
        about: "what each crate may depend on, and what it must never pull in",
        budget: 45,
        in_test: true,
        run: dependencies::run,
    },
    Stage {
        name: "msrv",
        about: "no dependency asks for a newer Rust than the crate itself",
        budget: 15,
        in_test: true,
        run: msrv::run,
    },
    Stage {
        name: "clippy",
        about: "lints as errors; the small crates also without and with each feature",
        budget: 8 * 60,
        in_test: true,
        run: lints::clippy,
    },
    Stage {
        name: "alone",
        about: "each crate builds without the others' features",
        budget: 5 * 60,
        in_test: true,
        run: standalone::alone,
    },
    Stage {
        name: "benches",
        about: "the benchmarks of benches/ compile, without warnings",
        budget: 4 * 60,
        in_test: true,
        run: benches::run,
    },
    Stage {
        name: "wasm",
        about: "arcgis-auth-core builds for wasm32-unknown-unknown",
        budget: 60,
        in_test: true,
        run: standalone::wasm,
    },
    Stage {
        name: "suites",
        about: "unit, integration, cross-crate and documentation tests",
        budget: 18 * 60,
        in_test: true,
        run: suites::run,
    },
    Stage {
        name: "examples",
        about: "every example of the published crates runs and says something",
        budget: 2 * 60,
        in_test: true,
        run: examples::run,
    },
    Stage {
        name: "interop",
        about: "other readers, another server and other clients; needs Python, Node and their registries",
        budget: 20 * 60,
        in_test: true,
        run: interop::run,
    },
    Stage {
        name: "package",
        about: "every crate can be packaged, in publish order",
        budget: 60,
        in_test: true,
        run: |repository| package::run(repository, false).map(|()| Verdict::Passed),
    },
    Stage {
        name: "docs",
        about: "documentation with warnings as errors",
        budget: 4 * 60,
        in_test: false,
        run: documentation::run,
    },
    Stage {
        name: "site",
        about: "the pages of docs/ and the API as one site, every link checked; installs mdBook",
        budget: 5 * 60,
        in_test: false,
        run: site::run,
    },
    Stage {
        name: "generated",
        about: "what is generated is what its sources give",
        budget: 10 * 60,
        in_test: false,
        run: generated,
    },
];

/// The stages as `--help` shows them.
pub(crate) fn list() -> String {
    let mut text = String::from("stages:\n");
    for stage in &STAGES {
        let mark = if stage.in_test { '*' } else { ' ' };
        text.push_str(&format!("{mark} {:<21} {}\n", stage.name, stage.about));
    }
    text
}

/// Runs the named stages and says how each went.
pub(crate) fn run(repository: &Repository, arguments: &[&str]) -> Result<ExitCode> {
    let mut keep_going = false;
    let mut wanted: Vec<&Stage> = Vec::new();
    for &argument in arguments {
        match argument {
            "--keep-going" => keep_going = true,
            "test" => wanted.extend(STAGES.iter().filter(|stage| stage.in_test)),
            name => wanted.push(find(name)?),
        }
    }
    ensure!(!wanted.is_empty(), "no stage is named");

    let begin = Instant::now();
    let mut lines = Vec::new();
    let mut counts = Counts::default();
    let mut failed = Vec::new();
    for stage in &wanted {
        println!("\n── {} ─ {}", stage.name, stage.about);
        let start = Instant::now();
        let outcome = (stage.run)(repository);
        let took = start.elapsed();
        let verdict = match outcome {
            Ok(Verdict::Passed) => "passed".to_owned(),
            Ok(Verdict::Skipped(reason)) => format!("skipped: {reason}"),
            Ok(Verdict::Partly(reason)) => format!("passed, without {reason}"),
            Ok(Verdict::Tested(run)) => {
                counts.add(&run);
                format!("passed: {} tests", run.passed)
            }
            Err(error) => {
                eprintln!("\nerror in stage `{}`: {error:#}", stage.name);
                failed.push(stage.name);
                "FAILED".to_owned()
            }
        };
        lines.push(line(stage, took, &verdict));
        println!("{}", line(stage, took, &verdict));
        if !failed.is_empty() && !keep_going {
            break;
        }
    }

    println!("\n── summary");
    for line in &lines {
        println!("{line}");
    }
    for stage in wanted.iter().skip(lines.len()) {
        println!("{:<10} not run", stage.name);
    }
    let budget = wanted.iter().map(|stage| stage.budget).sum();
    println!(
        "{:<10} {:>7} of {}",
        "together",
        clock(begin.elapsed()),
        clock(Duration::from_secs(budget))
    );
    if counts.any() {
        println!("{counts}");
    }
    let Some(first) = failed.first() else {
        return Ok(ExitCode::SUCCESS);
    };
    eprintln!(
        "failed: {}; to repeat it: cargo xtask {first}",
        failed.join(", ")
    );
    Ok(ExitCode::FAILURE)
}

fn find(name: &str) -> Result<&'static Stage> {
    let Some(stage) = STAGES.iter().find(|stage| stage.name == name) else {
        bail!("no task is called `{name}`: `cargo xtask --help` lists them");
    };
    Ok(stage)
}

fn line(stage: &Stage, took: Duration, verdict: &str) -> String {
    let budget = Duration::from_secs(stage.budget);
    let over = if took > budget { ", OVER BUDGET" } else { "" };
    format!(
        "{:<10} {:>7} of {:<6} {verdict}{over}",
        stage.name,
        clock(took),
        clock(budget)
    )
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{}:{:02} m", seconds / 60, seconds % 60)
    }
}

/// Compares what is committed with what its makers make; both download their sources.
fn generated(repository: &Repository) -> Result<Verdict> {
    for tool in ["python3", "apt-get", "dpkg-deb"] {
        let present = std::process::Command::new(tool).arg("--version").output();
        if present.is_err() {
            return Ok(Verdict::Skipped(format!("`{tool}` is not installed")));
        }
    }
    crs_table::run(repository.root(), true).context("crs-table --check")?;
    demo_data::run(repository.root(), true).context("demo-data --check")?;
    Ok(Verdict::Passed)
}
