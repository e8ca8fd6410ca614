//! `arcgis count`: how many rows.

use std::io::Write;

use anyhow::Result;
use arcgis_rest::layer::Query;
use serde_json::json;

use crate::args::{CountArgs, OutputArgs};
use crate::exit::Failure;
use crate::selection::Selection;
use crate::settings::Settings;

/// Prints the bare number, so that a script can take it as it is.
pub(crate) async fn run(
    args: &CountArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    if args.estimate {
        check_whole(&args.selection.filter.query()?)?;
    }
    let selection = args.selection.open(output, settings).await?;
    let layer = &selection.layer;
    if args.estimate {
        return estimate(&selection, output).await;
    }
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

/// Estimates are of all rows.
fn check_whole(query: &Query) -> Result<()> {
    if *query == Query::new() {
        return Ok(());
    }
    let problem = "--estimate is of the whole layer: leave the filter out, or count without it";
    Err(Failure::usage(problem).into())
}

/// Prints what the server reckons, of all rows.
async fn estimate(selection: &Selection, output: OutputArgs) -> Result<()> {
    // An address may have brought a filter.
    check_whole(&selection.query)?;
    let estimates = selection.layer.estimates().await;
    let estimates = estimates.map_err(|error| selection.explain(error))?;
    let Some(count) = estimates.count else {
        return Err(anyhow::anyhow!(
            "{} has no estimate of its rows",
            selection.url()
        ));
    };
    let mut out = std::io::stdout().lock();
    if output.json {
        let said = json!({ "layer": selection.url(), "estimate": count });
        writeln!(out, "{said}")?;
    } else {
        writeln!(out, "{count}")?;
    }
    Ok(out.flush()?)
}
