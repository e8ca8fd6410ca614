//! `cargo xtask order`: what the order of rows spares a reader of a part of the map.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::python;
use crate::repository::Repository;
use crate::soak;

/// Writes five million points in order and as they come, and counts the bytes that DuckDB reads of both.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let work = repository.target()?.join("order");
    let files = work.join("files");
    if files.exists() {
        fs::remove_dir_all(&files)?;
    }
    fs::create_dir_all(&files)?;
    let scripts = repository.root().join("xtask/scripts/order");
    let requirements = fs::read_to_string(scripts.join("requirements.txt"))?;
    let packages: Vec<&str> = requirements
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let python = python::environment(&work.join("python"), &packages)?;
    let folder = files.to_str().context("the target folder is not UTF-8")?;
    soak::run(repository, &["--order-files", folder])?;
    python::run(
        Command::new(python)
            .arg(scripts.join("bytes_read.py"))
            .arg(folder),
    )?;
    Ok(fs::remove_dir_all(files)?)
}
