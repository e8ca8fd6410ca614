//! Saved answers: what is converted is what an export writes, and what an independent reader reads.

use std::path::PathBuf;

use arcgis_export::{Conversion, Error, LocalFile, Note, RowOrder, WriterOptions};
use arcgis_tests::{Bench, ParquetFile, Wkb};
use arrow_array::Array;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_schema::DataType;
use serde_json::Value as Json;

use crate::faults::service;

/// The folder of captured answers, or a word about its absence.
fn captures() -> Option<PathBuf> {
    let folder = std::env::var_os("ARCGIS_CAPTURES").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: ARCGIS_CAPTURES is not set");
    }
    folder
}

fn convert(answer: &[u8]) -> (arcgis_export::Report, ParquetFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    let report = Conversion::new(answer)
        .with_source("answer.json")
        .with_writer(WriterOptions::default().with_order(RowOrder::None))
        .to(&LocalFile::new(&path))
        .unwrap();
    let file = ParquetFile::read(&path);
    assert_eq!(report.rows, file.rows() as u64);
    assert_eq!(report.source.as_deref(), Some("answer.json"));
    (report, file)
}

/// One attribute column against the JSON that it came of.
fn compare(file: &ParquetFile, name: &str, features: &[Json]) {
    let wanted = || features.iter().map(|feature| &feature["attributes"][name]);
    match file.column(name).data_type() {
        DataType::Int32 => {
            let wanted: Vec<_> = wanted()
                .map(|value| value.as_i64().map(|value| i32::try_from(value).unwrap()))
                .collect();
            assert_eq!(file.numbers::<Int32Type>(name), wanted, "{name}");
        }
        DataType::Int64 => assert_eq!(
            file.numbers::<Int64Type>(name),
            wanted().map(Json::as_i64).collect::<Vec<_>>(),
            "{name}"
        ),
        DataType::Float32 => {
            let wanted: Vec<_> = wanted()
                .map(|value| value.as_f64().map(|value| value as f32))
                .collect();
            assert_eq!(file.numbers::<Float32Type>(name), wanted, "{name}");
        }
        DataType::Float64 => assert_eq!(
            file.numbers::<Float64Type>(name),
            wanted().map(Json::as_f64).collect::<Vec<_>>(),
            "{name}"
        ),
        DataType::Utf8 => assert_eq!(
            file.texts(name),
            wanted().map(Json::as_str).collect::<Vec<_>>(),
            "{name}"
        ),
        other => panic!("{name} is {other}"),
    }
}

/// The positions of a geometry in Esri JSON, without m, in an order of their own.
fn positions(geometry: &Json, has_z: bool) -> Vec<Vec<f64>> {
    let position = |numbers: &[&Json]| -> Vec<f64> {
        numbers
            .iter()
            .take(if has_z { 3 } else { 2 })
            .map(|number| number.as_f64().unwrap())
            .collect()
    };
    if geometry.get("x").is_some() {
        return vec![position(&[&geometry["x"], &geometry["y"], &geometry["z"]])];
    }
    let parts = geometry
        .get("rings")
        .or(geometry.get("paths"))
        .unwrap()
        .as_array()
        .unwrap();
    let lists = parts.iter().flat_map(|part| part.as_array().unwrap());
    sorted(
        lists
            .map(|list| position(&list.as_array().unwrap().iter().collect::<Vec<_>>()))
            .collect(),
    )
}

fn sorted(mut positions: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    positions.sort_by(|a, b| a.partial_cmp(b).unwrap());
    positions
}

