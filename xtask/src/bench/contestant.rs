//! Who takes part, and how each is started.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::data::Layer;
use super::floor;
use super::measure::Run;
use super::{Setting, table::Verdict};

/// A way to get a layer.
pub(super) struct Contestant {
    pub(super) name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Ours(&'static str),
    /// A script of `scripts/bench`, with what is behind its two arguments, and the ending of what it writes.
    Script(&'static str, &'static [&'static str], &'static str),
    Gpio,
    EsriDump,
    Fetch(&'static str),
    Ignore,
    Write,
}

pub(super) const OURS_JSON: &str = "arcgis export, JSON";
pub(super) const OURS_PBF: &str = "arcgis export, PBF";
pub(super) const GDAL: &str = "GDAL, pyogrio";
pub(super) const DUCKDB: &str = "DuckDB read_json";
pub(super) const GPIO: &str = "gpio extract arcgis";
pub(super) const FETCH_JSON: &str = "floor: fetch JSON, discard";
pub(super) const FETCH_PBF: &str = "floor: fetch PBF, discard";
pub(super) const IGNORE: &str = "floor: serde IgnoredAny";
pub(super) const WRITE: &str = "floor: batches to Parquet";

/// The floor of writing takes what the first of ours wrote: they come in this order.
pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: OURS_JSON,
        kind: Kind::Ours("json"),
    },
    Contestant {
        name: OURS_PBF,
        kind: Kind::Ours("pbf"),
    },
    Contestant {
        name: DUCKDB,
        kind: Kind::Script("duckdb_pages.py", &[], "parquet"),
    },
    Contestant {
        name: GDAL,
        kind: Kind::Script("gdal.py", &[], "parquet"),
    },
    Contestant {
        name: GPIO,
        kind: Kind::Gpio,
    },
    Contestant {
        name: "restgdf get_gdf",
        kind: Kind::Script("restgdf_frame.py", &[], "parquet"),
    },
    Contestant {
        name: "restgdf iter_features",
        kind: Kind::Script("restgdf_frame.py", &["rows"], "parquet"),
    },
    Contestant {
        name: "archibald",
        kind: Kind::Script("archibald_frame.py", &[], "parquet"),
    },
    Contestant {
        name: "esri-dump",
        kind: Kind::EsriDump,
    },
    Contestant {
        name: "pyesridump",
        kind: Kind::Script("pyesridump.py", &[], "geojsonl"),
    },
    Contestant {
        name: FETCH_JSON,
        kind: Kind::Fetch("json"),
    },
    Contestant {
        name: FETCH_PBF,
        kind: Kind::Fetch("pbf"),
    },
    Contestant {
        name: IGNORE,
        kind: Kind::Ignore,
    },
    Contestant {
        name: WRITE,
        kind: Kind::Write,
    },
];

/// Requests at once, for all that can be told.
const REQUESTS: &str = "4";

impl Contestant {
    pub(super) fn is_floor(&self) -> bool {
        matches!(self.kind, Kind::Fetch(_) | Kind::Ignore | Kind::Write)
    }

    /// No target is about these, and they take long: one run tells enough.
    pub(super) fn runs_once(&self) -> bool {
        let targets = [GDAL, DUCKDB, GPIO];
        !(self.is_floor() || matches!(self.kind, Kind::Ours(_)) || targets.contains(&self.name))
    }

    fn output(&self, setting: &Setting<'_>, layer: &Layer) -> PathBuf {
        let ending = match self.kind {
            Kind::Script(_, _, ending) => ending,
            Kind::EsriDump => "geojsonl",
            _ => "parquet",
        };
        let name: String = self
            .name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        setting
            .measure
            .out
            .join(format!("{}-{name}.{ending}", layer.name))
    }

    /// Gets the layer once.
    pub(super) fn run(&self, setting: &Setting<'_>, layer: &Layer, url: &str) -> Result<Run> {
        let run = self.run_once(setting, layer, url)?;
        Ok(Run {
            // The port is another one each time.
            failure: run.failure.map(|reason| reason.replace(url, "…")),
            ..run
        })
    }

