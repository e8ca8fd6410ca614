//! The forms of GeoParquet: 1.1 and 2.0, WKB and coordinates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use arcgis_export::{
    ArrowSink, Authority, ColumnOptions, DateZone, Error, ExportSchema, GeoParquetVersion,
    GeoParquetWriter, GeometryEncoding, PageBatch, WriterOptions, projjson,
};
use arcgis_layer::{
    Dimensions, FeatureSink, Field, GeometryLayout, GeometryType, Layout, PageSink,
    SpatialReference,
};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, StructArray};
use pages::Shape;
use parquet::basic::LogicalType;
use serde_json::{Value, json};

fn schema(kind: GeometryType, dims: Dimensions, wkid: i64, m: bool) -> ExportSchema {
    let layout = Layout::new(Vec::<Field>::new()).with_geometry(GeometryLayout {
        kind,
        dims,
        spatial_reference: SpatialReference::from_wkid(wkid),
    });
    ExportSchema::with_options(&layout, DateZone::Utc, &ColumnOptions::default().with_m(m))
}

fn page(schema: &ExportSchema, shapes: &[Option<Shape>]) -> PageBatch {
    let mut page = ArrowSink::new(schema.clone()).page(shapes.len());
    for shape in shapes {
        if let Some(shape) = shape {
            page.geometry(shape.as_ref()).unwrap();
        }
        page.end_row().unwrap();
    }
    page.into_batch().unwrap()
}

fn native() -> WriterOptions {
    WriterOptions::default().with_geometry_encoding(GeometryEncoding::Native)
}

fn version_2() -> WriterOptions {
    WriterOptions::default().with_geoparquet_version(GeoParquetVersion::V2_0)
}

fn square(at: f64) -> Shape {
    let (a, b) = (at, at + 1.0);
    Shape::new(
        GeometryType::Polygon,
        Dimensions::Xy,
        &[a, a, b, a, b, b, a, b, a, a],
    )
    .rings(&[5])
    .parts(&[1])
}

fn coordinates(column: &StructArray, axis: &str) -> Vec<f64> {
    let axis = column.column_by_name(axis).unwrap();
    axis.as_primitive::<Float64Type>().values().to_vec()
}

fn geo(file: &bytes::Bytes) -> Value {
    serde_json::from_str(&pages::footer(file, "geo").unwrap()).unwrap()
}

#[test]
fn points_are_two_columns_without_boxes_beside() {
    let schema = schema(GeometryType::Point, Dimensions::Xy, 4326, false);
    let empty = Shape::new(GeometryType::Point, Dimensions::Xy, &[]);
    let shapes = [Some(Shape::point(1., 2.)), None, Some(empty)];
    let file = pages::write(&schema, &[page(&schema, &shapes)], &native());
    let geo = geo(&file);
    assert_eq!(geo["version"], "1.1.0");
    let column = &geo["columns"]["geometry"];
    assert_eq!(column["encoding"], "point");
    assert_eq!(column["geometry_types"], json!(["Point"]));
    assert_eq!(column["bbox"], json!([1.0, 2.0, 1.0, 2.0]));
    assert_eq!(column.get("covering"), None);
    let rows = pages::read(&file);
    assert_eq!(rows.num_columns(), 1);
    let points = rows.column(0).as_struct();
    assert!(points.is_valid(0) && points.is_null(1) && points.is_valid(2));
    assert_eq!(coordinates(points, "x")[0], 1.0);
    assert_eq!(coordinates(points, "y")[0], 2.0);
    // Nowhere, as GeoArrow says it.
    assert!(coordinates(points, "x")[2].is_nan());
    let parquet = pages::metadata(&file);
    let leaves = parquet.file_metadata().schema_descr().columns().to_vec();
    let leaves: Vec<String> = leaves.iter().map(|leaf| leaf.path().string()).collect();
    assert_eq!(leaves, ["geometry.x", "geometry.y"]);
    let field = rows.schema().field(0).clone();
    assert_eq!(field.metadata()["ARROW:extension:name"], "geoarrow.point");
    assert!(field.metadata()["ARROW:extension:metadata"].contains("WGS 84"));
}

