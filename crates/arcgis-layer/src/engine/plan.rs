//! How a query's rows will be fetched, decided before the first of them.

use super::options::FetchOptions;
use super::strategy::Strategy;
use crate::address::LayerAddress;
use crate::format::PageFormat;
use crate::ids::IdSet;
use crate::query::ResolvedQuery;

/// What will be fetched, and how. Made by [`Layer::plan`], carried out by [`Layer::pages`].
#[derive(Debug, Clone)]
pub struct Plan {
    /// The layer that it is for.
    pub(crate) address: LayerAddress,
    pub(crate) query: ResolvedQuery,
    pub(crate) strategy: Strategy,
    pub(crate) reason: String,
    pub(crate) page_size: u32,
    pub(crate) format: PageFormat,
    /// Rows that match, at the start.
    pub(crate) matching: u64,
    /// Rows to deliver: `matching`, or the limit.
    pub(crate) rows: u64,
    /// How the rows of each page are known beforehand.
    pub(crate) source: Source,
    /// Whether the server's own list shows that some ids stand for several rows.
    pub(crate) ambiguous_ids: bool,
    pub(crate) options: FetchOptions,
}

impl Plan {
    /// The query that the plan is for.
    #[must_use]
    pub fn query(&self) -> &ResolvedQuery {
        &self.query
    }

    /// How rows are asked for.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Why so.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Rows per page.
    #[must_use]
    pub fn page_size(&self) -> u32 {
        self.page_size
    }

    /// The format that pages are asked for in.
    #[must_use]
    pub fn format(&self) -> PageFormat {
        self.format
    }

    /// Rows that match the query, before any limit.
    #[must_use]
    pub fn matching(&self) -> u64 {
        self.matching
    }

    /// Rows to deliver.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Pages to fetch if the server does as it says.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.rows.div_ceil(u64::from(self.page_size))
    }

    /// All matching ids at the start, if they identify rows.
    pub(crate) fn ids(&self) -> Option<&IdSet> {
        match &self.source {
            Source::Listed(ids) => Some(ids),
            Source::Places => None,
        }
    }

    /// Whether rows are known by their fingerprints alone: no id identifies them.
    pub(crate) fn by_fingerprint(&self) -> bool {
        self.ids().is_none() && (self.query.layout().object_id.is_none() || self.ambiguous_ids)
    }

    /// The part of the rows that a page covers, as places in id order: from, to (excluded).
    pub(crate) fn slot(&self, index: u64) -> (u64, u64) {
        let size = u64::from(self.page_size);
        let from = index * size;
        (from, (from + size).min(self.rows))
    }
}

/// How the rows of the pages are known beforehand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// By all matching ids at the start, which identify rows: each page has its part of them.
    Listed(IdSet),
    /// By their number: each page has its part of the places.
    Places,
}
