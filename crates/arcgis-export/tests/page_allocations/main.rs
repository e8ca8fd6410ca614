//! From the bytes of a page to its record batch, rows must not cost allocations of their own: neither those of a layer's
//! first page, nor of any type of column or kind of geometry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod rows;
mod wire;

use std::ops::Range;

use arcgis_export::arcgis_layer::{
    DecodeContext, Dimensions, GeometryType, Layout, PageSink, decode_json, decode_pbf,
};
use arcgis_export::arrow_array::cast::AsArray;
use arcgis_export::arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    TimestampMicrosecondType, TimestampMillisecondType,
};
use arcgis_export::arrow_array::{Array, RecordBatch};
use arcgis_export::{
    ArrowSink, ColumnOptions, DateZone, DomainValues, ExportSchema, GuidType, PageBatch,
};
use rows::{Column, Shape};

/// The target: one allocation for so many rows, over all pages of an export.
const ROWS_FOR_ONE: u64 = 20;
/// Pages of services have 1,000 or 2,000 rows.
const ROWS: usize = 2_000;
/// What the first page may take for each column and beside them: it makes the buffers, and they grow, mostly by
/// doubling.
const FIRST_PER_COLUMN: u64 = 5;
const FIRST_FIXED: u64 = 80;

#[derive(Debug, Clone, Copy)]
enum Format {
    Json,
    Pbf,
}

impl Format {
    fn body(self, columns: &[Column], shape: Option<Shape>, rows: Range<usize>) -> Vec<u8> {
        match self {
            Self::Json => wire::json(columns, shape, rows),
            Self::Pbf => wire::pbf(columns, shape, rows),
        }
    }

    fn read(self, body: &[u8], layout: &Layout, sink: &ArrowSink) -> PageBatch {
        let mut page = sink.page(ROWS);
        let context = DecodeContext::new(layout);
        let facts = match self {
            Self::Json => decode_json(body, &context, &mut page),
            Self::Pbf => decode_pbf(body, &context, &mut page),
        };
        assert_eq!(facts.unwrap().repaired, 0);
        page.into_batch().unwrap()
    }
}

/// What the pages of an export take, each; and their batches.
fn export(
    format: Format,
    schema: &ExportSchema,
    layout: &Layout,
    bodies: &[Vec<u8>],
) -> (Vec<u64>, Vec<RecordBatch>) {
    let mut sink = None;
    let mut counts = Vec::new();
    let mut batches = Vec::new();
    for body in bodies {
        let mut page = None;
        let counted = allocation_counter::measure(|| {
            let sink = sink.get_or_insert_with(|| ArrowSink::new(schema.clone()));
            page = Some(format.read(body, layout, sink));
        });
        counts.push(counted.count_total);
        batches.push(page.unwrap().batch);
    }
    (counts, batches)
}

/// Asserts the target over whole exports in both formats, and that these say the same; the batches.
///
/// An export has so many `pages`: what its first page costs beyond the others weighs the more the fewer they are.
fn assert_few(
    what: &str,
    pages: usize,
    columns: &[Column],
    shape: Option<Shape>,
    options: &ColumnOptions,
) -> Vec<RecordBatch> {
    let layout = rows::layout(columns, shape);
    let schema = ExportSchema::with_options(&layout, DateZone::Utc, options);
    let mut read = [Format::Json, Format::Pbf].map(|format| {
        let bodies: Vec<Vec<u8>> = (0..pages)
            .map(|page| format.body(columns, shape, page * ROWS..(page + 1) * ROWS))
            .collect();
        let (counts, batches) = export(format, &schema, &layout, &bodies);
        let (first, all) = (counts[0], counts.iter().sum::<u64>());
        println!("{what}, {format:?}: {counts:?}");
        let most = FIRST_FIXED + FIRST_PER_COLUMN * columns.len() as u64;
        assert!(first <= most, "{what}, {format:?}: {first} at first");
        assert!(
            all * ROWS_FOR_ONE <= (pages * ROWS) as u64,
            "{what}, {format:?}: {all} for {pages} pages of {ROWS} rows"
        );
        for batch in &batches {
            assert_eq!(batch.num_rows(), ROWS);
        }
        batches
    });
    assert_eq!(read[0], read[1], "{what}");
    std::mem::take(&mut read[0])
}