#[test]
fn captured_answers_are_read_as_serde_json_reads_them() {
    let Some(folder) = captures() else { return };
    let mut files = 0;
    for entry in std::fs::read_dir(folder.join("json")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read(&path).unwrap();
        let answer: Json = serde_json::from_slice(&text).unwrap();
        let Some(features) = answer["features"]
            .as_array()
            .filter(|_| answer["fields"].is_array())
        else {
            continue;
        };
        files += 1;
        let (report, file) = convert(&text);
        assert_eq!(file.rows(), features.len(), "{}", path.display());
        for field in answer["fields"].as_array().unwrap() {
            let name = field["name"].as_str().unwrap();
            assert_eq!(
                file.field(name).metadata()["esri:type"],
                field["type"].as_str().unwrap()
            );
            compare(&file, name, features);
        }
        let has_z = answer["hasZ"] == true;
        let latest = &answer["spatialReference"]["latestWkid"];
        assert_eq!(
            &file.geo_column()["crs"]["id"]["code"],
            latest,
            "{}",
            path.display()
        );
        for (wkb, feature) in file.geometries().iter().zip(features) {
            let wkb = wkb.as_ref().unwrap();
            assert_eq!(wkb.dims, if has_z { 3 } else { 2 });
            let got = wkb.positions().into_iter().map(<[f64]>::to_vec).collect();
            assert_eq!(
                sorted(got),
                positions(&feature["geometry"], has_z),
                "{}",
                path.display()
            );
        }
        assert_eq!(
            file.boxes(),
            file.geometries()
                .iter()
                .map(|wkb| wkb.as_ref().and_then(Wkb::bounds))
                .collect::<Vec<_>>()
        );
        let partial = report
            .notes
            .iter()
            .any(|note| matches!(note, Note::Partial { .. }));
        assert_eq!(
            partial,
            answer["exceededTransferLimit"] == true,
            "{}",
            path.display()
        );
        let without_m = report
            .notes
            .iter()
            .any(|note| matches!(note, Note::DroppedM { .. }));
        assert_eq!(without_m, answer["hasM"] == true, "{}", path.display());
    }
    assert!(files >= 6, "{files} answers");
}

#[tokio::test]
async fn a_saved_answer_becomes_what_an_export_writes() {
    let bench = Bench::start(service()).await;
    let (_, exported) = bench.exported("t").await;
    let url = format!(
        "{}/query?where=1%3D1&outFields=*&f=json&resultRecordCount=10",
        bench.service.layer_url("t")
    );
    let mut pages = Vec::new();
    for offset in [0, 10, 20, 30, 40] {
        let url: arcgis_auth_http::arcgis_auth_core::Url =
            format!("{url}&resultOffset={offset}").parse().unwrap();
        let request = arcgis_auth_http::arcgis_auth_core::Request::read(url);
        let answer = arcgis_auth_http::arcgis_auth_core::Transport::send(&bench.client, request)
            .await
            .unwrap();
        pages.push(answer.into_ok().unwrap());
    }
    let files: Vec<ParquetFile> = pages.iter().map(|page| convert(page).1).collect();
    let batches: Vec<_> = files.iter().map(|file| &file.batch).collect();
    let all = arrow_select::concat::concat_batches(&batches[0].schema(), batches).unwrap();
    assert_eq!(all.num_rows(), exported.rows());
    for name in exported.names() {
        assert_eq!(
            all.column_by_name(&name).unwrap(),
            exported.column(&name),
            "{name}"
        );
    }
}

#[test]
fn what_is_no_answer_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    std::fs::write(&path, b"earlier").unwrap();
    for bad in [
        "",
        "[]",
        "<html><title>Sign In</title></html>",
        r#"{"error":{"code":498,"message":"Invalid token.","details":[]}}"#,
        r#"{"fields":[{"name":"N","type":"esriFieldTypeInteger"}],"features":[{"attributes":{"N":1}}"#,
        r#"{"fields":[{"name":"N","type":"esriFieldTypeInteger"}],"features":[{"attributes":{"N":"x"}}]}"#,
    ] {
        let destination = LocalFile::new(&path).with_overwrite(true);
        let error = Conversion::new(bad.as_bytes())
            .to(&destination)
            .unwrap_err();
        assert!(matches!(error, Error::Answer(_)), "{bad}: {error:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"earlier");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    let lenient = r#"{"fields":[{"name":"N","type":"esriFieldTypeInteger"}],"features":[{"attributes":{"N":"x"}},{"attributes":{"N":5}}]}"#;
    let table = Conversion::new(lenient.as_bytes())
        .with_lenient(true)
        .into_table()
        .unwrap();
    assert_eq!(table.report.misfits[0].count, 1);
    assert!(table.batch.column(0).is_null(0));
}
