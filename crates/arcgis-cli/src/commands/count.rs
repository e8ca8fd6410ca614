//! `arcgis count`: how many rows.

use std::io::Write;

use anyhow::Result;
use serde_json::json;

use crate::args::{CountArgs, OutputArgs};
use crate::pasted::Pasted;
use crate::refusal::Asked;
use crate::settings::Settings;
use crate::target::Target;

/// Prints the bare number, so that a script can take it as it is.
pub(crate) async fn run(
    args: &CountArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let mut filter = args.filter.clone();
    Pasted::of(&args.url).into_count(&mut filter, output.quiet)?;
    // A count needs no geometry, not even one that cannot be decoded.
    let query = filter.query()?.without_geometry();
    let target = Target::new(
        &args.url,
        &args.connection,
        &args.credentials,
        None,
        settings,
    )
    .await?
    .with_shown_requests(args.requests.show_requests);
    let layer = target.open().await?;
    let asked = Asked {
        filter: &filter,
        columns: None,
    };
    let count = layer
        .count(&query.resolve(layer.info())?)
        .await
        .map_err(|error| asked.explain(error.into(), false))?;
    let mut out = std::io::stdout().lock();
    if output.json {
        let said = json!({ "layer": layer.address().to_string(), "count": count });
        writeln!(out, "{said}")?;
    } else {
        writeln!(out, "{count}")?;
    }
    Ok(out.flush()?)
}
