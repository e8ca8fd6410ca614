//! Plans for a part of the rows, where the others are at hand already.

use super::plan::Plan;
use super::record::PageRecord;
use super::strategy::Strategy;
use crate::ids::IdSet;

/// From this share of the rows between the first and the last wanted one on, ranges of ids bring little that is not
/// wanted.
const DENSE: u64 = 2;

impl Plan {
    /// All matching ids when the plan was made, where they were listed and identify rows. `None` where they do not,
    /// and where a limit leaves some of the rows out.
    #[must_use]
    pub fn object_ids(&self) -> Option<&IdSet> {
        self.ids().filter(|_| self.rows == self.matching)
    }

    /// The same plan without the rows that are at hand already, from an earlier fetch, say: only the others are
    /// fetched, by their ids, and the proof at the end is about all of them. Where [`Plan::object_ids`] gives
    /// nothing, everything is fetched all the same. What was made of it is in no
    /// [`Checkpoint`](super::Checkpoint).
    #[must_use]
    pub fn without(mut self, at_hand: &IdSet) -> Self {
        let Some(ids) = self.object_ids() else {
            return self;
        };
        let wanted = ids.difference(at_hand);
        let within = match (wanted.min(), wanted.max()) {
            (Some(first), Some(last)) => ids.count_between(first, last),
            _ => 0,
        };
        // Neither an offset nor one answer tells some rows from others.
        self.strategy = if self.query.parts() == 1 && wanted.len() * DENSE >= within {
            Strategy::IdRanges
        } else {
            Strategy::IdLists
        };
        "rows that are at hand already are not fetched".clone_into(&mut self.reason);
        self.wanted = Some(wanted);
        self
    }

    /// Rows to fetch: all of them, but for those that are at hand already.
    #[must_use]
    pub fn rows_to_fetch(&self) -> u64 {
        self.wanted.as_ref().map_or(self.rows, IdSet::len)
    }

    /// The ids of the rows to fetch, if they were listed.
    pub(crate) fn wanted(&self) -> Option<&IdSet> {
        self.wanted.as_ref().or_else(|| self.ids())
    }

    /// Whether a row is at hand already.
    pub(crate) fn is_at_hand(&self, id: i64) -> bool {
        let is_wanted = |wanted: &IdSet| wanted.contains(id);
        !self.wanted.as_ref().is_none_or(is_wanted) && self.ids().is_some_and(is_wanted)
    }

    /// The entry of the rows at hand in the books.
    pub(crate) fn at_hand(&self) -> PageRecord {
        PageRecord {
            rows: self.rows - self.rows_to_fetch().min(self.rows),
            ..PageRecord::default()
        }
    }
}
