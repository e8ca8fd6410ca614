//! What came of bringing a file up to date.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::differences::{Differences, Found};
use crate::report::Report;

/// How it is found out which rows have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SyncWay {
    /// The service tells, since the generation that the file has (`extractChanges`).
    Changes,
    /// By the date of each row's last edit (`editFieldsInfo`), and by the object ids that are there.
    EditDates,
    /// All rows are exported again and compared.
    Full,
}

impl SyncWay {
    /// A short name: `changes`, `edit-dates` or `full`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::EditDates => "edit-dates",
            Self::Full => "full",
        }
    }
}

impl std::fmt::Display for SyncWay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What came of bringing a file up to date. Its JSON has the same names, save `elapsed_seconds`; every name is
/// always there, and what is not known or does not apply is `null`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SyncReport {
    /// This library and its version.
    pub tool: String,
    /// The layer's address, without secrets.
    pub source: String,
    /// The file.
    pub output: String,
    /// How it was found out which rows have changed.
    pub way: SyncWay,
    /// Why so, where another way was left out or given up.
    pub reason: Option<String>,
    /// Whether there is a new file. Where no row differs the old one is left as it was.
    pub written: bool,
    /// Rows in the file now.
    pub rows: u64,
    /// Rows that were added: they came, or meet the condition now.
    pub added_rows: u64,
    /// The object ids of the first 1,000 of them.
    pub added_ids: Vec<i64>,
    /// Rows whose values or geometry differ.
    pub changed_rows: u64,
    /// The object ids of the first 1,000 of them.
    pub changed_ids: Vec<i64>,
    /// Rows that were deleted, or do not meet the condition any more.
    pub deleted_rows: u64,
    /// The object ids of the first 1,000 of them.
    pub deleted_ids: Vec<i64>,
    /// Rows that were fetched to find that out.
    pub fetched_rows: u64,
    /// The layer's generation that the file has now, where changes are tracked.
    pub server_generation: Option<i64>,
    /// When it began; in JSON RFC 3339 in UTC.
    #[serde(serialize_with = "text")]
    pub started: Timestamp,
    /// How long it took; in JSON `elapsed_seconds`.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// The export that made the new file, or showed that no row differs. None where it was known beforehand that
    /// nothing is to be fetched.
    pub export: Option<Report>,
}

impl SyncReport {
    pub(super) fn with(mut self, differences: Differences) -> Self {
        let Differences {
            added,
            changed,
            deleted,
        } = differences;
        let Found { rows, first } = added;
        (self.added_rows, self.added_ids) = (rows, first);
        let Found { rows, first } = changed;
        (self.changed_rows, self.changed_ids) = (rows, first);
        let Found { rows, first } = deleted;
        (self.deleted_rows, self.deleted_ids) = (rows, first);
        self
    }
}

fn text<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
