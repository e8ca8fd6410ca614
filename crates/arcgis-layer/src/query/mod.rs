//! What to ask of a layer: built freely, then checked against the layer's metadata.

mod bbox;
mod condition;
mod curl;
mod fields;
mod parameter;
mod range;
mod resolve;
mod resolved;
mod saved;
mod time_filter;
mod typed;

use jiff::Timestamp;

use crate::error::QueryError;
use crate::field::Field;
use crate::filter::Condition;
use crate::form::GeometryForm;
use crate::geometry::Bbox;
use crate::metadata::LayerInfo;
use crate::spatial_filter::SpatialFilter;
use crate::spatial_reference::SpatialReference;

pub(crate) use condition::checked;
pub use curl::to_curl;
pub(crate) use fields::find as field;
pub use range::RangeValue;
pub(crate) use resolve::listed;
pub(crate) use resolved::Params;
pub use resolved::ResolvedQuery;
pub use saved::SavedQuery;
pub use time_filter::TimeFilter;

/// The dialect of the SQL in a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SqlFormat {
    /// Standard SQL, which servers translate for their database.
    Standard,
    /// That of the database.
    Native,
}

/// What to fetch of a layer; everything in its own reference system by default.
///
/// Nothing is checked before [`Query::resolve`], which knows the layer.
///
/// ```
/// use arcgis_layer::{LayerInfo, Query};
///
/// let info = LayerInfo::from_json(br#"{
///     "type": "Feature Layer", "geometryType": "esriGeometryPoint", "objectIdField": "OBJECTID",
///     "fields": [
///         {"name": "OBJECTID", "type": "esriFieldTypeOID"},
///         {"name": "Name", "type": "esriFieldTypeString"}
///     ]
/// }"#)?;
/// let query = Query::new().with_where("A = 1 OR B = 2").with_fields(["name"]).refine("C = 3");
/// let query = query.resolve(&info)?;
/// assert_eq!(query.where_clause(), "(A = 1 OR B = 2) AND (C = 3)");
/// assert_eq!(query.layout().fields[0].name, "Name");
///
/// let typo = Query::new().with_fields(["Nmae"]).resolve(&info).unwrap_err();
/// assert_eq!(typo.to_string(), "the layer has no field Nmae (did you mean Name?)");
/// # Ok::<(), arcgis_layer::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use]
pub struct Query {
    conditions: Vec<Condition>,
    object_ids: Option<Vec<i64>>,
    unique_ids: Option<Vec<Vec<String>>>,
    spatial: Option<SpatialFilter>,
    time: Option<TimeFilter>,
    historic_moment: Option<Timestamp>,
    gdb_version: Option<String>,
    sql_format: Option<SqlFormat>,
    full_text: Option<serde_json::Value>,
    ranges: Vec<RangeValue>,
    parameter_values: Option<serde_json::Value>,
    datum_transformation: Option<String>,
    geometry_precision: Option<u8>,
    multipatch_footprint: bool,
    cache_hint: bool,
    level_of_detail: Option<u8>,
    fields: Option<Vec<String>>,
    excluded_fields: Vec<String>,
    without_geometry: bool,
    limit: Option<u64>,
    out_sr: Option<SpatialReference>,
    bbox: Option<Bbox>,
    max_allowable_offset: Option<f64>,
    geometry_form: Option<GeometryForm>,
    params: Vec<(String, String)>,
    /// Parameters that select rows, as an earlier query sent them.
    sent: Vec<(String, String)>,
}

impl Query {
    /// All rows with all fields and geometry, in the layer's own reference system.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only rows that meet a condition: SQL, or a [`Condition`] made of fields and values. Replaces an earlier one.
    pub fn with_where(mut self, condition: impl Into<Condition>) -> Self {
        self.conditions = vec![condition.into()];
        self
    }

    /// Only rows that meet this condition too: `(old) AND (new)`.
    pub fn refine(mut self, condition: impl Into<Condition>) -> Self {
        self.conditions.push(condition.into());
        self
    }

