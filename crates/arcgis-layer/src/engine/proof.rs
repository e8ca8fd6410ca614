//! What is known about completeness: the proof, the drift, and what is missing.

use std::fmt;

use crate::ids::IdSet;

/// How it is known that every row came once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proof {
    /// Each id that was there at the start came once, or is gone at the end.
    ObjectIds,
    /// The server does not list its ids; the rows' own ids are all different and as many as counted.
    UniqueIdsAndCount,
    /// There are no ids; no row came again on another page, and there are as many as counted.
    FingerprintsAndCount,
}

impl Proof {
    /// A short name: `object-ids`, `unique-ids-and-count` or `fingerprints-and-count`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ObjectIds => "object-ids",
            Self::UniqueIdsAndCount => "unique-ids-and-count",
            Self::FingerprintsAndCount => "fingerprints-and-count",
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
    /// By how much the count changed, where there are no ids to tell.
    pub count_change: i64,
}

impl Drift {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.deleted.is_empty() && self.inserted.is_empty() && self.count_change == 0
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("none");
        }
        if self.count_change != 0 {
            let rows = if self.count_change.abs() == 1 {
                "row"
            } else {
                "rows"
            };
            return write!(f, "{:+} {rows} by count", self.count_change);
        }
        let inserted = self.inserted.len();
        let rows = if inserted == 1 { "row" } else { "rows" };
        write!(f, "{inserted} {rows} added, {} deleted", self.deleted.len())
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
    /// Rows delivered.
    pub rows: u64,
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
