//! Which object it is that stands under a name.

use object_store::{GetOptions, ObjectMeta, PutMode, UpdateVersion};

/// One version of an object: what tells it from others that stand under its name later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectVersion {
    e_tag: Option<String>,
    version: Option<String>,
    /// Milliseconds: stores tell whole seconds in answers, and more than that in lists.
    modified: i64,
    pub(crate) size: u64,
}

impl ObjectVersion {
    pub(crate) fn of(found: &ObjectMeta) -> Self {
        Self {
            e_tag: found.e_tag.clone(),
            version: found.version.clone(),
            modified: found.last_modified.timestamp_millis(),
            size: found.size,
        }
    }

    /// Whether it is this one that was found: by its tag or its version where there is one, else by when it was changed.
    pub(crate) fn is_that_of(&self, found: &ObjectMeta) -> bool {
        let found = Self::of(found);
        let same = match (&self.e_tag, &self.version) {
            (None, None) => self.modified == found.modified,
            (e_tag, version) => *e_tag == found.e_tag && *version == found.version,
        };
        same && self.size == found.size
    }

    /// Puts another one in its place, and in no other's; `None` where nothing tells it from others.
    pub(crate) fn update(&self) -> Option<PutMode> {
        let version = UpdateVersion {
            e_tag: self.e_tag.clone(),
            version: self.version.clone(),
        };
        (self.e_tag.is_some() || self.version.is_some()).then_some(PutMode::Update(version))
    }

    /// Asks for this one and no other.
    pub(crate) fn ask(&self) -> GetOptions {
        GetOptions {
            if_match: self.e_tag.clone(),
            ..GetOptions::default()
        }
    }
}

/// The object is not the one that is to be replaced.
#[derive(Debug, thiserror::Error)]
#[error("it was changed by somebody else meanwhile")]
pub(crate) struct ReplacedMeanwhile;
