//! `arcgis count`: how many rows.

use std::io::Write;

use anyhow::Result;
use serde_json::json;

use crate::args::{CountArgs, OutputArgs};
use crate::settings::Settings;

/// Prints the bare number, so that a script can take it as it is.
pub(crate) async fn run(
    args: &CountArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let selection = args.selection.open(output, settings).await?;
    let layer = &selection.layer;
    // A count needs no geometry, not even one that cannot be decoded.
    let query = selection.query.clone().without_geometry();
    let count = layer.count(&query.resolve(layer.info())?).await;
    let count = count.map_err(|error| selection.explain(error))?;
    let mut out = std::io::stdout().lock();
    if output.json {
        let said = json!({ "layer": selection.url(), "count": count });
        writeln!(out, "{said}")?;
    } else {
        writeln!(out, "{count}")?;
    }
    Ok(out.flush()?)
}
