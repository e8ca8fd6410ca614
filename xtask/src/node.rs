//! A folder of Node packages of a task's own, under `target/`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::python;

/// Installs once what the manifest in `scripts` asks for.
pub(crate) fn install(folder: &Path, scripts: &Path) -> Result<()> {
    let manifest = fs::read_to_string(scripts.join("package.json"))?;
    python::once(folder, &manifest, || {
        fs::write(folder.join("package.json"), &manifest)?;
        // Packages' own scripts have no business here.
        python::run(
            Command::new("npm")
                .args(["install", "--ignore-scripts", "--no-audit", "--no-fund"])
                .args(["--no-package-lock", "--silent"])
                .current_dir(folder),
        )
    })
}
