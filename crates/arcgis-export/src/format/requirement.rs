//! What a format can hold, and what it wants.

use crate::column_options::{ColumnOptions, DomainValues, GuidType};
use crate::crs::ResolvedCrs;
use crate::error::Error;
use crate::options::{Compression, WriterOptions};
use crate::schema::ExportSchema;

use super::FileFormat;

/// The reference system of GeoJSON.
pub(crate) const WGS84: i64 = 4326;

/// What a format asks of an export.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requirement(pub(crate) FileFormat);

impl Requirement {
    /// Makes sure that the options are ones that the format has.
    pub(crate) fn check_options(self, options: &WriterOptions) -> Result<(), Error> {
        let usual = WriterOptions::default();
        let refused = |option: &str| {
            Err(Error::Unsupported {
                option: option.to_owned(),
                by: self.0.to_string(),
            })
        };
        match options.compression {
            Some(Compression::Snappy) if !self.0.has_compression(Compression::Snappy) => {
                return refused("compression with snappy");
            }
            Some(compression) if !self.0.has_compression(compression) => {
                return refused("compression");
            }
            _ => {}
        }
        if !self.0.has_row_groups()
            && (options.row_group_rows, options.row_group_bytes)
                != (usual.row_group_rows, usual.row_group_bytes)
        {
            return refused("row groups");
        }
        if self.0 != FileFormat::GeoParquet {
            if options.geoparquet_version != usual.geoparquet_version {
                return refused("a version of GeoParquet");
            }
            if options.geometry_encoding != usual.geometry_encoding {
                return refused("the geometry encoding native");
            }
        }
        Ok(())
    }

    /// Makes sure that the format holds what columns are to hold.
    pub(crate) fn check_columns(self, options: &ColumnOptions) -> Result<(), Error> {
        let refused = |option: &str| {
            Err(Error::Unsupported {
                option: option.to_owned(),
                by: self.0.to_string(),
            })
        };
        if self.0.keeps_arrow_types() {
            return Ok(());
        }
        if options.domains == DomainValues::Dictionary {
            return refused("a dictionary of labels");
        }
        if options.guids == GuidType::Uuid {
            return refused("a type for GUIDs");
        }
        Ok(())
    }

    /// Makes sure that the coordinates are in a reference system that the format has.
    pub(crate) fn check_crs(self, schema: &ExportSchema) -> Result<(), Error> {
        if !self.0.is_in_degrees() || schema.geometry_name().is_none() {
            return Ok(());
        }
        match schema.crs().map(ResolvedCrs::id) {
            Some(id) if is_degrees(&id) => Ok(()),
            found => Err(Error::NotInDegrees {
                format: self.0,
                found: found.unwrap_or_else(|| "an unknown reference system".to_owned()),
            }),
        }
    }
}

/// Heights above some sea do not change where a place is.
fn is_degrees(id: &str) -> bool {
    let mut codes = id.split('+');
    codes.next() == Some("EPSG:4326")
}
