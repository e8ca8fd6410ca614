//! Rectangles in longitude and latitude.

use crate::error::QueryError;
use crate::geometry::Bbox;
use crate::spatial_filter::SpatialFilter;

/// A rectangle in WGS 84 that has an inside. Across the 180th meridian, `xmin` is above `xmax`, as in GeoJSON (RFC 7946, 5.2).
pub(super) fn checked(bbox: Bbox) -> Result<Bbox, QueryError> {
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
    } else if xmin - xmax == 360.0 {
        "it has no width: 180 and -180 are the same meridian"
    } else if xmin > xmax && xmin - xmax < 180.0 {
        // More likely two numbers in each other's place than most of the world.
        "xmin is above xmax: that is a rectangle across the 180th meridian, and this one would go around more than half of the world"
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

/// The rows that touch a rectangle. One across the 180th meridian is sent as two, since servers take west from east for
/// granted; both have the same positions there, so nothing lies between them in whatever reference system.
pub(super) fn filter(bbox: Bbox) -> Result<SpatialFilter, QueryError> {
    let bbox = checked(bbox)?;
    if bbox.xmin < bbox.xmax {
        return SpatialFilter::from_bbox(bbox);
    }
    let west = Bbox {
        xmax: 180.0,
        ..bbox
    };
    let east = Bbox {
        xmin: -180.0,
        ..bbox
    };
    let sides: Vec<Bbox> = [west, east]
        .into_iter()
        .filter(|side| side.xmin < side.xmax)
        .collect();
    SpatialFilter::from_bboxes(&sides)
}
