//! What a layer says of itself.

pub(crate) mod document;
mod drift;
pub(crate) mod read;
mod relationship;
mod subtype;

use std::sync::Arc;

use crate::address::ServiceKind;
use crate::field::Field;
use crate::geometry::GeometryType;
use crate::spatial_reference::SpatialReference;

pub use relationship::{Cardinality, Relationship, TimeInfo};
pub use subtype::{Subtype, Subtypes};

/// The metadata of a layer or table (`…/FeatureServer/0?f=json`), read with tolerance: members that are
/// missing, null or of another type than documented are as if the server had said nothing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerInfo {
    /// The number below the service.
    pub id: i64,
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: LayerKind,
    /// The kind of service that it was read from; `None` for metadata from elsewhere.
    pub service: Option<ServiceKind>,
    /// The server's version, such as 11.3.
    pub current_version: Option<f64>,
    /// The kind of geometry; `None` for tables.
    pub geometry_type: Option<GeometryType>,
    /// The server's word for a kind of geometry that this library does not know.
    pub unknown_geometry_type: Option<String>,
    /// All fields in the server's order, those without a name left out.
    pub fields: Arc<[Field]>,
    /// The object id field, in the case that `fields` has: as declared, else the one field of type OID,
    /// else the integer field that `uniqueIdField` or `uniqueIdInfo` names, else an integer field named
    /// OBJECTID, FID, OID or ID that cannot be edited. `None` where two would do.
    pub object_id_field: Option<String>,
    /// The field of the rows' GUIDs.
    pub global_id_field: Option<String>,
    /// `uniqueIdInfo`: the fields that identify a row on layers over foreign databases.
    pub unique_id: Option<UniqueId>,
    /// Where the layer is, in the reference of its `spatial_reference`.
    pub extent: Option<Extent>,
    /// The reference of the data: `sourceSpatialReference`, `spatialReference` or the extent's.
    pub spatial_reference: SpatialReference,
    /// Whether positions have a z.
    pub has_z: bool,
    /// Whether positions have an m.
    pub has_m: bool,
    /// Most rows in one answer, as declared.
    pub max_record_count: Option<u32>,
    /// Most rows in one answer with `resultType=standard`.
    pub standard_max_record_count: Option<u32>,
    /// The same where no geometry is asked for.
    pub standard_max_record_count_no_geometry: Option<u32>,
    /// By how much `maxRecordCountFactor` may raise `max_record_count`: as declared, else 5, where the layer supports it.
    pub max_record_count_factor: Option<u32>,
    /// The formats that `query` answers in, lower case: `json`, `geojson`, `pbf`; `json` where the
    /// server does not say.
    pub query_formats: Vec<String>,
    /// The operations, such as `Query`, in the server's words.
    pub capabilities: Vec<String>,
    /// `advancedQueryCapabilities`, or the older members that say the same.
    pub advanced: AdvancedQueryCapabilities,
    /// What `lod` counts (`supportedLodTypes`), such as `geohash`.
    pub level_of_detail_types: Vec<String>,
    /// Whether there are versions of the data (`isDataVersioned`, `isDataBranchVersioned`); `None` where the server does not
    /// say.
    pub is_versioned: Option<bool>,
    /// `dateFieldsTimeReference.timeZoneIANA`, else its `timeZone`; [`LayerInfo::time_zone`] is what it means.
    pub date_time_zone: Option<String>,
    /// `dateFieldsTimeReference.respectsDaylightSaving`.
    pub date_zone_saves_daylight: Option<bool>,
    /// Dates are in no known time zone (`datesInUnknownTimezone`).
    pub dates_in_unknown_time_zone: bool,
    /// `editingInfo.lastEditDate`, milliseconds since 1970.
    pub last_edit_date: Option<i64>,
    /// The field of when a row was made (`editFieldsInfo.creationDateField`), always in UTC.
    pub creation_date_field: Option<String>,
    /// The field of when a row was changed last (`editFieldsInfo.editDateField`), always in UTC.
    pub edit_date_field: Option<String>,
    /// The fields that time filters look at; `None` for layers that are not time-aware.
    pub time_info: Option<TimeInfo>,
    /// How the layer's rows are related to those of others.
    pub relationships: Vec<Relationship>,
    /// The subtypes of its rows (`subtypes`, or the older `types`).
    pub subtypes: Option<Subtypes>,
    /// When its archive begins (`archivingInfo.startArchivingMoment`), milliseconds since 1970.
    pub archive_start: Option<i64>,
    /// The layer's own filter (`definitionExpression` or `viewDefinitionQuery`).
    pub definition_expression: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Copyright.
    pub copyright_text: Option<String>,
    /// Whether rows have attachments.
    pub has_attachments: bool,
    /// Sub-layers of a group layer.
    pub sub_layers: Vec<LayerReference>,
    /// The whole document, with members too that this library does not know.
    pub document: Arc<serde_json::Map<String, serde_json::Value>>,
}

