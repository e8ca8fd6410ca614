//! Saved answers, among them real ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use std::path::PathBuf;

use arcgis_export::{AnswerKind, Conversion, Error, LocalFile, Note, RowOrder, WriterOptions};
use arcgis_layer::GeometryType;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use bytes::Bytes;
use serde_json::Value;

fn capture(name: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("ARCGIS_CAPTURES") else {
        println!("skipped: ARCGIS_CAPTURES names no folder with captured answers");
        return None;
    };
    let folder = PathBuf::from(folder);
    let format = if name.ends_with(".pbf") {
        "pbf"
    } else {
        "json"
    };
    Some(std::fs::read(folder.join(format).join(name)).unwrap())
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
            .with_writer(WriterOptions::default().with_order(RowOrder::None))
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

#[test]
fn what_has_no_rows_with_fields_is_called_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    for (answer, expected) in [
        (
            br#"{"type":"FeatureCollection","crs":{"type":"name"},"features":[
                {"type":"Feature","id":1,"geometry":{"type":"Point","coordinates":[1,2]},"properties":{"A":1}}]}"#
                .as_slice(),
            AnswerKind::GeoJson,
        ),
        (
            br#"{"features":[],"type":"FeatureCollection"}"#,
            AnswerKind::GeoJson,
        ),
        (
            br#"{"type":"Feature","geometry":null,"properties":{}}"#,
            AnswerKind::GeoJson,
        ),
        (
            br#"{"geometryType":"esriGeometryPoint","features":[{"attributes":{"A":1},"geometry":{"x":1,"y":2}}]}"#,
            AnswerKind::NoFields,
        ),
        (
            br#"{"fields":[],"features":[{"attributes":{"A":NaN}}]}"#,
            AnswerKind::NoFields,
        ),
        (
            br#"{"geometryType":"esriGeometryPoint","features":[]}"#,
            AnswerKind::NoFields,
        ),
        (br#"{"count":3143}"#, AnswerKind::Count),
        (
            br#"{"objectIdFieldName":"OBJECTID","objectIds":[1,2]}"#,
            AnswerKind::ObjectIds,
        ),
        (
            br#"{"count":2,"extent":{"xmin":1,"ymin":1,"xmax":2,"ymax":2}}"#,
            AnswerKind::Extent,
        ),
        (
            b"\xef\xbb\xbf{\"currentVersion\":11.1,\"id\":0,\"fields\":[]}",
            AnswerKind::Metadata,
        ),
        // From the documentation of the PBF readers.
        (b"\x12\x05\x12\x03\x08\xc7\x18", AnswerKind::Count),
    ] {
        let error = Conversion::new(answer)
            .to(&LocalFile::new(&path))
            .unwrap_err();
        let text = String::from_utf8_lossy(answer);
        assert!(
            matches!(error, Error::OtherAnswer(kind) if kind == expected),
            "{text}: {error:?}"
        );
        assert!(error.to_string().contains(" save "), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn geometry_alone_is_an_answer_too() {
    let answer = br#"{"geometryType":"esriGeometryPoint","spatialReference":{"wkid":4326},
        "features":[{"geometry":{"x":1,"y":2}},{"attributes":{},"geometry":{"x":3,"y":4}}]}"#;
    let table = Conversion::new(answer).into_table().unwrap();
    assert_eq!((table.batch.num_rows(), table.batch.num_columns()), (2, 1));
}

#[test]
fn rows_that_came_twice_are_an_error_that_names_them() {
    let row = |id: i64| format!(r#"{{"attributes":{{"FID":{id}}}}}"#);
    let answer = |ids: &[i64]| {
        let rows: Vec<String> = ids.iter().map(|id| row(*id)).collect();
        format!(
            r#"{{"fields":[{{"name":"FID","type":"esriFieldTypeOID"}}],"features":[{}]}}"#,
            rows.join(",")
        )
    };
    let error = Conversion::new(answer(&[4, 9, 4, 2, 9, 4]).as_bytes())
        .with_lenient(true)
        .into_table()
        .unwrap_err();
    let Error::Doubled(ids) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(ids.iter().collect::<Vec<_>>(), [4, 9]);
    assert!(
        error.to_string().ends_with("more than one row: 4, 9"),
        "{error}"
    );
    let table = Conversion::new(answer(&[4, 9, 2]).as_bytes())
        .into_table()
        .unwrap();
    assert_eq!(table.report.rows, 3);
    assert_eq!(table.report.object_id_field.as_deref(), Some("FID"));
}

#[test]
fn what_is_odd_about_rows_is_noted() {
    let answer = br#"{"geometryType":"esriGeometryPoint","spatialReference":{"wkid":4326},
        "fields":[{"name":"A","type":"esriFieldTypeInteger"}],
        "features":[
            {"attributes":{"a":1,"B":2},"geometry":{"x":1,"y":2}},
            {"attributes":{"A":1,"C d":{"e":1}},"geometry":{"paths":[[[1,2],[3,4]]]}},
            {"attributes":{"A":1},"geometry":{"rings":[[[0,0],[0,1],[1,1],[0,0]]]}}]}"#;
    let table = Conversion::new(answer).into_table().unwrap();
    let [other, undeclared] = table.report.notes.as_slice() else {
        panic!("{:?}", table.report.notes);
    };
    assert_eq!(
        other,
        &Note::OtherGeometry {
            expected: GeometryType::Point,
            rows: 2
        }
    );
    assert_eq!(
        undeclared,
        &Note::UndeclaredAttributes {
            names: vec!["B".to_owned(), "C d".to_owned()]
        }
    );
    assert_eq!(table.report.geometry.unwrap().other_kind_rows, 2);
    assert_eq!(
        serde_json::to_value(undeclared).unwrap(),
        serde_json::json!({
            "kind": "undeclared-attributes",
            "message": "attributes that no field declares were left out: B, C d",
            "names": ["B", "C d"],
        })
    );

    let none = br#"{"geometryType":"esriGeometryPolygon","spatialReference":{"wkid":4326},
        "fields":[{"name":"A","type":"esriFieldTypeInteger"}],
        "features":[{"attributes":{"A":1}},{"attributes":{"A":2},"geometry":null}]}"#;
    let table = Conversion::new(none).into_table().unwrap();
    assert_eq!(table.report.notes, [Note::NoGeometry { rows: 2 }]);
}

