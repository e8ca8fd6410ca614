//! Long runs: `cargo xtask soak [part …]`.

use anyhow::Result;

use crate::repository::Repository;

/// Builds the long runs for release, and runs the named parts, or all.
pub(crate) fn run(repository: &Repository, parts: &[&str]) -> Result<()> {
    let mut arguments = vec![
        "run",
        "--locked",
        "--release",
        "-q",
        "-p",
        "arcgis-tests",
        "--example",
        "soak",
        "--",
    ];
    arguments.extend(parts);
    repository.run(&arguments)
}
