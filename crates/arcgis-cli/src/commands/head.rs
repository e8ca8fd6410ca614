//! `arcgis head` and `arcgis sample`: a few rows to look at.

use anyhow::Result;
use arcgis_rest::layer::Feature;
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use crate::args::{ColumnArgs, FEW, HeadArgs, OutputArgs, SampleArgs, TableArgs};
use crate::exit::{Failure, note};
use crate::rows;
use crate::selection::Selection;
use crate::settings::Settings;

/// The first rows.
pub(crate) async fn run(
    args: &HeadArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let wanted = wanted(&args.columns)?;
    let columns = &args.columns;
    let selection = args
        .selection
        .open_columns(columns, output, settings)
        .await?;
    let query = args.form.form(selection.query.clone());
    let layer = &selection.layer;
    let rows = if args.order_by.is_empty() && args.offset == 0 {
        layer.head(query, wanted).await
    } else {
        layer
            .rows_at(query, &args.order_by, args.offset, wanted)
            .await
    };
    let rows = rows.map_err(|error| selection.explain(error))?;
    let said = json!({ "layer": selection.url() });
    print(&selection, &rows, said, args.table, output)
}

/// Rows that are chosen at random.
pub(crate) async fn sample(
    args: &SampleArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let wanted = wanted(&args.columns)?;
    let columns = &args.columns;
    let selection = args
        .selection
        .open_columns(columns, output, settings)
        .await?;
    let seed = args.seed.unwrap_or_else(any_number);
    let query = args.form.form(selection.query.clone());
    let rows = async {
        let rows = selection.layer.sample(query, wanted, seed).await?;
        rows.try_collect::<Vec<Feature>>().await
    };
    let rows = rows.await.map_err(|error| selection.explain(error))?;
    let said = json!({ "layer": selection.url(), "seed": seed });
    print(&selection, &rows, said, args.table, output)?;
    if args.seed.is_none() && !output.json && !output.quiet {
        note(&format!("--seed {seed} chooses the same rows again"));
    }
    Ok(())
}

/// How many rows.
fn wanted(columns: &ColumnArgs) -> Result<u32> {
    let rows = columns.limit.unwrap_or(FEW).get();
    Ok(u32::try_from(rows).map_err(|_| {
        Failure::usage(format!("--limit: {rows} rows are too many to print"))
            .with_hint("arcgis export writes any number of rows to a file")
    })?)
}

fn print(
    selection: &Selection,
    rows: &[Feature],
    said: Value,
    table: TableArgs,
    output: OutputArgs,
) -> Result<()> {
    let query = selection.query.resolve(selection.layer.info())?;
    if output.json {
        rows::print_json(said, query.layout(), rows)
    } else {
        rows::print(table, query.layout(), rows, None)
    }
}

/// A number that is another one each time: the keys of the standard library's hashes are random.
fn any_number() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Short enough to be typed again.
    RandomState::new().hash_one(0) % 1_000_000_000
}
