//! What every contestant's output has to hold, written by nothing that they have in common with us: the
//! values go from the formulas into Arrow's builders.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Float32Builder, Float64Builder, Int16Builder, Int32Builder, Int64Builder,
    StringBuilder, TimestampMillisecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field as ArrowField, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;

use crate::geojson::turned;
use crate::geometry::{Geometry, Position, Ring};
use crate::layers::{FieldType, Layer, Value};

const ROWS: u64 = 10_000;

pub(crate) fn write(path: &Path, layer: &Layer, rows: u64) {
    let mut fields: Vec<ArrowField> = layer
        .fields
        .iter()
        .map(|field| ArrowField::new(field.name, data_type(field.kind), true))
        .collect();
    if layer.geometry.is_some() {
        fields.push(ArrowField::new("geometry", DataType::Binary, true));
    }
    let schema = Arc::new(Schema::new(fields));
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), Arc::clone(&schema), None).unwrap();
    for start in (1..=rows).step_by(ROWS as usize) {
        let some: Vec<u64> = (start..=rows).take(ROWS as usize).collect();
        let mut columns: Vec<ArrayRef> = layer
            .fields
            .iter()
            .map(|field| column(field.kind, some.iter().map(|&row| (field.value)(row))))
            .collect();
        if let Some((_, geometry)) = layer.geometry {
            let mut builder = BinaryBuilder::new();
            for &row in &some {
                builder.append_value(wkb(&geometry(row)));
            }
            columns.push(Arc::new(builder.finish()));
        }
        writer
            .write(&RecordBatch::try_new(Arc::clone(&schema), columns).unwrap())
            .unwrap();
    }
    writer.close().unwrap();
}

fn data_type(kind: FieldType) -> DataType {
    match kind {
        FieldType::ObjectId => DataType::Int64,
        FieldType::SmallInteger => DataType::Int16,
        FieldType::Integer => DataType::Int32,
        FieldType::Single => DataType::Float32,
        FieldType::Double => DataType::Float64,
        FieldType::Text => DataType::Utf8,
        FieldType::Date => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
    }
}

fn column(kind: FieldType, values: impl Iterator<Item = Value>) -> ArrayRef {
    macro_rules! column {
        ($builder:expr, $($pattern:pat => $value:expr),+) => {{
            let mut builder = $builder;
            for value in values {
                builder.append_option(match value {
                    $($pattern => Some($value),)+
                    Value::Null => None,
                    other => panic!("{other:?} in a column of another type"),
                });
            }
            Arc::new(builder.finish())
        }};
    }
    match kind {
        FieldType::ObjectId => column!(Int64Builder::new(), Value::Integer(whole) => whole),
        FieldType::SmallInteger => {
            column!(Int16Builder::new(), Value::Integer(whole) => whole.try_into().unwrap())
        }
        FieldType::Integer => {
            column!(Int32Builder::new(), Value::Integer(whole) => whole.try_into().unwrap())
        }
        FieldType::Single => column!(Float32Builder::new(), Value::Single(number) => number),
        FieldType::Double => column!(Float64Builder::new(), Value::Double(number) => number),
        FieldType::Text => {
            column!(StringBuilder::new(), Value::Text(text) => text)
        }
        FieldType::Date => column!(
            TimestampMillisecondBuilder::new().with_timezone("UTC"),
            Value::Date(moment) => moment
        ),
    }
}

fn wkb(geometry: &Geometry) -> Vec<u8> {
    let mut out = Vec::new();
    match geometry {
        Geometry::Point(position) => {
            head(&mut out, 1);
            positions(&mut out, std::slice::from_ref(position));
        }
        Geometry::Paths(paths) => {
            head(&mut out, 5);
            count(&mut out, paths.len());
            for path in paths {
                head(&mut out, 2);
                count(&mut out, path.len());
                positions(&mut out, path);
            }
        }
        Geometry::Polygons(polygons) => {
            head(&mut out, 6);
            count(&mut out, polygons.len());
            for polygon in polygons {
                head(&mut out, 3);
                rings(&mut out, &turned(polygon));
            }
        }
    }
    out
}

fn rings(out: &mut Vec<u8>, rings: &[Ring]) {
    count(out, rings.len());
    for ring in rings {
        count(out, ring.len());
        positions(out, ring);
    }
}

fn head(out: &mut Vec<u8>, kind: u32) {
    out.push(1);
    out.extend(kind.to_le_bytes());
}

fn count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap().to_le_bytes());
}

fn positions(out: &mut Vec<u8>, positions: &[Position]) {
    for number in positions.iter().flatten() {
        out.extend(number.to_le_bytes());
    }
}
