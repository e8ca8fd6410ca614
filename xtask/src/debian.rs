//! Programs of Debian's packages, installed where that troubles nobody: by root, as in a container.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where a program is, if it is installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Installs packages for a suite, if that is possible here; whether it was tried.
pub(crate) fn install(suite: &str, packages: &[&str]) -> bool {
    if !is_root() || find("apt-get").is_none() {
        return false;
    }
    println!("{suite}: installing {}", packages.join(", "));
    // What came of it is seen by whether the programs are there.
    let _ = Command::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null())
        .status();
    true
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A Chromium: the one that `CHROMIUM` names, else one that is installed, else Debian's package; or why there is none.
pub(crate) fn chromium(suite: &str) -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let installed = || {
        ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find_map(find)
    };
    if let Some(found) = installed() {
        return Ok(found);
    }
    if !install(suite, &["chromium"]) {
        return Err("no Chromium is installed (package chromium)".to_owned());
    }
    installed().ok_or_else(|| "`chromium` could not be installed".to_owned())
}
