//! A query that fits its layer, as requests.

use std::borrow::Cow;
use std::sync::Arc;

use arcgis_auth_core::Request;

use super::condition;
use crate::address::LayerAddress;
use crate::form::GeometryForm;
use crate::layout::Layout;

/// A [`Query`](crate::Query) that was checked against a layer: what its pages look like, and the
/// requests that it makes.
///
/// The same filter goes with each of them, be it for the count, the ids, the extent or the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedQuery {
    pub(super) layout: Arc<Layout>,
    pub(super) condition: String,
    pub(super) limit: Option<u64>,
    /// What selects rows beside `where`.
    pub(super) filter: Params,
    /// The parts of a geometry that is too large for one request: rows that meet any of them are selected. Empty, and
    /// the geometry in `filter`, where one request is enough.
    pub(super) parts: Arc<[Params]>,
    /// What says how rows come back.
    pub(super) shape: Params,
    /// What comes in place of the geometry.
    pub(super) form: Option<GeometryForm>,
}

/// Parameters, in their order.
pub(crate) type Params = Vec<(Cow<'static, str>, String)>;

impl ResolvedQuery {
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

    /// In how many parts the geometry of the filter is asked for; 1 for queries without. With several, no one request selects the
    /// rows: [`Layer::object_ids`](crate::Layer::object_ids) asks for the ids of each part, and requests for rows, which
    /// leave the geometry out, have to name the ids.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.parts.len().max(1)
    }

    /// The query of each part, which together select the rows.
    pub(crate) fn each_part(&self) -> impl Iterator<Item = Self> {
        self.parts.iter().map(|part| {
            let mut query = self.clone();
            query.filter.extend(part.iter().cloned());
            query.parts = Arc::new([]);
            query
        })
    }

    /// The same query for those of the selected rows that meet `condition` too.
    #[must_use]
    pub fn refined(&self, condition: &str) -> Self {
        let mut query = self.clone();
        query.condition = condition::and(&self.condition, condition);
        query
    }

    /// A request for something about the selected rows: add `returnCountOnly` and the like. Of a geometry in several
    /// [parts](ResolvedQuery::parts) it has none.
    #[must_use]
    pub fn filter_request(&self, layer: &LayerAddress) -> Request {
        self.filtered(layer, self.condition.clone())
    }

    /// The parameters that say how rows come back.
    pub(crate) fn shape_params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.shape
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// What comes in place of the geometry, if anything.
    pub(crate) fn form(&self) -> Option<&GeometryForm> {
        self.form.as_ref()
    }

    /// Whether anything but the condition selects rows.
    pub(crate) fn has_filter_beside_where(&self) -> bool {
        !self.parts.is_empty()
            || self.filter.iter().any(|(name, _)| {
                [
                    "geometry",
                    "time",
                    "fullText",
                    "rangeValues",
                    "parameterValues",
                ]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
            })
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
        let parts = self.parts.iter().flatten();
        let filter = self.filter.iter().chain(parts).chain(&self.shape);
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
    pub(crate) fn out_sr(&self) -> Option<&str> {
        self.shape
            .iter()
            .find_map(|(name, value)| (name == "outSR").then_some(value.as_str()))
    }
}

fn with_all(request: Request, params: &[(Cow<'static, str>, String)]) -> Request {
    params.iter().fold(request, |request, (name, value)| {
        request.with_param(name.clone(), value.clone())
    })
}

/// The columns as parameters, the geometry by itself among them or not.
pub(super) fn columns(layout: &Layout, by_itself: bool) -> Params {
    vec![
        ("outFields".into(), out_fields(layout)),
        (
            "returnGeometry".into(),
            (layout.geometry.is_some() && by_itself).to_string(),
        ),
    ]
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
