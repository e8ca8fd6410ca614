//! From the bytes of a page to its record batch, rows must not cost allocations of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fmt::Write as _;

use arcgis_export::arcgis_layer::{
    DecodeContext, Dimensions, Field, FieldType, GeometryLayout, GeometryType, Layout, PageSink,
    SpatialReference, decode_json, decode_pbf,
};
use arcgis_export::arrow_array::cast::AsArray;
use arcgis_export::arrow_array::types::{Float64Type, Int32Type};
use arcgis_export::{ArrowPage, ArrowSink, DateZone, ExportSchema, PageBatch};

/// What a page may take, in allocations for each row: pages of services have 1,000 or 2,000 rows.
const ROWS: [usize; 3] = [1_000, 2_000, 4_000];
const ROWS_FOR_ONE: usize = 20;
const COLUMNS: usize = 20;

/// The types of the columns behind the object id, one after the other.
const TYPES: [FieldType; 5] = [
    FieldType::String,
    FieldType::Double,
    FieldType::Integer,
    FieldType::Date,
    FieldType::SmallInteger,
];

fn layout(kind: GeometryType) -> Layout {
    let others = (1..COLUMNS)
        .map(|column| Field::new(format!("f{column}"), TYPES[column % TYPES.len()].clone()));
    let id = Field::new("OBJECTID", FieldType::Oid);
    let fields: Vec<Field> = std::iter::once(id).chain(others).collect();
    Layout::new(fields)
        .with_object_id("OBJECTID")
        .with_geometry(GeometryLayout {
            kind,
            dims: Dimensions::Xy,
            spatial_reference: SpatialReference::from_wkid(3857),
        })
}

fn is_null(row: usize, column: usize) -> bool {
    (row + column).is_multiple_of(7)
}

fn text(row: usize, column: usize) -> String {
    format!("é {row} of {column}")
}

fn whole(row: usize, column: usize) -> i64 {
    (row * column % 30_000) as i64
}

fn double(row: usize, column: usize) -> f64 {
    row as f64 * 0.317 - column as f64
}

/// The corners of a square, clockwise.
fn corners(row: usize) -> [[i64; 2]; 5] {
    let (x, y) = ((row % 50) as i64 * 10, (row / 50) as i64 * 10);
    [[x, y], [x, y + 9], [x + 9, y + 9], [x + 9, y], [x, y]]
}

