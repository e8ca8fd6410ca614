//! Real answers of real services, compared with what `serde_json` reads.

use std::path::PathBuf;

use arcgis_layer::{Dimensions, GeometryType, read_header};
use serde_json::Value;

use crate::recorder::{Shape, decode_bytes, expected};

fn captures() -> Vec<(String, Vec<u8>)> {
    let Some(folder) = std::env::var_os("ARCGIS_CAPTURES") else {
        println!("skipped: ARCGIS_CAPTURES is not set");
        return Vec::new();
    };
    let mut found: Vec<_> = std::fs::read_dir(PathBuf::from(folder).join("json"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no captures");
    found
}

/// Each position of a geometry, in any order of rings, as a sorted list.
fn sorted(mut positions: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    positions.sort_by(|a, b| a.partial_cmp(b).unwrap());
    positions.dedup();
    positions
}

fn compare(name: &str, shape: &Shape, geometry: &Value) {
    let size = shape.dims.size();
    let found: Vec<Vec<f64>> = shape.coords.chunks(size).map(<[f64]>::to_vec).collect();
    let numbers = |position: &Value| -> Vec<f64> {
        let numbers = position.as_array().unwrap();
        assert_eq!(numbers.len(), size, "{name}");
        numbers
            .iter()
            .map(|number| number.as_f64().unwrap())
            .collect()
    };
    let lists = |key: &str| -> Vec<Vec<f64>> {
        let lists = geometry[key].as_array().unwrap();
        lists
            .iter()
            .flat_map(|list| list.as_array().unwrap())
            .map(numbers)
            .collect()
    };
    match shape.kind {
        GeometryType::Point => {
            let keys = ["x", "y", "z", "m"];
            let point: Vec<f64> = keys
                .iter()
                .filter_map(|key| geometry[key].as_f64())
                .collect();
            assert_eq!(found, [point], "{name}");
        }
        GeometryType::Polyline => assert_eq!(found, lists("paths"), "{name}"),
        GeometryType::Polygon => {
            assert_eq!(sorted(found), sorted(lists("rings")), "{name}");
            let rings = geometry["rings"].as_array().unwrap().len();
            assert_eq!(shape.ring_ends.len(), rings, "{name}");
        }
        other => panic!("{name}: {other}"),
    }
}

#[test]
fn captured_answers_decode_to_their_values() {
    for (name, body) in captures() {
        let oracle: Value = serde_json::from_slice(&body).unwrap();
        let header = read_header(&body).unwrap();
        assert_eq!(header.spatial_reference.code(), Some(3857), "{name}");
        let layout = header.layout();
        let (rows, facts) = decode_bytes(&body, &layout).unwrap();
        let features = oracle["features"].as_array().unwrap();
        assert_eq!(rows.len(), features.len(), "{name}");
        assert!(!rows.is_empty());
        assert_eq!(rows.len(), header.rows);
        assert!(facts.absent.is_empty(), "{name}");
        assert_eq!((facts.without_geometry, facts.repaired), (0, 0), "{name}");
        for ((row, feature), id) in rows.iter().zip(features).zip(&facts.ids) {
            for (cell, field) in row.cells.iter().flatten().zip(layout.fields.iter()) {
                assert_eq!(
                    *cell,
                    expected(&feature["attributes"][&field.name]),
                    "{name}"
                );
            }
            let id_field = header.object_id_field.as_ref().unwrap();
            assert_eq!(feature["attributes"][id_field].as_i64(), Some(*id));
            compare(&name, row.geometry.as_ref().unwrap(), &feature["geometry"]);
        }
        let dims = layout.geometry.unwrap().dims;
        let expected = match name.as_str() {
            "LineHasM.json" => Dimensions::Xym,
            "PointHasZ.json" => Dimensions::Xyz,
            "PolygonHasZM.json" => Dimensions::Xyzm,
            _ => Dimensions::Xy,
        };
        assert_eq!(dims, expected, "{name}");
    }
}
