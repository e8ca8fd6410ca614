//! `arcgis ids`: the object ids of the rows.

use std::io::Write;

use anyhow::Result;
use serde_json::Value;

use crate::args::{IdsArgs, OutputArgs};
use crate::settings::Settings;

/// Prints one id on each line, in ascending order. No server lists some of them: a limit is for who reads.
pub(crate) async fn run(args: &IdsArgs, output: OutputArgs, settings: &mut Settings) -> Result<()> {
    let selection = args.selection.open(output, settings).await?;
    let query = selection.query.clone().without_geometry();
    let query = query.resolve(selection.layer.info())?;
    let ids = selection.layer.object_ids(&query).await;
    let ids = ids.map_err(|error| selection.explain(error))?;
    let ids = match args.limit {
        Some(limit) => ids.first(limit),
        None => ids,
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if output.json {
        // There may be tens of millions: they go out as they are.
        let layer = Value::from(selection.url());
        write!(
            out,
            "{{\"layer\":{layer},\"count\":{},\"objectIds\":[",
            ids.len()
        )?;
        for (place, id) in ids.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(out, "{comma}{id}")?;
        }
        writeln!(out, "]}}")?;
    } else {
        for id in ids.iter() {
            writeln!(out, "{id}")?;
        }
    }
    Ok(out.flush()?)
}
