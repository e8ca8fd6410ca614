//! The file `_pending-….json`: what a dataset in a store is about to have, and to have no more.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::index_file::{self, is_within};
use crate::service::IndexError;

/// What the file says it is.
const KIND: &str = "arcgis-partitions-pending";

/// The version that is written.
const VERSION: u32 = 1;

/// What its name begins with. Readers of whole folders pass over names that begin so.
const PREFIX: &str = "_pending-";

/// Files that a store holds for a while beside those of the dataset. It is written before the first of them appears, and
/// deleted when all is done: where a process is killed in between, the next one knows from it which files are nobody's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Pending {
    kind: String,
    version: u32,
    /// Those of the new dataset.
    files: Vec<String>,
    /// Those that go when its index is there.
    replaces: Vec<String>,
}

impl Pending {
    pub(super) fn new(files: Vec<String>, replaces: Vec<String>) -> Self {
        Self {
            kind: KIND.to_owned(),
            version: VERSION,
            files,
            replaces,
        }
    }

    /// The name of the file; `mark` is what tells this export from others.
    pub(super) fn name(mark: &str) -> String {
        format!("{PREFIX}{mark}.json")
    }

    /// Whether a file is called as one of these.
    pub(super) fn is_name(path: &str) -> bool {
        path.starts_with(PREFIX) && path.ends_with(".json") && !path.contains('/')
    }

    pub(super) fn from_json(json: &[u8]) -> Result<Self, IndexError> {
        let pending: Self = index_file::read(json, KIND, VERSION)?;
        let outside = pending.files().find(|file| !is_within(file));
        match outside.map(str::to_owned) {
            Some(file) => Err(IndexError::File(file)),
            None => Ok(pending),
        }
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        index_file::to_json(self)
    }

    /// All of them.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let all = self.files.iter().chain(&self.replaces);
        all.map(String::as_str)
    }
}

/// The files of several exports that came to no end, but for those that a dataset has.
pub(super) fn left_over<'a>(
    pending: impl IntoIterator<Item = &'a Pending>,
    has: &BTreeSet<&str>,
) -> BTreeSet<String> {
    let files = pending.into_iter().flat_map(Pending::files);
    let files = files.filter(|file| !has.contains(file));
    files.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let pending = Pending::new(files(&["s=1/b", "s=2/b"]), files(&["s=1/a"]));
        let json = pending.to_json().unwrap();
        assert_eq!(Pending::from_json(&json).unwrap(), pending);
        assert!(Pending::is_name(&Pending::name("x")));
        for other in ["_pending-x/y.json", "_pending-x", "a/_pending-x.json", "x"] {
            assert!(!Pending::is_name(other), "{other}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for file in ["../x", "/x", "a//b", ""] {
            for pending in [
                Pending::new(files(&[file]), Vec::new()),
                Pending::new(Vec::new(), files(&["a", file])),
            ] {
                let refused = Pending::from_json(&pending.to_json().unwrap());
                assert!(refused.is_err(), "{file}");
            }
        }
        assert!(Pending::from_json(br#"{"kind": "arcgis-partitions", "version": 1}"#).is_err());
    }

    #[test]
    fn whichever_dataset_there_is_keeps_its_files() {
        let pending = Pending::new(files(&["b1", "b2"]), files(&["a1", "a2"]));
        let left = |has: &[&str]| -> Vec<String> {
            let has = has.iter().copied().collect();
            left_over([&pending], &has).into_iter().collect()
        };
        // Killed before the index was there, behind it, and where another one took the place since.
        assert_eq!(left(&["a1", "a2"]), ["b1", "b2"]);
        assert_eq!(left(&["b1", "b2"]), ["a1", "a2"]);
        assert_eq!(left(&["c1"]), ["a1", "a2", "b1", "b2"]);
    }
}