    /// Only the rows with these object ids; none of them fits no row. They go as a condition, in lists of a thousand, and so
    /// together with any other: what servers make of `objectIds` beside a condition differs.
    pub fn with_object_ids(mut self, ids: impl IntoIterator<Item = i64>) -> Self {
        self.object_ids = Some(ids.into_iter().collect());
        self
    }

    /// Only the rows with these unique ids (`uniqueIdInfo`), one text for each row, as a condition likewise.
    pub fn with_unique_ids<I>(self, ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.with_composite_unique_ids(ids.into_iter().map(|id| [id]))
    }

    /// As [`Query::with_unique_ids`], where several fields together identify a row: their values, in the order of
    /// `uniqueIdInfo`.
    pub fn with_composite_unique_ids<I>(mut self, ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: IntoIterator,
        <I::Item as IntoIterator>::Item: Into<String>,
    {
        let ids = ids
            .into_iter()
            .map(|id| id.into_iter().map(Into::into).collect());
        self.unique_ids = Some(ids.collect());
        self
    }

    /// Only rows that lie so to a geometry. Not beside [`Query::with_bbox`].
    pub fn with_spatial_filter(mut self, filter: SpatialFilter) -> Self {
        self.spatial = Some(filter);
        self
    }

    /// Only rows of that time, by the layer's own notion of when a row is. Refused for layers without one, since servers
    /// ignore it there.
    pub fn with_time(mut self, time: TimeFilter) -> Self {
        self.time = Some(time);
        self
    }

    /// The rows as they were at a moment, where the layer's archive allows that. Moments before the archive began are refused.
    ///
    /// A server that says that it keeps an archive and then ignores the moment cannot be told from one whose rows have not
    /// changed since.
    pub fn with_historic_moment(mut self, moment: Timestamp) -> Self {
        self.historic_moment = Some(moment);
        self
    }

    /// A version of the geodatabase, such as `SDE.DEFAULT`. Refused for layers that say that their data have none, where servers
    /// ignore it.
    pub fn with_gdb_version(mut self, version: impl Into<String>) -> Self {
        self.gdb_version = Some(version.into());
        self
    }

    /// The dialect of the condition; the server's choice by default.
    pub fn with_sql_format(mut self, format: SqlFormat) -> Self {
        self.sql_format = Some(format);
        self
    }

    /// Only rows that a full-text search finds: the array of expressions that `fullText` takes (11.4).
    pub fn with_full_text(mut self, expressions: serde_json::Value) -> Self {
        self.full_text = Some(expressions);
        self
    }

    /// The way from the layer's datum to that of the coordinates asked for: a code, or the JSON that
    /// `datumTransformation` takes. Only beside [`Query::with_out_sr`].
    pub fn with_datum_transformation(mut self, transformation: impl Into<String>) -> Self {
        self.datum_transformation = Some(transformation.into());
        self
    }

    /// Lets the server round x and y to so many digits behind the point.
    pub fn with_geometry_precision(mut self, digits: u8) -> Self {
        self.geometry_precision = Some(digits);
        self
    }

    /// The footprints of multipatches, as polygons.
    pub fn with_multipatch_footprint(mut self) -> Self {
        self.multipatch_footprint = true;
        self
    }

    /// Lets the server answer out of its cache, where it has one.
    pub fn with_cache_hint(mut self) -> Self {
        self.cache_hint = true;
        self
    }

    /// A level of detail, from 1 to 12 digits of a geohash, where the layer has levels (`supportsLod`): it goes as `lod`, beside
    /// the first of the layer's `supportedLodTypes` as `lodType`. Esri has it for hosted layers that group rows by place.
    pub fn with_level_of_detail(mut self, level: u8) -> Self {
        self.level_of_detail = Some(level);
        self
    }

    /// Only these fields, in this order. Names count whatever their case, a list with commas counts as
    /// its parts, and `*` stands for all. Nothing at all leaves the geometry alone. All fields, in the
    /// server's order, is the default.
    pub fn with_fields<I>(mut self, fields: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.fields = Some(fields.into_iter().map(Into::into).collect());
        self
    }

    /// All fields but these.
    pub fn with_excluded_fields<I>(mut self, fields: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.excluded_fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Attributes alone.
    pub fn without_geometry(mut self) -> Self {
        self.without_geometry = true;
        self
    }

    /// At most so many rows, those with the least object ids.
    pub fn with_limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }

    /// The most rows that are wanted.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Coordinates in this reference system, computed by the server; heights too, if it names a vertical system.
    pub fn with_out_sr(mut self, reference: SpatialReference) -> Self {
        self.out_sr = Some(reference);
        self
    }

    /// The reference system that was set; `None` for the layer's own.
    #[must_use]
    pub fn out_sr(&self) -> Option<&SpatialReference> {
        self.out_sr.as_ref()
    }

    /// Whether rows are chosen by where they are: by a rectangle or another geometry.
    #[must_use]
    pub fn has_spatial_filter(&self) -> bool {
        self.bbox.is_some() || self.spatial.is_some()
    }

    /// Only rows whose geometry touches a rectangle in WGS 84 longitude and latitude, whatever the
    /// reference system of the layer. Latitudes are from -90 to 90, longitudes from -180 to 180; of a
    /// rectangle across the 180th meridian `xmin` is above `xmax`, as in GeoJSON, and it is asked for in two parts.
    pub fn with_bbox(mut self, wgs84: Bbox) -> Self {
        self.bbox = Some(wgs84);
        self
    }

    /// Lets the server simplify lines and polygons by up to this distance, in units of the coordinates
    /// that come back.
    pub fn with_max_allowable_offset(mut self, distance: f64) -> Self {
        self.max_allowable_offset = Some(distance);
        self
    }

    /// What comes in place of the geometry, for a look at a few rows: [`Layer::head`](crate::Layer::head),
    /// [`Layer::head_by`](crate::Layer::head_by), [`Layer::rows_at`](crate::Layer::rows_at) and
    /// [`Layer::sample`](crate::Layer::sample). All else refuses it: what is fetched as a whole has the geometry as it is.
    pub fn with_geometry_form(mut self, form: GeometryForm) -> Self {
        self.geometry_form = Some(form);
        self
    }

    /// Any further parameter of `query`, such as `collation`. It goes with the count, the ids and the extent as with
    /// the rows. What has a method here is checked as that method does (`sqlFormat`, `historicMoment`), or refused with its
    /// name; so are parameters that decide how rows are fetched, or that change what comes back in ways that go unseen.
    pub fn with_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.params
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name.trim()));
        self.params.push((name.trim().to_owned(), value.into()));
        self
    }

    /// Reads `xmin,ymin,xmax,ymax`.
    ///
    /// # Errors
    ///
    /// [`QueryError::Bbox`] unless it is four numbers that make a rectangle in WGS 84.
    ///
    /// ```
    /// use arcgis_layer::Query;
    ///
    /// assert_eq!(Query::parse_bbox("5.9, 45.8, 10.5, 47.8")?.ymax, 47.8);
    /// assert_eq!(Query::parse_bbox("177,-20,-178,-15")?.xmin, 177.0); // across the 180th meridian
    /// assert!(Query::parse_bbox("10,45,5,47").is_err());
    /// # Ok::<(), arcgis_layer::QueryError>(())
    /// ```
    pub fn parse_bbox(text: &str) -> Result<Bbox, QueryError> {
        let numbers: Option<Vec<f64>> = text
            .split(',')
            .map(|number| number.trim().parse().ok())
            .collect();
        match numbers.as_deref() {
            Some(&[xmin, ymin, xmax, ymax]) => bbox::checked(Bbox {
                xmin,
                ymin,
                xmax,
                ymax,
            }),
            _ => Err(QueryError::Bbox {
                given: text.to_owned(),
                problem: "four numbers are wanted: xmin,ymin,xmax,ymax",
            }),
        }
    }
}

fn unsupported<T>(option: &'static str, problem: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Unsupported {
        option,
        problem: problem.into(),
    })
}

/// The attribute fields of a layer: geometry and rasters are none.
fn attributes(info: &LayerInfo) -> impl Iterator<Item = &Field> {
    info.fields
        .iter()
        .filter(|field| field.field_type.is_attribute())
}
