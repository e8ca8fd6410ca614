//! The format that pages are asked for in, and whether what came in it is to be believed.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use crate::address::ServiceKind;
use crate::error::{Error, QueryError};
use crate::field::FieldType;
use crate::geometry::{Bbox, GeometryType};
use crate::layer::Layer;
use crate::layout::Layout;
use crate::metadata::LayerInfo;

/// Which format to ask for pages in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FormatChoice {
    /// PBF where the server offers it and the layer allows it; a page that does not hold up is asked
    /// for again as JSON. The default.
    #[default]
    Auto,
    /// JSON: coordinates as the server has them, to the last digit.
    Json,
    /// PBF, and an error where it does not hold up.
    Pbf,
}

impl fmt::Display for FormatChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Pbf => "pbf",
        })
    }
}

impl FromStr for FormatChoice {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "json" => Ok(Self::Json),
            "pbf" => Ok(Self::Pbf),
            _ => Err(QueryError::Unsupported {
                option: "format",
                problem: format!("{text} is none of auto, json, pbf"),
            }),
        }
    }
}

/// The format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PageFormat {
    /// Esri JSON.
    Json,
    /// Esri's feature collection in protocol buffers. Coordinates are rounded to the server's grid:
    /// 0.1 mm, or 1e-9 degrees.
    Pbf,
}

impl PageFormat {
    /// The value of the parameter `f`.
    #[must_use]
    pub fn param(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Pbf => "pbf",
        }
    }
}

impl fmt::Display for PageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::Pbf => "PBF",
        })
    }
}

/// Chooses the format of a plan, and says why.
pub(crate) fn choose(
    layer: &Layer,
    layout: &Layout,
    choice: FormatChoice,
) -> Result<(PageFormat, &'static str), Error> {
    let obstacle = obstacle(layer.info(), layer.address().service().kind(), layout);
    match (choice, obstacle) {
        (FormatChoice::Json, _) => Ok((PageFormat::Json, "it was asked for")),
        (FormatChoice::Auto, Some(why)) => Ok((PageFormat::Json, why)),
        (FormatChoice::Pbf, None) => Ok((PageFormat::Pbf, "it was asked for")),
        (FormatChoice::Auto, None) => Ok((PageFormat::Pbf, "the layer offers it")),
        (FormatChoice::Pbf, Some(problem)) => Err(QueryError::Unsupported {
            option: "format",
            problem: problem.to_owned(),
        }
        .into()),
    }
}

/// Why a layer's pages are not to be had as PBF.
fn obstacle(info: &LayerInfo, service: ServiceKind, layout: &Layout) -> Option<&'static str> {
    if !info.query_formats.iter().any(|format| format == "pbf") {
        return Some("the layer does not offer PBF");
    }
    // Map services before 10.8.1 offer what they do not give.
    if service == ServiceKind::MapServer
        && info.current_version.is_some_and(|version| version < 10.81)
    {
        return Some("map services before 10.8.1 give no PBF");
    }
    let geometry = layout.geometry.as_ref().map(|geometry| geometry.kind);
    if matches!(
        geometry,
        Some(GeometryType::Multipatch | GeometryType::Envelope)
    ) {
        return Some("PBF does not hold this kind of geometry");
    }
    if layout
        .fields
        .iter()
        .any(|field| field.field_type == FieldType::Blob)
    {
        return Some("servers write blobs into PBF in ways of their own");
    }
    None
}

/// How PBF has done so far in one fetch.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    held_up: AtomicU32,
    failed: AtomicU32,
    foreign: AtomicBool,
    stale_extent: AtomicU32,
}

impl Trust {
    /// Whether it is worth asking for more of it: not after three failures that outnumber what held up.
    pub(crate) fn is_left(&self) -> bool {
        if self.foreign.load(Ordering::Relaxed) {
            return false;
        }
        let failed = self.failed.load(Ordering::Relaxed);
        failed < 3 || failed < self.held_up.load(Ordering::Relaxed)
    }

    pub(crate) fn held_up(&self) {
        self.held_up.fetch_add(1, Ordering::Relaxed);
    }

