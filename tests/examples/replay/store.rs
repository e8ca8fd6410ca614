//! The data on disk: all rows of a layer in each format, one behind the other, and where each ends.
//!
//! Any rows that follow on each other are a slice of that, so that the service has nothing to render.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use crate::layers::Layer;
use crate::{esri_json, expected, geojson, pbf};

/// To be raised when a formula or a format changes: data of another version are made anew.
const VERSION: u32 = 1;

/// The rows of one format while they are made.
struct Rows {
    rows: BufWriter<File>,
    ends: BufWriter<File>,
    end: u64,
}

impl Rows {
    fn create(folder: &Path, format: &str) -> Self {
        let create = |name: String| BufWriter::new(File::create(folder.join(name)).unwrap());
        Self {
            rows: create(format!("rows.{format}")),
            ends: create(format!("ends.{format}")),
            end: 0,
        }
    }

    fn push(&mut self, row: &[u8]) {
        self.rows.write_all(row).unwrap();
        self.end += row.len() as u64;
        self.ends.write_all(&self.end.to_le_bytes()).unwrap();
    }

    fn finish(mut self) {
        self.rows.flush().unwrap();
        self.ends.flush().unwrap();
    }
}

/// Makes a layer's data, unless they are there already.
pub(crate) fn make(folder: &Path, layer: &Layer, rows: u64) {
    let folder = folder.join(layer.name);
    let marker = folder.join("made");
    let wanted = format!("{VERSION} {rows}");
    if fs::read_to_string(&marker).is_ok_and(|made| made == wanted) {
        return;
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let mut json = Rows::create(&folder, "json");
    let mut geo = Rows::create(&folder, "geojson");
    let mut buffers = Rows::create(&folder, "pbf");
    let mut text = String::new();
    let mut bytes = Vec::new();
    for row in 1..=rows {
        // Each row of the two JSON formats ends with the comma that is between it and the next.
        text.clear();
        esri_json::row(layer, row, &mut text);
        text.push(',');
        json.push(text.as_bytes());
        text.clear();
        geojson::row(layer, row, &mut text);
        text.push(',');
        geo.push(text.as_bytes());
        bytes.clear();
        pbf::row(layer, row, &mut bytes);
        buffers.push(&bytes);
    }
    let sizes = [json.end, geo.end, buffers.end];
    json.finish();
    geo.finish();
    buffers.finish();
    expected::write(&folder.join("expected.parquet"), layer, rows);
    fs::write(marker, wanted).unwrap();
    let [json, geo, buffers] = sizes.map(|size| size as f64 / 1e6);
    println!(
        "{}: {rows} rows, {json:.1} MB as JSON, {geo:.1} as GeoJSON, {buffers:.1} as PBF",
        layer.name
    );
}
