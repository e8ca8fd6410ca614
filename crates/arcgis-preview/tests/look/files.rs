//! Files of every kind of GeoParquet.

use std::collections::HashMap;
use std::sync::Arc;

use arcgis_preview::arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float64Array, ListArray, RecordBatch, StringArray,
    StructArray,
};
use arcgis_preview::arrow_schema::{DataType, Field, Fields, Schema};
use arcgis_preview::{Error, ParquetFile, PreviewOptions, ValueKind};
use arrow_buffer::OffsetBuffer;
use tempfile::tempdir;

use crate::bench::{batch, frame, point, write};

fn geo(encoding: &str, crs: &str) -> String {
    format!(
        r#"{{"version": "1.1.0", "primary_column": "geometry", "columns": {{"geometry":
            {{"encoding": "{encoding}", "geometry_types": [] {crs}}}}}}}"#
    )
}

#[test]
fn wkb_is_read_with_its_reference_system() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let rows = [Some(point(5.0, 50.0)), None, Some(frame().into())];
    let metres = r#", "crs": {"type": "ProjectedCRS", "name": "Somewhere / 1",
        "coordinate_system": {"axis": [{"unit": "metre"}]}, "id": {"authority": "EPSG", "code": 99999}}"#;
    for (crs, label, is_degrees) in [
        ("", "OGC:CRS84 WGS 84 (CRS84)", true),
        (", \"crs\": null", "unknown", false),
        (metres, "EPSG:99999 Somewhere / 1", false),
    ] {
        write(&path, &batch(&rows, "null"), Some(&geo("WKB", crs)));
        let file = ParquetFile::open(&path).unwrap();
        assert_eq!(file.rows(), 3);
        let preview = file.preview(PreviewOptions::new("x")).unwrap();
        let kinds = preview.kinds();
        assert_eq!(
            (kinds.points, kinds.polygons, kinds.lines, kinds.none),
            (1, 1, 0, 1)
        );
        let extent = preview.extent().unwrap();
        assert_eq!(
            (extent.xmin, extent.ymin, extent.xmax, extent.ymax),
            (0.0, 0.0, 90.0, 90.0)
        );
        let said = preview.crs().unwrap();
        assert_eq!(
            (said.label().as_str(), said.is_degrees()),
            (label, is_degrees)
        );
        // The geometry alone was read, and the other columns are known all the same.
        assert_eq!(preview.columns().len(), 1);
        assert_eq!(
            (
                preview.columns()[0].name.as_str(),
                preview.columns()[0].kind
            ),
            ("name", ValueKind::Text)
        );
        assert!(preview.columns()[0].summary.is_none());
    }
}

fn axes(xs: Vec<f64>, ys: Vec<f64>) -> StructArray {
    let fields: Fields = ["x", "y"]
        .map(|axis| Field::new(axis, DataType::Float64, false))
        .to_vec()
        .into();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(xs)),
        Arc::new(Float64Array::from(ys)),
    ];
    StructArray::new(fields, columns, None)
}

fn lists(values: ArrayRef, ends: &[i32]) -> ListArray {
    let field = Arc::new(Field::new("item", values.data_type().clone(), false));
    ListArray::new(field, OffsetBuffer::new(ends.to_vec().into()), values, None)
}

fn of_column(column: ArrayRef, extension: Option<&str>) -> RecordBatch {
    let mut field = Field::new("geometry", column.data_type().clone(), true);
    if let Some(extension) = extension {
        let name = ("ARROW:extension:name".to_owned(), extension.to_owned());
        field = field.with_metadata(HashMap::from([name]));
    }
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![column]).unwrap()
}

