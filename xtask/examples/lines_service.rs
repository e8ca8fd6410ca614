//! Serves every `.ndjson` file of a folder as a layer, for `cargo xtask interop`: what other programs
//! wrote, they can read back through an export and compare.
//!
//! Beside what a layer's definition has anyway, `maxRecordCount` says how many rows a page has, and `unservable` is
//! the object id of a row that is counted and never comes.
//!
//! Prints one line of JSON with the layers' addresses, and ends when its standard input does, so that
//! it cannot outlive whoever started it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use arcgis_testkit::{BadRow, Layer, Quirk, Testkit};
use serde_json::{Map, Value, json};

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
            let open = || -> Result<_> { Ok(BufReader::new(File::open(&path)?)) };
            let mut definition = String::new();
            open()?.read_line(&mut definition)?;
            let definition: Value = serde_json::from_str(&definition)?;
            let number = |name: &str| definition.get(name).and_then(Value::as_i64);
            let rows = number("maxRecordCount").and_then(|rows| usize::try_from(rows).ok());
            let mut layer = Layer::from_lines(open()?)
                .with_context(|| path.display().to_string())?
                .with_max_record_count(rows.unwrap_or(PAGE));
            if let Some(id) = number("unservable") {
                layer = layer.with_quirk(Quirk::BadRow(id, BadRow::Never));
            }
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
