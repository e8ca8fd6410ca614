//! A sink that keeps everything as it came, and checks the contract of sinks.

use arcgis_layer::{
    DecodeContext, DecodeError, Dimensions, FeatureSink, Field, FieldType, GeometryLayout,
    GeometryRef, GeometryType, Layout, PageFacts, SinkError, SpatialReference, ValueRef,
    decode_json,
};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub(crate) kind: GeometryType,
    pub(crate) dims: Dimensions,
    pub(crate) coords: Vec<f64>,
    pub(crate) ring_ends: Vec<usize>,
    pub(crate) part_ends: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Row {
    pub(crate) cells: Vec<Option<Cell>>,
    pub(crate) geometry: Option<Shape>,
}

impl Row {
    pub(crate) fn cell(&self, column: usize) -> &Cell {
        self.cells[column].as_ref().unwrap()
    }
}

#[derive(Debug)]
pub(crate) struct Recorder {
    columns: usize,
    pub(crate) rows: Vec<Row>,
    current: Row,
}

impl Recorder {
    pub(crate) fn new(columns: usize) -> Self {
        Self {
            columns,
            rows: Vec::new(),
            current: Row {
                cells: vec![None; columns],
                geometry: None,
            },
        }
    }
}

impl FeatureSink for Recorder {
    fn attribute(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), SinkError> {
        let cell = match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Bool(flag) => Cell::Bool(flag),
            ValueRef::Int(number) => Cell::Int(number),
            ValueRef::Float(number) => Cell::Float(number),
            ValueRef::Str("refuse me") => {
                return Err(SinkError::misfit("c", value, "welcome value"));
            }
            ValueRef::Str(text) => Cell::Str(text.to_owned()),
        };
        assert_eq!(self.current.cells[column], None, "column {column} twice");
        self.current.cells[column] = Some(cell);
        Ok(())
    }

    fn geometry(&mut self, geometry: GeometryRef<'_>) -> Result<(), SinkError> {
        assert_eq!(self.current.geometry, None, "geometry twice");
        let size = geometry.dims.size();
        assert_eq!(geometry.coords.len() % size, 0);
        if matches!(
            geometry.kind,
            GeometryType::Polyline | GeometryType::Polygon
        ) {
            let last = geometry.ring_ends.last().copied().unwrap_or(0);
            assert_eq!(last, geometry.positions());
        }
        if geometry.kind == GeometryType::Polygon {
            let last = geometry.part_ends.last().copied().unwrap_or(0);
            assert_eq!(last, geometry.ring_ends.len());
        }
        self.current.geometry = Some(Shape {
            kind: geometry.kind,
            dims: geometry.dims,
            coords: geometry.coords.to_vec(),
            ring_ends: geometry.ring_ends.to_vec(),
            part_ends: geometry.part_ends.to_vec(),
        });
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), SinkError> {
        for (column, cell) in self.current.cells.iter().enumerate() {
            assert!(cell.is_some(), "column {column} never came");
        }
        let next = Row {
            cells: vec![None; self.columns],
            geometry: None,
        };
        self.rows.push(std::mem::replace(&mut self.current, next));
        Ok(())
    }
}

pub(crate) fn decode_bytes(
    body: &[u8],
    layout: &Layout,
) -> Result<(Vec<Row>, PageFacts), DecodeError> {
    let mut sink = Recorder::new(layout.fields.len());
    let facts = decode_json(body, &DecodeContext::new(layout), &mut sink)?;
    assert_eq!(facts.rows, sink.rows.len());
    Ok((sink.rows, facts))
}

pub(crate) fn decode(body: &str, layout: &Layout) -> (Vec<Row>, PageFacts) {
    decode_bytes(body.as_bytes(), layout).unwrap()
}

pub(crate) fn refused(body: &str, layout: &Layout) -> DecodeError {
    decode_bytes(body.as_bytes(), layout).unwrap_err()
}

/// A layout of text columns, whose type the decoder does not look at.
pub(crate) fn columns(names: &[&str]) -> Layout {
    Layout::new(
        names
            .iter()
            .map(|name| Field::new(*name, FieldType::String))
            .collect::<Vec<_>>(),
    )
}

/// A layout without columns.
pub(crate) fn located(kind: GeometryType, dims: Dimensions) -> Layout {
    columns(&[]).with_geometry(GeometryLayout {
        kind,
        dims,
        spatial_reference: SpatialReference::default(),
    })
}

/// What a JSON value is to a sink, by `serde_json`.
pub(crate) fn expected(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(flag) => Cell::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Cell::Int(number),
            None => Cell::Float(number.as_f64().unwrap()),
        },
        Value::String(text) => Cell::Str(text.clone()),
        other => Cell::Str(other.to_string()),
    }
}
