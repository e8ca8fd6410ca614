//! Further parameters, and those that are not the caller's to set.

use arcgis_auth_core::is_secret_parameter;

use super::time_filter::TIMELESS;
use super::unsupported;
use crate::address::ServiceKind;
use crate::error::QueryError;
use crate::metadata::LayerInfo;

/// Parameters that are refused, and what to do instead.
const OURS: [(&str, &str); 35] = [
    ("f", "the format is chosen by what the server can do"),
    ("callback", "answers are read as JSON"),
    ("where", "use the option where"),
    ("outFields", "use the option fields"),
    ("returnGeometry", "use the option for no geometry"),
    ("outSR", "use the option out_sr"),
    ("defaultSR", "use the option out_sr"),
    ("maxAllowableOffset", "use the option max_allowable_offset"),
    ("returnZ", "z comes wherever the layer has it"),
    ("returnM", "m comes wherever the layer has it"),
    ("resultOffset", "use the options where and limit"),
    ("resultRecordCount", "use the options limit and page_size"),
    (
        "orderByFields",
        "rows come in the order of their object ids; Layer::head_by gives the first in another",
    ),
    (
        "objectIds",
        "use the option where, with a condition on the object id",
    ),
    ("uniqueIds", "use the option where"),
    ("returnIdsOnly", "this fetches rows"),
    ("returnUniqueIdsOnly", "this fetches rows"),
    ("returnCountOnly", "this fetches rows"),
    ("returnExtentOnly", "this fetches rows"),
    ("returnDistinctValues", "this fetches every row"),
    ("outStatistics", "this fetches rows"),
    ("groupByFieldsForStatistics", "this fetches rows"),
    ("having", "this fetches rows"),
    ("havingClause", "this fetches rows"),
    (
        "returnCentroid",
        "there is no column for it; use the option geometry_form for a look at a few rows (head, sample)",
    ),
    (
        "returnEnvelope",
        "there is no column for it; use the option geometry_form for a look at a few rows (head, sample)",
    ),
    (
        "text",
        "servers ignore it beside a condition; use the option where",
    ),
    (
        "maxRecordCountFactor",
        "the page size is chosen by what the server allows",
    ),
    (
        "returnExceededLimitFeatures",
        "it would leave rows out without a word",
    ),
    (
        "quantizationParameters",
        "it would change coordinates; use the option max_allowable_offset, or the option geometry_form for a look at a few rows (head, sample)",
    ),
    (
        "resultType",
        "some of its values change coordinates; the page size is chosen without it",
    ),
    (
        "returnTrueCurves",
        "curves come as lines, which the server makes of them",
    ),
    ("lodType", "it is the layer's, and goes with lod"),
    ("featureEncoding", "answers are read as they are by default"),
    (
        "returnFeatureCollection",
        "answers are read as plain features",
    ),
];

/// Parameters of the filter that a rectangle uses.
const SPATIAL: [&str; 7] = [
    "geometry",
    "geometryType",
    "inSR",
    "spatialRel",
    "relationParam",
    "distance",
    "units",
];

/// Checks the caller's parameters, beside a filter by geometry and one by time.
pub(super) fn check(
    params: &[(String, String)],
    has_spatial: bool,
    has_time: bool,
    info: &LayerInfo,
) -> Result<(), QueryError> {
    for (name, value) in params {
        if name.is_empty() {
            return unsupported("param", "a parameter needs a name");
        }
        if is_secret_parameter(name) {
            return unsupported(
                "param",
                format!("{name} is a secret: give it as a credential"),
            );
        }
        if let Some((known, instead)) = OURS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            // What the library sends anyway may be said.
            if *known == "returnTrueCurves" && value.eq_ignore_ascii_case("false") {
                continue;
            }
            return unsupported("param", format!("{known} cannot be set: {instead}"));
        }
        if has_spatial && SPATIAL.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return unsupported(
                "param",
                format!("{name} cannot be set beside the option bbox or a spatial filter"),
            );
        }
        if name.eq_ignore_ascii_case("time") {
            if has_time {
                return unsupported("param", "time cannot be set beside a time filter");
            }
            if info.time_info.is_none() {
                return unsupported("time", TIMELESS);
            }
        }
        if name.eq_ignore_ascii_case("timeReferenceUnknownClient")
            && !info.dates_in_unknown_time_zone
        {
            return unsupported(
                "param",
                "timeReferenceUnknownClient is for layers that do not know the time zone of their dates (datesInUnknownTimezone)",
            );
        }
        if name.eq_ignore_ascii_case("rangeValues")
            && info.service == Some(ServiceKind::FeatureServer)
        {
            return unsupported(
                "param",
                "feature services do not know rangeValues and would give all rows",
            );
        }
    }
    check_geometry(params, info)
}

/// What belongs to a geometry does nothing without one.
fn check_geometry(params: &[(String, String)], info: &LayerInfo) -> Result<(), QueryError> {
    let given = |name: &str| {
        let mut all = params.iter().rev();
        let last = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
        last.map(|(_, value)| value.trim())
    };
    let Some(first) = SPATIAL.into_iter().find(|name| given(name).is_some()) else {
        return Ok(());
    };
    if info.geometry_type.is_none() {
        return unsupported(
            "param",
            format!("{first} does nothing: the layer has no geometry"),
        );
    }
    if given("geometry").is_none_or(str::is_empty) {
        return unsupported(
            "param",
            format!("{first} does nothing without a geometry to compare with"),
        );
    }
    let by_pattern = given("spatialRel")
        .is_some_and(|relation| relation.eq_ignore_ascii_case("esriSpatialRelRelation"));
    if by_pattern != given("relationParam").is_some() {
        return unsupported(
            "param",
            "relationParam and spatialRel=esriSpatialRelRelation belong together",
        );
    }
    match (given("distance"), given("units")) {
        (None, None) => Ok(()),
        (None, Some(_)) => unsupported("param", "units does nothing without a distance"),
        (Some(_), None) => unsupported(
            "param",
            "distance needs units, such as esriSRUnit_Meter: what servers take it for without them differs",
        ),
        (Some(distance), Some(_)) => {
            let distance = distance.parse::<f64>();
            if !distance.is_ok_and(|distance| distance.is_finite() && distance > 0.0) {
                return unsupported("param", "distance is a number above 0");
            }
            if info.advanced.query_with_distance == Some(false) {
                return unsupported(
                    "param",
                    "the layer does not filter by distance (supportsQueryWithDistance)",
                );
            }
            Ok(())
        }
    }
}
