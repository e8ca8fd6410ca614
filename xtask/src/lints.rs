//! Formatting and Clippy.

use anyhow::{Context as _, Result, ensure};

use crate::repository::Repository;
use crate::stage::Verdict;

/// The crates that are small enough to be linted with each set of features.
const SMALL: [&str; 3] = ["arcgis-auth-core", "arcgis-auth-http", "arcgis-layer"];

/// Fails when a file is not formatted as rustfmt would.
pub(crate) fn format(repository: &Repository) -> Result<Verdict> {
    installed(repository, "fmt", "rustfmt")?;
    repository
        .run(&["fmt", "--all", "--check"])
        .context("run `cargo fmt --all`")?;
    Ok(Verdict::Passed)
}

/// Lints everything with default features, and the small crates with each feature alone.
pub(crate) fn clippy(repository: &Repository) -> Result<Verdict> {
    installed(repository, "clippy", "clippy")?;
    let mut all = vec![
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    repository.run(&all)?;
    for member in repository.members()? {
        if !SMALL.contains(&member.name.as_str()) {
            continue;
        }
        // Without features at all is the same as above for a crate that has none.
        let mut sets: Vec<Option<&str>> = Vec::new();
        if !member.features.is_empty() {
            sets.push(None);
        }
        let alone = member.features.iter().filter(|name| *name != "default");
        sets.extend(alone.map(|name| Some(name.as_str())));
        for set in sets {
            // The library only: tests bring features of their own.
            all = vec![
                "clippy",
                "-p",
                &member.name,
                "--lib",
                "--no-default-features",
            ];
            if let Some(feature) = set {
                all.extend(["--features", feature]);
            }
            all.extend(["--", "-D", "warnings"]);
            repository.run(&all)?;
        }
    }
    Ok(Verdict::Passed)
}

/// A toolchain installed with the minimal profile has neither rustfmt nor Clippy.
fn installed(repository: &Repository, command: &str, component: &str) -> Result<()> {
    let found = repository.cargo(&[command, "--version"]).output();
    ensure!(
        found.is_ok_and(|output| output.status.success()),
        "`cargo {command}` is missing: run `rustup component add {component}`"
    );
    Ok(())
}
