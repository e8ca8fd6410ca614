//! `cargo xtask crs-table`: the table of reference systems in `arcgis-export`, from PROJ.
//!
//! `scripts/crs_table.py` lists what pyproj knows; this packs it. With `--check` nothing is
//! written: every code is looked up in the committed table, with the reader that the crate itself
//! uses, and compared with what pyproj says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::python;

// The reader alone: the rest of the crate brings Arrow, which a task need not wait for.
#[allow(dead_code, unreachable_pub)]
#[path = "../../crates/arcgis-export/src/crs/table.rs"]
mod table;

// How formats that take no PROJJSON are told of a reference system.
#[allow(dead_code, unreachable_pub)]
#[path = "../../crates/arcgis-export/src/format/wkt2.rs"]
mod wkt2;

use table::{Authority, MAGIC, Table};

/// Reference systems in one compressed chunk: a look-up unpacks one chunk.
const CHUNK: usize = 256;

/// Everything that the script listed.
struct Listing {
    versions: String,
    systems: BTreeMap<(Authority, u32), String>,
    aliases: BTreeMap<u32, (Authority, u32)>,
    /// Lines of code and WKT.
    wkts: String,
}

/// Makes the table, or with `check` compares it.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    let work = root.join("target/crs-table");
    fs::create_dir_all(&work)?;
    // PROJ and its database are inside the wheel: this version is the version of the table.
    let python = python::environment(&work.join("venv"), &["pyproj==3.7.2"])?;
    let listed = work.join("listing.tsv");
    python::run(
        Command::new(&python)
            .arg(root.join("xtask/scripts/crs_table.py"))
            .arg(&listed),
    )?;
    let listing = read(&fs::read_to_string(&listed)?)?;

    let path = root.join("crates/arcgis-export/data/crs.bin");
    let wkts = root.join("crates/arcgis-export/data/crs_wkt.bin");
    if !check {
        let packed = pack(&listing)?;
        fs::create_dir_all(path.parent().context("the table lies in no folder")?)?;
        fs::write(&path, &packed)?;
        println!("{}: {} bytes", path.display(), packed.len());
        let packed = pack_wkts(&listing.wkts)?;
        fs::write(&wkts, &packed)?;
        println!("{}: {} bytes", wkts.display(), packed.len());
    }
    compare(&fs::read(&path)?, &listing)?;
    compare_wkts(&fs::read(&wkts)?, &listing.wkts)?;
    compare_wkt2(&python, root, &work, &listing)
}

/// Has pyproj read the texts that FlatGeobuf and GeoPackage get.
fn compare_wkt2(python: &Path, root: &Path, work: &Path, listing: &Listing) -> Result<()> {
    let mut lines = String::new();
    for ((authority, code), projjson) in &listing.systems {
        let text = wkt2::wkt2(projjson)
            .with_context(|| format!("{authority}:{code} has no form as WKT 2"))?;
        lines.push_str(&format!("{authority}\t{code}\t{text}\n"));
    }
    let written = work.join("wkt2.tsv");
    fs::write(&written, lines)?;
    let script = root.join("xtask/scripts/crs_wkt2.py");
    python::run(Command::new(python).arg(script).arg(written))
}

/// How the file of WKTs begins; `crs/parameters.rs` of the crate has its layout.
const WKT_MAGIC: &[u8] = b"ARCWKT\x00\x01";

fn pack_wkts(lines: &str) -> Result<Vec<u8>> {
    let mut out = WKT_MAGIC.to_vec();
    push(&mut out, lines.len())?;
    out.extend_from_slice(&zstd::bulk::compress(lines.as_bytes(), 19)?);
    Ok(out)
}

fn compare_wkts(packed: &[u8], lines: &str) -> Result<()> {
    let head = WKT_MAGIC.len() + 4;
    let frame = packed.get(head..).context("the WKTs cannot be read")?;
    let unpacked = zstd::bulk::decompress(frame, lines.len())?;
    ensure!(
        packed.starts_with(WKT_MAGIC) && unpacked == lines.as_bytes(),
        "the WKTs differ from pyproj's (run `cargo xtask crs-table`)"
    );
    println!("{} WKTs are equal to pyproj's", lines.lines().count());
    Ok(())
}

