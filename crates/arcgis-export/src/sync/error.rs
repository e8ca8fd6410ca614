//! Why a file cannot be brought up to date, by what the caller can do next.

use std::path::PathBuf;

/// Why a file cannot be brought up to date. It stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The file cannot be read: there is none, or it is no Parquet file.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The folder has no index of an earlier export: export the service into it first.
    #[error("there is no {}, which an export of a whole service writes", path.display())]
    NoIndex {
        /// Where it would be.
        path: PathBuf,
    },

    /// The file does not say how it was exported: export it anew.
    #[error("{} does not say how it was exported: {problem}", path.display())]
    NotAnExport {
        /// The file.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },

    /// A file of a dataset is missing, or is not the one that the index lists: export the dataset anew.
    #[error("{} is not as the dataset's index lists it: {problem}", path.display())]
    NotAsListed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// The file is of another layer or query, or the layer's columns have changed: export it anew, or ask for the same.
    #[error("{} was exported with another {what}: {was} then, {is} now", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// What differs: `source`, `column …`, `reference system`, or a part of the query.
        what: String,
        /// What the file has.
        was: String,
        /// What there is now.
        is: String,
    },
}
