//! What is worth a word though it stops nothing.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::crs::UnknownCrs;

/// Something about an export that its user should know. [`fmt::Display`] says it in a sentence, and so
/// does JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The reference system is not known: the output says so.
    UnknownCrs {
        /// Why not.
        reason: UnknownCrs,
        /// What the service calls it.
        spatial_reference: String,
    },
    /// The height system could not be taken over.
    UnknownHeights {
        /// Its number.
        wkid: i64,
    },
    /// Values that did not fit became null.
    Misfits {
        /// The column.
        column: String,
        /// How many.
        count: u64,
    },
    /// Geometries had an m, which the output has no place for.
    DroppedM {
        /// In how many rows.
        rows: u64,
    },
    /// Parts of geometries that are none were left out: positions without x or y, rings without area,
    /// paths of one position.
    LeftOut {
        /// In how many rows.
        rows: u64,
    },
    /// Rows came without this column, which is null in them.
    AbsentValues {
        /// The column.
        column: String,
        /// How many rows.
        rows: u64,
    },
    /// Some answers did not hold the rows that were asked for; those rows were fetched again by object id.
    Corrected {
        /// How many pages.
        pages: u64,
    },
    /// Some answers in PBF did not hold up; those pages were asked for as JSON.
    FellBack {
        /// How many pages.
        pages: u64,
    },
    /// The saved answer holds only the first rows of its query.
    Partial {
        /// How many.
        rows: u64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCrs {
                reason,
                spatial_reference,
            } => write!(
                f,
                "the CRS is written as unknown: {reason} (the service says: {spatial_reference})"
            ),
            Self::UnknownHeights { wkid } => write!(
                f,
                "the height system {wkid} is not in the CRS: no table has it, or the CRS has heights of its own"
            ),
            Self::Misfits { column, count } => write!(
                f,
                "column {column}: {count} values did not fit and became null"
            ),
            Self::DroppedM { rows } => write!(
                f,
                "m was left out in {rows} rows: GeoParquet 1.1 has no place for it"
            ),
            Self::LeftOut { rows } => write!(
                f,
                "positions that are no numbers, rings without area or paths of one position were left out in {rows} rows"
            ),
            Self::AbsentValues { column, rows } => write!(
                f,
                "column {column} is null in {rows} rows that came without it"
            ),
            Self::Corrected { pages } => write!(
                f,
                "{pages} answers did not hold the rows that were asked for; they were fetched again by object id"
            ),
            Self::FellBack { pages } => write!(
                f,
                "{pages} answers in PBF did not hold up; they were asked for again as JSON"
            ),
            Self::Partial { rows } => write!(
                f,
                "the saved answer holds only the first {rows} rows of its query: the server had more"
            ),
        }
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
