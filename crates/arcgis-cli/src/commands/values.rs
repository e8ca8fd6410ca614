//! `arcgis values`: which values a field has, and how many rows have each.

use std::io::Write;

use anyhow::Result;
use arcgis_rest::layer::ValueCount;
use serde_json::{Map, Value, json};

use crate::args::{OutputArgs, ValuesArgs};
use crate::exit::Failure;
use crate::listing::{Listing, text_of};
use crate::selection::Selection;
use crate::settings::Settings;

/// A combination of values, and how many rows have it, if they were counted.
struct Row {
    values: Vec<Value>,
    count: Option<u64>,
}

pub(crate) async fn run(
    args: &ValuesArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    if args.fields.len() > 2 && !args.distinct {
        return Err(
            Failure::usage("rows are counted by one field or two; this is more")
                .with_hint("--distinct lists the values of any number of fields")
                .into(),
        );
    }
    let selection = args.selection.open(output, settings).await?;
    let rows = fetch(args, &selection).await?;
    let info = selection.layer.info();
    // In the server's case.
    let fields: Vec<_> = args
        .fields
        .iter()
        .filter_map(|name| info.field(name))
        .collect();
    let label = |place: usize, value: &Value| {
        let field = fields.get(place)?;
        info.label(&field.name, value, None).map(str::to_owned)
    };
    let mut out = anstream::stdout().lock();
    if output.json {
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let listed = rows.iter().map(|row| {
            let mut entry = Map::new();
            let values = names
                .iter()
                .zip(&row.values)
                .map(|(name, value)| ((*name).to_owned(), value.clone()));
            entry.insert("values".to_owned(), Value::Object(values.collect()));
            let labels: Map<String, Value> = names
                .iter()
                .zip(row.values.iter().enumerate())
                .filter_map(|(name, (place, value))| {
                    Some(((*name).to_owned(), Value::from(label(place, value)?)))
                })
                .collect();
            if !labels.is_empty() {
                entry.insert("labels".to_owned(), Value::Object(labels));
            }
            if let Some(count) = row.count {
                entry.insert("count".to_owned(), Value::from(count));
            }
            Value::Object(entry)
        });
        let said = json!({
            "layer": selection.url(),
            "fields": names,
            "values": listed.collect::<Vec<_>>(),
        });
        writeln!(out, "{said:#}")?;
        return Ok(out.flush()?);
    }
    let labelled: Vec<usize> = (0..fields.len())
        .filter(|place| {
            rows.iter()
                .filter_map(|row| row.values.get(*place))
                .any(|value| label(*place, value).is_some())
        })
        .collect();
    let mut head = Vec::new();
    for (place, field) in fields.iter().enumerate() {
        head.push(field.name.clone());
        if labelled.contains(&place) {
            head.push(format!("{} (label)", field.name));
        }
    }
    if !args.distinct {
        head.push("Rows".to_owned());
    }
    let mut table = Listing::new(head);
    for row in &rows {
        let mut cells = Vec::new();
        for (place, value) in row.values.iter().enumerate() {
            let kind = fields.get(place).map(|field| &field.field_type);
            cells.push(match value {
                // An empty text is a value too.
                Value::Null if !args.table.csv => "null".to_owned(),
                value => text_of(value, kind),
            });
            if labelled.contains(&place) {
                cells.push(label(place, value).unwrap_or_default());
            }
        }
        cells.extend(row.count.map(|count| count.to_string()));
        table.row(cells);
    }
    if args.table.csv {
        table.write_csv(&mut out)?;
    } else {
        table.write(&mut out)?;
    }
    Ok(out.flush()?)
}

async fn fetch(args: &ValuesArgs, selection: &Selection) -> Result<Vec<Row>> {
    let layer = &selection.layer;
    let query = selection.query.clone().without_geometry();
    let query = query.resolve(layer.info())?;
    let counted = |rows: Vec<ValueCount>| {
        rows.into_iter()
            .map(|row| Row {
                values: row.values,
                count: Some(row.rows),
            })
            .collect()
    };
    let rows = match args.fields.as_slice() {
        names if args.distinct => layer.distinct(&query, names).await.map(|rows| {
            let bare = |values| Row {
                values,
                count: None,
            };
            rows.into_iter().map(bare).collect()
        }),
        [outer, inner] => layer.nested_counts(&query, outer, inner).await.map(counted),
        names => {
            let name = names.first().map(String::as_str).unwrap_or_default();
            layer.value_counts(&query, name).await.map(counted)
        }
    };
    rows.map_err(|error| selection.explain(error))
}