impl LayerInfo {
    /// The field of that name: the exact one, else the only one that differs in case alone.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        read::resolve(&self.fields, name)
    }

    /// Whether rows may be asked for: `Query` among the capabilities, `Data` on map services, or none declared.
    #[must_use]
    pub fn supports_query(&self) -> bool {
        let data_is_enough = self.service != Some(ServiceKind::FeatureServer);
        self.capabilities.is_empty()
            || self.capabilities.iter().any(|capability| {
                capability.eq_ignore_ascii_case("Query")
                    || (data_is_enough && capability.eq_ignore_ascii_case("Data"))
            })
    }
}

/// What kind of layer it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayerKind {
    /// Rows with geometry.
    FeatureLayer,
    /// Rows without geometry.
    Table,
    /// A folder of layers.
    GroupLayer,
    /// Pixels.
    RasterLayer,
    /// Something else, in the server's words.
    Other(String),
}

/// `uniqueIdInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UniqueId {
    /// The fields that identify a row together.
    pub fields: Vec<String>,
    /// The object id is a hash: neither stable nor in any order.
    pub object_id_is_hash: bool,
}

/// A rectangle with the reference that it is in.
#[derive(Debug, Clone, PartialEq)]
pub struct Extent {
    /// The rectangle.
    pub bbox: crate::geometry::Bbox,
    /// Its reference.
    pub spatial_reference: SpatialReference,
}

/// What `query` can do beyond the plain. `None` where the server does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AdvancedQueryCapabilities {
    /// `resultOffset` and `resultRecordCount`.
    pub pagination: Option<bool>,
    /// `orderByFields`.
    pub order_by: Option<bool>,
    /// `outStatistics`.
    pub statistics: Option<bool>,
    /// `returnDistinctValues`.
    pub distinct: Option<bool>,
    /// `returnExtentOnly`.
    pub extent: Option<bool>,
    /// `resultType`.
    pub result_type: Option<bool>,
    /// `returnTrueCurves`.
    pub true_curve: Option<bool>,
    /// `distance` and `units`.
    pub query_with_distance: Option<bool>,
    /// `resultOffset` and `resultRecordCount` with statistics and distinct values.
    pub pagination_on_aggregates: Option<bool>,
    /// `having`.
    pub having: Option<bool>,
    /// `PERCENTILE_CONT` and `PERCENTILE_DISC`.
    pub percentile: Option<bool>,
    /// `resultOffset` and `resultRecordCount` of `queryRelatedRecords`.
    pub related_pagination: Option<bool>,
    /// `returnCountOnly` and `orderByFields` of `queryRelatedRecords` (`supportsAdvancedQueryRelated`).
    pub related_counts: Option<bool>,
    /// `datumTransformation`.
    pub datum_transformation: Option<bool>,
    /// `historicMoment` (`archivingInfo.supportsQueryWithHistoricMoment`).
    pub historic_moment: Option<bool>,
    /// `fullText`.
    pub full_text: Option<bool>,
    /// `cacheHint`.
    pub cache_hint: Option<bool>,
    /// `lod`.
    pub level_of_detail: Option<bool>,
    /// `returnCentroid`.
    pub centroid: Option<bool>,
    /// `returnEnvelope`.
    pub envelope: Option<bool>,
    /// `quantizationParameters`.
    pub quantization: Option<bool>,
}

/// A layer or table as a service lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerReference {
    /// The number.
    pub id: i64,
    /// The name.
    pub name: String,
    /// What it is, in the server's words; empty where it does not say.
    pub kind: String,
    /// The kind of geometry.
    pub geometry_type: Option<GeometryType>,
}
