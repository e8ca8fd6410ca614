//! Rows of a layer, printed.

use std::io::Write;

use anyhow::Result;
use arcgis_rest::layer::{Feature, Layout};
use serde_json::{Map, Value, json};

use crate::args::TableArgs;
use crate::listing::{Listing, json_of, texts};
use crate::{layer_card, shape};

/// What the column with the geometry is called.
const GEOMETRY: &str = "geometry";

/// Letters of a geometry in a table for people.
const MOST_OF_GEOMETRY: usize = 60;

/// Prints rows as a table, with the geometry as WKT.
pub(crate) fn print(
    table: TableArgs,
    layout: &Layout,
    rows: &[Feature],
    lead: Option<(&str, &[i64])>,
) -> Result<()> {
    let mut head: Vec<String> = lead.iter().map(|(name, _)| (*name).to_owned()).collect();
    head.extend(layout.fields.iter().map(|field| field.name.clone()));
    let has_geometry = layout.geometry.is_some();
    head.extend(has_geometry.then(|| GEOMETRY.to_owned()));
    let mut listing = Listing::new(head);
    for (place, row) in rows.iter().enumerate() {
        let ids = lead.and_then(|(_, ids)| ids.get(place));
        let mut cells: Vec<String> = ids.iter().map(ToString::to_string).collect();
        cells.extend(texts(row.iter()));
        cells.extend(has_geometry.then(|| match shape::wkt(row) {
            wkt if table.csv => wkt,
            wkt => shortened(wkt),
        }));
        listing.row(cells);
    }
    let mut out = anstream::stdout().lock();
    if table.csv {
        listing.write_csv(&mut out)?;
    } else {
        listing.write(&mut out)?;
    }
    Ok(out.flush()?)
}

/// As much of a geometry as there is space for on a line. WKT is ASCII.
fn shortened(mut wkt: String) -> String {
    if wkt.len() > MOST_OF_GEOMETRY {
        wkt.truncate(MOST_OF_GEOMETRY);
        wkt.push('…');
    }
    wkt
}

/// Prints an object with `features`, and what else is known of them.
pub(crate) fn print_json(mut said: Value, layout: &Layout, rows: &[Feature]) -> Result<()> {
    if let Some(geometry) = &layout.geometry {
        said["spatialReference"] = layer_card::spatial_reference_json(&geometry.spatial_reference);
    }
    said["features"] = rows.iter().map(json).collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{said:#}")?;
    Ok(out.flush()?)
}

/// A row: its values as the protocol has them, its geometry as GeoJSON writes it.
pub(crate) fn json(row: &Feature) -> Value {
    let attributes: Map<String, Value> = row
        .iter()
        .map(|(field, value)| (field.name.clone(), json_of(value)))
        .collect();
    json!({
        "objectId": row.object_id,
        "attributes": attributes,
        "geometry": shape::json(row),
    })
}
