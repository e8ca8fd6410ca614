//! The spatial part of a query.

use serde_json::Value as Json;

use crate::answer::EsriError;
use crate::geometry::{Envelope, Geometry, Vertex};
use crate::parameters::Parameters;
use crate::projection::{Projection, SpatialReference};
use crate::table::Table;
use crate::{relation, spatial};

use super::Outcome;

/// The metres of a degree of the equator, on the sphere of Web Mercator.
const METRES_OF_DEGREE: f64 = 6_378_137.0 * std::f64::consts::PI / 180.0;

/// Where rows have to be.
#[derive(Debug)]
pub(super) struct Place {
    shape: Shape,
    relation: Relation,
    /// How far away they may be: the distance in metres, and the metres of a unit of each axis.
    within: Option<(f64, (f64, f64))>,
}

#[derive(Debug)]
enum Shape {
    Envelope(Envelope),
    Geometry(Geometry),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Intersects,
    EnvelopeIntersects,
    /// The row lies in the filter.
    Contains,
    /// The filter lies in the row.
    Within,
}

impl Place {
    pub(super) fn parse(table: &Table, parameters: &Parameters, text: &str) -> Outcome<Self> {
        let relation = match parameters
            .filled("spatialRel")
            .unwrap_or("esriSpatialRelIntersects")
        {
            "esriSpatialRelIntersects" => Relation::Intersects,
            "esriSpatialRelEnvelopeIntersects" | "esriSpatialRelIndexIntersects" => {
                Relation::EnvelopeIntersects
            }
            "esriSpatialRelContains" => Relation::Contains,
            "esriSpatialRelWithin" => Relation::Within,
            _ => return Err(EsriError::invalid("spatialRel")),
        };
        let kind = parameters
            .filled("geometryType")
            .unwrap_or("esriGeometryEnvelope");
        let (shape, reference) = shape(kind, text).ok_or_else(|| EsriError::invalid("geometry"))?;
        // The geometry's own reference wins over inSR; without either the coordinates are the layer's.
        let stated = parameters
            .filled("inSR")
            .map(|text| SpatialReference::parse(text).ok_or_else(|| EsriError::invalid("inSR")))
            .transpose()?;
        let native = table.layer.spatial_reference;
        let projection = Projection::between(reference.or(stated).unwrap_or(native), native)
            .ok_or_else(|| EsriError::invalid("inSR"))?;
        let shape = match shape {
            Shape::Envelope(envelope) => Shape::Envelope(projection.apply_to_envelope(envelope)),
            Shape::Geometry(mut geometry) => {
                projection.apply_to(&mut geometry);
                Shape::Geometry(geometry)
            }
        };
        let within = distance(table, parameters, &shape)?;
        Ok(Self {
            shape,
            relation,
            within,
        })
    }

    pub(super) fn takes(&self, row: &Geometry) -> bool {
        if let Some((farthest, scale)) = self.within {
            return relation::distance(row, &self.shape.geometry(), scale)
                .is_some_and(|distance| distance <= farthest);
        }
        match (&self.shape, self.relation) {
            (Shape::Envelope(envelope), Relation::Intersects) => spatial::intersects(row, envelope),
            (Shape::Envelope(envelope), Relation::EnvelopeIntersects) => {
                spatial::envelope_intersects(row, envelope)
            }
            (Shape::Geometry(geometry), Relation::Intersects) => relation::meet(row, geometry),
            (Shape::Geometry(geometry), Relation::EnvelopeIntersects) => {
                Envelope::of(geometry.vertices())
                    .is_some_and(|envelope| spatial::envelope_intersects(row, &envelope))
            }
            (shape, Relation::Contains) => relation::lies_in(row, &shape.geometry()),
            (shape, Relation::Within) => relation::lies_in(&shape.geometry(), row),
        }
    }
}