#[test]
fn polygons_become_multipolygons() {
    let schema = schema(GeometryType::Polygon, Dimensions::Xy, 3857, false);
    let two = Shape {
        coords: [square(0.).coords, square(5.).coords].concat(),
        ..square(0.)
    };
    let two = two.rings(&[5, 10]).parts(&[1, 2]);
    let hole = Shape {
        coords: [
            square(0.).coords,
            vec![0.2, 0.2, 0.2, 0.4, 0.4, 0.4, 0.2, 0.2],
        ]
        .concat(),
        ..square(0.)
    };
    let hole = hole.rings(&[5, 9]).parts(&[2]);
    let empty = Shape::new(GeometryType::Polygon, Dimensions::Xy, &[]);
    let shapes = [Some(two), None, Some(hole), Some(empty)];
    let file = pages::write(&schema, &[page(&schema, &shapes)], &native());
    let geo = geo(&file);
    let column = &geo["columns"]["geometry"];
    assert_eq!(column["encoding"], "multipolygon");
    assert_eq!(column["geometry_types"], json!(["MultiPolygon"]));
    assert_eq!(column["crs"]["id"]["code"], 3857);
    assert_eq!(column["covering"]["bbox"]["xmin"], json!(["bbox", "xmin"]));
    let rows = pages::read(&file);
    let polygons = rows.column(0).as_list::<i32>();
    let nulls: Vec<bool> = (0..4).map(|row| polygons.is_null(row)).collect();
    assert_eq!(nulls, [false, true, false, false]);
    let lengths: Vec<i32> = (0..4).map(|row| polygons.value_length(row)).collect();
    assert_eq!(lengths, [2, 0, 1, 0]);
    let rings = |polygon: ArrayRef, at: usize| polygon.as_list::<i32>().value(at);
    let with_hole = rings(polygons.value(2), 0);
    assert_eq!(with_hole.len(), 2);
    let ring = with_hole.as_list::<i32>().value(1);
    assert_eq!(coordinates(ring.as_struct(), "x"), [0.2, 0.2, 0.4, 0.2]);
}

#[test]
fn lines_keep_their_heights() {
    let schema = schema(GeometryType::Polyline, Dimensions::Xyz, 4326, false);
    let line = Shape::new(
        GeometryType::Polyline,
        Dimensions::Xyz,
        &[0., 1., 2., 3., 4., 5.],
    )
    .rings(&[2]);
    let flat = Shape::new(GeometryType::Polyline, Dimensions::Xy, &[0., 1., 3., 4.]).rings(&[2]);
    let shapes = [Some(line), Some(flat)];
    let file = pages::write(&schema, &[page(&schema, &shapes)], &native());
    let geo = geo(&file);
    let column = &geo["columns"]["geometry"];
    assert_eq!(column["encoding"], "multilinestring");
    assert_eq!(column["geometry_types"], json!(["MultiLineString Z"]));
    let rows = pages::read(&file);
    let lines = rows.column(0).as_list::<i32>();
    let z = |row| {
        let paths = lines.value(row);
        let path = paths.as_list::<i32>().value(0);
        coordinates(path.as_struct(), "z")
    };
    assert_eq!(z(0), [2., 5.]);
    assert!(z(1).iter().all(|z| z.is_nan()));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let schema = schema(GeometryType::Point, Dimensions::Xy, 4326, false);
    let options = native().with_geoparquet_version(GeoParquetVersion::V2_0);
    let error = GeoParquetWriter::try_new(Vec::new(), &schema, &options).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "the geometry encoding native is not for GeoParquet 2.0"
    );
    // A line in a layer of points has no place in a column of points.
    let line = Shape::new(GeometryType::Polyline, Dimensions::Xy, &[0., 1., 3., 4.]).rings(&[2]);
    let page = page(&schema, &[Some(line)]);
    let mut writer = GeoParquetWriter::try_new(Vec::new(), &schema, &native()).unwrap();
    assert!(writer.write(&page.batch).is_err());
}

