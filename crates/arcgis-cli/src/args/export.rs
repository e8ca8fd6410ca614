//! Options for fetching rows and writing them.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use arcgis_rest::export::Compression;
use arcgis_rest::layer::FormatChoice;
use clap::Args;

use super::values::{parse_format, parse_positive};

/// How rows are fetched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fetching")]
pub(crate) struct FetchArgs {
    /// Rows per request [default: the most that the server allows]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "ROWS",
        value_parser = parse_positive::<NonZeroU32>
    )]
    pub(crate) page_size: Option<NonZeroU32>,

    /// The format to ask for: auto takes PBF where the layer has it and JSON where PBF does not hold up
    /// [default: auto]
    #[arg(long, value_name = "auto|json|pbf", value_parser = parse_format)]
    pub(crate) format: Option<FormatChoice>,

    /// Requests under way at once, at most [default: 4]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "REQUESTS",
        value_parser = parse_positive::<NonZeroUsize>
    )]
    pub(crate) concurrency: Option<NonZeroUsize>,
}

/// How the file is written; the same for an export and a conversion.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct FileArgs {
    /// Compression: zstd, zstd:<level 1 to 22>, snappy or none [default: zstd:3]
    #[arg(long, value_name = "CODEC")]
    pub(crate) compression: Option<Compression>,

    /// Rows per row group, at most [default: 100000]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "ROWS",
        value_parser = parse_positive::<NonZeroUsize>
    )]
    pub(crate) row_group_rows: Option<NonZeroUsize>,

    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Write null where a value does not fit its column, and count it, in place of failing
    #[arg(long)]
    pub(crate) lenient: bool,

    /// Write the report of what was done, or of why it failed, as JSON to this file too
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Option<PathBuf>,
}
