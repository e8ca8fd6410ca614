//! What can be wrong with an index.

/// Why a file is not the index of an earlier export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// It is no JSON, or lacks what an index has.
    #[error("it is no index of an export")]
    Other(#[source] serde_json::Error),

    /// It says of itself that it is something else.
    #[error("it is no index of such an export: it calls itself {0}")]
    OtherKind(String),

    /// It is of another version than this library knows: use the one that wrote it.
    #[error("it is of version {0}, which this version does not know")]
    Version(u32),

    /// It names a file outside its folder, or one twice.
    #[error("it names the file {0}, which is outside its folder or there twice")]
    File(String),
}
