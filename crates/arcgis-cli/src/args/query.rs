//! Options for which rows and which columns.

use std::num::NonZeroU64;
use std::path::PathBuf;

use arcgis_rest::export::Timestamp;
use arcgis_rest::layer::{Bbox, Query, SpatialRelation, SqlFormat, TimeFilter};
use clap::Args;

use super::values::{
    Distance, OutSr, parse_condition, parse_distance, parse_moment, parse_names, parse_object_id,
    parse_positive, parse_relation, parse_span, parse_sql_format, parse_text,
};

/// Which rows.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rows and columns")]
pub(crate) struct FilterArgs {
    /// Only rows for which this SQL condition holds
    #[arg(
        long = "where",
        value_name = "SQL",
        allow_hyphen_values = true,
        value_parser = parse_condition
    )]
    pub(crate) where_clause: Option<String>,

    /// The dialect of --where: standard, which servers translate, or native, that of the database [default: the
    /// server's choice]
    #[arg(long, value_name = "DIALECT", value_parser = parse_sql_format)]
    pub(crate) sql_format: Option<SqlFormat>,

    /// Only the rows with these object ids, with commas between them
    #[arg(
        long,
        value_name = "IDS",
        value_delimiter = ',',
        allow_hyphen_values = true,
        value_parser = parse_object_id
    )]
    pub(crate) object_ids: Vec<i64>,

    /// Only rows that touch this rectangle, in degrees (WGS 84); across the 180th meridian XMIN is above XMAX
    #[arg(
        long,
        value_name = "XMIN,YMIN,XMAX,YMAX",
        allow_hyphen_values = true,
        value_parser = Query::parse_bbox
    )]
    pub(crate) bbox: Option<Bbox>,

    /// Only rows that touch the geometry in this file, GeoJSON or Esri JSON; they are not cut at its border. A
    /// geometry too large for one request is sent in parts
    #[arg(long, value_name = "FILE.geojson", conflicts_with = "bbox")]
    pub(crate) clip: Option<PathBuf>,

    /// How rows lie to the geometry of --clip, in place of touching it: contains (it contains them), within,
    /// crosses, overlaps, touches, envelope-intersects, index-intersects, or a pattern such as T*T***T**
    #[arg(long, value_name = "RELATION", requires = "clip", value_parser = parse_relation)]
    pub(crate) relation: Option<SpatialRelation>,

    /// Widen the geometry of --clip by this much, with its unit: m, km, ft, mi or nmi
    #[arg(long, value_name = "DISTANCE", requires = "clip")]
    pub(crate) distance: Option<Distance>,

    /// Only rows of this time, where the layer knows one: a moment, a date (all of that day in UTC), or FROM/TO
    /// with .. for an end that is open, such as 2024-01-01/..
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub(crate) time: Option<TimeFilter>,

    /// The rows as they were at this moment, such as 2024-05-01T12:00:00Z, where the layer keeps its history
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment)]
    pub(crate) historic_moment: Option<Timestamp>,

    /// The rows of this version of the geodatabase, such as SDE.DEFAULT
    #[arg(long, value_name = "NAME", value_parser = parse_text)]
    pub(crate) gdb_version: Option<String>,

    /// A further parameter of the layer's query operation; may be repeated
    #[arg(long = "param", value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub(crate) params: Vec<String>,
}

/// Which columns, and how their geometry is made.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rows and columns")]
pub(crate) struct ColumnArgs {
    /// Only these fields, in this order, with commas between them
    #[arg(long, value_name = "NAMES", value_parser = parse_names)]
    pub(crate) fields: Vec<String>,

    /// All fields but these, with commas between them
    #[arg(long, value_name = "NAMES", value_parser = parse_names)]
    pub(crate) exclude_fields: Vec<String>,

    /// Attributes only
    #[arg(long)]
    pub(crate) no_geometry: bool,

    /// At most this many rows, the first in the order of the object id
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "ROWS",
        value_parser = parse_positive::<NonZeroU64>
    )]
    pub(crate) limit: Option<NonZeroU64>,

    /// Coordinates in this reference system, made by the server; native is the layer's own [default: native, and 4326
    /// where the format is GeoJSON]
    #[arg(long, value_name = "WKID|native")]
    pub(crate) out_sr: Option<OutSr>,

    /// The way from the layer's datum to that of --out-sr: the number of a transformation, or its JSON
    #[arg(long, value_name = "WKID|JSON", value_parser = parse_text)]
    pub(crate) datum_transformation: Option<String>,

    /// Let the server simplify geometry by up to this distance, in units of the output's CRS
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "DISTANCE",
        value_parser = parse_distance
    )]
    pub(crate) max_allowable_offset: Option<f64>,

    /// The footprints of multipatches, as polygons; their bodies cannot be had
    #[arg(long, conflicts_with = "no_geometry")]
    pub(crate) multipatch_footprint: bool,

    /// Let the server round x and y to so many digits behind the point
    #[arg(long, value_name = "DIGITS")]
    pub(crate) geometry_precision: Option<u8>,
}
