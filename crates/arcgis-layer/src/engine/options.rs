//! How to fetch.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use super::strategy::Strategy;
use crate::format::FormatChoice;

/// How to fetch; the defaults suit most servers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FetchOptions {
    /// Rows to ask for at once; the server's limit if it is less. By default the server's limit.
    pub page_size: Option<NonZeroU32>,
    /// Pages under way at once; 4 by default.
    pub concurrency: NonZeroUsize,
    /// Bytes of pages that are under way or wait for their turn; 128 MiB by default. One page is
    /// always allowed, however large.
    pub window_bytes: u64,
    /// The format to ask for.
    pub format: FormatChoice,
    /// How to ask for rows first. By default what the layer says of itself decides.
    pub strategy: Option<Strategy>,
    /// Whether rows that the server cannot serve are left out, and named in the [`Completion`](crate::Completion),
    /// instead of an error. Default: no.
    pub allow_skips: bool,
    /// The most time for the fetch, from the plan to the proof. By default there is no limit.
    pub time_budget: Option<Duration>,
    /// Whether all requests of the fetch see the layer as of one moment (`historicMoment`), where the layer keeps
    /// its history. Default: yes.
    pub snapshot: bool,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            page_size: None,
            concurrency: NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN),
            window_bytes: 128 * 1024 * 1024,
            format: FormatChoice::Auto,
            strategy: None,
            allow_skips: false,
            time_budget: None,
            snapshot: true,
        }
    }
}

impl FetchOptions {
    /// Sets the rows to ask for at once.
    #[must_use]
    pub fn with_page_size(mut self, rows: NonZeroU32) -> Self {
        self.page_size = Some(rows);
        self
    }

    /// Sets how many pages are under way at once.
    #[must_use]
    pub fn with_concurrency(mut self, pages: NonZeroUsize) -> Self {
        self.concurrency = pages;
        self
    }

    /// Sets the format to ask for.
    #[must_use]
    pub fn with_format(mut self, format: FormatChoice) -> Self {
        self.format = format;
        self
    }

    /// Sets how many bytes of pages are held at once.
    #[must_use]
    pub fn with_window_bytes(mut self, bytes: u64) -> Self {
        self.window_bytes = bytes;
        self
    }

    /// Sets how to ask for rows first.
    #[must_use]
    pub fn with_strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = Some(strategy);
        self
    }

    /// Sets whether rows that the server cannot serve are left out and named instead of an error.
    #[must_use]
    pub fn with_allow_skips(mut self, allow: bool) -> Self {
        self.allow_skips = allow;
        self
    }

    /// Sets the most time for the fetch.
    #[must_use]
    pub fn with_time_budget(mut self, budget: Duration) -> Self {
        self.time_budget = Some(budget);
        self
    }

    /// Sets whether the layer is seen as of one moment, where it keeps its history.
    #[must_use]
    pub fn with_snapshot(mut self, snapshot: bool) -> Self {
        self.snapshot = snapshot;
        self
    }
}
