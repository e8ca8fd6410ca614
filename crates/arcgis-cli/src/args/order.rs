//! Options for the order of rows.

use std::num::NonZeroUsize;

use arcgis_rest::export::RowOrder;
use clap::Args;

use super::values::{parse_bytes, parse_order};

/// In which order rows are written, and what sorting them may take.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OrderArgs {
    /// The order of rows: hilbert puts those that are near each other on the map together, id goes by object id,
    /// none takes them as they come [default: hilbert; id on standard output and in Arrow streams]
    #[arg(long, value_name = "hilbert|id|none", value_parser = parse_order)]
    pub(crate) order: Option<RowOrder>,

    /// Memory for rows that are sorted, such as 512M or 2G; more than that are sorted on disk [default: 64M]
    #[arg(long, allow_negative_numbers = true, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) memory: Option<NonZeroUsize>,
}
