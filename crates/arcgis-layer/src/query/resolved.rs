//! A query that fits its layer, as requests.

use std::borrow::Cow;
use std::sync::Arc;

use arcgis_auth_core::Request;
use serde_json::json;

use super::condition;
use crate::address::LayerAddress;
use crate::geometry::Bbox;
use crate::layout::Layout;
use crate::metadata::LayerInfo;

/// A [`Query`](crate::Query) that was checked against a layer: what its pages look like, and the
/// requests that it makes.
///
/// The same filter goes with each of them, be it for the count, the ids, the extent or the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedQuery {
    layout: Arc<Layout>,
    condition: String,
    limit: Option<u64>,
    /// What selects rows beside `where`.
    filter: Vec<(Cow<'static, str>, String)>,
    /// What says how rows come back.
    shape: Vec<(Cow<'static, str>, String)>,
}

/// What a query says beside its columns and geometry.
pub(super) struct Parts {
    pub(super) condition: String,
    pub(super) bbox: Option<Bbox>,
    pub(super) params: Vec<(String, String)>,
    pub(super) limit: Option<u64>,
    pub(super) max_allowable_offset: Option<f64>,
}

impl ResolvedQuery {
    pub(super) fn new(info: &LayerInfo, layout: Arc<Layout>, parts: Parts) -> Self {
        let mut filter: Vec<(Cow<'static, str>, String)> = Vec::new();
        if let Some(bbox) = parts.bbox {
            let rectangle = json!({
                "xmin": bbox.xmin, "ymin": bbox.ymin, "xmax": bbox.xmax, "ymax": bbox.ymax,
                "spatialReference": { "wkid": 4326 },
            });
            filter.push(("geometry".into(), rectangle.to_string()));
            filter.push(("geometryType".into(), "esriGeometryEnvelope".into()));
            filter.push(("inSR".into(), "4326".into()));
            filter.push(("spatialRel".into(), "esriSpatialRelIntersects".into()));
        }
        let asked = |name: &str| {
            parts
                .params
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        // Without it servers refuse every query of such a layer.
        let unknown_zone = "timeReferenceUnknownClient";
        if info.dates_in_unknown_time_zone && !asked(unknown_zone) {
            filter.push((unknown_zone.into(), "true".into()));
        }
        let shape = shape(info, &layout, parts.max_allowable_offset);
        filter.extend(
            parts
                .params
                .into_iter()
                .map(|(name, value)| (Cow::Owned(name), value)),
        );
        Self {
            layout,
            condition: parts.condition,
            limit: parts.limit,
            filter,
            shape,
        }
    }

    /// What pages look like.
    #[must_use]
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The most rows that are wanted.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// The SQL condition; `1=1` for every row.
    #[must_use]
    pub fn where_clause(&self) -> &str {
        &self.condition
    }

    /// The name of the object id, if the layer has one.
    #[must_use]
    pub fn object_id(&self) -> Option<&str> {
        self.layout
            .object_id
            .as_ref()
            .map(|object_id| object_id.name.as_str())
    }

    /// The parameters that select rows beside `where`: the rectangle, and those of the caller's.
    pub fn filter_params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.filter
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// A request for something about the selected rows: add `returnCountOnly` and the like.
    #[must_use]
    pub fn filter_request(&self, layer: &LayerAddress) -> Request {
        self.filtered(layer, self.condition.clone())
    }

    /// A request for something about those of the selected rows that meet `condition` too.
    #[must_use]
    pub fn filter_request_within(&self, layer: &LayerAddress, condition: &str) -> Request {
        self.filtered(layer, condition::and(&self.condition, condition))
    }

    /// A request for the selected rows: add order, offset and number.
    #[must_use]
    pub fn page_request(&self, layer: &LayerAddress) -> Request {
        with_all(self.filter_request(layer), &self.shape)
    }

    /// A request for those of the selected rows that meet `condition` too.
    #[must_use]
    pub fn page_request_within(&self, layer: &LayerAddress, condition: &str) -> Request {
        with_all(self.filter_request_within(layer, condition), &self.shape)
    }

    /// All parameters that decide which rows come and how: what has to be the same for a fetch to go on later.
    pub(crate) fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        let filter = self.filter.iter().chain(&self.shape);
        std::iter::once(("where", self.condition.as_str()))
            .chain(filter.map(|(name, value)| (name.as_ref(), value.as_str())))
    }

    /// The same query with one more parameter, which goes with each request.
    pub(crate) fn pinned(mut self, name: &'static str, value: String) -> Self {
        self.filter.push((name.into(), value));
        self
    }

    fn filtered(&self, layer: &LayerAddress, condition: String) -> Request {
        let request = Request::read(layer.query_url())
            .with_param("f", "json")
            .with_param("where", condition);
        with_all(request, &self.filter)
    }

    /// The reference system of coordinates, as a parameter.
    pub(crate) fn out_sr(&self) -> Option<String> {
        self.layout.geometry.as_ref()?.spatial_reference.to_param()
    }
}

fn with_all(request: Request, params: &[(Cow<'static, str>, String)]) -> Request {
    params.iter().fold(request, |request, (name, value)| {
        request.with_param(name.clone(), value.clone())
    })
}

fn shape(
    info: &LayerInfo,
    layout: &Layout,
    max_allowable_offset: Option<f64>,
) -> Vec<(Cow<'static, str>, String)> {
    let mut shape: Vec<(Cow<'static, str>, String)> = Vec::new();
    let mut add = |name: &'static str, value: String| shape.push((name.into(), value));
    add("outFields", out_fields(layout));
    add("returnGeometry", layout.geometry.is_some().to_string());
    if let Some(geometry) = &layout.geometry {
        // Always said: what servers do without it differs, and some then send other coordinates in PBF.
        if let Some(reference) = geometry.spatial_reference.to_param() {
            add("outSR", reference);
        }
        if geometry.dims.has_z() {
            add("returnZ", "true".into());
        }
        if geometry.dims.has_m() {
            add("returnM", "true".into());
        }
        if info.advanced.true_curve == Some(true) {
            add("returnTrueCurves", "false".into());
        }
        if let Some(distance) = max_allowable_offset {
            add("maxAllowableOffset", distance.to_string());
        }
    }
    shape
}

/// The columns by name, the object id always among them: servers leave it out where it is not named.
fn out_fields(layout: &Layout) -> String {
    let hidden = layout
        .object_id
        .as_ref()
        .filter(|object_id| object_id.column.is_none())
        .map(|object_id| object_id.name.as_str());
    let names: Vec<&str> = hidden
        .into_iter()
        .chain(layout.fields.iter().map(|field| field.name.as_str()))
        .collect();
    // A list cannot say a name with a comma, and an empty one means different things to servers.
    if names.is_empty() || names.iter().any(|name| name.contains(',')) {
        return "*".to_owned();
    }
    names.join(",")
}
