//! Saved answers, among them real ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use std::path::PathBuf;

use arcgis_export::{Conversion, Error, LocalFile, Note};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use bytes::Bytes;
use serde_json::Value;

fn capture(name: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("ARCGIS_CAPTURES") else {
        println!("skipped: ARCGIS_CAPTURES names no folder with captured answers");
        return None;
    };
    Some(std::fs::read(PathBuf::from(folder).join("json").join(name)).unwrap())
}

/// Text of a value, whatever its type, as JSON has it.
fn text(column: &dyn Array, row: usize) -> Option<String> {
    use arrow_array::types::{
        Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMillisecondType,
    };
    use arrow_schema::{DataType, TimeUnit};

    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Timestamp(TimeUnit::Millisecond, _) => column
            .as_primitive::<TimestampMillisecondType>()
            .value(row)
            .to_string(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        // The shortest text that is the same 32 bits: what the service wrote.
        DataType::Float32 => column.as_primitive::<Float32Type>().value(row).to_string(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        other => panic!("{other}"),
    })
}

#[test]
fn captured_answers_keep_their_values() {
    for (name, dims) in [
        ("arcGISPointResponse.json", 2),
        ("arcGISLineResponse.json", 2),
        ("arcGISPolygonResponse.json", 2),
        ("PointHasZ.json", 3),
        ("LineHasM.json", 2),
        ("PolygonHasZM.json", 3),
    ] {
        let Some(answer) = capture(name) else { return };
        let json: Value = serde_json::from_slice(&answer).unwrap();
        let features = json["features"].as_array().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.parquet");
        let report = Conversion::new(&answer)
            .with_source(name)
            .to(&LocalFile::new(&path))
            .unwrap();
        let file = Bytes::from(std::fs::read(&path).unwrap());
        let rows = pages::read(&file);
        assert_eq!(rows.num_rows(), features.len(), "{name}");
        assert_eq!(report.rows, features.len() as u64);
        for (row, feature) in features.iter().enumerate() {
            for field in json["fields"].as_array().unwrap() {
                let field = field["name"].as_str().unwrap();
                let expected = match &feature["attributes"][field] {
                    Value::Null => None,
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(match number.as_i64() {
                        Some(whole) => whole.to_string(),
                        None => number.as_f64().unwrap().to_string(),
                    }),
                    other => panic!("{other}"),
                };
                let column = rows.column_by_name(field).unwrap();
                assert_eq!(text(column, row), expected, "{name}: {field} of row {row}");
            }
        }
        let geometry = report.geometry.unwrap();
        assert!(
            geometry.crs.is_some(),
            "{name}: {}",
            geometry.spatial_reference
        );
        assert_eq!(geometry.z_range.is_some(), dims == 3, "{name}");
        assert_eq!(
            geometry.dropped_m_rows > 0,
            name.contains('M') && name.contains("Has"),
            "{name}"
        );
        assert_eq!(pages::footer(&file, "arcgis:source").unwrap(), name);
    }
}

#[test]
fn a_cut_answer_says_so_and_a_broken_one_is_an_error() {
    let answer = br#"{"exceededTransferLimit": true,
        "fields": [{"name": "n", "type": "esriFieldTypeInteger"}],
        "features": [{"attributes": {"n": 1}}]}"#;
    let table = Conversion::new(answer).into_table().unwrap();
    assert_eq!(table.report.notes, [Note::Partial { rows: 1 }]);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    for broken in [
        &answer[..60],
        br#"{"error":{"code":498,"message":"Invalid token."}}"#,
        b"<html>",
        br#"{"fields": [{"name": "n", "type": "esriFieldTypeInteger"}], "features": [{"attributes": {"n": "x"}}]}"#,
    ] {
        let error = Conversion::new(broken).to(&LocalFile::new(&path)).unwrap_err();
        assert!(matches!(error, Error::Answer(_)), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
