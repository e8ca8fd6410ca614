//! Options for how fast rows are asked for.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use anyhow::Result;
use arcgis_rest::layer::FetchOptions;
use clap::Args;

use super::values::{parse_budget, parse_positive};
use crate::settings::{Settings, key};

/// How many rows and requests at once, and for how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fetching")]
pub(crate) struct PaceArgs {
    /// Rows per request [default: the most that the server allows]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "ROWS",
        value_parser = parse_positive::<NonZeroU32>
    )]
    page_size: Option<NonZeroU32>,

    /// Requests under way at once, at most [default: 4]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "REQUESTS",
        value_parser = parse_positive::<NonZeroUsize>
    )]
    concurrency: Option<NonZeroUsize>,

    /// The most time for the rows, such as 90s, 30m or 8h; then fail with exit code 4 [default: no limit]
    #[arg(long, allow_negative_numbers = true, value_name = "TIME", value_parser = parse_budget)]
    time_budget: Option<Duration>,
}

impl PaceArgs {
    /// Requests at once, where nothing says otherwise those of the settings.
    pub(crate) fn concurrency(&self, settings: &Settings) -> Result<NonZeroUsize> {
        Ok(settings.get(&key::CONCURRENCY, self.concurrency)?.value)
    }

    /// The same for the rows of an export.
    pub(crate) fn options(&self, settings: &Settings) -> Result<FetchOptions> {
        let mut options = FetchOptions::default().with_concurrency(self.concurrency(settings)?);
        if let Some(rows) = settings.find(&key::PAGE_SIZE, self.page_size)? {
            options = options.with_page_size(rows.value);
        }
        if let Some(budget) = self.time_budget {
            options = options.with_time_budget(budget);
        }
        Ok(options)
    }
}