    /// PBF of a foreign encoder: no more of it.
    pub(crate) fn is_foreign(&self) {
        self.foreign.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_of_a_foreigner(&self) -> bool {
        self.foreign.load(Ordering::Relaxed)
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// JSON gave coordinates as far off as PBF: it is the layer's extent that is not right.
    pub(crate) fn extent_is_stale(&self) {
        self.stale_extent.fetch_add(1, Ordering::Relaxed);
        // The pages under way at once were doubted for the same reason.
        self.failed.store(0, Ordering::Relaxed);
    }

    /// Whether coordinates are where the layer says that it is, give or take its size, or at least
    /// somewhere on Earth. A wrong transform puts them far away.
    pub(crate) fn is_plausible(&self, bbox: &Bbox, info: &LayerInfo, layout: &Layout) -> bool {
        let Some(geometry) = &layout.geometry else {
            return true;
        };
        if bbox.is_empty() {
            return true;
        }
        if geometry.spatial_reference.code() == Some(4326) && !within(bbox, &EARTH) {
            return false;
        }
        if self.stale_extent.load(Ordering::Relaxed) > 0 {
            return true;
        }
        match &info.extent {
            Some(extent)
                if !extent.bbox.is_empty()
                    && extent.spatial_reference.code().is_some()
                    && extent.spatial_reference.code() == geometry.spatial_reference.code() =>
            {
                let (width, height) = (
                    extent.bbox.xmax - extent.bbox.xmin,
                    extent.bbox.ymax - extent.bbox.ymin,
                );
                // A layer of one point has no size, and its grid still moves it.
                let margin = width.max(height).max(1.0);
                let wider = Bbox {
                    xmin: extent.bbox.xmin - margin,
                    ymin: extent.bbox.ymin - margin,
                    xmax: extent.bbox.xmax + margin,
                    ymax: extent.bbox.ymax + margin,
                };
                within(bbox, &wider)
            }
            _ => true,
        }
    }
}

/// Longitudes go beyond 180 where a layer crosses the antimeridian in one piece.
const EARTH: Bbox = Bbox {
    xmin: -540.0,
    ymin: -90.001,
    xmax: 540.0,
    ymax: 90.001,
};

fn within(inner: &Bbox, outer: &Bbox) -> bool {
    inner.xmin >= outer.xmin
        && inner.ymin >= outer.ymin
        && inner.xmax <= outer.xmax
        && inner.ymax <= outer.ymax
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Dimensions;
    use crate::layout::GeometryLayout;
    use crate::spatial_reference::SpatialReference;

    fn layer_info(extent: &str) -> LayerInfo {
        let json = format!(r#"{{"id":0,"name":"t","type":"Feature Layer","extent":{extent}}}"#);
        LayerInfo::from_json(json.as_bytes()).unwrap()
    }

    fn layout(wkid: i64) -> Layout {
        Layout::new([]).with_geometry(GeometryLayout {
            kind: GeometryType::Point,
            dims: Dimensions::Xy,
            spatial_reference: SpatialReference::from_wkid(wkid),
        })
    }

    fn bbox(xmin: f64, ymin: f64, xmax: f64, ymax: f64) -> Bbox {
        Bbox {
            xmin,
            ymin,
            xmax,
            ymax,
        }
    }

    #[test]
    fn coordinates_far_from_the_extent_are_not_believed() {
        let info = layer_info(
            r#"{"xmin":800000,"ymin":5900000,"xmax":900000,"ymax":6000000,"spatialReference":{"wkid":102100,"latestWkid":3857}}"#,
        );
        let trust = Trust::default();
        assert!(trust.is_plausible(&bbox(810e3, 5.91e6, 890e3, 5.99e6), &info, &layout(3857)));
        assert!(
            trust.is_plausible(&bbox(750e3, 5.85e6, 950e3, 6.05e6), &info, &layout(3857)),
            "a margin"
        );
        // The y axis mirrored, as a wrong origin does.
        assert!(!trust.is_plausible(&bbox(810e3, -62.7e6, 890e3, -62.6e6), &info, &layout(3857)));
        assert!(trust.is_plausible(&bbox(7.2, 46.0, 7.9, 47.0), &info, &layout(4326)));
        assert!(!trust.is_plausible(&bbox(7.2, 46.0, 7.9, 4700.0), &info, &layout(4326)));
        assert!(trust.is_plausible(&Bbox::EMPTY, &info, &layout(3857)));
        trust.extent_is_stale();
        assert!(trust.is_plausible(&bbox(0.0, 0.0, 1.0, 1.0), &info, &layout(3857)));
    }

    #[test]
    fn trust_ends_after_three_failures_unless_more_held_up() {
        let trust = Trust::default();
        trust.failed();
        trust.failed();
        assert!(trust.is_left());
        trust.failed();
        assert!(!trust.is_left());
        for _ in 0..4 {
            trust.held_up();
        }
        assert!(trust.is_left());
    }
}
