//! Options for how GeoParquet is written.

use arcgis_rest::export::{FileFormat, GeoParquetVersion, GeometryEncoding, WriterOptions};
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
    /// The option that is not for a format or another option, and what that has not.
    pub(crate) fn refused(&self, format: FileFormat) -> Option<(&'static str, String)> {
        if format != FileFormat::GeoParquet {
            return if self.geoparquet_version.is_some() {
                Some(("--geoparquet-version", format!("{format} has no versions")))
            } else if self.geometry_encoding.is_some() {
                Some((
                    "--geometry-encoding",
                    format!("{format} has no choice of it"),
                ))
            } else {
                None
            };
        }
        let version = self.geoparquet_version.unwrap_or_default();
        let encoding = self.geometry_encoding.unwrap_or_default();
        let is_both = (version, encoding) == (GeoParquetVersion::V2_0, GeometryEncoding::Native);
        is_both.then(|| {
            let why = format!("GeoParquet {version} has no encoding {encoding}");
            ("--geometry-encoding", why)
        })
    }

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
