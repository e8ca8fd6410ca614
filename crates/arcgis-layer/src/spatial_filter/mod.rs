//! Rows by where they are.

mod geojson;
mod seam;
mod shape;
mod split;

use std::fmt;

use geo_types::{Coord, Geometry, Rect};
use serde_json::Value;

use crate::error::QueryError;
use crate::geometry::{Bbox, GeometryType};
use crate::metadata::LayerInfo;
use crate::query::Params;
use crate::spatial_reference::SpatialReference;

pub(crate) use shape::Shape;

/// Positions that one request carries: with this many it stays below the 2 MB that servers take in a form, and
/// below what makes databases slow.
const MOST_POSITIONS: usize = 10_000;

/// How a row's geometry has to lie to that of the filter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SpatialRelation {
    /// They share a point. The default.
    #[default]
    Intersects,
    /// The filter's geometry contains the row's.
    Contains,
    /// They cross.
    Crosses,
    /// Their rectangles share a point.
    EnvelopeIntersects,
    /// Their rectangles share a point, as the spatial index sees it: fast, and perhaps more rows than that.
    IndexIntersects,
    /// They overlap, and are of the same dimension.
    Overlaps,
    /// Their borders share a point, and their interiors none.
    Touches,
    /// The filter's geometry is within the row's.
    Within,
    /// What a pattern of the DE-9IM says: nine letters out of `T`, `F`, `*`, `0`, `1`, `2`.
    Pattern(String),
}

impl SpatialRelation {
    /// Esri's name, such as `esriSpatialRelIntersects`.
    #[must_use]
    pub fn esri_name(&self) -> &'static str {
        match self {
            Self::Intersects => "esriSpatialRelIntersects",
            Self::Contains => "esriSpatialRelContains",
            Self::Crosses => "esriSpatialRelCrosses",
            Self::EnvelopeIntersects => "esriSpatialRelEnvelopeIntersects",
            Self::IndexIntersects => "esriSpatialRelIndexIntersects",
            Self::Overlaps => "esriSpatialRelOverlaps",
            Self::Touches => "esriSpatialRelTouches",
            Self::Within => "esriSpatialRelWithin",
            Self::Pattern(_) => "esriSpatialRelRelation",
        }
    }
}

/// A unit of distance. It always goes with the distance: what servers take for one without differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DistanceUnit {
    /// Metres.
    Meter,
    /// Kilometres.
    Kilometer,
    /// International feet.
    Foot,
    /// Statute miles.
    StatuteMile,
    /// Nautical miles.
    NauticalMile,
    /// Nautical miles as the United States had them before 1954.
    UsNauticalMile,
}

impl DistanceUnit {
    /// Esri's name, such as `esriSRUnit_Meter`.
    #[must_use]
    pub fn esri_name(self) -> &'static str {
        match self {
            Self::Meter => "esriSRUnit_Meter",
            Self::Kilometer => "esriSRUnit_Kilometer",
            Self::Foot => "esriSRUnit_Foot",
            Self::StatuteMile => "esriSRUnit_StatuteMile",
            Self::NauticalMile => "esriSRUnit_NauticalMile",
            Self::UsNauticalMile => "esriSRUnit_USNauticalMile",
        }
    }
}

/// Only rows that lie so to a geometry.
///
/// The geometry comes from `geo-types`, GeoJSON, Esri JSON, or is a rectangle. It is in WGS 84 longitude and latitude unless
/// said otherwise, whatever the reference of the layer, and only its x and y count.
///
/// A geometry with many positions is cut into parts that together are the same, since servers and databases break
/// down over large ones: the rows that meet any part are the rows that meet the whole. This holds for
/// [`SpatialRelation::Intersects`] alone, with or without a distance; other relations with a geometry of several parts
/// are refused.
///
/// ```
/// use arcgis_layer::{DistanceUnit, SpatialFilter};
///
/// let near = SpatialFilter::from_geojson(r#"{"type": "Point", "coordinates": [7.45, 46.95]}"#)?
///     .with_distance(5.0, DistanceUnit::Kilometer);
/// assert_eq!(near.parts(), 1);
/// # Ok::<(), arcgis_layer::QueryError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct SpatialFilter {
    shapes: Vec<Shape>,
    reference: SpatialReference,
    relation: SpatialRelation,
    distance: Option<(f64, DistanceUnit)>,
    most_positions: usize,
}

