//! Every filter and option of a query: what fits the layer, what does not, and how it goes over the wire.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod conditions;
mod forms;
mod options;
mod parameters;
mod spatial;

use std::collections::BTreeMap;

use arcgis_layer::arcgis_auth_core::Request;
use arcgis_layer::{Condition, LayerAddress, LayerInfo, Query};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) const LAYER: &str = "https://host.example/arcgis/rest/services/Wells/FeatureServer/0";

pub(crate) fn document() -> Value {
    json!({
        "type": "Feature Layer", "geometryType": "esriGeometryPoint", "objectIdField": "OBJECTID",
        "sourceSpatialReference": {"wkid": 2056},
        "fields": [
            {"name": "OBJECTID", "type": "esriFieldTypeOID"},
            {"name": "NAME", "type": "esriFieldTypeString"},
            {"name": "DEPTH", "type": "esriFieldTypeDouble"},
            {"name": "COUNT_", "type": "esriFieldTypeInteger"},
            {"name": "WHEN_", "type": "esriFieldTypeDate"},
            {"name": "DAY", "type": "esriFieldTypeDateOnly"},
            {"name": "CLOCK", "type": "esriFieldTypeTimeOnly"},
            {"name": "STAMP", "type": "esriFieldTypeTimestampOffset"},
            {"name": "GUID", "type": "esriFieldTypeGUID"},
            {"name": "odd \"name", "type": "esriFieldTypeString"},
            {"name": "db.wells.OWNER", "type": "esriFieldTypeString"},
            {"name": "EDITED", "type": "esriFieldTypeDate"}
        ],
        "editFieldsInfo": {"editDateField": "edited"},
        "timeInfo": {"startTimeField": "WHEN_"},
        "uniqueIdInfo": {"type": "composite", "fields": ["NAME", "COUNT_"]},
        "dateFieldsTimeReference": {"timeZoneIANA": "America/New_York", "respectsDaylightSaving": true},
        "archivingInfo": {"supportsQueryWithHistoricMoment": true},
        "advancedQueryCapabilities": {"supportsFullTextSearch": true, "supportsQueryWithDistance": true}
    })
}

pub(crate) fn info(change: impl FnOnce(&mut Value)) -> LayerInfo {
    let mut document = document();
    change(&mut document);
    LayerInfo::from_json(document.to_string().as_bytes()).unwrap()
}

pub(crate) fn layer() -> LayerInfo {
    info(|_| ())
}

pub(crate) fn sql(condition: Condition) -> String {
    condition.to_sql(&layer()).unwrap()
}

pub(crate) fn refused(condition: Condition) -> String {
    condition.to_sql(&layer()).unwrap_err().to_string()
}

pub(crate) fn shown(request: &Request) -> BTreeMap<String, String> {
    request
        .shown_params()
        .map(|(name, value)| (name.to_owned(), value.unwrap().to_owned()))
        .collect()
}

/// The parameters of the count and of a page, which must both have the filter.
pub(crate) fn wire(query: Query, info: &LayerInfo) -> BTreeMap<String, String> {
    let address: LayerAddress = LAYER.parse().unwrap();
    let query = query.resolve(info).unwrap();
    let filter = shown(&query.filter_request(&address));
    let page = shown(&query.page_request(&address));
    for (name, value) in &filter {
        assert_eq!(page.get(name), Some(value), "{name}");
    }
    page
}

pub(crate) fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}
