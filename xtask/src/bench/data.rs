//! The data, and the service that gives them out.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

use super::options::Options;
use crate::python;

/// A layer of the service.
pub(super) struct Layer {
    pub(super) name: &'static str,
    rows: u32,
    /// Its number in the service.
    id: usize,
}

pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: "points",
        rows: 200_000,
        id: 0,
    },
    Layer {
        name: "polygons",
        rows: 50_000,
        id: 1,
    },
    Layer {
        name: "lines",
        rows: 23_000,
        id: 2,
    },
    Layer {
        name: "table",
        rows: 100_000,
        id: 3,
    },
];

/// The service in a process of its own, which ends with this one.
pub(super) struct Service {
    process: Child,
    url: String,
    folder: std::path::PathBuf,
}

impl Service {
    /// Makes the data that are missing, and starts the service.
    pub(super) fn start(replay: &Path, folder: &Path, options: &Options) -> Result<Self> {
        for layer in LAYERS {
            let rows = (f64::from(layer.rows) * options.scale).ceil();
            python::run(
                Command::new(replay)
                    .arg("make")
                    .arg(folder)
                    .args([layer.name, &rows.to_string()]),
            )?;
        }
        let mut process = Command::new(replay)
            .arg("serve")
            .arg(folder)
            // It ends when this is closed, however this process ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the service could not be started")?;
        let out = process.stdout.take().context("the service says nothing")?;
        let mut url = String::new();
        BufReader::new(out).read_line(&mut url)?;
        Ok(Self {
            process,
            url: url.trim().to_owned(),
            folder: folder.to_owned(),
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn layer_url(&self, layer: &Layer) -> String {
        format!("{}/{}", self.url, layer.id)
    }

    /// Where the data are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // One that does not end on its own must not outlive the comparison.
        for _ in 0..50 {
            if matches!(self.process.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
