//! What the libraries tell, on standard error, above the progress bar.

use std::io::{self, Write};

use tracing_subscriber::filter::EnvFilter;

use crate::args::OutputArgs;
use crate::progress;

/// Warnings are always shown, `-v` shows the decisions, `-vv` every request.
pub(crate) fn start(output: OutputArgs) {
    let level = match output.verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let ours = [
        "arcgis",
        "arcgis_auth_core",
        "arcgis_auth_http",
        "arcgis_layer",
        "arcgis_export",
    ];
    let filter = ours.map(|target| format!("{target}={level}")).join(",");
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(|| AboveProgress)
        .with_target(false)
        .with_ansi(false)
        .init();
}

/// Standard error, with the bar out of the way while a line is written.
struct AboveProgress;

impl Write for AboveProgress {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        progress::above(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
