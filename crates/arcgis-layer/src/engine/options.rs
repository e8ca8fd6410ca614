//! How to fetch.

use std::num::{NonZeroU32, NonZeroUsize};

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
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            page_size: None,
            concurrency: NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN),
            window_bytes: 128 * 1024 * 1024,
            format: FormatChoice::Auto,
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
}
