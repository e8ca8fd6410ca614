//! `cargo xtask interop`: programs that nobody here wrote read our files, serve us, and query our service.
//!
//! Each suite is a script in `scripts/interop`, run by a Python environment of its own under
//! `target/interop`; it counts its comparisons, and a suite that compared nothing has failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::artifacts::Artifacts;
use crate::debian;
use crate::keyring;
use crate::node;
use crate::python;
use crate::repository::Repository;
use crate::stage::Verdict;

/// What a suite needs besides Python.
#[derive(Clone, Copy, PartialEq)]
enum Needs {
    Nothing,
    Node,
    Chromium,
}

/// A service of ours that a suite talks to.
#[derive(Clone, Copy, PartialEq)]
enum Service {
    /// The layers of a folder.
    Lines,
    /// The demo data, edited and failing.
    Nightly,
}

struct Suite {
    name: &'static str,
    about: &'static str,
    needs: Needs,
    service: Service,
    packages: &'static Packages,
}

/// Python packages that can be installed beside each other.
struct Packages {
    /// The folder that they are installed into.
    folder: &'static str,
    /// Files of requirements; those of the second are installed without what they ask for.
    files: &'static [&'static str],
}

const READERS: Packages = Packages {
    folder: "venv",
    files: &["requirements.txt", "requirements-duckdb.txt"],
};

/// What gpio and boto3 ask for cannot be had at once.
const STORES: Packages = Packages {
    folder: "venv-stores",
    files: &["requirements-stores.txt"],
};

const SUITES: [Suite; 9] = [
    Suite {
        name: "readers",
        about: "pyarrow, GeoPandas, DuckDB and gpio open what we write",
        needs: Needs::Nothing,
        service: Service::Lines,
        packages: &READERS,
    },
    Suite {
        name: "formats",
        about: "pyarrow, Polars, GDAL, DuckDB and SQLite read the same values from every format",
        needs: Needs::Nothing,
        service: Service::Lines,
        packages: &READERS,
    },
    Suite {
        name: "partitions",
        about: "pyarrow, GeoPandas, DuckDB, DataFusion and Polars read datasets in several files as they read one",
        needs: Needs::Nothing,
        service: Service::Lines,
        packages: &READERS,
    },
    Suite {
        name: "streams",
        about: "pyarrow, Polars, DuckDB and GeoPandas take layers without a file, by Arrow's C Stream Interface",
        needs: Needs::Nothing,
        service: Service::Lines,
        packages: &READERS,
    },
    Suite {
        name: "destinations",
        about: "buckets and web servers hold what a local file or a folder of them does, or nothing",
        needs: Needs::Node,
        service: Service::Nightly,
        packages: &STORES,
    },
    Suite {
        name: "koop",
        about: "exports from a Koop server are the GeoJSON that it serves",
        needs: Needs::Node,
        service: Service::Lines,
        packages: &READERS,
    },
    Suite {
        name: "clients",
        about: "GDAL, pyesridump and gpio get every row of our test service",
        needs: Needs::Nothing,
        service: Service::Lines,
        packages: &READERS,
    },
    Suite {
        name: "preview",
        about: "Chromium opens and clicks the pages of arcgis preview, which also looks at files of other writers",
        needs: Needs::Chromium,
        service: Service::Lines,
        packages: &READERS,
    },
    Suite {
        name: "nightly",
        about: "the jobs of docs/operations.md keep files equal to a service that is edited and fails",
        needs: Needs::Nothing,
        service: Service::Nightly,
        packages: &READERS,
    },
];

/// The oldest Python 3 that the pinned packages run on.
const PYTHON: u32 = 11;

/// The oldest Node that Koop runs on.
const NODE: u32 = 18;

/// The programs of this workspace that the suites use.
struct Programs {
    arcgis: PathBuf,
    lines: PathBuf,
    nightly: PathBuf,
    /// A library that Python loads: `examples/python`.
    module: PathBuf,
}

impl Programs {
    fn service(&self, service: Service) -> &PathBuf {
        match service {
            Service::Lines => &self.lines,
            Service::Nightly => &self.nightly,
        }
    }
}

