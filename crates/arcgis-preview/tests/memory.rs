//! How much memory a look at many rows takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use arcgis_preview::arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use arcgis_preview::arrow_schema::{DataType, Field, Schema, SchemaRef};
use arcgis_preview::{GeometryColumn, PngOptions, Preview, PreviewBuilder, PreviewOptions};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const ROWS: u64 = 1_000_000;
const BATCH: u64 = 8192;

fn schema() -> SchemaRef {
    let extension = ("ARROW:extension:name".to_owned(), "geoarrow.wkb".to_owned());
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, false),
        Field::new("geometry", DataType::Binary, false).with_metadata([extension].into()),
    ]))
}

/// Numbers that are spread without an order.
fn scattered(n: u64) -> f64 {
    (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A polygon of so many corners, or a point.
fn wkb(n: u64, corners: u32) -> Vec<u8> {
    let (x, y) = (scattered(n) * 1e6, scattered(n + ROWS) * 1e6);
    if corners == 0 {
        let head = [1, 1, 0, 0, 0].to_vec();
        return [head, x.to_le_bytes().to_vec(), y.to_le_bytes().to_vec()].concat();
    }
    let mut out = vec![1, 3, 0, 0, 0, 1, 0, 0, 0];
    out.extend((corners + 1).to_le_bytes());
    for corner in 0..=corners {
        let angle = f64::from(corner % corners) / f64::from(corners) * std::f64::consts::TAU;
        out.extend((x + angle.cos() * 300.0).to_le_bytes());
        out.extend((y + angle.sin() * 300.0).to_le_bytes());
    }
    out
}

fn batch(schema: &SchemaRef, first: u64, rows: u64, corners: u32) -> RecordBatch {
    let numbers = first..first + rows;
    let geometry: Vec<Vec<u8>> = numbers.clone().map(|n| wkb(n, corners)).collect();
    let names: StringArray = numbers.clone().map(|n| Some(format!("row {n}"))).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(numbers.map(|n| n as i64))),
        Arc::new(names),
        Arc::new(BinaryArray::from_iter_values(geometry)),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns).unwrap()
}

/// Looks at a million rows; gives the look, and the peak of memory while they came, in megabytes.
fn look(options: PreviewOptions, rows: u64, corners: u32) -> (Preview, f32) {
    let schema = schema();
    let geometry = GeometryColumn::of_schema(&schema);
    let mut builder = PreviewBuilder::new(Arc::clone(&schema), geometry, options).unwrap();
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage_as_mb();
    let start = Instant::now();
    for first in (0..rows).step_by(BATCH as usize) {
        builder
            .push(&batch(&schema, first, BATCH.min(rows - first), corners))
            .unwrap();
    }
    let preview = builder.finish().unwrap();
    let peak = ALLOCATOR.peak_usage_as_mb() - before;
    println!(
        "{rows} rows of {corners} corners: {peak:.0} MB, {:?}",
        start.elapsed()
    );
    assert_eq!(preview.rows(), rows);
    (preview, peak)
}

#[test]
fn a_million_rows_take_little_memory() {
    let map = || PreviewOptions::new("x");
    let (preview, points) = look(map(), ROWS, 0);
    assert!(points < 64.0, "{points} MB");
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage_as_mb();
    let start = Instant::now();
    preview.png(&PngOptions::default().with_width(800)).unwrap();
    let drawing = ALLOCATOR.peak_usage_as_mb() - before;
    println!("a picture of them: {drawing:.0} MB, {:?}", start.elapsed());
    assert!(drawing < 64.0, "{drawing} MB");
    drop(preview);

    let (_, polygons) = look(map(), ROWS / 10, 60);
    assert!(polygons < 128.0, "{polygons} MB");

    let table = PreviewOptions::new("x").with_table(NonZeroUsize::new(20_000));
    let (preview, kept) = look(table, ROWS, 0);
    assert_eq!(preview.kept_rows(), 20_000);
    assert!(kept < 96.0, "{kept} MB");
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage_as_mb();
    preview.write_html(&mut std::io::sink()).unwrap();
    let writing = ALLOCATOR.peak_usage_as_mb() - before;
    println!("a page of 20,000 of them: {writing:.0} MB");
    assert!(writing < 64.0, "{writing} MB");
}