fn shapes() -> impl Iterator<Item = Shape> {
    let kinds = [
        GeometryType::Point,
        GeometryType::Multipoint,
        GeometryType::Polyline,
        GeometryType::Polygon,
    ];
    kinds.into_iter().flat_map(|kind| {
        [
            Dimensions::Xy,
            Dimensions::Xyz,
            Dimensions::Xym,
            Dimensions::Xyzm,
        ]
        .map(|dims| Shape { kind, dims })
    })
}

#[test]
fn no_kind_of_geometry_costs_allocations() {
    let columns: Vec<Column> = rows::usual().into_iter().take(2).collect();
    for shape in shapes() {
        for m in [false, true] {
            if m && !shape.dims.has_m() {
                continue;
            }
            let options = ColumnOptions::default().with_m(m);
            let what = format!("{} {:?}, m kept: {m}", shape.kind, shape.dims);
            let batches = assert_few(&what, 3, &columns, Some(shape), &options);
            assert_geometry(&batches, shape, m);
        }
    }
}

/// By the sizes that the OGC's description of WKB gives to what was made.
fn assert_geometry(batches: &[RecordBatch], shape: Shape, m: bool) {
    let position = 8 * (2 + usize::from(shape.dims.has_z()) + usize::from(shape.dims.has_m() && m));
    for (page, batch) in batches.iter().enumerate() {
        let geometry = batch.column(2).as_binary::<i32>();
        for place in 0..ROWS {
            let row = page * ROWS + place;
            let Some(parts) = shape.parts(row) else {
                assert!(geometry.is_null(place));
                continue;
            };
            let positions: usize = parts.iter().map(Vec::len).sum();
            // Byte order and type take five bytes, a count four.
            let heads = match shape.kind {
                GeometryType::Point => 5,
                GeometryType::Multipoint => 9 + 5 * positions,
                GeometryType::Polyline => 9 + 9 * parts.len(),
                _ => {
                    let shells = if row.is_multiple_of(100) { 32 } else { 2 };
                    9 + 9 * shells + 4 * parts.len()
                }
            };
            let bytes = geometry.value(place).len();
            assert_eq!(bytes, heads + position * positions, "row {row}");
        }
    }
}

#[test]
fn no_type_of_column_costs_allocations() {
    for (what, options) in [
        ("as they are", ColumnOptions::default()),
        (
            "with labels and UUIDs",
            ColumnOptions::default()
                .with_domains(DomainValues::Label)
                .with_guids(GuidType::Uuid),
        ),
        (
            "with codes and labels",
            ColumnOptions::default().with_domains(DomainValues::Both),
        ),
    ] {
        let columns = rows::all();
        let batches = assert_few(what, 5, &columns, None, &options);
        for batch in &batches {
            for (place, column) in columns.iter().enumerate() {
                let array = batch.column_by_name(&column.field.name).unwrap();
                let first = batch.column(0).as_primitive::<Int64Type>().value(0) as usize - 1;
                let nulls = (first..first + ROWS).filter(|row| column.is_null(*row, place));
                assert_eq!(array.null_count(), nulls.count(), "{}", column.field.name);
            }
        }
        assert_values(&batches[1], &options);
    }
}

