//! What the service says about itself: its services, their layers, and each layer.

use serde_json::{Value as Json, json};

use crate::catalog::{Catalog, Served};
use crate::changes;
use crate::field::FieldType;
use crate::geometry::GeometryType;
use crate::layer::LayerKind;
use crate::quirk::Ability;
use crate::table::Table;

/// The release that the service says it is.
const VERSION: f64 = 11.3;

/// Under which of its two names a service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Feature,
    Map,
}

impl ServerKind {
    pub(crate) fn parse(segment: &str) -> Option<Self> {
        match segment {
            "FeatureServer" => Some(Self::Feature),
            "MapServer" => Some(Self::Map),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Feature => "FeatureServer",
            Self::Map => "MapServer",
        }
    }

    fn capabilities(self, own: &str) -> String {
        match self {
            Self::Feature => own.to_owned(),
            Self::Map if own.is_empty() => "Map".to_owned(),
            Self::Map => format!("Map,{own}"),
        }
    }
}

/// The root directory, or that of a folder. None for a folder that is not there.
pub(crate) fn directory(catalog: &Catalog, folder: Option<&str>) -> Option<Json> {
    let folder_of = |name: &str| {
        name.rsplit_once('/')
            .map_or_else(String::new, |(folder, _)| folder.to_owned())
    };
    let here = folder.unwrap_or_default();
    let services: Vec<Json> = catalog
        .services
        .iter()
        .filter(|service| folder_of(&service.name) == here)
        .flat_map(|service| {
            let of_type = |kind| json!({"name": service.name, "type": kind});
            service.types.iter().map(of_type)
        })
        .collect();
    // The folders right under this one.
    let prefix = if here.is_empty() {
        String::new()
    } else {
        format!("{here}/")
    };
    let mut folders: Vec<String> = catalog
        .services
        .iter()
        .filter_map(|service| {
            let rest = service.name.strip_prefix(&prefix)?;
            let (folder, _) = rest.split_once('/')?;
            Some(format!("{prefix}{folder}"))
        })
        .collect();
    folders.sort();
    folders.dedup();
    if folder.is_some() && services.is_empty() && folders.is_empty() {
        return None;
    }
    let mut document = json!({"currentVersion": VERSION, "services": services});
    if folder.is_none() || !folders.is_empty() {
        set(&mut document, "folders", json!(folders));
    }
    Some(document)
}

/// What is said of a service that is not about layers.
pub(crate) fn other_service(service: &Served, kind: &str) -> Json {
    json!({"currentVersion": VERSION, "name": service.name, "serviceType": kind, "serviceDescription": ""})
}

pub(crate) fn service(service: &Served, kind: ServerKind) -> Json {
    let entry = |table: &&Table| {
        let layer = &table.layer;
        let children: Vec<u32> = service
            .tables
            .iter()
            .filter(|child| child.layer.parent == Some(table.id))
            .map(|child| child.id)
            .collect();
        let mut entry = json!({
            "id": table.id,
            "name": layer.name,
            "parentLayerId": layer.parent.map_or(-1, i64::from),
            "defaultVisibility": true,
            "subLayerIds": if children.is_empty() { Json::Null } else { json!(children) },
            "minScale": 0,
            "maxScale": 0,
            "type": type_name(layer.kind),
        });
        if let LayerKind::Features(geometry) = layer.kind {
            set(&mut entry, "geometryType", json!(geometry.esri_name()));
        }
        entry
    };
    let is_table = |table: &&Table| table.layer.kind == LayerKind::Table;
    let tables = service.tables.iter().map(|table| &**table);
    let tables: Vec<&Table> = tables.filter(|table| table.is_published()).collect();
    let layers: Vec<Json> = tables
        .iter()
        .copied()
        .filter(|table| !is_table(table))
        .map(|table| entry(&table))
        .collect();
    let plain: Vec<Json> = tables
        .iter()
        .copied()
        .filter(is_table)
        .map(|table| entry(&table))
        .collect();
    let first = tables
        .iter()
        .find(|table| matches!(table.layer.kind, LayerKind::Features(_)));
    let reference = first.map_or_else(
        || json!({"wkid": 4326, "latestWkid": 4326}),
        |table| reference(table),
    );
    let extent = tables
        .iter()
        .filter(|table| {
            first
                .is_some_and(|first| first.layer.spatial_reference == table.layer.spatial_reference)
        })
        .filter_map(|table| table.extent())
        .reduce(|a, b| a.union(&b));
    let capabilities = tables
        .iter()
        .map(|table| table.layer.capabilities.as_str())
        .find(|own| !own.is_empty())
        .unwrap_or("Query");
    let mut document = json!({
        "currentVersion": VERSION,
        "serviceDescription": "",
        "hasVersionedData": false,
        "maxRecordCount": tables.iter().map(|table| table.layer.max_record_count).max().unwrap_or(2000),
        "supportedQueryFormats": formats(tables.iter().any(|table| table.can(Ability::Pbf))),
        "supportsDisconnectedEditing": false,
        "syncEnabled": false,
        "capabilities": kind.capabilities(capabilities),
        "description": "",
        "copyrightText": first.map_or("", |table| table.layer.copyright_text.as_str()),
        "spatialReference": reference,
        "fullExtent": extent_json(extent, &reference),
        "initialExtent": extent_json(extent, &reference),
        "units": if first.is_some_and(|table| !table.layer.spatial_reference.is_geographic()) { "esriMeters" } else { "esriDecimalDegrees" },
        "layers": layers,
        "tables": plain,
    });
    if let Some(tracking) = changes::describe(service).filter(|_| kind == ServerKind::Feature) {
        set(&mut document, "changeTrackingInfo", tracking);
        let offered = json!({
            "supportsReturnIdsOnly": true,
            "supportsReturnExtentOnly": false,
            "supportsReturnAttachments": false,
            "supportsLayerQueries": false,
            "supportsGeometry": false,
            "supportsReturnFeature": false,
            "supportsFieldsToCompare": false,
            "supportsServerGens": false,
            "supportsReturnHasGeometryUpdates": false,
        });
        set(&mut document, "extractChangesCapabilities", offered);
    }
    if kind == ServerKind::Map {
        set(&mut document, "mapName", json!("Layers"));
        set(&mut document, "supportsDynamicLayers", json!(false));
    }
    document
}

