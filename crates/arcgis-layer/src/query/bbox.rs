//! Rectangles in longitude and latitude.

use crate::error::QueryError;
use crate::geometry::Bbox;

/// A rectangle in WGS 84 that has an inside.
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
