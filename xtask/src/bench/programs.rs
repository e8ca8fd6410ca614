//! The programs of this workspace that take part.

use std::path::PathBuf;

use anyhow::Result;

use crate::artifacts::Artifacts;
use crate::repository::Repository;

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
        let built = Artifacts::build(
            repository,
            &[
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
            ],
        )?;
        Ok(Self {
            arcgis: built.file("arcgis")?,
            replay: built.file("replay")?,
            soak: built.file("soak")?,
        })
    }
}