pub(crate) fn layer(service: &Served, table: &Table, kind: ServerKind) -> Json {
    let layer = &table.layer;
    let mut document = match layer.kind {
        LayerKind::Features(_) | LayerKind::Table => rows_document(table, kind),
        LayerKind::Group | LayerKind::Raster => json!({
            "currentVersion": VERSION,
            "id": table.id,
            "name": layer.name,
            "type": type_name(layer.kind),
            "description": layer.description,
            "copyrightText": layer.copyright_text,
            "capabilities": kind.capabilities(&layer.capabilities),
            "geometryType": null,
            "fields": null,
        }),
    };
    let find = |id: u32| {
        service
            .tables
            .iter()
            .find(|other| other.id == id)
            .map(|other| json!({"id": other.id, "name": other.layer.name}))
    };
    let children: Vec<Json> = service
        .tables
        .iter()
        .filter(|child| child.layer.parent == Some(table.id))
        .map(|child| json!({"id": child.id, "name": child.layer.name}))
        .collect();
    set(
        &mut document,
        "parentLayer",
        layer.parent.and_then(find).unwrap_or(Json::Null),
    );
    set(&mut document, "subLayers", json!(children));
    for patch in &layer.patches {
        merge(&mut document, patch);
    }
    for member in &layer.null_members {
        set(&mut document, member, Json::Null);
    }
    document
}

/// In the words of hosted services.
fn formats(pbf: bool) -> &'static str {
    if pbf {
        "JSON, geoJSON, PBF"
    } else {
        "JSON, geoJSON"
    }
}

