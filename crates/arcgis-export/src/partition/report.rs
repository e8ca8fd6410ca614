//! What came of cutting rows into files.

use serde::Serialize;

use super::index::PartitionFile;
use super::scheme::Scheme;

/// How rows were cut into files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartitionReport {
    /// The columns whose values decide; none where rows were partitioned spatially.
    pub columns: Vec<String>,
    /// How many different values they have together; spatially, how many files there are.
    pub partitions: u64,
    /// Files with rows: one without any where there are no rows at all.
    pub files: u64,
    /// Rows in the file that has the fewest.
    pub least_rows: u64,
    /// Rows in the file that has the most.
    pub most_rows: u64,
    /// The size of the smallest file in bytes.
    pub least_bytes: u64,
    /// The size of the largest file in bytes.
    pub most_bytes: u64,
}

impl PartitionReport {
    pub(super) fn of(scheme: &Scheme, values: usize, files: &[PartitionFile]) -> Self {
        let least = |of: fn(&PartitionFile) -> u64| files.iter().map(of).min().unwrap_or(0);
        let most = |of: fn(&PartitionFile) -> u64| files.iter().map(of).max().unwrap_or(0);
        let partitions = if scheme.is_spatial() {
            files.len()
        } else {
            values
        };
        Self {
            columns: scheme
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
            partitions: partitions as u64,
            files: files.len() as u64,
            least_rows: least(|file| file.rows),
            most_rows: most(|file| file.rows),
            least_bytes: least(|file| file.bytes),
            most_bytes: most(|file| file.bytes),
        }
    }
}
