//! What a row costs when there are more of them: layers of computed points, from a service of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::measure::{Measure, Run};
use super::programs::Programs;

/// So many rows, and what they took.
pub(super) struct Step {
    pub(super) rows: u64,
    pub(super) format: &'static str,
    pub(super) run: Run,
}

const ROWS: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];

pub(super) fn run(programs: &Programs, measure: &Measure, scale: f64) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for rows in ROWS {
        if rows as f64 > 10_000_000.0 * scale {
            continue;
        }
        for format in ["json", "pbf"] {
            steps.push(step(programs, measure, rows, format)?);
        }
    }
    Ok(steps)
}

fn step(programs: &Programs, measure: &Measure, rows: u64, format: &'static str) -> Result<Step> {
    let mut service = Command::new(&programs.soak)
        .args(["--serve", &rows.to_string(), "0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the service of computed rows could not be started")?;
    let mut url = String::new();
    let said = service.stdout.take().context("the service says nothing")?;
    let told = BufReader::new(said).read_line(&mut url);
    let out = measure.out.join("growth.parquet");
    let mut command = Command::new(&programs.arcgis);
    command
        .args([
            "export",
            "--format",
            format,
            "--overwrite",
            "--quiet",
            url.trim(),
        ])
        .arg(&out);
    let run = told
        .context("the service says nothing")
        .and_then(|_| measure.run(&command, &measure.out.join("printed")));
    // It ends when its standard input does.
    drop(service.stdin.take());
    service.wait()?;
    let run = run?;
    println!("growth, {rows} rows, {format}: {run}");
    if let Some(reason) = &run.failure {
        bail!("{rows} rows could not be exported: {reason}");
    }
    Ok(Step { rows, format, run })
}
