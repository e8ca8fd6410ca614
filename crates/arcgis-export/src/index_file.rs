//! Files in JSON that list others: they say of themselves what they are, and of which version.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::service::IndexError;

/// The largest that is read: some 100,000 files.
pub(crate) const MOST_BYTES: u64 = 128 * 1024 * 1024;

/// Reads one of this kind and version. What it says of itself is looked at first: all else may be different in others.
pub(crate) fn read<T: DeserializeOwned>(
    json: &[u8],
    kind: &str,
    version: u32,
) -> Result<T, IndexError> {
    #[derive(Deserialize)]
    struct Head {
        kind: String,
        version: u32,
    }
    let head: Head = serde_json::from_slice(json).map_err(IndexError::Other)?;
    if head.kind != kind {
        return Err(IndexError::OtherKind(head.kind));
    }
    if head.version != version {
        return Err(IndexError::Version(head.version));
    }
    serde_json::from_slice(json).map_err(IndexError::Other)
}

/// As it is written, for people too.
pub(crate) fn to_json(file: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = serde_json::to_vec_pretty(file)?;
    json.push(b'\n');
    Ok(json)
}

/// Whether a path from the index leads to a file in its folder, or in one below, on every system.
pub(crate) fn is_within(path: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.contains(['\\', ':', '\0'])
            && !part.ends_with(['.', ' '])
    };
    path.len() <= 4096 && path.split('/').all(is_plain)
}
