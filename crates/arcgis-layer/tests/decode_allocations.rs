//! Rows must not cost allocations of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fmt::Write as _;
use std::hint::black_box;

use arcgis_layer::{
    DecodeContext, Dimensions, FeatureSink, Field, FieldType, GeometryLayout, GeometryRef,
    GeometryType, Layout, SinkError, SpatialReference, ValueRef, decode_json,
};

/// Looks at everything and keeps nothing.
struct Nowhere;

impl FeatureSink for Nowhere {
    fn attribute(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), SinkError> {
        black_box((column, value));
        Ok(())
    }

    fn geometry(&mut self, geometry: GeometryRef<'_>) -> Result<(), SinkError> {
        black_box(geometry);
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

const ROWS: usize = 2_000;
const COLUMNS: usize = 20;

/// Rows with text, escapes, numbers, nulls, and polygons of three rings.
fn page() -> String {
    let mut body = String::from(r#"{"hasZ":true,"features":["#);
    for row in 0..ROWS {
        let comma = if row == 0 { "" } else { "," };
        write!(body, r#"{comma}{{"attributes":{{"OBJECTID":{row}"#).unwrap();
        for column in 0..COLUMNS {
            match column % 4 {
                0 => write!(body, r#","f{column}":"text \"{row}\" \u00e9""#).unwrap(),
                1 => write!(body, r#","F{column}":{}.{:09}"#, row * 7, row * 31).unwrap(),
                2 => write!(body, r#","f{column}":{}"#, row * column).unwrap(),
                _ => write!(body, r#","f{column}":null"#).unwrap(),
            }
        }
        let (x, y) = (row % 50, row / 50);
        write!(
            body,
            r#"}},"geometry":{{"rings":[[[{x},{y},1],[{x},{y}.9,1],[{x}.9,{y}.9,1],[{x}.9,{y},1],[{x},{y},1]],[[{x}.1,{y}.1,2],[{x}.2,{y}.1,2],[{x}.2,{y}.2,2],[{x}.1,{y}.1,2]],[[{x}.5,{y}.5,2],[{x}.6,{y}.5,2],[{x}.6,{y}.6,2],[{x}.5,{y}.5,2]]]}}}}"#
        )
        .unwrap();
    }
    body.push_str("]}");
    body
}

#[test]
fn rows_cost_no_allocations() {
    let fields: Vec<Field> = (0..COLUMNS)
        .map(|column| Field::new(format!("f{column}"), FieldType::String))
        .collect();
    let layout = Layout::new(fields)
        .with_object_id("OBJECTID")
        .with_fingerprint(true)
        .with_geometry(GeometryLayout {
            kind: GeometryType::Polygon,
            dims: Dimensions::Xyz,
            spatial_reference: SpatialReference::default(),
        });
    let body = page();
    let mut facts = None;
    let counted = allocation_counter::measure(|| {
        facts = decode_json(body.as_bytes(), &DecodeContext::new(&layout), &mut Nowhere).ok();
    });
    let facts = facts.unwrap();
    let allocations = counted.count_total;
    assert_eq!((facts.rows, facts.ids.len()), (ROWS, ROWS));
    println!("{allocations} allocations for {ROWS} rows");
    assert!(
        allocations <= ROWS as u64 / 20,
        "{allocations} allocations for {ROWS} rows"
    );
}
