//! A Python environment of a task's own, under `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The interpreter of the virtual environment `folder`, made when missing, with `packages` installed.
pub(crate) fn environment(folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet"])
        .args(["--disable-pip-version-check"])
        .args(packages))?;
    Ok(python)
}

/// Runs a program whose messages go to this terminal; fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("`{name}` could not be started: is it installed?"))?;
    ensure!(status.success(), "`{name}` failed: {status}");
    Ok(())
}
