//! A layer's metadata, for people and for programs.

use std::io::{self, Write};

use arcgis_rest::export::{ResolvedCrs, SpatialReferenceCodes, resolve_crs};
use arcgis_rest::layer::{
    self, AdvancedQueryCapabilities, Domain, Extent, LayerAddress, LayerInfo, LayerKind,
    SpatialReference,
};
use serde_json::{Value, json};

use crate::columns::Columns;
use crate::exit::one_line;
use crate::facts::{Facts, coordinate, count};

/// More codes of a domain than these are counted, not listed.
const MOST_CODES: usize = 6;

/// Writes the layer for people.
pub(crate) fn write(
    out: &mut impl Write,
    address: &LayerAddress,
    info: &LayerInfo,
    rows: Option<u64>,
) -> io::Result<()> {
    let bold = anstyle::Style::new().bold();
    writeln!(
        out,
        "{bold}{}{bold:#}  {}",
        one_line(&info.name),
        kind(&info.kind)
    )?;
    writeln!(out, "{address}")?;
    writeln!(out)?;

    let mut facts = Facts::default();
    match (info.geometry_type, &info.unknown_geometry_type) {
        (Some(kind), _) => {
            let dims = match (info.has_z, info.has_m) {
                (false, false) => "",
                (true, false) => " with z",
                (false, true) => " with m",
                (true, true) => " with z and m",
            };
            facts.add("Geometry", format!("{kind}{dims}"));
            facts.add("CRS", crs_text(&info.spatial_reference));
        }
        (None, Some(other)) => facts.add("Geometry", format!("{other} (not known here)")),
        (None, None) => facts.add("Geometry", "none"),
    }
    facts.add_some("Rows", rows.map(count));
    facts.add_some(
        "Export",
        obstacle(info).map(|why| format!("not possible: {why}")),
    );
    facts.add_some("Extent", info.extent.as_ref().map(extent_text));
    facts.add(
        "Rows per answer",
        info.max_record_count
            .map_or_else(|| "not said".to_owned(), |most| count(u64::from(most))),
    );
    facts.add_some("Object id", info.object_id_field.as_deref());
    facts.add_some("Global id", info.global_id_field.as_deref());
    facts.add("Formats", info.query_formats.join(", "));
    let capabilities = info.capabilities.join(", ");
    facts.add(
        "Capabilities",
        if capabilities.is_empty() {
            "not said"
        } else {
            &capabilities
        },
    );
    facts.add_some("Queries with", abilities(info.advanced));
    facts.add_some("Sub-layers", sub_layers(info));
    facts.add_some("Date time zone", info.date_time_zone.as_deref());
    facts.add_some("Own filter", info.definition_expression.as_deref());
    facts.add_some(
        "Server version",
        info.current_version.map(|version| version.to_string()),
    );
    facts.add_some("Description", info.description.as_deref().map(shortened));
    facts.add_some("Copyright", info.copyright_text.as_deref().map(shortened));
    facts.write(out)?;

    if !info.fields.is_empty() {
        writeln!(out)?;
        writeln!(
            out,
            "{bold}Fields{bold:#} ({})",
            count(info.fields.len() as u64)
        )?;
        let mut table = Columns::new(["Name", "Type", "Length", "Alias", "Domain"]);
        for field in info.fields.iter() {
            table.row([
                field.name.clone(),
                field.field_type.to_string(),
                field
                    .length
                    .map(|length| length.to_string())
                    .unwrap_or_default(),
                field.alias.clone().unwrap_or_default(),
                field.domain.as_ref().map(domain_text).unwrap_or_default(),
            ]);
        }
        table.write(out)?;
    }
    Ok(())
}

/// The layer for programs, in Esri's names where the protocol has one.
pub(crate) fn json(address: &LayerAddress, info: &LayerInfo, rows: Option<u64>) -> Value {
    let fields: Vec<Value> = info
        .fields
        .iter()
        .map(|field| {
            json!({
                "name": field.name,
                "type": format!("esriFieldType{}", field.field_type),
                "alias": field.alias,
                "length": field.length,
                "nullable": field.nullable,
                "editable": field.editable,
                "domain": field.domain.as_ref().map(domain_json),
            })
        })
        .collect();
    let sub_layers: Vec<Value> = info
        .sub_layers
        .iter()
        .map(|layer| json!({ "id": layer.id, "name": layer.name }))
        .collect();
    let crs = resolved(&info.spatial_reference);
    json!({
        "kind": "layer",
        "url": address.to_string(),
        "id": info.id,
        "name": info.name,
        "type": kind(&info.kind),
        "geometryType": info
            .geometry_type
            .map(|kind| kind.esri_name().to_owned())
            .or_else(|| info.unknown_geometry_type.clone()),
        "hasZ": info.has_z,
        "hasM": info.has_m,
        "spatialReference": spatial_reference_json(&info.spatial_reference),
        "crs": crs.map(|crs| json!({ "id": crs.id(), "name": crs.name() })),
        "extent": info.extent.as_ref().map(extent_json),
        "count": rows,
        "queryable": info.check_queryable().is_ok(),
        "notQueryableBecause": obstacle(info),
        "maxRecordCount": info.max_record_count,
        "queryFormats": info.query_formats,
        "capabilities": info.capabilities,
        "supportsPagination": info.advanced.pagination,
        "supportsOrderBy": info.advanced.order_by,
        "supportsStatistics": info.advanced.statistics,
        "objectIdField": info.object_id_field,
        "globalIdField": info.global_id_field,
        "currentVersion": info.current_version,
        "lastEditDate": info.last_edit_date,
        "dateTimeZone": info.date_time_zone,
        "definitionExpression": info.definition_expression,
        "description": info.description,
        "copyright": info.copyright_text,
        "hasAttachments": info.has_attachments,
        "subLayers": sub_layers,
        "fields": fields,
    })
}

