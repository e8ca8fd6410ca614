//! The ways in which rows are asked for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::QueryError;

/// A way in which rows are asked for. A plan begins with one; the engine takes others where what comes is not
/// what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Strategy {
    /// All rows in one answer.
    Single,
    /// Pages by offset, in the order of the object id or of the unique fields.
    Offset,
    /// Ranges of object ids.
    IdRanges,
    /// Lists of object ids.
    IdLists,
    /// Rows behind the last object id that came, one page after the other.
    KeySet,
    /// Rectangles, and what has no geometry.
    Areas,
}

impl Strategy {
    pub(crate) const ALL: [Self; 6] = [
        Self::Single,
        Self::Offset,
        Self::IdRanges,
        Self::IdLists,
        Self::KeySet,
        Self::Areas,
    ];

    /// A short name: `single`, `offset`, `id-ranges`, `id-lists`, `key-set` or `areas`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Offset => "offset",
            Self::IdRanges => "id-ranges",
            Self::IdLists => "id-lists",
            Self::KeySet => "key-set",
            Self::Areas => "areas",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single => "one request",
            Self::Offset => "pages by offset",
            Self::IdRanges => "ranges of object ids",
            Self::IdLists => "lists of object ids",
            Self::KeySet => "pages behind the last object id",
            Self::Areas => "rectangles",
        })
    }
}

impl FromStr for Strategy {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| QueryError::Unsupported {
                option: "strategy",
                problem: format!("{text} is none of {}", Self::ALL.map(Self::name).join(", ")),
            })
    }
}
