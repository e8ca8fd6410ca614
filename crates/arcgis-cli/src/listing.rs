//! A table of values of a service: for people, and as CSV.

use std::io::{self, Write};

use arcgis_rest::export::Timestamp;
use arcgis_rest::layer::{self, Field, FieldType};
use serde_json::Value;

use crate::columns::Columns;

/// Rows of text under a head, for people or for programs.
#[derive(Debug)]
pub(crate) struct Listing {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Listing {
    /// A table without rows.
    pub(crate) fn new(head: Vec<String>) -> Self {
        Self {
            head,
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Writes it in columns.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut columns = Columns::new(&self.head);
        for row in &self.rows {
            columns.row(row);
        }
        columns.write(out)
    }

    /// Writes it as RFC 4180 has it, but for the ends of lines, which are those of text files.
    pub(crate) fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        for row in std::iter::once(&self.head).chain(&self.rows) {
            let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }
}

/// A cell of CSV, in quotes where it has to be.
fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// A value as text: dates as moments in UTC, null as nothing.
pub(crate) fn text_of(value: &Value, kind: Option<&FieldType>) -> String {
    let date = match kind {
        Some(FieldType::Date) => value
            .as_i64()
            .or_else(|| value.as_f64().map(|ms| ms as i64)),
        _ => None,
    };
    if let Some(Ok(moment)) = date.map(Timestamp::from_millisecond) {
        return moment.to_string();
    }
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An attribute as the protocol has it in JSON. What JSON has no number for is null.
pub(crate) fn json_of(value: &layer::Value) -> Value {
    match value {
        layer::Value::Bool(flag) => Value::from(*flag),
        layer::Value::Int(number) => Value::from(*number),
        layer::Value::Float(number) => Value::from(*number),
        layer::Value::Str(text) => Value::from(text.clone()),
        _ => Value::Null,
    }
}

/// The text of each attribute.
pub(crate) fn texts<'a>(
    row: impl Iterator<Item = (&'a Field, &'a layer::Value)>,
) -> impl Iterator<Item = String> {
    row.map(|(field, value)| text_of(&json_of(value), Some(&field.field_type)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_of_csv_are_quoted_where_they_must() {
        let mut listing = Listing::new(vec!["A".into(), "B, C".into()]);
        listing.row(vec!["say \"no\"".into(), "two\nlines".into()]);
        listing.row(vec!["plain".into(), String::new()]);
        let mut out = Vec::new();
        listing.write_csv(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "A,\"B, C\"\n\"say \"\"no\"\"\",\"two\nlines\"\nplain,\n"
        );
    }

    #[test]
    fn dates_are_moments() {
        let date = Some(&FieldType::Date);
        assert_eq!(
            text_of(&json!(1_705_320_000_000_i64), date),
            "2024-01-15T12:00:00Z"
        );
        assert_eq!(text_of(&json!(-1.0), date), "1969-12-31T23:59:59.999Z");
        assert_eq!(text_of(&Value::Null, date), "");
        assert_eq!(text_of(&json!(1_705), None), "1705");
        assert_eq!(text_of(&json!("a"), None), "a");
        assert_eq!(json_of(&layer::Value::Float(f64::NAN)), Value::Null);
    }
}
