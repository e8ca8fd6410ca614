//! Serves every `.ndjson` file of a folder as a layer, for `cargo xtask interop`: what other programs
//! wrote, they can read back through an export and compare.
//!
//! Prints one line of JSON with the layers' addresses, and ends when its standard input does, so that
//! it cannot outlive whoever started it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use arcgis_testkit::{Layer, Testkit};
use serde_json::{Map, json};

/// Small, so that even a few rows come in several pages.
const PAGE: usize = 3;

fn main() -> Result<()> {
    let folder: PathBuf = std::env::args_os()
        .nth(1)
        .context("usage: lines_service <folder>")?
        .into();
    let mut builder = Testkit::builder().log_capacity(0);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("ndjson")) {
            let layer = Layer::from_lines(BufReader::new(File::open(&path)?))
                .with_context(|| path.display().to_string())?
                .with_max_record_count(PAGE);
            names.push(layer.name().to_owned());
            builder = builder.layer(layer);
        }
    }

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let service = runtime.block_on(builder.start())?;
    let layers: Map<_, _> = names
        .iter()
        .map(|name| (name.clone(), json!(service.layer_url(name))))
        .collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", json!({ "layers": layers }))?;
    out.flush()?;

    std::io::stdin().read_to_end(&mut Vec::new())?;
    runtime.block_on(service.shutdown());
    Ok(())
}