fn rows_document(table: &Table, kind: ServerKind) -> Json {
    let layer = &table.layer;
    let id_field = table.object_id.and_then(|at| layer.fields.get(at));
    let global_id = layer
        .fields
        .iter()
        .find(|field| field.kind() == FieldType::GlobalId);
    let display = layer
        .fields
        .iter()
        .find(|field| field.kind() == FieldType::String)
        .or(id_field);
    let [paging, ordering, statistics, distinct, extents] = [
        Ability::Pagination,
        Ability::OrderBy,
        Ability::Statistics,
        Ability::Distinct,
        Ability::Extent,
    ]
    .map(|ability| table.can(ability));
    let advanced = json!({
        "useStandardizedQueries": true,
        "supportsStatistics": statistics,
        "supportsHavingClause": table.can(Ability::Having),
        "supportsOrderBy": ordering,
        "supportsDistinct": distinct,
        "supportsCountDistinct": distinct,
        "supportsPagination": paging,
        "supportsPaginationOnAggregatedQueries": paging && statistics && table.can(Ability::StatisticsPagination),
        "supportsReturningQueryExtent": extents,
        "supportsQueryWithDistance": layer.geometry_type().is_some(),
        "supportsQueryWithResultType": layer.options.standard_cap.is_some() || layer.options.tile_cap.is_some(),
        "supportsMaxRecordCountFactor": layer.options.cap_factor.is_some(),
        "supportsSqlExpression": false,
        "supportsTrueCurve": table.has_curves,
        "supportsReturningGeometryCentroid": layer.geometry_type() == Some(GeometryType::Polygon),
        "supportsReturningGeometryEnvelope": layer.geometry_type().is_some(),
        "supportsQueryRelatedPagination": paging,
        "supportsQueryWithHistoricMoment": layer.options.archives,
        "supportsQueryAttachments": table.can(Ability::QueryAttachments),
        "supportsQueryAttachmentsCountOnly": table.can(Ability::CountAttachments),
    });
    let mut document = json!({
        "currentVersion": VERSION,
        "id": table.id,
        "name": layer.name,
        "type": type_name(layer.kind),
        "description": layer.description,
        "copyrightText": layer.copyright_text,
        "definitionExpression": "",
        "displayField": display.map_or("", |field| field.name()),
        "defaultVisibility": true,
        "isDataVersioned": false,
        "hasAttachments": layer.has_attachments(),
        "htmlPopupType": "esriServerHTMLPopupTypeNone",
        "minScale": 0,
        "maxScale": 0,
        "drawingInfo": null,
        "hasM": layer.has_m,
        "hasZ": layer.has_z,
        "typeIdField": "",
        "types": [],
        "templates": [],
        "indexes": [],
        "globalIdField": global_id.map_or("", |field| field.name()),
        "fields": layer.fields.iter().map(|field| Json::Object(field.definition().clone())).collect::<Vec<_>>(),
        "maxRecordCount": layer.max_record_count,
        "supportedQueryFormats": formats(table.can(Ability::Pbf)),
        "capabilities": kind.capabilities(&layer.capabilities),
        "supportsAdvancedQueries": ordering && statistics,
        "supportsStatistics": statistics,
        "supportsCoordinatesQuantization": layer.geometry_type().is_some(),
        "useStandardizedQueries": true,
        "advancedQueryCapabilities": advanced,
        "dateFieldsTimeReference": {"timeZone": "UTC", "respectsDaylightSaving": false, "timeZoneIANA": "Etc/UTC"},
    });
    for (member, value) in layer.option_members() {
        set(&mut document, member, value);
    }
    if let LayerKind::Features(geometry) = layer.kind {
        let reference = reference(table);
        set(&mut document, "geometryType", json!(geometry.esri_name()));
        set(
            &mut document,
            "extent",
            extent_json(table.extent(), &reference),
        );
        set(&mut document, "sourceSpatialReference", reference);
    }
    if kind == ServerKind::Feature {
        // Map services name neither: their clients have to look for the field's type.
        if let Some(field) = id_field {
            set(&mut document, "objectIdField", json!(field.name()));
            set(
                &mut document,
                "uniqueIdField",
                json!({"name": field.name(), "isSystemMaintained": true}),
            );
        }
        let edited = table.read().last_edit;
        set(
            &mut document,
            "editingInfo",
            json!({"lastEditDate": edited, "schemaLastEditDate": edited, "dataLastEditDate": edited}),
        );
    }
    document
}

/// What the layer is reckoned to hold: rows to the nearest ten, so that nobody takes the estimate for a count.
pub(crate) fn estimates(table: &Table) -> Json {
    let rows = table.read().len().saturating_add(5) / 10 * 10;
    let mut estimates = json!({"count": rows});
    if matches!(table.layer.kind, LayerKind::Features(_)) {
        let extent = extent_json(table.extent(), &reference(table));
        set(&mut estimates, "extent", extent);
    }
    estimates
}

fn type_name(kind: LayerKind) -> &'static str {
    match kind {
        LayerKind::Features(_) => "Feature Layer",
        LayerKind::Table => "Table",
        LayerKind::Group => "Group Layer",
        LayerKind::Raster => "Raster Layer",
    }
}

fn reference(table: &Table) -> Json {
    serde_json::from_str(&table.layer.spatial_reference.esri_json()).unwrap_or(Json::Null)
}

/// The extent of nothing is not-a-number on every side, as text.
fn extent_json(extent: Option<crate::geometry::Envelope>, reference: &Json) -> Json {
    match extent {
        Some(extent) => {
            json!({"xmin": extent.xmin, "ymin": extent.ymin, "xmax": extent.xmax, "ymax": extent.ymax, "spatialReference": reference})
        }
        None => {
            json!({"xmin": "NaN", "ymin": "NaN", "xmax": "NaN", "ymax": "NaN", "spatialReference": reference})
        }
    }
}

fn set(document: &mut Json, member: &str, value: Json) {
    if let Some(object) = document.as_object_mut() {
        object.insert(member.to_owned(), value);
    }
}

/// RFC 7396.
fn merge(target: &mut Json, patch: &Json) {
    let Json::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    if let Json::Object(object) = target {
        for (name, change) in changes {
            if change.is_null() {
                object.remove(name);
            } else {
                merge(object.entry(name.clone()).or_insert(Json::Null), change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the examples of RFC 7396, appendix A.
    #[test]
    fn patches_merge_as_the_rfc_says() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut target = target;
            merge(&mut target, &patch);
            assert_eq!(target, result);
        }
    }
}
