//! Options for datasets in several files.

use std::num::{NonZeroU64, NonZeroUsize};

use arcgis_rest::export::Partitions;
use clap::{Args, ValueEnum};

use super::values::{parse_bytes, parse_positive};

/// How the rows of a layer are cut into files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Partitions")]
pub(crate) struct PartitionArgs {
    /// Write a dataset of several files into the folder OUT: those of each value of this field in a folder FIELD=value
    /// of their own; for several fields, with commas between them, one below the other
    #[arg(
        long,
        value_name = "FIELD,…",
        value_delimiter = ',',
        conflicts_with = "partition"
    )]
    pub(crate) partition_by: Vec<String>,

    /// Write a dataset of several files into the folder OUT: spatial puts rows that are near each other on the map
    /// into one file
    #[arg(long, value_name = "spatial", hide_possible_values = true)]
    pub(crate) partition: Option<Spatial>,

    /// The size at which a file ends and the next one begins, about, such as 256M [default: 128M with --partition
    /// spatial, none with --partition-by]
    #[arg(long, allow_negative_numbers = true, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) partition_size: Option<NonZeroUsize>,

    /// Rows in a file, at most; whichever limit comes first
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "ROWS",
        value_parser = parse_positive::<NonZeroU64>
    )]
    pub(crate) partition_rows: Option<NonZeroU64>,
}

/// What else than values rows are partitioned by.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Spatial {
    Spatial,
}

impl PartitionArgs {
    /// The option that asks for several files.
    pub(crate) fn given(&self) -> Option<&'static str> {
        if self.partition_by.is_empty() {
            self.partition.map(|_| "--partition")
        } else {
            Some("--partition-by")
        }
    }

    /// The first option that says how large files are.
    pub(crate) fn limit(&self) -> Option<&'static str> {
        match (self.partition_size, self.partition_rows) {
            (Some(_), _) => Some("--partition-size"),
            (None, Some(_)) => Some("--partition-rows"),
            (None, None) => None,
        }
    }

    /// How rows are cut into files, if they are.
    pub(crate) fn partitions(&self) -> Option<Partitions> {
        self.given()?;
        let mut partitions = match self.partition {
            Some(Spatial::Spatial) => Partitions::spatial(),
            None => Partitions::by_fields(&self.partition_by),
        };
        let bytes = self.partition_size;
        if let Some(bytes) = bytes.and_then(|bytes| NonZeroU64::new(bytes.get() as u64)) {
            partitions = partitions.with_file_bytes(bytes);
        }
        if let Some(rows) = self.partition_rows {
            partitions = partitions.with_file_rows(rows);
        }
        Some(partitions)
    }
}
