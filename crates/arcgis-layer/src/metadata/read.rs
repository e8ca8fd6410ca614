//! Layer metadata out of JSON.

use serde_json::Value;

use super::document::{Document, Members, positive};
use super::{
    AdvancedQueryCapabilities, Extent, LayerInfo, LayerKind, LayerReference, Relationship,
    Subtypes, TimeInfo, UniqueId, drift,
};
use crate::decode::DecodeError;
use crate::error::Error;
use crate::field::{Field, FieldType};
use crate::geometry::{Bbox, GeometryType};
use crate::spatial_reference::SpatialReference;

impl LayerInfo {
    /// Reads the metadata that a server gives for a layer with `f=json`, with tolerance: members that
    /// are missing, null or of another type than documented are as if the server had said nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Service`] if the document is an error, [`Error::Answer`] if it is no JSON object.
    ///
    /// ```
    /// use arcgis_layer::LayerInfo;
    ///
    /// let info = LayerInfo::from_json(br#"{
    ///     "name": "Wells", "type": "Feature Layer", "geometryType": "esriGeometryPoint",
    ///     "objectIdField": "objectid", "maxRecordCount": null,
    ///     "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}]
    /// }"#)?;
    /// assert_eq!(info.object_id_field.as_deref(), Some("OBJECTID"));
    /// assert_eq!(info.max_record_count, None);
    /// # Ok::<(), arcgis_layer::Error>(())
    /// ```
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let source = "the layer's metadata";
        Self::read(source, json).map_err(|error| Error::of_answer(source, error))
    }

    pub(crate) fn read(url: &str, json: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self::from_members(Document::parse(url, json)?.members()))
    }

    pub(crate) fn from_members(top: Members<'_>) -> Self {
        drift::warn_once(top);
        let fields = fields(top);
        let unique_id = unique_id(top);
        let declared_geometry = top.text("geometryType");
        let geometry_type = declared_geometry.and_then(GeometryType::parse);
        let extent = top.get("extent").and_then(Extent::from_json);
        let spatial_reference = ["sourceSpatialReference", "spatialReference"]
            .into_iter()
            .filter_map(|name| top.get(name))
            .chain(
                top.object("extent")
                    .and_then(|extent| extent.get("spatialReference")),
            )
            .map(SpatialReference::from_json)
            .find(|reference| !reference.is_empty())
            .unwrap_or_default();
        let time = top.object("dateFieldsTimeReference");
        let edits = top.object("editingInfo");
        let named = |name: &str| {
            resolve(&fields, name).map_or_else(|| name.to_owned(), |field| field.name.clone())
        };
        let tracked = |name: &str| Some(named(top.object("editFieldsInfo")?.text(name)?));
        Self {
            id: top.integer("id").unwrap_or(0),
            name: top.string("name").unwrap_or_default(),
            kind: kind(top, geometry_type),
            service: None,
            current_version: top.float("currentVersion"),
            geometry_type,
            unknown_geometry_type: declared_geometry
                .filter(|name| {
                    geometry_type.is_none() && !name.eq_ignore_ascii_case("esriGeometryNull")
                })
                .map(str::to_owned),
            object_id_field: object_id_field(top, &fields),
            global_id_field: top
                .text("globalIdField")
                .and_then(|name| resolve(&fields, name))
                .map(|field| field.name.clone()),
            unique_id,
            extent,
            spatial_reference,
            has_z: top.flag("hasZ").unwrap_or(false),
            has_m: top.flag("hasM").unwrap_or(false),
            max_record_count: max_record_count(top),
            standard_max_record_count: top.positive("standardMaxRecordCount"),
            standard_max_record_count_no_geometry: top.positive("standardMaxRecordCountNoGeometry"),
            max_record_count_factor: top
                .object("advancedQueryCapabilities")
                .and_then(|advanced| advanced.flag("supportsMaxRecordCountFactor"))
                .filter(|supported| *supported)
                .map(|_| top.positive("maxRecordCountFactor").unwrap_or(5)),
            query_formats: query_formats(top),
            capabilities: top.words("capabilities"),
            advanced: advanced(top),
            level_of_detail_types: top
                .object("advancedQueryCapabilities")
                .map(|advanced| advanced.words("supportedLodTypes"))
                .unwrap_or_default(),
            is_versioned: match (
                top.flag("isDataVersioned"),
                top.flag("isDataBranchVersioned"),
            ) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (versioned, _) => versioned,
            },
            date_time_zone: time.and_then(|time| {
                time.string("timeZoneIANA")
                    .or_else(|| time.string("timeZone"))
            }),
            date_zone_saves_daylight: time.and_then(|time| time.flag("respectsDaylightSaving")),
            creation_date_field: tracked("creationDateField"),
            edit_date_field: tracked("editDateField"),
            time_info: TimeInfo::read(top),
            relationships: top
                .list("relationships")
                .iter()
                .filter_map(|entry| Relationship::read(Members::of(entry)?))
                .collect(),
            subtypes: Subtypes::read(top, named),
            dates_in_unknown_time_zone: top.flag("datesInUnknownTimezone").unwrap_or(false),
            last_edit_date: edits.and_then(|edits| {
                edits
                    .integer("lastEditDate")
                    .or_else(|| edits.integer("dataLastEditDate"))
            }),
            archive_start: top
                .object("archivingInfo")
                .and_then(|archiving| archiving.integer("startArchivingMoment"))
                .filter(|&moment| moment > 0),
            definition_expression: top
                .string("definitionExpression")
                .or_else(|| top.string("viewDefinitionQuery")),
            description: top.string("description"),
            copyright_text: top.string("copyrightText"),
            has_attachments: top.flag("hasAttachments").unwrap_or(false),
            sub_layers: LayerReference::list(top.list("subLayers")),
            fields: fields.into(),
            document: top.to_map().into(),
        }
    }
}