#[test]
fn native_encodings_are_read() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    // A square with a hole, and a second square far away.
    let square = |x: f64, side: f64| ([x, x + side, x + side, x, x], [x, x, x + side, x + side, x]);
    let mut xs = Vec::new();
    let mut ys = Vec::new();
    for (x, side) in [(0.0, 9.0), (3.0, 3.0), (50.0, 4.0)] {
        let (sx, sy) = square(x, side);
        xs.extend(sx);
        ys.extend(sy);
    }
    let rings = lists(Arc::new(axes(xs, ys)), &[0, 5, 10, 15]);
    let polygons = lists(Arc::new(rings.clone()), &[0, 2, 3]);
    let multi = lists(Arc::new(polygons.clone()), &[0, 2]);
    for (column, name, polygons, lines) in [
        (Arc::new(multi) as ArrayRef, "multipolygon", 1, 0),
        (Arc::new(polygons.clone()), "polygon", 2, 0),
        (Arc::new(polygons), "multilinestring", 0, 2),
        (Arc::new(rings), "linestring", 0, 3),
    ] {
        write(
            &path,
            &of_column(column.clone(), None),
            Some(&geo(name, "")),
        );
        let preview = ParquetFile::open(&path)
            .unwrap()
            .preview(PreviewOptions::new("x"))
            .unwrap();
        let kinds = preview.kinds();
        assert_eq!(
            (kinds.polygons, kinds.lines, kinds.points),
            (polygons, lines, 0),
            "{name}"
        );
        let extent = preview.extent().unwrap();
        assert_eq!((extent.xmin, extent.xmax), (0.0, 54.0), "{name}");
        // The same as an extension of Arrow, without a footer.
        write(
            &path,
            &of_column(column, Some(&format!("geoarrow.{name}"))),
            None,
        );
        let other = ParquetFile::open(&path)
            .unwrap()
            .preview(PreviewOptions::new("x"))
            .unwrap();
        assert_eq!(other.kinds(), kinds);
        assert_eq!(other.extent(), preview.extent());
    }
}

#[test]
fn interleaved_coordinates_are_read() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let values: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 9.0, 3.0, 4.0, 9.0]));
    let item = Arc::new(Field::new("xyz", DataType::Float64, false));
    let points: ArrayRef = Arc::new(FixedSizeListArray::new(item, 3, values, None));
    write(&path, &of_column(points, Some("geoarrow.point")), None);
    let preview = ParquetFile::open(&path)
        .unwrap()
        .preview(PreviewOptions::new("x"))
        .unwrap();
    let extent = preview.extent().unwrap();
    assert_eq!(
        (extent.xmin, extent.ymin, extent.xmax, extent.ymax),
        (1.0, 2.0, 3.0, 4.0)
    );
}

#[test]
fn the_type_geometry_is_enough() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    // The writer makes the Parquet type GEOMETRY of the extension; its default is longitude and latitude.
    let rows = [Some(point(5.0, 50.0))];
    write(&path, &batch(&rows, "\"OGC:CRS84\""), None);
    let file = ParquetFile::open(&path).unwrap();
    assert_eq!(file.geometry().unwrap().name(), "geometry");
    assert_eq!(file.geometry().unwrap().crs().id(), Some("OGC:CRS84"));
}

#[test]
fn a_file_without_geometry_is_a_table() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("a")]));
    write(
        &path,
        &RecordBatch::try_from_iter([("name", names)]).unwrap(),
        None,
    );
    let open = || ParquetFile::open(&path).unwrap();
    let map = open().preview(PreviewOptions::new("x")).unwrap();
    assert_eq!((map.rows(), map.crs()), (3, None));
    assert!(matches!(
        map.png(&arcgis_preview::PngOptions::default()),
        Err(Error::NoGeometry)
    ));
    let table = open()
        .preview(PreviewOptions::new("x").with_table(None))
        .unwrap();
    let summary = table.columns()[0].summary.clone().unwrap();
    assert_eq!((summary.nulls, summary.distinct), (1, 1));
    assert_eq!(summary.frequent, [("a".to_owned(), 2)]);
    let mut page = Vec::new();
    table.write_html(&mut page).unwrap();
    assert!(String::from_utf8(page).unwrap().contains("\"map\":null"));
}

#[test]
fn a_footer_that_does_not_fit_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let rows = batch(&[Some(point(5.0, 50.0))], "null");
    for (footer, said) in [
        ("{", "is no JSON"),
        ("{}", "names no primary column"),
        (r#"{"primary_column": "geometry"}"#, "does not describe"),
        (
            r#"{"primary_column": "shape", "columns": {"shape": {"encoding": "WKB"}}}"#,
            "does not have",
        ),
        (
            r#"{"primary_column": "geometry", "columns": {"geometry": {}}}"#,
            "does not say how",
        ),
        (geo("polygon", "").as_str(), "another type"),
    ] {
        write(&path, &rows, Some(footer));
        let error = ParquetFile::open(&path).unwrap_err();
        assert!(
            matches!(error, Error::Footer { .. }) && error.to_string().contains(said),
            "{error}"
        );
    }
    std::fs::write(&path, "no Parquet").unwrap();
    assert!(matches!(ParquetFile::open(&path), Err(Error::File(_))));
    assert!(matches!(
        ParquetFile::open(&folder.path().join("none")),
        Err(Error::Unreadable(_))
    ));
}
