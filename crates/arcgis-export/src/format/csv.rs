//! Comma-separated values, with the geometry as well-known text.

use std::io::Write;

use arrow_array::RecordBatch;

use crate::error::Error;
use crate::geometry_summary::GeometrySummary;
use crate::provenance::Provenance;

use super::cell_text::{Notation, push_cell};
use super::cells::Attributes;
use super::shape::Shape;
use super::wkt::push_wkt;
use super::{Counted, ENOUGH, FileWriter, NewFile, Written};

/// RFC 4180 with line feeds alone, as the readers of today write it: a header; text in UTF-8, quoted where it
/// has to be; null as nothing, an empty text as `""`; dates in ISO 8601; bytes in base64. The geometry comes
/// last, in a column `WKT`, the name by which GDAL knows it.
///
/// Texts that a spreadsheet would take for a formula are written as they are: they are the layer's.
pub(crate) struct CsvWriter {
    output: Counted,
    attributes: Attributes,
    shape: Shape,
    text: String,
    rows: u64,
}

impl CsvWriter {
    pub(crate) fn begin(new: NewFile<'_>) -> Result<Self, Error> {
        let attributes = Attributes::of(new.schema)?;
        let mut writer = Self {
            output: new.output,
            attributes,
            shape: Shape::default(),
            text: String::new(),
            rows: 0,
        };
        for (place, column) in writer.attributes.columns.iter().enumerate() {
            if place > 0 {
                writer.text.push(',');
            }
            push_text(&mut writer.text, &column.name);
        }
        if writer.attributes.geometry.is_some() {
            if !writer.attributes.columns.is_empty() {
                writer.text.push(',');
            }
            let name = writer.attributes.free_name("WKT");
            push_text(&mut writer.text, &name);
        }
        writer.text.push('\n');
        Ok(writer)
    }

    fn hand_over(&mut self) -> Result<(), Error> {
        self.output
            .write_all(self.text.as_bytes())
            .map_err(Error::write)?;
        self.text.clear();
        Ok(())
    }
}

impl FileWriter for CsvWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let cells = self.attributes.cells(batch)?;
        for row in 0..batch.num_rows() {
            let start = self.text.len();
            let mut first = true;
            for cell in cells.row(row) {
                if !std::mem::take(&mut first) {
                    self.text.push(',');
                }
                push_cell::<Csv>(&mut self.text, cell);
            }
            if self.attributes.geometry.is_some() {
                if !first {
                    self.text.push(',');
                }
                if let Some(wkb) = cells.geometry(row) {
                    self.shape.read(wkb)?;
                    let bare = self.text.len();
                    push_wkt(&mut self.text, &self.shape);
                    if self.text.get(bare..).is_some_and(|wkt| wkt.contains(',')) {
                        self.text.insert(bare, '"');
                        self.text.push('"');
                    }
                }
            }
            // An empty line is no row to many readers: the null of a single column has to be something.
            if self.text.len() == start {
                self.text.push_str("\"\"");
            }
            self.text.push('\n');
            if self.text.len() >= ENOUGH {
                self.hand_over()?;
            }
        }
        self.rows += batch.num_rows() as u64;
        self.hand_over()
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn finish(
        mut self: Box<Self>,
        _geometry: &GeometrySummary,
        _provenance: &Provenance,
    ) -> Result<Written, Error> {
        self.hand_over()?;
        Ok(Written::new(self.output))
    }
}

/// Nulls are nothing between commas.
struct Csv;

impl Notation for Csv {
    const NULL: &'static str = "";
    const QUOTE: &'static str = "";

    fn push_text(out: &mut String, text: &str) {
        push_text(out, text);
    }
}

fn push_text(out: &mut String, text: &str) {
    let bare = !text.is_empty()
        && !text.contains([',', '"', '\n', '\r'])
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace);
    if bare {
        out.push_str(text);
        return;
    }
    out.push('"');
    for (place, piece) in text.split('"').enumerate() {
        if place > 0 {
            out.push_str("\"\"");
        }
        out.push_str(piece);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_they_have_to_be() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", "\"\""),
            ("a,b", "\"a,b\""),
            ("say \"so\"", "\"say \"\"so\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" padded", "\" padded\""),
            ("=1+1", "=1+1"),
            ("日本語", "日本語"),
        ] {
            let mut out = String::new();
            push_text(&mut out, text);
            assert_eq!(out, expected);
        }
    }
}
