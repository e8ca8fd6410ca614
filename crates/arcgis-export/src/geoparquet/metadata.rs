//! The `geo` member of a GeoParquet footer.
//!
//! Put together as text: so its members stand in the same order in every build, and the PROJJSON is
//! letter for letter that of PROJ.

use crate::geometry_summary::GeometrySummary;
use crate::schema::ExportSchema;

use super::covering;
use super::output::GeometryForm;

impl GeometryForm {
    /// The specification that the metadata follows: <https://geoparquet.org/releases/v1.1.0/>, or the draft of 2.0.
    fn version(self) -> &'static str {
        match self {
            Self::Geometry => "2.0.0",
            Self::Wkb | Self::Native(_) => "1.1.0",
        }
    }

    fn encoding(self) -> &'static str {
        match self {
            Self::Wkb | Self::Geometry => "WKB",
            Self::Native(encoding) => encoding.name(),
        }
    }
}

/// The metadata of a file; `None` for tables without geometry, which are no GeoParquet.
pub(crate) fn geo(
    schema: &ExportSchema,
    geometry: &GeometrySummary,
    form: GeometryForm,
) -> Option<String> {
    let column = text(schema.geometry_name()?);
    let types = match form {
        GeometryForm::Native(encoding) => geometry.as_type(encoding.wkb_type(), schema.has_z()),
        GeometryForm::Wkb | GeometryForm::Geometry => geometry.geometry_types(),
    };
    let types: Vec<String> = types.into_iter().map(text).collect();
    // Explicit always: no `crs` at all would mean longitude and latitude.
    let crs = schema.crs().map_or("null", |crs| crs.projjson());
    let bbox = bounds(geometry)
        .map(|bounds| format!(r#","bbox":[{bounds}]"#))
        .unwrap_or_default();
    let covering = schema
        .covering_name()
        .filter(|_| form.has_covering())
        .map(|name| format!(r#","covering":{}"#, covering::json(name)))
        .unwrap_or_default();
    Some(format!(
        concat!(
            r#"{{"version":"{version}","primary_column":{column},"columns":{{{column}:{{"#,
            r#""encoding":"{encoding}","geometry_types":[{types}],"crs":{crs},"#,
            r#""orientation":"counterclockwise","edges":"planar"{bbox}{covering}}}}}}}"#,
        ),
        version = form.version(),
        column = column,
        encoding = form.encoding(),
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
