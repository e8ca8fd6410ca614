//! Options of `arcgis preview`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::query::{ColumnArgs, FilterArgs};
use super::values::{parse_positive, parse_text};
use super::{ConnectionArgs, CredentialArgs, RequestArgs};

/// `arcgis preview`
#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// A GeoParquet file; or a layer: …/FeatureServer/0 or …/MapServer/3, as pasted, or an item of a portal; or
    /// demo:places, demo:rivers, demo:countries
    #[arg(value_name = "FILE|LAYER")]
    pub(crate) source: String,

    #[command(flatten)]
    pub(crate) look: LookArgs,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) columns: ColumnArgs,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

/// How it is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct LookArgs {
    /// Write a picture (.png), or a page with map, table and columns (.html) [default: a map in the terminal]
    #[arg(short, long, value_name = "FILE", help_heading = None::<&'static str>)]
    pub(crate) out: Option<PathBuf>,

    /// The title [default: the name of the layer, or of the file]
    #[arg(long, value_name = "TEXT", value_parser = parse_text)]
    pub(crate) title: Option<String>,

    /// The width of a picture in pixels, 200 to 8000 [default: 1600]
    #[arg(
        long,
        value_name = "PIXELS",
        value_parser = clap::value_parser!(u32).range(200..=8000)
    )]
    pub(crate) width: Option<u32>,

    /// Light on dark, in a picture; pages follow the system, and have a switch
    #[arg(long)]
    pub(crate) dark: bool,

    /// Rows in a page, at most; of more, as many are chosen at random, and the page says so [default: 100000]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "ROWS",
        value_parser = parse_positive::<NonZeroUsize>
    )]
    pub(crate) rows: Option<NonZeroUsize>,

    /// Replace the file if it exists
    #[arg(long, requires = "out")]
    pub(crate) overwrite: bool,
}
