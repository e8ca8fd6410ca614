//! The ways in which rows are asked for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The way in which rows are asked for. Whatever it is, the engine corrects it by what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Strategy {
    /// All rows fit into one answer.
    Single,
    /// Pages by offset, in the order of the object id.
    Offset,
    /// Ranges of object ids, for servers without pagination.
    IdRanges,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single => "one request",
            Self::Offset => "pages by offset",
            Self::IdRanges => "ranges of object ids",
        })
    }
}
