//! The `geo` member of a GeoParquet footer.
//!
//! Put together as text: so its members stand in the same order in every build, and the PROJJSON is
//! letter for letter that of PROJ.

use crate::geometry_summary::GeometrySummary;
use crate::schema::ExportSchema;

use super::covering;

/// The specification that the metadata follows: <https://geoparquet.org/releases/v1.1.0/>.
const VERSION: &str = "1.1.0";

/// The metadata of a file; `None` for tables without geometry, which are no GeoParquet.
pub(crate) fn geo(schema: &ExportSchema, geometry: &GeometrySummary) -> Option<String> {
    let column = text(schema.geometry_name()?);
    let types: Vec<String> = geometry.geometry_types().into_iter().map(text).collect();
    // Explicit always: no `crs` at all would mean longitude and latitude.
    let crs = schema.crs().map_or("null", |crs| crs.projjson());
    let bbox = bounds(geometry)
        .map(|bounds| format!(r#""bbox":[{bounds}],"#))
        .unwrap_or_default();
    let covering = covering::json(schema.covering_name()?);
    Some(format!(
        concat!(
            r#"{{"version":"{version}","primary_column":{column},"columns":{{{column}:{{"#,
            r#""encoding":"WKB","geometry_types":[{types}],"crs":{crs},"#,
            r#""orientation":"counterclockwise","edges":"planar",{bbox}"covering":{covering}}}}}}}"#,
        ),
        version = VERSION,
        column = column,
        types = types.join(","),
        crs = crs,
        bbox = bbox,
        covering = covering,
    ))
}

/// Least of all axes, then greatest of all axes: four numbers, or six with z.
fn bounds(geometry: &GeometrySummary) -> Option<String> {
    let bbox = geometry.bbox()?;
    let numbers = match geometry.z_range() {
        Some((zmin, zmax)) => vec![bbox.xmin, bbox.ymin, zmin, bbox.xmax, bbox.ymax, zmax],
        None => vec![bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax],
    };
    // JSON has no infinities: a service that sends one gets no bounds in its footer.
    if numbers.iter().any(|number| !number.is_finite()) {
        return None;
    }
    // `{:?}` is the shortest text that reads back as the same number.
    let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:?}")).collect();
    Some(numbers.join(","))
}

/// A text as JSON.
pub(crate) fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
