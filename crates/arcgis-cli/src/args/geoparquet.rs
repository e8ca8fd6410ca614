//! Options for how GeoParquet is written.

use arcgis_rest::export::{GeoParquetVersion, GeometryEncoding, WriterOptions};
use clap::Args;

/// Which GeoParquet, and how it holds geometry.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct GeoParquetArgs {
    /// The version of GeoParquet: 1.1, or 2.0 with Parquet's own geometry type, statistics of where geometries are,
    /// and m [default: 1.1]
    #[arg(long, value_name = "1.1|2.0")]
    geoparquet_version: Option<GeoParquetVersion>,

    /// How GeoParquet 1.1 holds geometry: wkb, or native for coordinates in columns of their own, with every polygon
    /// as a multipolygon and every line as a multilinestring [default: wkb]
    #[arg(long, value_name = "wkb|native")]
    geometry_encoding: Option<GeometryEncoding>,
}

impl GeoParquetArgs {
    /// Sets what was given.
    pub(crate) fn apply(&self, mut options: WriterOptions) -> WriterOptions {
        if let Some(version) = self.geoparquet_version {
            options = options.with_geoparquet_version(version);
        }
        if let Some(encoding) = self.geometry_encoding {
            options = options.with_geometry_encoding(encoding);
        }
        options
    }
}
