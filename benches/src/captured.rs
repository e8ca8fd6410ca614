//! Real answers, where the environment variable `ARCGIS_CAPTURES` says that there are some.

use std::fs;
use std::path::PathBuf;

use arcgis_layer::{read_header, read_pbf_header};

use crate::page::Page;

/// The larger of the captured pages; none where the variable is not set.
#[must_use]
pub fn captured() -> Vec<Page> {
    let Some(folder) = std::env::var_os("ARCGIS_CAPTURES").map(PathBuf::from) else {
        return Vec::new();
    };
    [
        "arcGISPointResponse",
        "arcGISLineResponse",
        "arcGISPolygonResponse",
    ]
    .iter()
    .filter_map(|name| {
        let json = fs::read(folder.join(format!("json/{name}.json"))).ok()?;
        let header = read_header(&json).ok()?;
        let name = name
            .trim_start_matches("arcGIS")
            .trim_end_matches("Response");
        let pbf = fs::read(folder.join(format!("pbf/PBF{name}Response.pbf"))).ok()?;
        let same = read_pbf_header(&pbf).is_ok_and(|pbf| pbf.rows == header.rows);
        let pbf = if same { pbf } else { Vec::new() };
        Some(Page::new(
            format!("captured {}", name.to_lowercase()),
            header.rows,
            header.layout(),
            json,
            pbf,
        ))
    })
    .collect()
}