impl SpatialFilter {
    fn of(shapes: Vec<Shape>) -> Self {
        Self {
            shapes,
            reference: SpatialReference::from_wkid(4326),
            relation: SpatialRelation::default(),
            distance: None,
            most_positions: MOST_POSITIONS,
        }
    }

    /// A filter by a geometry of `geo-types`: points, lines, polygons, their multiples, rectangles and triangles.
    ///
    /// # Errors
    ///
    /// [`QueryError::Geometry`] for an empty geometry, positions that are no numbers, and collections.
    pub fn new(geometry: impl Into<Geometry<f64>>) -> Result<Self, QueryError> {
        Ok(Self::of(vec![shape::from_geo(geometry.into())?]))
    }

    /// A filter by a GeoJSON geometry, feature or collection of features: the union of all of them. Features without geometry
    /// are left out.
    ///
    /// # Errors
    ///
    /// [`QueryError::Geometry`] for what is no GeoJSON, for geometry collections, and where no geometry is left.
    pub fn from_geojson(text: &str) -> Result<Self, QueryError> {
        Ok(Self::of(geojson::shapes(text)?))
    }

    /// A filter by a geometry in Esri JSON, which is sent as it is, with curves if it has some. Its kind is seen from its
    /// members; its `spatialReference`, if it has one, is the filter's.
    ///
    /// # Errors
    ///
    /// [`QueryError::Geometry`] for what is no geometry in Esri JSON.
    pub fn from_esri_json(text: &str) -> Result<Self, QueryError> {
        let (shape, reference) = shape::from_esri(text)?;
        let mut filter = Self::of(vec![shape]);
        if !reference.is_empty() {
            filter.reference = reference;
        }
        Ok(filter)
    }

    /// A filter by a rectangle, in whatever reference [`SpatialFilter::with_in_sr`] says.
    ///
    /// # Errors
    ///
    /// [`QueryError::Geometry`] for a rectangle that is none.
    pub fn from_bbox(bbox: Bbox) -> Result<Self, QueryError> {
        Self::from_bboxes(&[bbox])
    }

    /// A filter by the union of several rectangles.
    pub(crate) fn from_bboxes(bboxes: &[Bbox]) -> Result<Self, QueryError> {
        let shapes: Result<Vec<Shape>, QueryError> = bboxes.iter().map(rectangle).collect();
        Ok(Self::of(shapes?))
    }

    /// The reference of the geometry; WGS 84 by default.
    pub fn with_in_sr(mut self, reference: SpatialReference) -> Self {
        self.reference = reference;
        self
    }

    /// How rows have to lie to the geometry; they share a point by default.
    pub fn with_relation(mut self, relation: SpatialRelation) -> Self {
        self.relation = relation;
        self
    }

    /// The geometry is widened by so much.
    pub fn with_distance(mut self, distance: f64, unit: DistanceUnit) -> Self {
        self.distance = Some((distance, unit));
        self
    }

    /// Cuts geometries of more positions than this into parts; 10,000 by default, at least 64.
    pub fn with_most_positions(mut self, positions: usize) -> Self {
        self.most_positions = positions.max(64);
        self
    }

