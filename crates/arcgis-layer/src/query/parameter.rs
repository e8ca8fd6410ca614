//! Further parameters, and those that are not the caller's to set.

use arcgis_auth_core::is_secret_parameter;

use super::time_filter::TIMELESS;
use super::unsupported;
use crate::address::ServiceKind;
use crate::error::QueryError;
use crate::metadata::LayerInfo;

/// Parameters that are refused, and what to do instead.
const OURS: [(&str, &str); 33] = [
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
        if name.eq_ignore_ascii_case("rangeValues")
            && info.service == Some(ServiceKind::FeatureServer)
        {
            return unsupported(
                "param",
                "feature services do not know rangeValues and would give all rows",
            );
        }
    }
    Ok(())
}