/// Fields without a name are left out, and so is a second one of the very same name.
fn fields(top: Members<'_>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut names = std::collections::HashSet::new();
    for field in top.list("fields").iter().filter_map(Field::from_json) {
        if names.insert(field.name.clone()) {
            fields.push(field);
        }
    }
    fields
}

/// The field of that name: the exact one, else the only one that differs in case alone.
pub(super) fn resolve<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| field.name == name).or_else(|| {
        let mut alike = fields
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case(name));
        let first = alike.next()?;
        alike.next().is_none().then_some(first)
    })
}

fn object_id_field(top: Members<'_>, fields: &[Field]) -> Option<String> {
    let declared = ["objectIdField", "objectIdFieldName"]
        .into_iter()
        .filter_map(|name| top.get_any_case(name)?.as_str())
        .map(str::trim)
        .find(|name| !name.is_empty());
    if let Some(name) = declared {
        if let Some(field) = resolve(fields, name) {
            return Some(field.name.clone());
        }
        // Some layers do not list it among the fields, and serve it all the same. But a name that
        // fits two fields is none.
        let listed = fields
            .iter()
            .any(|field| field.name.eq_ignore_ascii_case(name));
        return (!listed).then(|| name.to_owned());
    }
    let mut typed = fields
        .iter()
        .filter(|field| field.field_type == FieldType::Oid);
    if let Some(field) = typed.next() {
        return typed.next().is_none().then(|| field.name.clone());
    }
    let whole = |field: &&Field| field.field_type.is_integer();
    let unique = ["uniqueIdField", "uniqueIdInfo"]
        .into_iter()
        .filter_map(|name| top.object(name)?.text("name"))
        .find_map(|name| resolve(fields, name).filter(whole));
    unique
        .or_else(|| {
            // What people may edit is no row's identity, whatever its name.
            ["OBJECTID", "FID", "OID", "ID"]
                .into_iter()
                .find_map(|name| resolve(fields, name).filter(whole))
                .filter(|field| !field.editable)
        })
        .map(|field| field.name.clone())
}

fn unique_id(top: Members<'_>) -> Option<UniqueId> {
    let info = top.object("uniqueIdInfo")?;
    Some(UniqueId {
        fields: info.texts("fields"),
        object_id_is_hash: info.flag("OIDFieldContainsHashValue").unwrap_or(false),
    })
}

fn kind(top: Members<'_>, geometry_type: Option<GeometryType>) -> LayerKind {
    let Some(name) = top.text("type") else {
        return match geometry_type {
            Some(_) => LayerKind::FeatureLayer,
            None if top.list("fields").is_empty() => LayerKind::Other(String::new()),
            None => LayerKind::Table,
        };
    };
    LayerKind::parse(name)
}