    fn run_once(&self, setting: &Setting<'_>, layer: &Layer, url: &str) -> Result<Run> {
        let out = self.output(setting, layer);
        if out.exists() {
            fs::remove_file(&out)?;
        }
        let printed = setting.measure.out.join("printed");
        let run = |command: &Command| setting.measure.run(command, &printed);
        let python = &setting.environment.python;
        let script = |name: &str| {
            let mut command = Command::new(python);
            command
                .arg(setting.measure.scripts.join(name))
                .arg(url)
                .arg(&out);
            command
        };
        match self.kind {
            Kind::Ours(format) => run(Command::new(&setting.programs.arcgis)
                .args(["export", "--format", format, "--concurrency", REQUESTS])
                .args(["--order", "none", "--compression", "zstd:3"])
                .args(["--overwrite", "--quiet"])
                .arg(url)
                .arg(&out)),
            Kind::Script(name, more, _) => run(script(name).args(more)),
            Kind::Gpio => {
                let bin = python
                    .parent()
                    .context("the interpreter lies in no folder")?;
                run(Command::new(bin.join("gpio"))
                    .args(["extract", "arcgis", url])
                    .arg(&out)
                    .args([
                        "--skip-hilbert",
                        "--compression-level",
                        "3",
                        "--workers",
                        REQUESTS,
                    ])
                    .env("NO_COLOR", "1"))
            }
            Kind::EsriDump => match &setting.environment.node {
                None => Ok(failed("there is no Node on this machine")),
                Some(folder) => {
                    let program = folder.join("node_modules/esri-dump/dist/cli.js");
                    let mut command = Command::new("node");
                    command
                        .arg(program)
                        .args(["fetch", "--approach", "iter", url]);
                    setting.measure.run(&command, &out)
                }
            },
            Kind::Fetch(format) => {
                run(Command::new(&setting.programs.replay).args(["fetch", url, format, REQUESTS]))
            }
            Kind::Ignore => {
                let mut command = Command::new(&setting.programs.replay);
                command
                    .arg("ignore")
                    .arg(setting.service.folder())
                    .arg(layer.name);
                floor::told(setting, &command, &printed)
            }
            Kind::Write => {
                let ours = CONTESTANTS.iter().find(|other| other.name == OURS_JSON);
                let ours = ours
                    .map(|ours| ours.output(setting, layer))
                    .filter(|file| file.exists());
                let Some(ours) = ours else {
                    return Ok(failed(
                        "it writes what `arcgis export` wrote, which did not run",
                    ));
                };
                let mut command = Command::new(&setting.programs.replay);
                command.arg("write").arg(ours).arg(&out);
                floor::told(setting, &command, &printed)
            }
        }
    }

    /// Compares what was written with the formulas.
    pub(super) fn check(&self, setting: &Setting<'_>, layer: &Layer) -> Result<Option<Verdict>> {
        if self.is_floor() {
            return Ok(None);
        }
        let expected = setting
            .service
            .folder()
            .join(layer.name)
            .join("expected.parquet");
        let output = Command::new(&setting.environment.python)
            .arg(setting.measure.scripts.join("check.py"))
            .args([expected, self.output(setting, layer)])
            .output()?;
        ensure!(
            output.status.success(),
            "what {} wrote could not be compared: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        let told: Value = serde_json::from_slice(&output.stdout)?;
        let number = |name: &str| told.get(name).and_then(Value::as_u64).unwrap_or(0);
        let notes = told
            .get("notes")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        Ok(Some(Verdict {
            rows: number("rows"),
            right: number("right"),
            notes: notes.filter_map(Value::as_str).map(str::to_owned).collect(),
        }))
    }
}

fn failed(reason: &str) -> Run {
    Run {
        failure: Some(reason.to_owned()),
        ..Run::default()
    }
}