/// Why the layer has no rows to give.
fn obstacle(info: &LayerInfo) -> Option<String> {
    match info.check_queryable() {
        Ok(()) => None,
        Err(layer::Error::NotQueryable { problem, .. }) => Some(problem),
        Err(other) => Some(other.to_string()),
    }
}

fn kind(kind: &LayerKind) -> &str {
    match kind {
        LayerKind::FeatureLayer => "Feature Layer",
        LayerKind::Table => "Table",
        LayerKind::GroupLayer => "Group Layer",
        LayerKind::RasterLayer => "Raster Layer",
        LayerKind::Other(name) => name,
        _ => "",
    }
}

fn resolved(reference: &SpatialReference) -> Option<ResolvedCrs> {
    resolve_crs(&codes(reference)).ok()
}

fn codes(reference: &SpatialReference) -> SpatialReferenceCodes<'_> {
    SpatialReferenceCodes {
        wkid: reference.wkid,
        latest_wkid: reference.latest_wkid,
        vcs_wkid: reference.vcs_wkid,
        latest_vcs_wkid: reference.latest_vcs_wkid,
        wkt: reference.wkt.as_deref(),
        wkt2: reference.wkt2.as_deref(),
    }
}

fn crs_text(reference: &SpatialReference) -> String {
    match resolve_crs(&codes(reference)) {
        Ok(crs) => format!("{}  {}", crs.id(), crs.name()),
        Err(unknown) => format!("unknown: {unknown}"),
    }
}

/// What the reference system is called, such as `EPSG:4326`, if it is known.
pub(crate) fn crs_id(reference: &SpatialReference) -> Option<String> {
    resolved(reference).map(|crs| crs.id().to_string())
}

/// A rectangle as the protocol has it.
pub(crate) fn extent_json(extent: &Extent) -> Value {
    json!({
        "xmin": extent.bbox.xmin,
        "ymin": extent.bbox.ymin,
        "xmax": extent.bbox.xmax,
        "ymax": extent.bbox.ymax,
        "spatialReference": spatial_reference_json(&extent.spatial_reference),
    })
}

pub(crate) fn spatial_reference_json(reference: &SpatialReference) -> Value {
    let mut object = serde_json::Map::new();
    for (name, code) in [
        ("wkid", reference.wkid),
        ("latestWkid", reference.latest_wkid),
        ("vcsWkid", reference.vcs_wkid),
        ("latestVcsWkid", reference.latest_vcs_wkid),
    ] {
        if let Some(code) = code {
            object.insert(name.to_owned(), json!(code));
        }
    }
    for (name, text) in [("wkt", &reference.wkt), ("wkt2", &reference.wkt2)] {
        if let Some(text) = text {
            object.insert(name.to_owned(), json!(text));
        }
    }
    Value::Object(object)
}

fn extent_text(extent: &Extent) -> String {
    let bbox = &extent.bbox;
    let sides = [bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax].map(coordinate);
    match resolved(&extent.spatial_reference) {
        Some(crs) => format!("{} ({})", sides.join(", "), crs.id()),
        None => sides.join(", "),
    }
}

fn abilities(advanced: AdvancedQueryCapabilities) -> Option<String> {
    let known: Vec<&str> = [
        ("pagination", advanced.pagination),
        ("order by", advanced.order_by),
        ("statistics", advanced.statistics),
        ("distinct values", advanced.distinct),
        ("extent", advanced.extent),
    ]
    .into_iter()
    .filter_map(|(name, can)| (can == Some(true)).then_some(name))
    .collect();
    (!known.is_empty()).then(|| known.join(", "))
}

fn sub_layers(info: &LayerInfo) -> Option<String> {
    let listed: Vec<String> = info
        .sub_layers
        .iter()
        .map(|layer| format!("{} {}", layer.id, layer.name))
        .collect();
    (!listed.is_empty()).then(|| listed.join(", "))
}

/// The first two hundred letters, on one line.
fn shortened(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn domain_text(domain: &Domain) -> String {
    match domain {
        Domain::CodedValue { name, values } if values.len() > MOST_CODES => {
            format!("{name}: {} codes", values.len())
        }
        Domain::CodedValue { name, values } => {
            let codes: Vec<String> = values
                .iter()
                .map(|value| format!("{} = {}", bare(&value.code), value.name))
                .collect();
            format!("{name}: {}", codes.join(", "))
        }
        Domain::Range { name, min, max } => format!("{name}: {} to {}", bare(min), bare(max)),
        Domain::Inherited => "of the subtype".to_owned(),
        _ => String::new(),
    }
}

/// A code without the quotes of its JSON.
fn bare(code: &Value) -> String {
    code.as_str()
        .map_or_else(|| code.to_string(), str::to_owned)
}

fn domain_json(domain: &Domain) -> Value {
    match domain {
        Domain::CodedValue { name, values } => {
            let codes: Vec<Value> = values
                .iter()
                .map(|value| json!({ "code": value.code, "name": value.name }))
                .collect();
            json!({ "type": "codedValue", "name": name, "codedValues": codes })
        }
        Domain::Range { name, min, max } => {
            json!({ "type": "range", "name": name, "range": [min, max] })
        }
        Domain::Inherited => json!({ "type": "inherited" }),
        _ => Value::Null,
    }
}
