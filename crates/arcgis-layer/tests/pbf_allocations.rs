//! Rows must not cost allocations of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::hint::black_box;

use arcgis_layer::{
    DecodeContext, FeatureSink, GeometryRef, SinkError, ValueRef, decode_pbf, read_pbf_header,
};
use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer, Row, Testkit, Vertex};

#[path = "pbf/http.rs"]
mod http;

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

fn square(x: f64, y: f64, size: f64, clockwise: bool) -> Vec<Vertex> {
    let mut corners = [
        (x, y),
        (x, y + size),
        (x + size, y + size),
        (x + size, y),
        (x, y),
    ];
    if !clockwise {
        corners.reverse();
    }
    corners.map(|(x, y)| Vertex::xyz(x, y, 7.0)).into()
}

/// Rows with text, numbers, nulls, and polygons of three rings.
fn layer() -> Layer {
    let mut layer = Layer::new("layer", GeometryType::Polygon).with_z();
    let kinds = [
        FieldType::String,
        FieldType::Double,
        FieldType::Integer,
        FieldType::Date,
    ];
    for column in 0..COLUMNS {
        layer = layer.with_field(Field::new(format!("f{column}"), kinds[column % 4]));
    }
    layer.with_rows((0..ROWS as i32).map(|row| {
        let mut made = Row::new();
        for column in 0..COLUMNS {
            let name = format!("f{column}");
            made = match column % 4 {
                0 => made.with(name, format!("text \"{row}\" é")),
                1 => made.with(name, f64::from(row) * 7.31),
                2 => made.with(name, row * column as i32),
                _ => made,
            };
        }
        let (x, y) = (f64::from(row % 50), f64::from(row / 50));
        made.at(Geometry::Polygon(vec![
            square(x, y, 0.9, true),
            square(x + 0.1, y + 0.1, 0.1, false),
            square(x + 0.5, y + 0.5, 0.1, false),
        ]))
    }))
}

#[tokio::test]
async fn rows_cost_no_allocations() {
    let service = Testkit::builder().layer(layer()).start().await.unwrap();
    let body = http::query(
        &service,
        &[
            ("where", "1%3D1"),
            ("outFields", "*"),
            ("returnZ", "true"),
            ("f", "pbf"),
        ],
    );
    let layout = read_pbf_header(&body)
        .unwrap()
        .layout()
        .with_fingerprint(true);
    assert!(layout.geometry.is_some() && layout.object_id.is_some());
    let mut facts = None;
    let counted = allocation_counter::measure(|| {
        facts = decode_pbf(&body, &DecodeContext::new(&layout), &mut Nowhere).ok();
    });
    let facts = facts.unwrap();
    let allocations = counted.count_total;
    assert_eq!((facts.rows, facts.ids.len()), (ROWS, ROWS));
    assert_eq!((facts.without_geometry, facts.repaired), (0, 0));
    println!("{allocations} allocations for {ROWS} rows");
    assert!(
        allocations <= ROWS as u64 / 20,
        "{allocations} allocations for {ROWS} rows"
    );
}