impl Shape {
    fn geometry(&self) -> Geometry {
        match self {
            Self::Geometry(geometry) => geometry.clone(),
            Self::Envelope(envelope) => {
                let Envelope {
                    xmin,
                    ymin,
                    xmax,
                    ymax,
                } = *envelope;
                let corners = [(xmin, ymin), (xmin, ymax), (xmax, ymax), (xmax, ymin)];
                Geometry::polygon([corners])
            }
        }
    }
}

/// A geometry as a query names it: Esri JSON, `x,y`, or the four sides of an envelope.
fn shape(kind: &str, text: &str) -> Option<(Shape, Option<SpatialReference>)> {
    let json: Option<Json> = if text.starts_with('{') {
        Some(serde_json::from_str(text).ok()?)
    } else {
        None
    };
    let reference = json
        .as_ref()
        .and_then(|json| SpatialReference::from_json(json.get("spatialReference")?));
    let numbers = |names: &[&str]| -> Option<Vec<f64>> {
        match &json {
            Some(json) => names.iter().map(|name| json.get(name)?.as_f64()).collect(),
            None => text
                .split(',')
                .map(|part| part.trim().parse().ok())
                .collect(),
        }
    };
    let shape = match kind {
        "esriGeometryEnvelope" => match *numbers(&["xmin", "ymin", "xmax", "ymax"])? {
            [xmin, ymin, xmax, ymax] if xmin <= xmax && ymin <= ymax => Shape::Envelope(Envelope {
                xmin,
                ymin,
                xmax,
                ymax,
            }),
            _ => return None,
        },
        "esriGeometryPoint" => match *numbers(&["x", "y"])? {
            [x, y] => Shape::Geometry(Geometry::Point(Vertex::xy(x, y))),
            _ => return None,
        },
        "esriGeometryMultipoint" | "esriGeometryPolyline" | "esriGeometryPolygon" => {
            let geometry = Geometry::from_esri_json(json.as_ref()?, false, false)?;
            let fits = match geometry {
                Geometry::Multipoint(_) => kind == "esriGeometryMultipoint",
                Geometry::Polyline(_) => kind == "esriGeometryPolyline",
                Geometry::Polygon(_) => kind == "esriGeometryPolygon",
                Geometry::Point(_) => false,
            };
            if !fits || geometry.vertices().next().is_none() {
                return None;
            }
            Shape::Geometry(geometry)
        }
        _ => return None,
    };
    Some((shape, reference))
}

/// `distance` and `units`: metres unless said otherwise. Degrees are measured as they are long at the filter's latitude.
fn distance(
    table: &Table,
    parameters: &Parameters,
    shape: &Shape,
) -> Outcome<Option<(f64, (f64, f64))>> {
    let Some(text) = parameters.filled("distance") else {
        return Ok(None);
    };
    let number = text
        .parse()
        .ok()
        .filter(|number: &f64| *number >= 0.0)
        .ok_or_else(|| EsriError::invalid("distance"))?;
    let unit = match parameters.filled("units").unwrap_or("esriSRUnit_Meter") {
        "esriSRUnit_Meter" => 1.0,
        "esriSRUnit_Kilometer" => 1000.0,
        "esriSRUnit_Foot" => 0.3048,
        "esriSRUnit_StatuteMile" => 1609.344,
        "esriSRUnit_NauticalMile" => 1852.0,
        "esriSRUnit_USNauticalMile" => 1853.248,
        _ => return Err(EsriError::invalid("units")),
    };
    let scale = if table.layer.spatial_reference.is_geographic() {
        let latitude = Envelope::of(shape.geometry().vertices())
            .map_or(0.0, |envelope| f64::midpoint(envelope.ymin, envelope.ymax));
        (
            METRES_OF_DEGREE * latitude.to_radians().cos(),
            METRES_OF_DEGREE,
        )
    } else {
        (1.0, 1.0)
    };
    Ok(Some((number * unit, scale)))
}