#[test]
fn an_answer_in_pbf_makes_the_table_of_its_twin_in_json() {
    for (json, pbf) in [
        ("arcGISPointResponse.json", "PBFPointResponse.pbf"),
        ("arcGISLineResponse.json", "PBFLineResponse.pbf"),
        ("arcGISPolygonResponse.json", "PBFPolygonResponse.pbf"),
    ] {
        let (Some(from_json), Some(from_pbf)) = (capture(json), capture(pbf)) else {
            return;
        };
        let [left, right] =
            [from_json, from_pbf].map(|answer| Conversion::new(&answer).into_table().unwrap());
        assert_eq!(
            left.crs.as_ref().map(|crs| crs.id()),
            right.crs.as_ref().map(|crs| crs.id())
        );
        assert_eq!(left.batch.num_rows(), right.batch.num_rows(), "{pbf}");
        let (schema, mut compared) = (left.batch.schema(), 0);
        for field in schema.fields() {
            // Coordinates in PBF are rounded to the server's grid of 0.1 mm.
            if field.name() == "geometry" {
                continue;
            }
            let columns = [&left, &right].map(|table| table.batch.column_by_name(field.name()));
            let [Some(left), Some(right)] = columns else {
                panic!("{pbf}: {}", field.name());
            };
            assert_eq!(left, right, "{pbf}: {}", field.name());
            compared += left.len();
        }
        assert!(compared > 5, "{pbf}: {compared} values");
    }
}
