//! What is known about completeness: the proof, the drift, and what is missing.

use std::fmt;

use super::skip::SkippedRow;
use crate::ids::IdSet;

/// How it is known that every row came once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proof {
    /// Each id that was there at the start came once, or is gone at the end.
    ObjectIds,
    /// The server does not list its ids; the rows' own ids are all different and as many as counted.
    UniqueIdsAndCount,
    /// There are no ids; no row came again on another page, each page by offset began with the row that the one before
    /// had ended with, so that none has moved between them, and there are as many as counted.
    FingerprintsAndCount,
    /// There are no ids, and equal rows came on different pages; a second pass over all rows, with pages of another
    /// size, brought the same ones, each as often, and there are as many as counted.
    FingerprintsTwice,
    /// There are more rows than counted: the last page, behind them, is empty, and no row came again on another page.
    EndReached,
}

impl Proof {
    /// A short name: `object-ids`, `unique-ids-and-count`, `fingerprints-and-count`, `fingerprints-twice` or
    /// `end-reached`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ObjectIds => "object-ids",
            Self::UniqueIdsAndCount => "unique-ids-and-count",
            Self::FingerprintsAndCount => "fingerprints-and-count",
            Self::FingerprintsTwice => "fingerprints-twice",
            Self::EndReached => "end-reached",
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ObjectIds => "every object id, once",
            Self::UniqueIdsAndCount => "as many rows as counted, their object ids all different",
            Self::FingerprintsAndCount => {
                "as many rows as counted, none of them repeated by another page"
            }
            Self::FingerprintsTwice => {
                "as many rows as counted, and the same ones in a second pass with other pages"
            }
            Self::EndReached => "all rows up to an empty page, none of them repeated",
        })
    }
}

/// Rows that came or went on the server while they were fetched.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Drift {
    /// Rows that were deleted before they could be fetched, where there are ids.
    pub deleted: IdSet,
    /// Rows that were added after the start, which are not in the result, where there are ids.
    pub inserted: IdSet,
    /// Rows that were edited after the start, where the layer tracks edits (`editFieldsInfo`) and there are ids. Each came
    /// once, as it was before or after. Those that were [fetched again](crate::Pages::with_edited_rows_again) are not
    /// among them, unless they were edited once more.
    pub updated: IdSet,
    /// By how much the count changed, where there are no ids to tell.
    pub count_change: i64,
    /// The layer was edited meanwhile, by its `lastEditDate`, and it does not say which rows: some may have come as they
    /// were before, and some as they were after. Where rows are known to have come, gone or changed, those are named instead.
    pub edited: bool,
    /// The layer tells of edits, but could not be asked for them: rows may have been edited meanwhile.
    pub edits_unknown: bool,
}

impl Drift {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.deleted.is_empty()
            && self.inserted.is_empty()
            && self.updated.is_empty()
            && self.count_change == 0
            && !self.edited
            && !self.edits_unknown
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("none");
        }
        let rows = |count: u64| if count == 1 { "row" } else { "rows" };
        let mut parts = Vec::new();
        if self.count_change != 0 {
            let change = self.count_change;
            parts.push(format!(
                "{change:+} {} by count",
                rows(change.unsigned_abs())
            ));
        }
        let (inserted, deleted) = (self.inserted.len(), self.deleted.len());
        if inserted + deleted > 0 {
            parts.push(format!(
                "{inserted} {} added, {deleted} deleted",
                rows(inserted)
            ));
        }
        let updated = self.updated.len();
        if updated > 0 {
            parts.push(format!("{updated} {} edited", rows(updated)));
        }
        if self.edited {
            parts.push("edited meanwhile, it is not known where".to_owned());
        }
        if self.edits_unknown {
            parts.push("perhaps edited meanwhile, which could not be asked for".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}

/// What is known at the end of a complete fetch.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Completion {
    /// How completeness is known.
    pub proof: Proof,
    /// What changed on the server meanwhile.
    pub drift: Drift,
    /// Different rows that were delivered.
    pub rows: u64,
    /// Rows that were edited meanwhile, were [fetched again](crate::Pages::with_edited_rows_again), and came as they were
    /// at the end.
    pub refetched: u64,
    /// Rows that the server cannot serve and that were left out, as [`FetchOptions::allow_skips`] allows; in the order
    /// of their ids.
    ///
    /// [`FetchOptions::allow_skips`]: crate::FetchOptions::allow_skips
    pub skipped: Vec<SkippedRow>,
}

/// Rows that should be there and are not, or that came more than once.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Incomplete {
    /// How many rows the layer had for this query.
    pub expected: u64,
    /// How many different rows came.
    pub received: u64,
    /// Ids that were there at the start and at the end and did not come.
    pub missing: IdSet,
    /// Ids that came more than once.
    pub doubled: IdSet,
    /// What was seen, where there are no ids to name.
    pub detail: Option<String>,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} rows arrived", self.received, self.expected)?;
        for (what, ids) in [("missing", &self.missing), ("doubled", &self.doubled)] {
            if !ids.is_empty() {
                write!(f, "; {what}: object ids {}", FirstTen(ids))?;
            }
        }
        if let Some(detail) = &self.detail {
            write!(f, "; {detail}")?;
        }
        Ok(())
    }
}

struct FirstTen<'a>(&'a IdSet);

impl fmt::Display for FirstTen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, id) in self.0.iter().take(10).enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{id}")?;
        }
        if self.0.len() > 10 {
            write!(f, " and {} more", self.0.len() - 10)?;
        }
        Ok(())
    }
}
