//! The programs of this workspace that take part.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::repository::{Repository, announce};

pub(super) struct Programs {
    /// The command, as it is released.
    pub(super) arcgis: PathBuf,
    /// The service, the data and the floors.
    pub(super) replay: PathBuf,
    /// A service of computed rows without end.
    pub(super) soak: PathBuf,
}

impl Programs {
    pub(super) fn build(repository: &Repository) -> Result<Self> {
        let arguments = [
            "build",
            "--release",
            "--package",
            "arcgis-cli",
            "--package",
            "arcgis-tests",
            "--bin",
            "arcgis",
            "--example",
            "replay",
            "--example",
            "soak",
            "--message-format",
            "json-render-diagnostics",
        ];
        announce(&arguments, &[]);
        let messages = repository.read(&arguments)?;
        let built = |name: &str| {
            messages
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .find_map(|message| {
                    let target = message.get("target")?.get("name")?.as_str()?;
                    let program = message.get("executable")?.as_str()?;
                    (target == name).then(|| PathBuf::from(program))
                })
                .with_context(|| format!("cargo built no `{name}`"))
        };
        Ok(Self {
            arcgis: built("arcgis")?,
            replay: built("replay")?,
            soak: built("soak")?,
        })
    }
}