#[test]
fn version_2_has_parquet_s_own_type_and_statistics() {
    let schema = schema(GeometryType::Point, Dimensions::Xyz, 3857, false);
    let point = |x, y, z| Shape::new(GeometryType::Point, Dimensions::Xyz, &[x, y, z]);
    let shapes = [Some(point(1., 2., 3.)), None, Some(point(-4., 5., 6.))];
    let file = pages::write(&schema, &[page(&schema, &shapes)], &version_2());
    let geo = geo(&file);
    assert_eq!(geo["version"], "2.0.0");
    let column = &geo["columns"]["geometry"];
    assert_eq!(column["encoding"], "WKB");
    assert_eq!(column["geometry_types"], json!(["Point Z"]));
    assert_eq!(column["bbox"], json!([-4.0, 2.0, 3.0, 1.0, 5.0, 6.0]));
    assert_eq!(column.get("covering"), None);
    let metadata = pages::metadata(&file);
    let descriptor = metadata.file_metadata().schema_descr();
    assert_eq!(descriptor.num_columns(), 1);
    let Some(LogicalType::Geometry(told)) = descriptor.column(0).logical_type_ref().cloned() else {
        panic!("{:?}", descriptor.column(0));
    };
    assert_eq!(told.crs, projjson(Authority::Epsg, 3857));
    let chunk = metadata.row_group(0).column(0);
    let statistics = chunk.geo_statistics().unwrap();
    let bounds = statistics.bounding_box().unwrap();
    assert_eq!((bounds.get_xmin(), bounds.get_xmax()), (-4., 1.));
    assert_eq!((bounds.get_ymin(), bounds.get_ymax()), (2., 5.));
    assert_eq!((bounds.get_zmin(), bounds.get_zmax()), (Some(3.), Some(6.)));
    assert_eq!(statistics.geospatial_types(), Some(&vec![1001]));
}

#[test]
fn version_2_says_when_the_crs_is_not_known() {
    let schema = schema(GeometryType::Point, Dimensions::Xy, 99_999_999, false);
    let file = pages::write(
        &schema,
        &[page(&schema, &[Some(Shape::point(1., 2.))])],
        &version_2(),
    );
    assert_eq!(geo(&file)["columns"]["geometry"]["crs"], Value::Null);
    let metadata = pages::metadata(&file);
    let descriptor = metadata.file_metadata().schema_descr();
    let Some(LogicalType::Geometry(told)) = descriptor.column(0).logical_type_ref().cloned() else {
        panic!("{:?}", descriptor.column(0));
    };
    // Nothing at all would mean longitude and latitude.
    assert_eq!(told.crs.as_deref(), Some("srid:0"));
}

#[test]
fn m_is_kept_where_there_is_a_place_for_it() {
    let measured = Shape::new(
        GeometryType::Polyline,
        Dimensions::Xyzm,
        &[0., 1., 2., 9., 3., 4., 5., 8.],
    )
    .rings(&[2]);
    let of_m = |m| schema(GeometryType::Polyline, Dimensions::Xyzm, 4326, m);
    let kept = page(&of_m(true), &[Some(measured.clone())]);
    assert_eq!(kept.geometry.geometry_types(), ["LineString ZM"]);
    assert_eq!(kept.geometry.dropped_m(), 0);
    let wkb = kept.batch.column(0).as_binary::<i32>().value(0).to_vec();
    // ISO 13249-3: a line of x, y, z and m is 3002.
    assert_eq!(wkb[1..5], 3002_u32.to_le_bytes());
    assert_eq!(wkb.len(), 1 + 4 + 4 + 2 * 4 * 8);
    assert_eq!(wkb[wkb.len() - 8..], 8.0_f64.to_le_bytes());
    let file = pages::write(&of_m(true), &[kept], &version_2());
    let column = &geo(&file)["columns"]["geometry"];
    assert_eq!(column["geometry_types"], json!(["LineString ZM"]));
    let metadata = pages::metadata(&file);
    let statistics = metadata.row_group(0).column(0).geo_statistics().unwrap();
    let bounds = statistics.bounding_box().unwrap();
    assert_eq!((bounds.get_mmin(), bounds.get_mmax()), (Some(8.), Some(9.)));

    let dropped = page(&of_m(false), &[Some(measured)]);
    assert_eq!(dropped.geometry.geometry_types(), ["LineString Z"]);
    assert_eq!(dropped.geometry.dropped_m(), 1);
}

#[test]
fn each_form_is_the_same_twice() {
    let schema = schema(GeometryType::Polygon, Dimensions::Xy, 4326, false);
    let page = page(&schema, &[Some(square(0.)), None, Some(square(9.))]);
    for options in [native(), version_2()] {
        let write = || pages::write(&schema, std::slice::from_ref(&page), &options);
        assert_eq!(write(), write());
    }
}