fn json(kind: GeometryType, rows: usize) -> Vec<u8> {
    let mut body = String::from(r#"{"features":["#);
    for row in 0..rows {
        let comma = if row == 0 { "" } else { "," };
        write!(body, r#"{comma}{{"attributes":{{"OBJECTID":{row}"#).unwrap();
        for column in 1..COLUMNS {
            write!(body, r#","f{column}":"#).unwrap();
            match column % TYPES.len() {
                _ if is_null(row, column) => write!(body, "null"),
                0 => write!(body, r#""{}""#, text(row, column)),
                1 => write!(body, "{}", double(row, column)),
                _ => write!(body, "{}", whole(row, column)),
            }
            .unwrap();
        }
        let corners = corners(row);
        match kind {
            GeometryType::Point => {
                let [x, y] = corners[2];
                write!(body, r#"}},"geometry":{{"x":{x}.25,"y":{y}.25}}}}"#).unwrap();
            }
            _ => {
                let ring = corners.map(|[x, y]| format!("[{x}.25,{y}.25]")).join(",");
                write!(body, r#"}},"geometry":{{"rings":[[{ring}]]}}}}"#).unwrap();
            }
        }
    }
    body.push_str("]}");
    body.into_bytes()
}

fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn signed(out: &mut Vec<u8>, whole: i64) {
    number(out, ((whole << 1) ^ (whole >> 63)) as u64);
}

/// A member that is a message or text.
fn member(out: &mut Vec<u8>, place: u8, bytes: &[u8]) {
    out.push(place << 3 | 2);
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// What `arcgis-pbf` describes, written with nothing but that description.
fn pbf(kind: GeometryType, rows: usize) -> Vec<u8> {
    let mut page = Vec::new();
    // The geometry type, and the transform: steps of a quarter up and to the right from 0.25.
    page.extend([7 << 3, if kind == GeometryType::Point { 0 } else { 3 }]);
    let axes = |number: f64| {
        let mut axes = vec![1 << 3 | 1];
        axes.extend(number.to_le_bytes());
        axes.push(2 << 3 | 1);
        axes.extend(number.to_le_bytes());
        axes
    };
    let mut transform = vec![1 << 3, 1];
    member(&mut transform, 2, &axes(1.0));
    member(&mut transform, 3, &axes(0.25));
    member(&mut page, 12, &transform);
    for column in 0..COLUMNS {
        let name = match column {
            0 => "OBJECTID".to_owned(),
            column => format!("f{column}"),
        };
        let mut field = Vec::new();
        member(&mut field, 1, name.as_bytes());
        member(&mut page, 13, &field);
    }
    for row in 0..rows {
        let mut feature = Vec::new();
        for column in 0..COLUMNS {
            let mut value = Vec::new();
            match column % TYPES.len() {
                _ if column == 0 => {
                    value.push(5 << 3);
                    number(&mut value, row as u64);
                }
                _ if is_null(row, column) => {}
                0 => member(&mut value, 1, text(row, column).as_bytes()),
                1 => {
                    value.push(3 << 3 | 1);
                    value.extend(double(row, column).to_le_bytes());
                }
                _ => {
                    value.push(4 << 3);
                    signed(&mut value, whole(row, column));
                }
            }
            member(&mut feature, 1, &value);
        }
        let mut coords = Vec::new();
        let mut last = [0, 0];
        let corners = corners(row);
        let positions = match kind {
            GeometryType::Point => &corners[2..3],
            _ => &corners,
        };
        for &[x, y] in positions {
            signed(&mut coords, x - last[0]);
            signed(&mut coords, y - last[1]);
            last = [x, y];
        }
        let mut geometry = Vec::new();
        if kind != GeometryType::Point {
            member(&mut geometry, 2, &[positions.len() as u8]);
        }
        member(&mut geometry, 3, &coords);
        member(&mut feature, 2, &geometry);
        member(&mut page, 15, &feature);
    }
    let mut result = Vec::new();
    member(&mut result, 1, &page);
    let mut body = Vec::new();
    member(&mut body, 2, &result);
    body
}

/// The batch, and how many allocations it took, of a page that is not its sink's first: from the second on pages use the
/// buffers again that those before them grew in.
fn counted(
    schema: &ExportSchema,
    rows: usize,
    decode: impl Fn(&mut ArrowPage),
) -> (PageBatch, u64) {
    let sink = ArrowSink::new(schema.clone());
    let read = || {
        let mut page = sink.page(rows);
        decode(&mut page);
        page.into_batch().unwrap()
    };
    let first = read();
    let mut batch = None;
    let counted = allocation_counter::measure(|| batch = Some(read()));
    let batch = batch.unwrap();
    assert_eq!(batch.batch, first.batch);
    (batch, counted.count_total)
}

fn assert_few(kind: GeometryType) {
    let layout = layout(kind);
    let schema = ExportSchema::new(&layout, DateZone::Utc);
    let context = DecodeContext::new(&layout);
    let mut before = None;
    for rows in ROWS {
        let (json, pbf) = (json(kind, rows), pbf(kind, rows));
        let (from_json, of_json) = counted(&schema, rows, |page| {
            decode_json(&json, &context, page).unwrap();
        });
        let (from_pbf, of_pbf) = counted(&schema, rows, |page| {
            decode_pbf(&pbf, &context, page).unwrap();
        });
        println!("{kind}: {of_json} allocations for {rows} rows from JSON, {of_pbf} from PBF");
        assert_eq!(from_json.batch, from_pbf.batch);
        assert_values(&from_json, rows);
        let most = (rows / ROWS_FOR_ONE) as u64;
        assert!(of_json <= most, "{of_json} for {rows} rows of JSON");
        assert!(of_pbf <= most, "{of_pbf} for {rows} rows of PBF");
        // Twice the rows take no more but for lists that grow by half or by as much again.
        if let Some((json, pbf)) = before.replace((of_json, of_pbf)) {
            assert!(of_json <= json + 20, "{json} for half of {rows} rows");
            assert!(of_pbf <= pbf + 20, "{pbf} for half of {rows} rows");
        }
    }
}

fn assert_values(page: &PageBatch, rows: usize) {
    assert_eq!(page.batch.num_rows(), rows);
    for row in [0, 1, 999, rows - 1] {
        let batch = &page.batch;
        let texts = batch.column(5).as_string::<i32>();
        let doubles = batch.column(6).as_primitive::<Float64Type>();
        let wholes = batch.column(7).as_primitive::<Int32Type>();
        let expected = |column| !is_null(row, column);
        assert_eq!(
            texts.iter().nth(row).unwrap(),
            expected(5).then(|| text(row, 5)).as_deref()
        );
        assert_eq!(
            doubles.iter().nth(row).unwrap(),
            expected(6).then(|| double(row, 6))
        );
        assert_eq!(
            wholes.iter().nth(row).unwrap().map(i64::from),
            expected(7).then(|| whole(row, 7))
        );
    }
}

#[test]
fn points_cost_no_allocations() {
    assert_few(GeometryType::Point);
}

#[test]
fn polygons_cost_no_allocations() {
    assert_few(GeometryType::Polygon);
}
