//! How a query's rows will be fetched, decided before the first of them.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::options::FetchOptions;
use super::part::Part;
use super::proof::Proof;
use super::strategy::Strategy;
use crate::address::LayerAddress;
use crate::format::PageFormat;
use crate::ids::IdSet;
use crate::query::ResolvedQuery;

/// What will be fetched, and how. Made by [`Layer::plan`](crate::Layer::plan), carried out by
/// [`Layer::pages`](crate::Layer::pages).
///
/// Its `Display` is some lines for people, [`Plan::summary`] the same for programs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The layer that it is for.
    pub(crate) address: LayerAddress,
    pub(crate) layer_name: String,
    pub(crate) query: ResolvedQuery,
    pub(crate) strategy: Strategy,
    pub(crate) reason: String,
    pub(crate) page_size: u32,
    pub(crate) cap: PageCap,
    pub(crate) format: PageFormat,
    pub(crate) format_reason: String,
    /// Rows that match, at the start.
    pub(crate) matching: u64,
    /// Rows to deliver: `matching`, or the limit.
    pub(crate) rows: u64,
    /// How many more rows the server counts than there are.
    pub(crate) count_excess: u64,
    /// How the rows of each page are known beforehand.
    pub(crate) source: Source,
    /// Those of the listed ids whose rows are to be fetched, where others are at hand already.
    pub(crate) wanted: Option<IdSet>,
    /// Whether the server's own list shows that some ids stand for several rows.
    pub(crate) ambiguous_ids: bool,
    /// The moment as of which all requests see the layer, in milliseconds since 1970.
    pub(crate) moment: Option<i64>,
    /// When the plan was made, by the server's clock, in milliseconds since 1970.
    pub(crate) made_at: Option<i64>,
    /// The field that says when a row was edited last.
    pub(crate) edit_field: Option<String>,
    /// When the layer was edited last, as it said before the plan was made.
    pub(crate) last_edit: Option<i64>,
    pub(crate) options: FetchOptions,
    /// When the plan was begun, for the time budget.
    pub(crate) begun: Instant,
    /// How long a request of the plan's own took, in the mean.
    pub(crate) latency: Option<Duration>,
    /// Bytes in a second, where the ids were enough to tell.
    pub(crate) rate: Option<f64>,
}

/// Which of the server's limits pages go up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PageCap {
    /// `maxRecordCount`.
    Usual,
    /// `standardMaxRecordCount`, which takes `resultType=standard`.
    Standard,
    /// `maxRecordCount` times this, which `maxRecordCountFactor` says.
    Factor(u32),
}

/// How the rows of the pages are known beforehand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// By all matching ids at the start, which identify rows: each page has its part of them.
    Listed(IdSet),
    /// By their number: each page has its part of the places.
    Places,
    /// By what was counted in each part.
    Parts(Vec<Part>),
}

impl Plan {
    /// The query that the plan is for.
    #[must_use]
    pub fn query(&self) -> &ResolvedQuery {
        &self.query
    }

    /// How rows are asked for first.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Why so.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The most rows per page. The engine begins with fewer where these are many, and goes by how large answers
    /// are and how long they take.
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

    /// Pages to fetch: the first ones have 2,000 rows at most unless the caller has chosen a size, and grow where rows are
    /// as light as their types suggest.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.expected().slots
    }

    /// The moment as of which all rows are, in milliseconds since 1970: where the layer keeps its history, and
    /// unless [`FetchOptions::snapshot`] is off.
    #[must_use]
    pub fn historic_moment(&self) -> Option<i64> {
        self.moment
    }

    /// Whether the layer can be asked at the end which rows were edited since the plan was made: it tracks edits
    /// (`editFieldsInfo`), its ids are listed, it is not seen as of a moment, and there are rows to fetch. Then
    /// [`Pages::with_edited_rows_again`] fetches those again that were edited; rows that [are at hand](Self::without) are
    /// named at the end.
    ///
    /// [`Pages::with_edited_rows_again`]: crate::Pages::with_edited_rows_again
    #[must_use]
    pub fn names_edited_rows(&self) -> bool {
        let dated = self.edit_field.is_some() && self.made_at.is_some();
        let some = self.ids().is_some() && self.wanted().is_some_and(|ids| !ids.is_empty());
        dated && self.moment.is_none() && some
    }

    /// How it will be known that every row came once.
    #[must_use]
    pub fn proof(&self) -> Proof {
        if self.ids().is_some() {
            Proof::ObjectIds
        } else if self.by_fingerprint() {
            Proof::FingerprintsAndCount
        } else {
            Proof::UniqueIdsAndCount
        }
    }

    /// All matching ids at the start, if they identify rows.
    pub(crate) fn ids(&self) -> Option<&IdSet> {
        match &self.source {
            Source::Listed(ids) => Some(ids),
            Source::Places | Source::Parts(_) => None,
        }
    }

    /// Whether rows are known by their fingerprints alone: no id identifies them.
    pub(crate) fn by_fingerprint(&self) -> bool {
        self.ids().is_none() && (self.query.layout().object_id.is_none() || self.ambiguous_ids)
    }

    /// Whether rows may have moved from one page by offset to another: `now` are counted at the end, and no list of
    /// ids tells which rows there have to be.
    pub(crate) fn shifts(&self, now: u64) -> bool {
        self.may_shift() && now != self.matching
    }

    /// Whether rows are known by their places alone, which others that come or go would change. Then each page but the
    /// first begins with the last row of the one before: another one shows that rows have moved.
    pub(crate) fn may_shift(&self) -> bool {
        self.strategy == Strategy::Offset && self.ids().is_none()
    }

    /// Whether the rows behind the last one are asked for until none comes, and between two of them for what may lie
    /// there.
    pub(crate) fn looks_between(&self) -> bool {
        self.strategy == Strategy::KeySet
            && self.options.strategy == Some(Strategy::KeySet)
            && self.query.limit().is_none()
    }

    /// Whether it is asked what lies behind the last listed id.
    pub(crate) fn looks_behind(&self) -> bool {
        let all = self.rows == self.matching;
        self.ids().is_some_and(|ids| all && !ids.is_empty()) && self.query.parts() == 1
    }

    /// The time that is left for the fetch.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let budget = self.options.time_budget?;
        Some(budget.saturating_sub(self.begun.elapsed()))
    }
}