    /// In how many parts the geometry is sent: each takes a request of its own for the ids.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.shapes
            .iter()
            .map(|shape| shape.split(self.most_positions).len())
            .sum()
    }

    /// The parameters of each part: the rows that meet any of them are those that meet the filter.
    pub(crate) fn params(&self, info: &LayerInfo) -> Result<Vec<Params>, QueryError> {
        let refuse = |problem: String| Err(QueryError::Geometry { problem });
        if info.geometry_type.is_none() {
            return Err(QueryError::Unsupported {
                option: "spatial_filter",
                problem: "the layer has no geometry".to_owned(),
            });
        }
        if let Some((distance, _)) = self.distance {
            if !(distance.is_finite() && distance > 0.0) {
                return refuse(format!("{distance} is no distance; it must be above 0"));
            }
            if info.advanced.query_with_distance == Some(false) {
                return Err(QueryError::Unsupported {
                    option: "distance",
                    problem: "the layer does not filter by distance (supportsQueryWithDistance)"
                        .to_owned(),
                });
            }
        }
        if let SpatialRelation::Pattern(pattern) = &self.relation {
            let fits = pattern.len() == 9
                && pattern
                    .bytes()
                    .all(|letter| b"TF*012".contains(&letter.to_ascii_uppercase()));
            if !fits {
                return refuse(format!(
                    "{pattern} is no pattern of nine letters out of T, F, *, 0, 1 and 2"
                ));
            }
        }
        let Some(in_sr) = self.reference.to_param() else {
            return refuse("it is in no known reference system".to_owned());
        };
        let mut shapes = Vec::new();
        for shape in &self.shapes {
            if self.relation == SpatialRelation::Intersects {
                shapes.extend(shape.split(self.most_positions));
            } else {
                shapes.push(shape.clone());
            }
        }
        if shapes.len() > 1 && self.relation != SpatialRelation::Intersects {
            return refuse(format!(
                "it has {} parts, and what {} means for all of them together cannot be asked for one by one",
                shapes.len(),
                self.relation.esri_name()
            ));
        }
        Ok(shapes
            .iter()
            .map(|shape| self.part(shape, &in_sr))
            .collect())
    }

    fn part(&self, shape: &Shape, in_sr: &str) -> Params {
        let geometry = shape.to_esri(&self.reference);
        let mut params: Params = vec![
            ("geometry".into(), geometry.to_string()),
            (
                "geometryType".into(),
                shape.geometry_type().esri_name().to_owned(),
            ),
            ("inSR".into(), in_sr.to_owned()),
            ("spatialRel".into(), self.relation.esri_name().to_owned()),
        ];
        if let SpatialRelation::Pattern(pattern) = &self.relation {
            params.push(("relationParam".into(), pattern.to_ascii_uppercase()));
        }
        if let Some((distance, unit)) = self.distance {
            params.push(("distance".into(), distance.to_string()));
            params.push(("units".into(), unit.esri_name().to_owned()));
        }
        params
    }
}

impl fmt::Display for SpatialRelation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.esri_name().trim_start_matches("esriSpatialRel"))
    }
}

fn rectangle(bbox: &Bbox) -> Result<Shape, QueryError> {
    let sides = [bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax];
    if bbox.is_empty() || !sides.into_iter().all(f64::is_finite) {
        return Err(QueryError::Geometry {
            problem: "the rectangle has no inside".to_owned(),
        });
    }
    let low = Coord {
        x: bbox.xmin,
        y: bbox.ymin,
    };
    let high = Coord {
        x: bbox.xmax,
        y: bbox.ymax,
    };
    shape::from_geo(Rect::new(low, high).into())
}

/// A geometry type out of the members that an Esri geometry has.
fn kind_of(members: &serde_json::Map<String, Value>) -> Option<GeometryType> {
    let has = |name: &str| members.get(name).is_some_and(|value| !value.is_null());
    Some(if has("rings") || has("curveRings") {
        GeometryType::Polygon
    } else if has("paths") || has("curvePaths") {
        GeometryType::Polyline
    } else if has("points") {
        GeometryType::Multipoint
    } else if has("x") && has("y") {
        GeometryType::Point
    } else if ["xmin", "ymin", "xmax", "ymax"]
        .iter()
        .all(|name| has(name))
    {
        GeometryType::Envelope
    } else {
        return None;
    })
}
