//! What a program takes.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Runs programs and writes down what they take.
pub(super) struct Measure {
    pub(super) python: PathBuf,
    pub(super) scripts: PathBuf,
    pub(super) out: PathBuf,
    /// The home folder of what is run.
    pub(super) home: PathBuf,
    /// The process whose time is told apart.
    pub(super) service: u32,
}

/// One run of one program.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    /// Seconds from start to end.
    pub(super) wall: f64,
    /// Seconds on a processor, user and system, with all processes that it started.
    pub(super) cpu: f64,
    /// The largest resident set, in MB; none of what holds all rows in memory before it starts.
    pub(super) peak: Option<f64>,
    /// Seconds on a processor that the service took for it.
    pub(super) service: f64,
    /// Why it failed.
    pub(super) failure: Option<String>,
}

impl Measure {
    /// Runs a program; its standard output goes to `output`.
    pub(super) fn run(&self, command: &Command, output: &Path) -> Result<Run> {
        let result = self.out.join("measured.json");
        let mut measured = Command::new(&self.python);
        measured
            .arg(self.scripts.join("measure.py"))
            .arg(self.service.to_string())
            .args([&result, &output.to_owned()])
            .arg(command.get_program())
            .args(command.get_args())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("HOME", &self.home);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => measured.env(name, value),
                None => measured.env_remove(name),
            };
        }
        let output = measured.output().context("python could not be started")?;
        ensure!(
            output.status.success(),
            "what was to measure failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let told: Value = serde_json::from_str(&fs::read_to_string(&result)?)?;
        let number = |name: &str| {
            let number = told.get(name).and_then(Value::as_f64);
            number.with_context(|| format!("nobody measured the {name}"))
        };
        let messages = told
            .get("messages")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Ok(Run {
            wall: number("wall")?,
            cpu: number("cpu")?,
            peak: Some(number("peak")?),
            service: number("service")?,
            failure: (told.get("code") != Some(&Value::from(0))).then(|| last_line(messages)),
        })
    }
}

fn last_line(messages: &str) -> String {
    let line = messages.lines().rev().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or("no message").trim();
    line.chars().take(200).collect()
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            Some(reason) => write!(f, "failed: {reason}"),
            None => {
                write!(f, "{:.2} s, CPU {:.2} s", self.wall, self.cpu)?;
                if let Some(peak) = self.peak {
                    write!(f, ", at most {peak:.0} MB")?;
                }
                write!(f, ", service {:.2} s", self.service)
            }
        }
    }
}