impl LayerKind {
    /// Reads a kind as services name it, whatever the case.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "feature layer" => Self::FeatureLayer,
            "table" => Self::Table,
            "group layer" => Self::GroupLayer,
            "raster layer" => Self::RasterLayer,
            _ => Self::Other(name.to_owned()),
        }
    }

    /// The name that services give it, such as `Feature Layer`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::FeatureLayer => "Feature Layer",
            Self::Table => "Table",
            Self::GroupLayer => "Group Layer",
            Self::RasterLayer => "Raster Layer",
            Self::Other(name) => name,
        }
    }
}

/// The member in any letter case and under the names that are seen; two that disagree say nothing.
pub(crate) fn max_record_count(top: Members<'_>) -> Option<u32> {
    ["maxRecordCount", "maximumRecordCount", "max_record_count"]
        .into_iter()
        .find_map(|name| top.get_any_case(name).and_then(positive))
}

/// Lower case; JSON where the server does not say.
pub(crate) fn query_formats(top: Members<'_>) -> Vec<String> {
    let mut formats = top.words("supportedQueryFormats");
    formats
        .iter_mut()
        .for_each(|format| format.make_ascii_lowercase());
    if formats.is_empty() {
        formats.push("json".to_owned());
    }
    formats
}

fn advanced(top: Members<'_>) -> AdvancedQueryCapabilities {
    let advanced = top.object("advancedQueryCapabilities");
    let flag = |name: &str| {
        advanced
            .and_then(|advanced| advanced.flag(name))
            .or_else(|| top.flag(name))
    };
    // Before 10.3 one member stood for ordering and statistics.
    let older = top.flag("supportsAdvancedQueries");
    AdvancedQueryCapabilities {
        pagination: flag("supportsPagination"),
        order_by: flag("supportsOrderBy").or(older),
        statistics: flag("supportsStatistics").or(older),
        distinct: flag("supportsDistinct").or(older),
        extent: flag("supportsReturningQueryExtent"),
        result_type: flag("supportsQueryWithResultType"),
        true_curve: flag("supportsTrueCurve"),
        query_with_distance: flag("supportsQueryWithDistance"),
        pagination_on_aggregates: flag("supportsPaginationOnAggregatedQueries"),
        having: flag("supportsHavingClause"),
        percentile: flag("supportsPercentileStatistics"),
        related_pagination: flag("supportsQueryRelatedPagination"),
        related_counts: flag("supportsAdvancedQueryRelated"),
        datum_transformation: flag("supportsQueryWithDatumTransformation")
            .or(top.flag("supportsDatumTransformation")),
        historic_moment: top
            .object("archivingInfo")
            .and_then(|archiving| archiving.flag("supportsQueryWithHistoricMoment"))
            .or_else(|| flag("supportsQueryWithHistoricMoment"))
            .or_else(|| flag("supportsHistoricMoment")),
        full_text: flag("supportsFullTextSearch"),
        cache_hint: flag("supportsQueryWithCacheHint"),
        level_of_detail: flag("supportsLod"),
        centroid: flag("supportsReturningGeometryCentroid"),
        envelope: flag("supportsReturningGeometryEnvelope"),
        quantization: flag("supportsCoordinatesQuantization"),
    }
}

impl Extent {
    /// Reads an extent; `None` for one without four finite sides in order, such as that of no rows.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        let members = Members::of(value)?;
        let bbox = Bbox {
            xmin: members.float("xmin")?,
            ymin: members.float("ymin")?,
            xmax: members.float("xmax")?,
            ymax: members.float("ymax")?,
        };
        (!bbox.is_empty()).then(|| Self {
            bbox,
            spatial_reference: members
                .get("spatialReference")
                .map(SpatialReference::from_json)
                .unwrap_or_default(),
        })
    }
}

impl LayerReference {
    pub(crate) fn list(values: &[Value]) -> Vec<Self> {
        values.iter().filter_map(Self::from_json).collect()
    }

    /// Reads one entry of a service's list; `None` without a number.
    fn from_json(value: &Value) -> Option<Self> {
        let members = Members::of(value)?;
        Some(Self {
            id: members.integer("id")?,
            name: members.string("name").unwrap_or_default(),
            kind: members.string("type").unwrap_or_default(),
            geometry_type: members.text("geometryType").and_then(GeometryType::parse),
        })
    }
}
