//! A saved answer: its file has the same bytes each time, wherever it goes.

use std::path::Path;

use arcgis_export::{Conversion, Destination, Error, FileFormat, LocalFile, Report};

/// So many points, with texts that do not compress well.
pub(crate) fn of_rows(rows: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 11
    };
    let features: Vec<String> = (0..rows)
        .map(|row| {
            let name = format!("{:013x}{:013x}{:013x}", random(), random(), random());
            let (x, y) = (random() % 360, random() % 180);
            format!(
                r#"{{"attributes": {{"OBJECTID": {row}, "NAME": "{name}"}}, "geometry": {{"x": {}, "y": {}}}}}"#,
                x as f64 - 180.0,
                y as f64 - 90.0
            )
        })
        .collect();
    format!(
        r#"{{"objectIdFieldName": "OBJECTID", "geometryType": "esriGeometryPoint", "spatialReference": {{"wkid": 4326}},
            "fields": [{{"name": "OBJECTID", "type": "esriFieldTypeOID"}}, {{"name": "NAME", "type": "esriFieldTypeString"}}],
            "features": [{}]}}"#,
        features.join(",")
    )
    .into_bytes()
}

pub(crate) fn put(
    answer: &[u8],
    format: FileFormat,
    to: &dyn Destination,
) -> Result<Report, Error> {
    Conversion::new(answer).with_format(format).to(to)
}

/// What a local file of it holds.
pub(crate) fn local(answer: &[u8], format: FileFormat) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("local");
    put(answer, format, &LocalFile::new(&path)).unwrap();
    std::fs::read(path).unwrap()
}

#[cfg(feature = "cloud")]
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
