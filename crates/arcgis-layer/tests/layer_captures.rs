//! Fields and references of real answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::PathBuf;

use arcgis_layer::{Field, FieldType, SpatialReference};
use serde_json::Value;

#[test]
fn every_field_of_a_capture_is_read() {
    let Some(folder) = std::env::var_os("ARCGIS_CAPTURES").map(PathBuf::from) else {
        println!("skipped: ARCGIS_CAPTURES names no folder of captured answers");
        return;
    };
    let mut read = 0;
    for entry in std::fs::read_dir(folder.join("json")).unwrap() {
        let path = entry.unwrap().path();
        let answer: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let declared = answer["fields"].as_array().map_or(&[][..], Vec::as_slice);
        for field in declared {
            let known = Field::from_json(field).unwrap();
            assert_eq!(field["name"].as_str(), Some(known.name.as_str()));
            assert!(
                !matches!(known.field_type, FieldType::Other(_)),
                "{}: {field}",
                path.display()
            );
            assert_eq!(
                field["type"].as_str(),
                Some(format!("esriFieldType{}", known.field_type).as_str())
            );
            read += 1;
        }
        let reference = &answer["spatialReference"];
        if !reference.is_null() {
            let known = SpatialReference::from_json(reference);
            assert_eq!(known.wkid, reference["wkid"].as_i64(), "{}", path.display());
            assert_eq!(known.latest_wkid, reference["latestWkid"].as_i64());
        }
    }
    assert!(read > 50, "{read} fields");
}