/// Runs every suite that can run here.
pub(crate) fn run(repository: &Repository) -> Result<Verdict> {
    let mut missing = Vec::new();
    let python = lacks("python3", "Python 3.", PYTHON);
    let node = lacks("node", "v", NODE).or_else(|| lacks("npm", "", 1));
    let chromium = debian::chromium("preview");
    for suite in &SUITES {
        let lacking = match suite.needs {
            Needs::Node => python.as_ref().or(node.as_ref()),
            Needs::Chromium => python.as_ref().or(chromium.as_ref().err()),
            Needs::Nothing => python.as_ref(),
        };
        if let Some(reason) = lacking {
            println!("{}: skipped: {reason}", suite.name);
            missing.push((suite.name, reason.clone()));
        }
    }
    let without_keyring = keyring::lacks();
    if let Some(reason) = without_keyring.clone() {
        println!("{}: skipped: {reason}", keyring::NAME);
        missing.push((keyring::NAME, reason));
    }
    let skipped = missing
        .iter()
        .map(|(name, reason)| format!("{name} ({reason})"))
        .collect::<Vec<_>>()
        .join(", ");
    let public = std::env::var("CI").is_ok_and(|value| value == "true");
    ensure!(
        missing.is_empty() || !public,
        "under CI no suite may be skipped: {skipped}"
    );
    if missing.len() == SUITES.len() + 1 {
        return Ok(Verdict::Skipped(skipped));
    }

    let work = repository.root().join("target/interop");
    fs::create_dir_all(&work)?;
    let scripts = repository.root().join("xtask/scripts/interop");
    let programs = build(repository)?;
    let mut wrong = Vec::new();
    if without_keyring.is_none() {
        let begin = Instant::now();
        let tally = fresh_tally(&work, keyring::NAME)?;
        println!(
            "{}: a daemon keeps logins, and gives them up",
            keyring::NAME
        );
        let ran = keyring::run(&programs.arcgis, &scripts, &work, &tally);
        match ran.and_then(|()| counts(&tally)) {
            Ok(counts) => tell(keyring::NAME, &counts, begin),
            Err(error) => wrong.push(format!("{}: {error:#}", keyring::NAME)),
        }
    }
    for suite in &SUITES {
        if missing.iter().any(|(name, _)| *name == suite.name) {
            continue;
        }
        if suite.needs == Needs::Node {
            node::install(&work.join("node"), &scripts)?;
        }
        let environment = install_python(suite.packages, &work, &scripts)?;
        println!("{}: {}", suite.name, suite.about);
        let begin = Instant::now();
        let tally = fresh_tally(&work, suite.name)?;
        let mut command = Command::new(&environment);
        if let (Needs::Chromium, Ok(chromium)) = (suite.needs, &chromium) {
            command.env("CHROMIUM", chromium);
        }
        let status = command
            .arg(scripts.join(format!("{}.py", suite.name)))
            .args([&programs.arcgis, programs.service(suite.service)])
            .arg(repository.root())
            .args([&work, &tally, &programs.module])
            .current_dir(&work)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .status()
            .context("the suite could not be started")?;
        match counts(&tally) {
            Ok(counts) => tell(suite.name, &counts, begin),
            Err(error) => wrong.push(format!("{}: {error:#}", suite.name)),
        }
        if !status.success() {
            wrong.push(format!("{}: {status}", suite.name));
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    if missing.is_empty() {
        Ok(Verdict::Passed)
    } else {
        Ok(Verdict::Partly(skipped))
    }
}

/// The file for a suite's counts: an older run's must not be taken for this one's.
fn fresh_tally(work: &Path, suite: &str) -> Result<PathBuf> {
    let tally = work.join(format!("{suite}.json"));
    if tally.exists() {
        fs::remove_file(&tally)?;
    }
    Ok(tally)
}

fn tell(suite: &str, counts: &str, begin: Instant) {
    println!("{suite}: {counts}, {:.1} s", begin.elapsed().as_secs_f64());
}

/// Why a program cannot be used: it is missing, or its version, behind `prefix`, is too old.
fn lacks(program: &str, prefix: &str, oldest: u32) -> Option<String> {
    let Ok(output) = Command::new(program).arg("--version").output() else {
        return Some(format!("`{program}` is not installed"));
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said
        .trim()
        .strip_prefix(prefix)
        .and_then(|rest| rest.split('.').next())
        .and_then(|number| number.parse::<u32>().ok());
    if version.is_some_and(|version| version >= oldest) {
        return None;
    }
    Some(format!(
        "`{program}` is {:?}, {prefix}{oldest} is needed",
        said.trim()
    ))
}

fn install_python(packages: &Packages, work: &Path, scripts: &Path) -> Result<PathBuf> {
    let folder = work.join(packages.folder);
    let mut requirement = String::new();
    for file in packages.files {
        requirement += &fs::read_to_string(scripts.join(file))?;
    }
    let python = folder.join("bin/python");
    python::once(&folder, &requirement, || {
        for (place, file) in packages.files.iter().enumerate() {
            let file = scripts.join(file).display().to_string();
            let mut arguments = vec!["--requirement", file.as_str()];
            if place > 0 {
                arguments.extend(["--no-deps", "--no-warn-conflicts"]);
            }
            python::environment(&folder, &arguments)?;
        }
        Ok(())
    })?;
    Ok(python)
}

/// Builds the command and the service, with the features that the tests have built everything with.
fn build(repository: &Repository) -> Result<Programs> {
    let built = Artifacts::build(
        repository,
        &[
            "--workspace",
            "--bin",
            "arcgis",
            "--example",
            "lines_service",
            "--example",
            "nightly_service",
            "--lib",
        ],
    )?;
    Ok(Programs {
        arcgis: built.file("arcgis")?,
        lines: built.file("lines_service")?,
        nightly: built.file("nightly_service")?,
        module: built.file("arcgis_layers")?,
    })
}

/// How many comparisons were made with whom, as text; an error if none was made.
fn counts(tally: &Path) -> Result<String> {
    let text = fs::read_to_string(tally).context("it counted nothing")?;
    let tally: Value = serde_json::from_str(&text)?;
    let counts = tally
        .get("comparisons")
        .and_then(Value::as_object)
        .context("it counted nothing")?;
    let mut all = 0;
    let mut parts = Vec::new();
    for (who, count) in counts {
        let count = count.as_u64().unwrap_or(0);
        ensure!(count > 0, "nothing was compared with {who}");
        all += count;
        parts.push(format!("{who} {count}"));
    }
    ensure!(all > 0, "nothing was compared");
    Ok(format!("{all} comparisons ({})", parts.join(", ")))
}
