//! `arcgis count`: how many rows.

use std::io::Write;

use anyhow::Result;
use arcgis_rest::layer::Layer;
use serde_json::json;

use crate::args::{CountArgs, OutputArgs};
use crate::target::Target;

/// Prints the bare number, so that a script can take it as it is.
pub(crate) async fn run(args: &CountArgs, output: OutputArgs) -> Result<()> {
    // A count needs no geometry, not even one that cannot be decoded.
    let query = args.filter.query()?.without_geometry();
    let target = Target::new(&args.url, &args.connection, &args.credentials, None).await?;
    let layer = Layer::open(target.transport(), target.layer().await?).await?;
    let count = layer.count(&query.resolve(layer.info())?).await?;
    let mut out = std::io::stdout().lock();
    if output.json {
        let said = json!({ "layer": layer.address().to_string(), "count": count });
        writeln!(out, "{said}")?;
    } else {
        writeln!(out, "{count}")?;
    }
    Ok(out.flush()?)
}
