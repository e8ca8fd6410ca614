//! `arcgis extent`: where the rows are.

use std::io::Write;

use anyhow::Result;
use arcgis_rest::layer::SpatialReference;
use serde_json::json;

use crate::args::{ExtentArgs, OutSr, OutputArgs};
use crate::exit::{Failure, note};
use crate::layer_card::{crs_id, extent_json};
use crate::settings::Settings;

/// Prints the four numbers in the form that `--bbox` takes, and nothing if there is nothing to surround.
pub(crate) async fn run(
    args: &ExtentArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let selection = args.selection.open(output, settings).await?;
    if selection.layer.info().geometry_type.is_none() {
        return Err(Failure::usage(format!(
            "{}: it has no geometry",
            selection.layer.info().name
        ))
        .into());
    }
    let mut query = selection.query.clone();
    if let OutSr::Wkid(wkid) = args.out_sr {
        query = query.with_out_sr(SpatialReference::from_wkid(i64::from(wkid)));
    }
    let query = query.resolve(selection.layer.info())?;
    let extent = selection.layer.extent(&query).await;
    let extent = extent.map_err(|error| selection.explain(error))?;
    let mut out = std::io::stdout().lock();
    if output.json {
        let said = json!({
            "layer": selection.url(),
            "extent": extent.as_ref().map(extent_json),
            "crs": extent.as_ref().and_then(|extent| crs_id(&extent.spatial_reference)),
        });
        writeln!(out, "{said:#}")?;
        return Ok(out.flush()?);
    }
    let Some(extent) = extent else {
        if !output.quiet {
            note("no row has a place");
        }
        return Ok(());
    };
    let bbox = extent.bbox;
    writeln!(
        out,
        "{},{},{},{}",
        bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax
    )?;
    out.flush()?;
    if !output.quiet {
        let crs = crs_id(&extent.spatial_reference);
        note(&format!(
            "in {}",
            crs.as_deref().unwrap_or("an unknown reference system")
        ));
    }
    Ok(())
}
