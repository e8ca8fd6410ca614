//! What an installation needs beside the binary.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManualArgs {
    /// The folder for the pages, arcgis.1, arcgis-export.1 and so on; made if it is not there
    pub(crate) folder: PathBuf,
}
