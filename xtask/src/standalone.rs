//! Each crate by itself: in a build of the whole workspace, one crate's features can hide that
//! another forgot to ask for them.

use std::process::Command;

use anyhow::Result;

use crate::repository::Repository;
use crate::stage::Verdict;

const WASM: &str = "wasm32-unknown-unknown";

/// Checks each published crate with its default features and with none.
pub(crate) fn alone(repository: &Repository) -> Result<Verdict> {
    for member in repository.members()? {
        if !member.published {
            continue;
        }
        repository.run(&["check", "-p", &member.name])?;
        if !member.features.is_empty() {
            repository.run(&["check", "-p", &member.name, "--no-default-features"])?;
        }
    }
    Ok(Verdict::Passed)
}

/// Checks the one crate that promises to work where there are no sockets.
pub(crate) fn wasm(repository: &Repository) -> Result<Verdict> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(repository.root());
    let output = rustc
        .args(["--print", "target-libdir", "--target", WASM])
        .output()?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if folder.is_empty() || !std::path::Path::new(&folder).exists() {
        return Ok(Verdict::Skipped(format!(
            "the target is not installed (`rustup target add {WASM}`); `deps` has looked at its tree"
        )));
    }
    repository.run(&["check", "-p", "arcgis-auth-core", "--target", WASM])?;
    Ok(Verdict::Passed)
}