/// One row, number 2,005, by what its values mean.
fn assert_values(batch: &RecordBatch, options: &ColumnOptions) {
    let row = 5;
    let column = |name: &str| batch.column_by_name(name).unwrap();
    assert_eq!(
        column("OBJECTID").as_primitive::<Int64Type>().value(row),
        2_006
    );
    assert_eq!(
        column("small").as_primitive::<Int16Type>().value(row),
        26_065
    );
    assert_eq!(
        column("whole").as_primitive::<Int32Type>().value(row),
        -2_007_005
    );
    assert_eq!(
        column("big").as_primitive::<Int64Type>().value(row),
        9_007_199_254_742_998
    );
    assert_eq!(
        column("single").as_primitive::<Float32Type>().value(row),
        501.25
    );
    assert_eq!(
        column("double").as_primitive::<Float64Type>().value(row),
        2_005.0 * 0.317 - 5.0
    );
    let moments = |name: &str| {
        let moments = column(name).as_primitive::<TimestampMillisecondType>();
        moments.value(row)
    };
    assert_eq!(moments("date"), 2_004 * 86_400_000 - 1);
    // 2024-02-29T12:25:00.250Z, of which GNU date says 1709209500.
    assert_eq!(moments("iso"), 1_709_209_500_250);
    for (name, text) in [
        ("ascii", "row 2005"),
        ("text", "é 2005"),
        ("escaped", "\"2005\"\n\\"),
        ("xml", "<a b=\"2005\"/>"),
        ("later", "é 2005"),
    ] {
        assert_eq!(column(name).as_string::<i32>().value(row), text);
    }
    // Row 2,005 has the 22nd of January.
    assert_eq!(column("day").as_primitive::<Date32Type>().value(row), 21);
    assert_eq!(
        column("time")
            .as_primitive::<Time32MillisecondType>()
            .value(row),
        25 * 60_000 + 1
    );
    for (name, offset) in [("offset", -480), ("blank", 345)] {
        let moments = column(name).as_primitive::<TimestampMicrosecondType>();
        assert_eq!(moments.value(row), (25 - offset) * 60_000_000, "{name}");
    }
    // D, Z, C, A: each letter stands for six bits.
    assert_eq!(
        column("blob").as_binary::<i32>().value(row),
        [0b0000_1101, 0b1001_0000, 0b1000_0000]
    );
    let uuid = *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\0\0\0\0\x07\xd5";
    match column("guid").as_fixed_size_binary_opt() {
        Some(guids) => assert_eq!(guids.value(row), uuid),
        None => assert_eq!(
            column("guid").as_string::<i32>().value(row),
            "{01234567-89AB-CDEF-0123-0000000007D5}"
        ),
    }
    // The code of row 2,005 is 0, that of row 2,014 is listed nowhere.
    let label = |name: &str, row: usize| -> Option<String> {
        let labels = column(name).as_string::<i32>();
        labels.is_valid(row).then(|| labels.value(row).to_owned())
    };
    if *options == ColumnOptions::default() {
        assert_eq!(column("code").as_primitive::<Int16Type>().value(row), 0);
        assert_eq!(label("letter", row).unwrap(), "a");
    } else if options.domains == DomainValues::Label {
        assert_eq!(label("code", row).unwrap(), "what 0 means");
        assert_eq!(label("code", 14).unwrap(), "4");
        assert_eq!(label("letter", row).unwrap(), "what \"a\" means");
        assert_eq!(label("letter", 14).unwrap(), "e");
    } else {
        assert_eq!(label("code_label", row).unwrap(), "what 0 means");
        assert_eq!(label("code_label", 14), None);
        assert_eq!(label("letter_label", row).unwrap(), "what \"a\" means");
        assert_eq!(label("letter_label", 14), None);
    }
}

/// Twice the rows of a page take no more but for lists that grow by half or by as much again.
#[test]
fn pages_cost_the_same_whatever_their_rows() {
    let columns = rows::usual();
    // Rings take their own lists, some ten, in each page that has several in a polygon.
    for (kind, least) in [(GeometryType::Point, 1_000), (GeometryType::Polygon, 2_000)] {
        let shape = Some(Shape {
            kind,
            dims: Dimensions::Xy,
        });
        let layout = rows::layout(&columns, shape);
        let schema = ExportSchema::new(&layout, DateZone::Utc);
        for format in [Format::Json, Format::Pbf] {
            let sink = ArrowSink::new(schema.clone());
            let mut before = None;
            for rows in [least, 2 * least, 4 * least] {
                let body = format.body(&columns, shape, 0..rows);
                // The buffers have grown then.
                format.read(&body, &layout, &sink);
                let mut page = None;
                let counted = allocation_counter::measure(|| {
                    page = Some(format.read(&body, &layout, &sink));
                });
                assert_eq!(page.unwrap().batch.num_rows(), rows);
                let count = counted.count_total;
                println!("{kind}, {format:?}: {count} for {rows} rows");
                assert!(count * ROWS_FOR_ONE <= rows as u64, "{count} for {rows}");
                if let Some(before) = before.replace(count) {
                    assert!(
                        count <= before + 20,
                        "{count} for {rows}, {before} for half"
                    );
                }
            }
        }
    }
}
