//! A Python environment of a task's own, under `target/`, and what else is installed there once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

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

/// Installs once what `requirement` says: a marker in `folder` tells for which text that was done.
pub(crate) fn once(
    folder: &Path,
    requirement: &str,
    install: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let marker = folder.join("installed");
    if fs::read_to_string(&marker).is_ok_and(|done| done == requirement) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let begin = Instant::now();
    install()?;
    fs::write(marker, requirement)?;
    println!(
        "installed into {} in {:.1} s",
        folder.display(),
        begin.elapsed().as_secs_f64()
    );
    Ok(())
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
