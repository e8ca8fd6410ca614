//! GeoJSON, as one document or one feature a line.

use std::fmt::Write as _;
use std::io::Write;

use arrow_array::RecordBatch;

use crate::error::Error;
use crate::geometry_summary::{GeometrySummary, WkbType};
use crate::provenance::Provenance;

use super::cell_text::{Notation, push_cell};
use super::cells::{Attributes, Cell};
use super::numbers::push_double;
use super::shape::Shape;
use super::unfit::Unfit;
use super::{Counted, ENOUGH, FileFormat, FileWriter, NewFile, Written};

/// RFC 7946: longitude and latitude in WGS 84. The object id is the `id` of its feature, and a property as all
/// others. Dates are texts in ISO 8601, bytes base64; integers are written out whatever their size, though
/// JavaScript reads those beyond 2^53 rounded.
///
/// Behind its features a document has their `bbox` and, as `arcgis`, where they come from; a line has no place
/// for either.
pub(crate) struct GeoJsonWriter {
    output: Counted,
    lines: bool,
    attributes: Attributes,
    /// The names of the properties as JSON, each with its colon.
    names: Vec<String>,
    unfit: Unfit,
    shape: Shape,
    text: String,
    rows: u64,
}

impl GeoJsonWriter {
    pub(crate) fn begin(new: NewFile<'_>) -> Result<Self, Error> {
        let attributes = Attributes::of(new.schema)?;
        let lines = new.format == FileFormat::GeoJsonLines;
        let mut text = String::new();
        if !lines {
            text.push_str(r#"{"type":"FeatureCollection","features":["#);
        }
        let names = attributes.columns.iter().map(|column| {
            let mut name = String::new();
            push_json(&mut name, &column.name);
            name.push(':');
            name
        });
        Ok(Self {
            names: names.collect(),
            output: new.output,
            lines,
            attributes,
            unfit: Unfit::new(new.format, new.lenient),
            shape: Shape::default(),
            text,
            rows: 0,
        })
    }

    fn hand_over(&mut self) -> Result<(), Error> {
        self.output
            .write_all(self.text.as_bytes())
            .map_err(Error::write)?;
        self.text.clear();
        Ok(())
    }
}

impl FileWriter for GeoJsonWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let cells = self.attributes.cells(batch)?;
        let text = &mut self.text;
        for row in 0..batch.num_rows() {
            if !self.lines {
                text.push_str(if self.rows == 0 { "\n" } else { ",\n" });
            }
            text.push_str(r#"{"type":"Feature","#);
            if let Some(column) = self.attributes.object_id
                && let Cell::Integer(id) = cells.cell(column, row)
            {
                // Writing to a string does not fail.
                let _ = write!(text, r#""id":{id},"#);
            }
            text.push_str(r#""geometry":"#);
            match cells.geometry(row) {
                Some(wkb) => {
                    self.shape.read(wkb)?;
                    if let Some(number) = self.shape.not_finite() {
                        self.unfit.null("the geometry", number)?;
                        text.push_str("null");
                    } else {
                        push_geometry(text, &self.shape);
                    }
                }
                None => text.push_str("null"),
            }
            text.push_str(r#","properties":{"#);
            for (place, (name, cell)) in self.names.iter().zip(cells.row(row)).enumerate() {
                if place > 0 {
                    text.push(',');
                }
                text.push_str(name);
                if let Some(number) = cell.not_finite() {
                    let column = self.attributes.columns.get(place);
                    self.unfit
                        .null(column.map_or("", |column| &column.name), number)?;
                    text.push_str("null");
                } else {
                    push_cell::<Json>(text, cell);
                }
            }
            text.push_str("}}");
            if self.lines {
                text.push('\n');
            }
            self.rows += 1;
            if text.len() >= ENOUGH {
                self.output
                    .write_all(text.as_bytes())
                    .map_err(Error::write)?;
                text.clear();
            }
        }
        self.hand_over()
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn finish(
        mut self: Box<Self>,
        geometry: &GeometrySummary,
        provenance: &Provenance,
    ) -> Result<Written, Error> {
        if !self.lines {
            self.text.push_str("\n]");
            if let Some(bbox) = bbox(geometry) {
                self.text.push_str(",\"bbox\":");
                push_numbers(&mut self.text, &bbox);
            }
            self.text.push_str(",\"arcgis\":");
            self.text.push_str(&provenance.json(self.rows));
            self.text.push_str("}\n");
        }
        self.hand_over()?;
        Ok(Written {
            misfits: self.unfit.counts(),
            ..Written::new(self.output)
        })
    }
}

/// Least of all axes, then greatest of all axes.
fn bbox(geometry: &GeometrySummary) -> Option<Vec<f64>> {
    let bbox = geometry.bbox()?;
    let numbers = match geometry.z_range() {
        Some((zmin, zmax)) => vec![bbox.xmin, bbox.ymin, zmin, bbox.xmax, bbox.ymax, zmax],
        None => vec![bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax],
    };
    numbers
        .iter()
        .all(|number| number.is_finite())
        .then_some(numbers)
}

struct Json;

impl Notation for Json {
    const NULL: &'static str = "null";
    const QUOTE: &'static str = "\"";

    fn push_text(out: &mut String, text: &str) {
        push_json(out, text);
    }
}

/// Appends a text as JSON.
fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Line separators end a line to some readers of lines.
            '\u{0}'..='\u{1f}' | '\u{7f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn push_geometry(out: &mut String, shape: &Shape) {
    let (kind, single) = match shape.kind {
        WkbType::Point => ("Point", true),
        WkbType::LineString => ("LineString", false),
        WkbType::Polygon => ("Polygon", false),
        WkbType::MultiPoint => ("MultiPoint", false),
        WkbType::MultiLineString => ("MultiLineString", false),
        WkbType::MultiPolygon => ("MultiPolygon", false),
    };
    out.push_str(r#"{"type":""#);
    out.push_str(kind);
    out.push_str(r#"","coordinates":"#);
    match shape.kind {
        _ if shape.is_empty() => out.push_str("[]"),
        _ if single => push_position(out, shape, 0),
        WkbType::Polygon | WkbType::MultiLineString => {
            list(out, shape.lines(), |out, line| push_line(out, shape, line));
        }
        WkbType::MultiPolygon => list(out, shape.polygons(), |out, rings| {
            list(out, rings, |out, ring| {
                push_line(out, shape, shape.ring(ring))
            });
        }),
        _ => push_line(out, shape, 0..shape.xy.len()),
    }
    out.push('}');
}

fn push_line(out: &mut String, shape: &Shape, places: std::ops::Range<usize>) {
    list(out, places, |out, place| push_position(out, shape, place));
}

/// Without m: "implementations should not extend positions beyond three elements".
fn push_position(out: &mut String, shape: &Shape, place: usize) {
    let [x, y] = shape.xy.get(place).copied().unwrap_or_default();
    match shape.z.get(place) {
        Some(z) => push_numbers(out, &[x, y, *z]),
        None => push_numbers(out, &[x, y]),
    }
}

fn push_numbers(out: &mut String, numbers: &[f64]) {
    list(out, numbers, |out, number| push_double(out, *number));
}

fn list<T>(out: &mut String, items: impl IntoIterator<Item = T>, push: impl Fn(&mut String, T)) {
    out.push('[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(']');
}
