//! Options for fetching rows and writing them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use arcgis_rest::export::Compression;
use arcgis_rest::layer::{FormatChoice, Strategy};
use clap::Args;

use crate::folder_place::is_folder;

use super::values::{parse_bytes, parse_format, parse_positive, parse_strategy};
use super::{
    ColumnArgs, ConnectionArgs, CredentialArgs, FilterArgs, FormatArgs, GeoParquetArgs, OrderArgs,
    PaceArgs, PartitionArgs, RequestArgs, ServiceArgs, TypeArgs,
};

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The layer: …/FeatureServer/0 or …/MapServer/3, as pasted; or demo:places, demo:rivers, demo:countries. For all
    /// layers: a service, a folder or …/rest/services; or demo:
    pub(crate) layer: String,

    /// The file to write: .parquet, .arrow, .arrows, .geojson, .geojsonl, .csv, .fgb or .gpkg; - for standard output;
    /// s3://bucket/path, gs://…, az://…, or an https:// address that takes a PUT. For
    /// all layers, and with --partition-by or --partition: a folder, with / behind it where it is not there yet; for all
    /// layers also s3://bucket/path/
    #[arg(value_name = "OUT", required_unless_present = "plan")]
    pub(crate) out: Option<PathBuf>,

    /// Show how the rows would be fetched and why, and fetch and write nothing
    #[arg(long, conflicts_with = "report")]
    pub(crate) plan: bool,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) columns: ColumnArgs,

    #[command(flatten)]
    pub(crate) fetch: FetchArgs,

    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Fail with exit code 5, and write nothing, if rows came or went on the server during the export
    #[arg(long, help_heading = "Output")]
    pub(crate) fail_on_drift: bool,

    /// Get the attachments of the rows too, into this folder, which may be s3://bucket/path/: one below it for each row, and
    /// a list
    #[arg(
        long,
        value_name = "FOLDER",
        help_heading = "Output",
        conflicts_with = "plan"
    )]
    pub(crate) attachments: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) partition: PartitionArgs,

    #[command(flatten)]
    pub(crate) service: ServiceArgs,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

impl ExportArgs {
    /// The folder that files of several layers go to, if it is one that is named.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.out.as_deref().filter(|out| is_folder(out))
    }
}

/// How rows are fetched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fetching")]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    pub(crate) pace: PaceArgs,

    /// The format that the server is asked for: auto takes PBF where the layer has it and JSON where PBF does not hold up
    /// [default: auto]
    #[arg(long, value_name = "auto|json|pbf", value_parser = parse_format)]
    pub(crate) format: Option<FormatChoice>,

    /// How rows are asked for first: single, offset, id-ranges, id-lists, key-set or areas [default: what suits
    /// the layer]
    #[arg(long, value_name = "STRATEGY", value_parser = parse_strategy)]
    pub(crate) strategy: Option<Strategy>,

    /// Keep pages on disk until the file is whole: after a crash, an error or Ctrl-C the same command goes on
    /// behind them
    #[arg(long)]
    pub(crate) resume: bool,

    /// The folder where --resume keeps pages, and where rows are sorted that do not fit into memory [default:
    /// beside the file, or for addresses where the system keeps temporary files]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) spill: Option<PathBuf>,

    /// Leave out rows that the server cannot serve however it is asked, and name them, in place of failing with
    /// exit code 5
    #[arg(long)]
    pub(crate) allow_skips: bool,

    /// Do not ask for all rows as of one moment where the layer keeps its history
    #[arg(long)]
    pub(crate) no_snapshot: bool,
}

/// How the file is written; the same for an export and a conversion.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct FileArgs {
    #[command(flatten)]
    pub(crate) format: FormatArgs,

    /// Compression of GeoParquet and Arrow: zstd, zstd:<level 1 to 22>, none, or in GeoParquet snappy [default: zstd:3
    /// in GeoParquet, none in Arrow]
    #[arg(long, value_name = "CODEC")]
    pub(crate) compression: Option<Compression>,

    /// Rows per row group of GeoParquet, at most [default: 100000]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "ROWS",
        value_parser = parse_positive::<NonZeroUsize>
    )]
    pub(crate) row_group_rows: Option<NonZeroUsize>,

    /// Bytes per row group, compressed, about, such as 64M; whichever limit comes first [default: 128M]
    #[arg(long, allow_negative_numbers = true, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) row_group_size: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) order: OrderArgs,

    /// Replace the file or the object if it exists
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Write null where a value does not fit its column, and count it, in place of failing
    #[arg(long)]
    pub(crate) lenient: bool,

    /// Write the report of what was done, or of why it failed, as JSON to this file too
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) geoparquet: GeoParquetArgs,

    #[command(flatten)]
    pub(crate) types: TypeArgs,
}
