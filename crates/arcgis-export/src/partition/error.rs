//! Why rows cannot be cut into files as wanted.

use super::names::LONGEST;
use super::options::Partitions;

/// Why rows cannot be cut into files as wanted. All but [`PartitionError::TooMany`] and [`PartitionError::LongValue`] are
/// known before anything is fetched; in any case nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartitionError {
    /// Name one of the columns.
    #[error("the file has no column {field} to partition rows by; it has {}", columns.join(", "))]
    NoColumn {
        /// What was named.
        field: String,
        /// The columns that there are.
        columns: Vec<String>,
    },

    /// Name another field.
    #[error("rows cannot be partitioned by {field}: {reason}")]
    Unsuited {
        /// The field.
        field: String,
        /// Why not.
        reason: &'static str,
    },

    /// Partition by a field, or change what stands in the way.
    #[error("rows cannot be partitioned spatially: {reason}")]
    NotSpatial {
        /// Why not.
        reason: &'static str,
    },

    /// Name fields with fewer values, or partition spatially.
    #[error(
        "{} {} more than {most} different values: that many folders are a burden to every reader",
        fields.join(" and "),
        if fields.len() > 1 { "have together" } else { "has" },
        most = Partitions::MOST
    )]
    TooMany {
        /// The columns.
        fields: Vec<String>,
    },

    /// Name a field with shorter values.
    #[error(
        "a value of {field} is too long for the name of a folder, which has {LONGEST} bytes at most: {begins}…"
    )]
    LongValue {
        /// The column.
        field: String,
        /// What the value begins with.
        begins: String,
    },
}
