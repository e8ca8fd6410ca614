//! What to ask of a layer: built freely, then checked against the layer's metadata.

mod condition;
mod fields;
mod parameter;
mod resolved;

use std::sync::Arc;

use crate::error::QueryError;
use crate::geometry::{Bbox, GeometryType};
use crate::layout::{GeometryLayout, Layout};
use crate::metadata::LayerInfo;
use crate::spatial_reference::SpatialReference;
use crate::{Dimensions, Field};

pub use resolved::ResolvedQuery;

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
    conditions: Vec<String>,
    fields: Option<Vec<String>>,
    excluded_fields: Vec<String>,
    without_geometry: bool,
    limit: Option<u64>,
    out_sr: Option<SpatialReference>,
    bbox: Option<Bbox>,
    max_allowable_offset: Option<f64>,
    params: Vec<(String, String)>,
}

impl Query {
    /// All rows with all fields and geometry, in the layer's own reference system.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only rows that meet an SQL condition; see [`Literal`](crate::Literal) for values in it. Replaces
    /// an earlier one.
    pub fn with_where(mut self, condition: impl Into<String>) -> Self {
        self.conditions = vec![condition.into()];
        self
    }

    /// Only rows that meet this condition too: `(old) AND (new)`.
    pub fn refine(mut self, condition: impl Into<String>) -> Self {
        self.conditions.push(condition.into());
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

    /// Coordinates in this reference system, computed by the server.
    pub fn with_out_sr(mut self, reference: SpatialReference) -> Self {
        self.out_sr = Some(reference);
        self
    }

    /// Only rows whose geometry touches a rectangle in WGS 84 longitude and latitude, whatever the
    /// reference system of the layer. Latitudes are from -90 to 90, longitudes from -180 to 180; a
    /// rectangle across the 180th meridian has to be asked for in two parts.
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

    /// Any further parameter of `query`, such as `gdbVersion` or `historicMoment`. It goes with the
    /// count, the ids and the extent as with the rows. Parameters that have a method here, that decide
    /// how rows are fetched, or that change what comes back in ways that go unseen are refused.
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
    /// assert!(Query::parse_bbox("10,45,5,47").is_err());
    /// # Ok::<(), arcgis_layer::QueryError>(())
    /// ```
    pub fn parse_bbox(text: &str) -> Result<Bbox, QueryError> {
        let numbers: Option<Vec<f64>> = text
            .split(',')
            .map(|number| number.trim().parse().ok())
            .collect();
        match numbers.as_deref() {
            Some(&[xmin, ymin, xmax, ymax]) => checked_bbox(Bbox {
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

    /// Checks the query against a layer. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`QueryError`] for whatever does not fit the layer.
    pub fn resolve(&self, info: &LayerInfo) -> Result<ResolvedQuery, QueryError> {
        let mut condition = condition::ALL.to_owned();
        for part in &self.conditions {
            condition = condition::and(&condition, &condition::checked(part)?);
        }
        parameter::check(&self.params, self.bbox.is_some())?;
        let fields = fields::select(info, self.fields.as_deref(), &self.excluded_fields)?;
        let geometry = self.geometry(info)?;
        if fields.is_empty() && geometry.is_none() {
            return Err(QueryError::Nothing);
        }
        let needs_geometry = |option: &'static str, given: bool| {
            if given && geometry.is_none() {
                let problem = if info.geometry_type.is_none() {
                    "the layer has no geometry"
                } else {
                    "no geometry is asked for"
                };
                return unsupported(option, problem);
            }
            Ok(())
        };
        needs_geometry("out_sr", self.out_sr.is_some())?;
        needs_geometry("max_allowable_offset", self.max_allowable_offset.is_some())?;
        if self
            .max_allowable_offset
            .is_some_and(|distance| !(distance.is_finite() && distance > 0.0))
        {
            return unsupported("max_allowable_offset", "it must be a number above 0");
        }
        let bbox = self.bbox.map(checked_bbox).transpose()?;
        if bbox.is_some() && info.geometry_type.is_none() {
            return unsupported("bbox", "the layer has no geometry");
        }

        let mut layout = Layout::new(fields);
        if let Some(name) = &info.object_id_field {
            layout = layout.with_object_id(name);
        }
        layout.fingerprint = layout.object_id.is_none();
        layout.geometry = geometry;
        Ok(ResolvedQuery::new(
            info,
            Arc::new(layout),
            resolved::Parts {
                condition,
                bbox,
                params: self.params.clone(),
                limit: self.limit,
                max_allowable_offset: self.max_allowable_offset,
            },
        ))
    }

    /// What geometry comes back; `None` if none does.
    fn geometry(&self, info: &LayerInfo) -> Result<Option<GeometryLayout>, QueryError> {
        if self.without_geometry {
            return Ok(None);
        }
        if let Some(name) = &info.unknown_geometry_type {
            return unsupported(
                "geometry",
                format!("the layer's kind of geometry, {name}, is not known; leave geometry out"),
            );
        }
        let Some(kind) = info.geometry_type else {
            return Ok(None);
        };
        if kind == GeometryType::Multipatch {
            return unsupported(
                "geometry",
                "multipatches are not decoded; leave geometry out",
            );
        }
        let spatial_reference = match &self.out_sr {
            Some(asked) if asked.to_param().is_none() => {
                return unsupported("out_sr", "it names no reference system");
            }
            Some(asked) => asked.clone(),
            None => info.spatial_reference.clone(),
        };
        Ok(Some(GeometryLayout {
            kind,
            dims: Dimensions::new(info.has_z, info.has_m),
            spatial_reference,
        }))
    }
}

fn unsupported<T>(option: &'static str, problem: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Unsupported {
        option,
        problem: problem.into(),
    })
}

fn checked_bbox(bbox: Bbox) -> Result<Bbox, QueryError> {
    let Bbox {
        xmin,
        ymin,
        xmax,
        ymax,
    } = bbox;
    let problem = if ![xmin, ymin, xmax, ymax].into_iter().all(f64::is_finite) {
        "its sides must be numbers"
    } else if xmin < -180.0 || xmax > 180.0 || xmin > 180.0 || xmax < -180.0 {
        "longitudes are from -180 to 180"
    } else if ymin < -90.0 || ymax > 90.0 {
        "latitudes are from -90 to 90"
    } else if ymin >= ymax {
        "ymin must be below ymax"
    } else if xmin > xmax {
        "xmin is above xmax; a rectangle across the 180th meridian has to be asked for in two parts, one up to 180 and one from -180"
    } else if xmin == xmax {
        "xmin must be below xmax"
    } else {
        return Ok(bbox);
    };
    Err(QueryError::Bbox {
        given: format!("{xmin},{ymin},{xmax},{ymax}"),
        problem,
    })
}

/// The attribute fields of a layer: geometry and rasters are none.
fn attributes(info: &LayerInfo) -> impl Iterator<Item = &Field> {
    info.fields
        .iter()
        .filter(|field| field.field_type.is_attribute())
}