fn read(text: &str) -> Result<Listing> {
    let mut listing = Listing {
        versions: String::new(),
        systems: BTreeMap::new(),
        aliases: BTreeMap::new(),
        wkts: String::new(),
    };
    for line in text.lines() {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            ["version", versions] => listing.versions = (*versions).to_owned(),
            ["crs", authority, code, projjson] => {
                let key = (named(authority)?, code.parse()?);
                ensure!(
                    listing
                        .systems
                        .insert(key, (*projjson).to_owned())
                        .is_none(),
                    "{authority}:{code} is listed twice"
                );
            }
            ["wkt", authority, code, wkt] => {
                let (authority, code) = (named(authority)?, code.parse::<u32>()?);
                listing
                    .wkts
                    .push_str(&format!("{authority}:{code}\t{wkt}\n"));
            }
            ["alias", wkid, authority, code] => {
                listing
                    .aliases
                    .insert(wkid.parse()?, (named(authority)?, code.parse()?));
            }
            _ => bail!("the script wrote a line of another kind: {line}"),
        }
    }
    Ok(listing)
}

fn named(authority: &str) -> Result<Authority> {
    Authority::from_name(authority).with_context(|| format!("no authority of ours: {authority}"))
}

/// The bytes that `Table` reads; its documentation has the layout.
fn pack(listing: &Listing) -> Result<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    push(&mut out, listing.versions.len())?;
    out.extend_from_slice(listing.versions.as_bytes());
    push(&mut out, listing.aliases.len())?;
    for (wkid, &(authority, code)) in &listing.aliases {
        out.extend_from_slice(&wkid.to_le_bytes());
        out.extend_from_slice(&table::key(authority, code).to_le_bytes());
    }

    let systems: Vec<_> = listing
        .systems
        .iter()
        .map(|(&(authority, code), text)| (table::key(authority, code), text))
        .collect();
    ensure!(
        systems.is_sorted_by(|a, b| a.0 < b.0),
        "the keys are not in order"
    );
    push(&mut out, systems.len().div_ceil(CHUNK))?;
    let mut data = Vec::new();
    for chunk in systems.chunks(CHUNK) {
        let mut plain = Vec::new();
        push(&mut plain, chunk.len())?;
        for (key, text) in chunk {
            plain.extend_from_slice(&key.to_le_bytes());
            push(&mut plain, text.len())?;
        }
        for (_, text) in chunk {
            plain.extend_from_slice(text.as_bytes());
        }
        let packed = zstd::bulk::compress(&plain, 19)?;
        let first = chunk.first().context("a chunk holds nothing")?.0;
        out.extend_from_slice(&first.to_le_bytes());
        push(&mut out, plain.len())?;
        push(&mut out, packed.len())?;
        data.extend_from_slice(&packed);
    }
    out.extend_from_slice(&data);
    Ok(out)
}

fn push(out: &mut Vec<u8>, number: usize) -> Result<()> {
    out.extend_from_slice(&u32::try_from(number)?.to_le_bytes());
    Ok(())
}

/// Looks every listed code up in the packed table, and every listed alias.
fn compare(bytes: &[u8], listing: &Listing) -> Result<()> {
    let table = Table::parse(bytes).context("the table cannot be read")?;
    let mut wrong = Vec::new();
    for (&(authority, code), text) in &listing.systems {
        if table.find(authority, code).as_deref() != Some(text) {
            wrong.push(format!("{authority}:{code}"));
        }
    }
    for (&wkid, &target) in &listing.aliases {
        if table.alias(wkid) != Some(target) {
            wrong.push(format!("alias {wkid}"));
        }
    }
    let mut count = 0;
    let whole = table.for_each(|_, _, _| count += 1).is_some();
    if !whole || count != listing.systems.len() || table.versions() != listing.versions {
        wrong.push(format!("{count} systems of {}", table.versions()));
    }
    ensure!(
        wrong.is_empty(),
        "{} entries differ from pyproj (run `cargo xtask crs-table`): {}",
        wrong.len(),
        wrong
            .iter()
            .take(20)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    );
    println!(
        "{} reference systems and {} aliases are equal to pyproj's ({})",
        listing.systems.len(),
        listing.aliases.len(),
        listing.versions
    );
    Ok(())
}
