//! The page: one file with map, table and columns, which asks nothing of any network.

mod blob;
mod cells;
mod shapes;

use std::io::Write;

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::column::{Column, Summary};
use crate::crs::Crs;
use crate::error::Error;
use crate::picture::grouped;
use crate::placement::{Cut, Placement};
use crate::preview::Preview;
use crate::sample::Kept;
use blob::{Array, Blob};
use shapes::Source;

const PAGE: &str = include_str!("assets/page.html");
const STYLE: &str = include_str!("assets/style.css");

const SCRIPT: &str = concat!(
    "\"use strict\";\n(() => {\n",
    include_str!("assets/data.js"),
    include_str!("assets/view.js"),
    include_str!("assets/map.js"),
    include_str!("assets/table.js"),
    include_str!("assets/side.js"),
    include_str!("assets/main.js"),
    "})();\n"
);

impl Preview {
    /// Writes one self-contained page: a map to move and to zoom, a table of attributes, and what the columns hold. A
    /// click on a feature shows its attributes and its row, and the other way around.
    ///
    /// It holds the rows that [`PreviewOptions::with_table`](crate::PreviewOptions::with_table) has kept, and says so
    /// where they are not all. It loads nothing from anywhere, works from a file, and runs no script but its own,
    /// whatever the rows hold.
    ///
    /// # Errors
    ///
    /// [`Error::Write`]; [`Error::Geometry`] if a geometry is damaged, which was found before.
    pub fn write_html(&self, out: &mut dyn Write) -> Result<(), Error> {
        let mut blob = Blob::default();
        let about = self.about(&mut blob)?;
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'",
            BASE64_STANDARD.encode(Sha256::digest(SCRIPT))
        );
        let mut rest = PAGE;
        while let Some((before, after)) = rest.split_once("{{") {
            out.write_all(before.as_bytes())?;
            let (name, after) = after.split_once("}}").unwrap_or((after, ""));
            match name {
                "policy" => out.write_all(policy.as_bytes())?,
                "title" => out.write_all(escaped(self.title()).as_bytes())?,
                "style" => out.write_all(STYLE.as_bytes())?,
                "script" => out.write_all(SCRIPT.as_bytes())?,
                "about" => out.write_all(within_script(&about).as_bytes())?,
                "data" => {
                    let base64 = EncoderWriter::new(&mut *out, &STANDARD);
                    let mut packed = ZlibEncoder::new(base64, Compression::new(6));
                    packed.write_all(blob.bytes())?;
                    packed.finish()?.finish()?;
                }
                _ => {}
            }
            rest = after;
        }
        out.write_all(rest.as_bytes())?;
        out.flush()?;
        Ok(())
    }

    /// All that the page is told, and where its arrays are.
    fn about(&self, blob: &mut Blob) -> Result<Value, Error> {
        let none = Vec::new();
        let kept = self.kept.as_ref().unwrap_or(&none);
        let shown = self.kept_rows();
        let mut columns = Vec::new();
        for (column, place) in self.columns.iter().zip(&self.shown) {
            let cells = cells::add(kept, *place, column.kind, blob);
            columns.push(described(column, cells));
        }
        let note = (shown < self.rows).then(|| {
            format!(
                "{} of {} shown",
                grouped(shown as f64, 0),
                grouped(self.rows as f64, 0)
            )
        });
        let kinds = self.kinds;
        Ok(json!({
            "title": self.title(),
            "source": self.options.source,
            "rows": self.rows,
            "shown": shown,
            "counted": self.counted(),
            "note": note,
            "numbers": (shown < self.rows).then(|| numbers(kept, blob)),
            "kinds": {
                "points": kinds.points, "lines": kinds.lines, "polygons": kinds.polygons, "none": kinds.none,
            },
            "map": self.map(kept, blob)?,
            "columns": columns,
        }))
    }

    fn map(&self, kept: &[Kept], blob: &mut Blob) -> Result<Value, Error> {
        let (Some((place, geometry)), Some(crs)) = (&self.geometry, &self.crs) else {
            return Ok(Value::Null);
        };
        let placement = Placement::new(&self.sketch, crs);
        let mut extent = placement.extent();
        if extent.is_empty() {
            extent.add([0.0, 0.0]);
        }
        let cut = placement.cut();
        let source = Source {
            kept,
            place: *place,
            geometry,
            crs,
            cut,
        };
        let mut map = source.add(&extent, blob)?;
        if let Some(map) = map.as_object_mut() {
            map.insert("crs".to_owned(), json!(crs.label()));
            map.insert("degrees".to_owned(), json!(crs.is_degrees()));
            map.insert("metres".to_owned(), json!(metres(crs)));
            map.insert("mercator".to_owned(), json!(crs.is_web_mercator()));
            map.insert("cut".to_owned(), json!(cut.map(|Cut { west, .. }| west)));
            let sides = [extent.xmin, extent.ymin, extent.xmax, extent.ymax];
            map.insert("extent".to_owned(), json!(sides));
            let said = self
                .extent()
                .map(|said| [said.xmin, said.ymin, said.xmax, said.ymax]);
            map.insert("bounds".to_owned(), json!(said));
        }
        Ok(map)
    }
}

/// Metres of a unit, where it is a length.
fn metres(crs: &Crs) -> Option<f64> {
    match crs.unit() {
        crate::crs::Unit::Length(metres) => Some(metres),
        _ => None,
    }
}

/// The numbers of the rows, from 1.
fn numbers(kept: &[Kept], blob: &mut Blob) -> Value {
    let numbers = kept.iter().flat_map(|kept| &kept.numbers);
    blob.add(&Array::F64(
        numbers.map(|number| *number as f64 + 1.0).collect(),
    ))
}

fn described(column: &Column, cells: Value) -> Value {
    let mut said = json!({
        "name": column.name,
        "type": column.type_name,
        "kind": column.kind.name(),
        "cells": cells,
    });
    if let (Some(summary), Some(said)) = (&column.summary, said.as_object_mut()) {
        said.insert("summary".to_owned(), summed(summary));
    }
    said
}

fn summed(summary: &Summary) -> Value {
    let limits = match (summary.exact_limits, summary.limits) {
        // As text: a script's numbers would round them.
        (Some((least, greatest)), _) => json!([least.to_string(), greatest.to_string()]),
        (None, Some((least, greatest))) => json!([least, greatest]),
        (None, None) => Value::Null,
    };
    json!({
        "nulls": summary.nulls,
        "distinct": summary.distinct,
        "exact": summary.distinct_is_exact,
        "limits": limits,
        "bars": summary.histogram.as_ref().map(|bars| json!({
            "start": bars.start, "width": bars.width, "counts": bars.counts,
        })),
        "frequent": summary.frequent,
    })
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            letter => out.push(letter),
        }
    }
    out
}

/// JSON that cannot end the element that it stands in, nor begin a comment there.
fn within_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escaped("</title><b>&\""),
            "&lt;/title&gt;&lt;b&gt;&amp;&quot;"
        );
        let json = within_script(&json!({ "</script>": "<!--" }));
        assert!(!json.contains('<'), "{json}");
        assert_eq!(
            serde_json::from_str::<Value>(&json).unwrap(),
            json!({ "</script>": "<!--" })
        );
    }

    #[test]
    fn the_script_does_not_end_its_element() {
        for text in [SCRIPT, STYLE] {
            assert!(!text.contains("</") && !text.contains("<!--"));
        }
    }
}
