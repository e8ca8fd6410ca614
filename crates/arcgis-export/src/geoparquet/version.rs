//! Which GeoParquet a file is, and how it holds geometry.

use std::fmt;
use std::str::FromStr;

use crate::column_options::named;

/// The version of GeoParquet that a file follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum GeoParquetVersion {
    /// [1.1](https://geoparquet.org/releases/v1.1.0/), which every reader knows: geometry in a plain column, and
    /// beside it the bounding box of each row, by which readers skip.
    #[default]
    V1_1,
    /// 2.0: geometry as Parquet's own type GEOMETRY, with the CRS in the schema, bounds and types of each row
    /// group in its statistics, and no bounding boxes beside. It keeps m. Never GEOGRAPHY: the edges of ArcGIS
    /// geometries are straight lines between their coordinates.
    V2_0,
}

named!(GeoParquetVersion, "1.1 or 2.0", V1_1 => "1.1", V2_0 => "2.0");

/// How a GeoParquet file holds geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum GeometryEncoding {
    /// ISO WKB.
    #[default]
    Wkb,
    /// Coordinates in columns of their own, as GeoArrow separates them; in GeoParquet 1.1 alone. Such a column
    /// holds one type of geometry, so every polygon is written as a multipolygon, and every line as a
    /// multilinestring. A geometry of another kind than the layer's is an error. Points have no bounding boxes beside,
    /// since their coordinates are columns with statistics themselves.
    Native,
}

named!(GeometryEncoding, "wkb or native", Wkb => "wkb", Native => "native");
