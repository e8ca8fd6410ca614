//! What comes for the geometry of a few rows that are looked at.

mod answer;

use serde_json::{Value, json};

use crate::error::QueryError;
use crate::geometry::{Bbox, Dimensions, GeometryType};
use crate::metadata::LayerInfo;

pub(crate) use answer::as_plain;

/// What comes in place of the geometry as it is, in [`Layer::head`](crate::Layer::head),
/// [`Layer::rows_at`](crate::Layer::rows_at) and [`Layer::sample`](crate::Layer::sample).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum GeometryForm {
    /// The centroid of each polygon, as a point (`returnCentroid`).
    Centroid,
    /// The rectangle around each geometry, as a polygon (`returnEnvelope`, from 11.3 on).
    Envelope,
    /// The geometry with its positions moved onto a grid (`quantizationParameters`). They come as coordinates again.
    Quantized(Quantization),
}

/// The grid of [`GeometryForm::Quantized`].
///
/// ```
/// use arcgis_layer::Quantization;
///
/// // For a map with 10 units in a pixel.
/// let grid = Quantization::view(10.0);
/// assert_eq!(grid.to_string(), r#"{"mode":"view","originPosition":"upperLeft","tolerance":10.0}"#);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Quantization {
    tolerance: Option<f64>,
    upwards: bool,
    extent: Option<Bbox>,
}

impl Quantization {
    /// Positions on a grid of that width, in units of the coordinates asked for, and one of those that fall together: for
    /// display.
    pub fn view(tolerance: f64) -> Self {
        Self {
            tolerance: Some(tolerance),
            upwards: false,
            extent: None,
        }
    }

    /// All positions, as exact as the layer keeps them.
    pub fn edit() -> Self {
        Self {
            tolerance: None,
            upwards: false,
            extent: None,
        }
    }

    /// Rows of the grid are counted upwards from the lower left, in place of downwards from the upper left.
    pub fn with_lower_left_origin(mut self) -> Self {
        self.upwards = true;
        self
    }

    /// The rectangle that the grid divides, in the reference of the coordinates asked for; the server's choice by default.
    pub fn with_extent(mut self, extent: Bbox) -> Self {
        self.extent = Some(extent);
        self
    }

    fn check(&self) -> Result<(), QueryError> {
        if self
            .tolerance
            .is_some_and(|width| !(width.is_finite() && width > 0.0))
        {
            return refused("the tolerance must be a number above 0");
        }
        if let Some(extent) = self.extent {
            let sides = [extent.xmin, extent.ymin, extent.xmax, extent.ymax];
            if !sides.into_iter().all(f64::is_finite)
                || extent.xmin >= extent.xmax
                || extent.ymin >= extent.ymax
            {
                return refused("its extent must be a rectangle of four numbers");
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Quantization {
    /// The value of the parameter.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut value = json!({
            "mode": if self.tolerance.is_some() { "view" } else { "edit" },
            "originPosition": if self.upwards { "lowerLeft" } else { "upperLeft" },
        });
        if let Some(tolerance) = self.tolerance {
            value["tolerance"] = tolerance.into();
        }
        if let Some(extent) = self.extent {
            value["extent"] = json!({
                "xmin": extent.xmin, "ymin": extent.ymin, "xmax": extent.xmax, "ymax": extent.ymax,
            });
        }
        write!(f, "{value}")
    }
}

impl GeometryForm {
    /// What the geometry becomes, of a layer with such geometry.
    pub(crate) fn of(
        &self,
        kind: GeometryType,
        dims: Dimensions,
        info: &LayerInfo,
    ) -> Result<(GeometryType, Dimensions), QueryError> {
        let abilities = &info.advanced;
        match self {
            Self::Centroid if kind != GeometryType::Polygon => {
                refused("only polygons have centroids")
            }
            Self::Centroid if abilities.centroid == Some(false) => {
                refused("the layer computes no centroids (supportsReturningGeometryCentroid)")
            }
            Self::Centroid => Ok((GeometryType::Point, Dimensions::Xy)),
            Self::Envelope if kind == GeometryType::Point => {
                refused("the rectangle around a point is the point")
            }
            Self::Envelope if abilities.envelope == Some(false) => {
                refused("the layer computes no envelopes (supportsReturningGeometryEnvelope)")
            }
            Self::Envelope => Ok((GeometryType::Polygon, Dimensions::Xy)),
            Self::Quantized(_) if abilities.quantization == Some(false) => refused(
                "the layer does not move positions onto a grid (supportsCoordinatesQuantization)",
            ),
            Self::Quantized(grid) => {
                grid.check()?;
                Ok((kind, dims))
            }
        }
    }

    /// Whether the geometry itself is asked for.
    pub(crate) fn is_geometry(&self) -> bool {
        matches!(self, Self::Quantized(_))
    }

    /// Its parameter.
    pub(crate) fn param(&self) -> (&'static str, String) {
        match self {
            Self::Centroid => ("returnCentroid", "true".to_owned()),
            Self::Envelope => ("returnEnvelope", "true".to_owned()),
            Self::Quantized(grid) => ("quantizationParameters", grid.to_string()),
        }
    }

    /// Whether the layer says that it can, so that a row may lack it because it has no geometry.
    pub(crate) fn is_declared(&self, info: &LayerInfo) -> bool {
        let declared = match self {
            Self::Centroid => info.advanced.centroid,
            Self::Envelope => info.advanced.envelope,
            Self::Quantized(_) => info.advanced.quantization,
        };
        declared == Some(true)
    }
}

pub(crate) fn refused<T>(problem: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Unsupported {
        option: "geometry_form",
        problem: problem.into(),
    })
}

/// A position as JSON has it.
type Position = Vec<Value>;
