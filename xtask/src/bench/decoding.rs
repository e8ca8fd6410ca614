//! Decoding alone: one page, in memory, by this project and by the crates that others use.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::options::Options;
use super::programs::Programs;

/// One way to read a page.
pub(super) struct Way {
    pub(super) layer: &'static str,
    pub(super) what: String,
    /// Bytes of the page.
    pub(super) bytes: f64,
    /// Seconds of each round.
    pub(super) seconds: Vec<f64>,
    /// Why it does not read it.
    pub(super) failure: Option<String>,
}

/// What the program that decodes calls its ways.
pub(super) const IGNORED_ANY: &str = "serde IgnoredAny";
pub(super) const OWN_JSON: &str = "this project, JSON to RecordBatch";
pub(super) const PROST: &str = "prost, PBF to structs";
pub(super) const OWN_PBF: &str = "this project, PBF to RecordBatch";

const LAYERS: [&str; 2] = ["points", "polygons"];

pub(super) fn run(
    programs: &Programs,
    work: &Path,
    scripts: &Path,
    options: &Options,
) -> Result<Vec<Way>> {
    let data = work.join("data");
    let rivals = match rivals(work, scripts) {
        Ok(program) => Some(program),
        Err(reason) => {
            println!("decoding: without the crates of others: {reason:#}");
            None
        }
    };
    let mut ways: BTreeMap<(&'static str, usize), Way> = BTreeMap::new();
    for _ in 0..options.rounds {
        for layer in LAYERS {
            let mut told = read(
                Command::new(&programs.replay)
                    .arg("decode")
                    .arg(&data)
                    .arg(layer),
            )?;
            if let Some(rivals) = &rivals {
                told.extend(read(Command::new(rivals).arg(data.join(layer)))?);
            }
            for (place, way) in told.iter().enumerate() {
                let what = way.get("what").and_then(Value::as_str).unwrap_or_default();
                let entry = ways.entry((layer, place)).or_insert_with(|| Way {
                    layer,
                    what: what.to_owned(),
                    bytes: way.get("bytes").and_then(Value::as_f64).unwrap_or(f64::NAN),
                    seconds: Vec::new(),
                    failure: way
                        .get("failure")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                });
                entry
                    .seconds
                    .extend(way.get("seconds").and_then(Value::as_f64));
            }
        }
    }
    Ok(ways.into_values().collect())
}

fn read(command: &mut Command) -> Result<Vec<Value>> {
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "decoding failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8_lossy(&output.stdout);
    let lines = lines.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .context("decoding told no JSON")
}

/// Builds the program that knows the crates of others: apart from this workspace, whose tree they must not touch.
fn rivals(work: &Path, scripts: &Path) -> Result<PathBuf> {
    let folder = work.join("rivals");
    fs::create_dir_all(folder.join("src"))?;
    for (from, to) in [("Cargo.toml", "Cargo.toml"), ("main.rs", "src/main.rs")] {
        let text = fs::read_to_string(scripts.join("rivals").join(from))?;
        // What is the same is not written again: Cargo would build it again.
        if fs::read_to_string(folder.join(to)).is_ok_and(|there| there == text) {
            continue;
        }
        fs::write(folder.join(to), text)?;
    }
    let output = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--target-dir", "target"])
        .current_dir(&folder)
        .env("PROTOC", protoc(work))
        .output()?;
    ensure!(
        output.status.success(),
        "they could not be built: {}",
        String::from_utf8_lossy(&output.stderr)
            .lines()
            .last()
            .unwrap_or_default()
    );
    Ok(folder.join("target/release/rivals"))
}

/// The crate `arcgis` compiles the protocol's description when it is built.
fn protoc(work: &Path) -> PathBuf {
    work.join("venv/bin/protoc")
}
