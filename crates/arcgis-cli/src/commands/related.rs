//! `arcgis related`: the rows of another layer that belong to rows of this one.

use std::io::Write;

use anyhow::Result;
use arcgis_rest::layer::{Feature, LayerInfo, Query, Relationship};
use serde_json::{Value, json};

use crate::args::{OutputArgs, RelatedArgs};
use crate::exit::Failure;
use crate::layer_card::spatial_reference_json;
use crate::rows;
use crate::settings::Settings;

pub(crate) async fn run(
    args: &RelatedArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let selection = args.selection.open(output, settings).await?;
    let layer = &selection.layer;
    let relationship = wanted(layer.info(), args.relationship.as_deref())?;
    let query = selection.query.clone().without_geometry();
    let query = query.resolve(layer.info())?;
    let ids = layer.object_ids(&query).await;
    let ids: Vec<i64> = ids
        .map_err(|error| selection.explain(error))?
        .iter()
        .collect();
    let related = layer.related_layer(relationship.id).await?;
    let mut query = Query::new();
    if let Some(condition) = &args.related_where {
        query = query.with_where(condition);
    }
    if !args.fields.is_empty() {
        query = query.with_fields(&args.fields);
    }
    if args.no_geometry {
        query = query.without_geometry();
    }
    let layout = query.resolve(related.info())?;
    let layout = layout.layout();
    let groups = layer.related_records(relationship.id, &ids, &related, &query);
    let groups = groups.await.map_err(|error| selection.explain(error))?;
    if output.json {
        let listed: Vec<Value> = groups
            .iter()
            .map(|group| {
                let records: Vec<Value> = group.records.iter().map(rows::json).collect();
                json!({ "objectId": group.object_id, "relatedRecords": records })
            })
            .collect();
        let mut said = json!({
            "layer": selection.url(),
            "relationship": { "id": relationship.id, "name": relationship.name },
            "relatedLayer": related.address().to_string(),
            "relatedRecordGroups": listed,
        });
        if let Some(geometry) = &layout.geometry {
            said["spatialReference"] = spatial_reference_json(&geometry.spatial_reference);
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{said:#}")?;
        return Ok(out.flush()?);
    }
    let (mut ids, mut records): (Vec<i64>, Vec<Feature>) = Default::default();
    for group in groups {
        ids.extend(group.records.iter().map(|_| group.object_id));
        records.extend(group.records);
    }
    rows::print(args.table, layout, &records, Some(("Of", &ids)))
}

/// The relationship of that number or name, or the only one.
fn wanted<'a>(info: &'a LayerInfo, named: Option<&str>) -> Result<&'a Relationship> {
    let all = &info.relationships;
    let listed: Vec<String> = all
        .iter()
        .map(|one| format!("{} ({})", one.id, one.name))
        .collect();
    let found = match named {
        None if all.len() == 1 => all.first(),
        None => None,
        Some(named) => all
            .iter()
            .find(|one| named.parse() == Ok(one.id))
            .or_else(|| all.iter().find(|one| one.name.eq_ignore_ascii_case(named))),
    };
    if let Some(found) = found {
        return Ok(found);
    }
    let failure = match (named, all.is_empty()) {
        (_, true) => Failure::usage(format!("{}: the layer has no relationships", info.name)),
        (Some(named), _) => Failure::usage(format!("the layer has no relationship {named}"))
            .with_hint(format!("it has {}", listed.join(", "))),
        (None, _) => Failure::usage("the layer has several relationships")
            .with_hint(format!("--relationship says which: {}", listed.join(", "))),
    };
    Err(failure.into())
}
