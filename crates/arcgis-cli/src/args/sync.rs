//! Options for bringing a file up to date.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::{parse_budget, parse_bytes};
use super::{
    ColumnArgs, ConnectionArgs, CredentialArgs, FilterArgs, PaceArgs, RequestArgs, ServiceArgs,
};

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The layer that the file or the dataset was exported from; or the service, folder or server whose layers are in the folder
    pub(crate) layer: String,

    /// The file to bring up to date: GeoParquet, written by arcgis export, also s3://bucket/path, gs://…, az://…; the folder
    /// of a layer's dataset in several files; or the folder with the layers of a service, also s3://bucket/path/
    #[arg(value_name = "FILE.parquet|FOLDER/")]
    pub(crate) file: PathBuf,

    /// Export everything again and compare, whatever the service tells of its changes
    #[arg(long, help_heading = "Fetching")]
    pub(crate) full: bool,

    /// How far the date of an edit may lie before the moment at which others could see it, such as 90s or 30m: rows
    /// edited so long before the export are fetched again where edits are known by their dates [default: 10m]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "TIME",
        value_parser = parse_budget,
        help_heading = "Fetching"
    )]
    pub(crate) margin: Option<Duration>,

    #[command(flatten)]
    pub(crate) fetch: SyncFetchArgs,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) columns: ColumnArgs,

    /// Fail with exit code 5, and leave the file, if rows came or went on the server meanwhile
    #[arg(long, help_heading = "Output")]
    pub(crate) fail_on_drift: bool,

    /// Get the attachments of the rows too, into this folder, which may be s3://bucket/path/: those that are there with
    /// their size stay
    #[arg(long, value_name = "FOLDER", help_heading = "Whole services")]
    pub(crate) attachments: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) service: ServiceArgs,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

/// How the rows that have changed are fetched and sorted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fetching")]
pub(crate) struct SyncFetchArgs {
    #[command(flatten)]
    pub(crate) pace: PaceArgs,

    /// Leave out rows that the server cannot serve however it is asked, and name them, in place of failing with
    /// exit code 5: where the file was exported so
    #[arg(long)]
    pub(crate) allow_skips: bool,

    /// Memory for rows that are sorted, such as 512M or 2G; more than that are sorted on disk [default: 64M]
    #[arg(long, allow_negative_numbers = true, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) memory: Option<NonZeroUsize>,

    /// The folder where rows are sorted that do not fit into memory, and for what comes from a bucket or goes there
    /// [default: beside the file, or where the system keeps temporary files]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) spill: Option<PathBuf>,
}
