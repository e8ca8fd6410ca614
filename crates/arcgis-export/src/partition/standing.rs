//! What stands in a folder of a store before a dataset is put there.

use std::collections::BTreeSet;
use std::io;

use super::index::{NAME, PartitionIndex};
use super::pending::{Pending, left_over};
use crate::destination::{ObjectVersion, StoredFolder};
use crate::error::Error;
use crate::index_file::MOST_BYTES;
use crate::service::Folder as _;

/// What stands there: nothing, or a dataset, and what is left of exports that came to no end.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// The index, and which version of it that is.
    pub(super) dataset: Option<(PartitionIndex, ObjectVersion)>,
    /// Files that no index names any more, or not yet.
    pub(super) left_over: BTreeSet<String>,
    /// Where that is written.
    pub(super) pending: BTreeSet<String>,
}

impl Standing {
    /// Looks what stands there. `overwrite` says whether there may be a dataset.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] if there is something that is not to be overwritten, and [`Error::Unwritable`] if there is something
    /// that is no dataset's.
    pub(super) fn look(folder: &StoredFolder, overwrite: bool) -> Result<Self, Error> {
        let refused = |problem: String| folder.refused(io::Error::other(problem));
        let dataset = match folder.read_version(NAME, MOST_BYTES)? {
            Some(_) if !overwrite => {
                return Err(folder.refused(io::ErrorKind::AlreadyExists.into()));
            }
            Some((json, version)) => {
                let index = PartitionIndex::from_json(&json);
                let index = index
                    .map_err(|error| refused(format!("its {NAME} cannot be used: {error}")))?;
                Some((index, version))
            }
            None => None,
        };
        let index = dataset.as_ref().map(|(index, _)| index);
        let files = index.into_iter().flat_map(|index| &index.files);
        let ours: BTreeSet<&str> = files.map(|file| file.file.as_str()).collect();
        let (mut others, mut pending) = (Vec::new(), BTreeSet::new());
        let list = folder.hasty().list();
        for (path, size) in list.map_err(|error| folder.refused(error))? {
            if Pending::is_name(&path) {
                pending.insert(path);
            } else if path != NAME && !ours.contains(path.as_str()) {
                others.push((path, size));
            }
        }
        let mut noted = Vec::with_capacity(pending.len());
        for name in &pending {
            // One that is gone by now had come to its end.
            if let Some(json) = folder.read(name, MOST_BYTES)? {
                let read = Pending::from_json(&json);
                noted.push(
                    read.map_err(|error| refused(format!("its {name} cannot be used: {error}")))?,
                );
            }
        }
        let left_over = left_over(&noted, &ours);
        let known: BTreeSet<&str> = left_over.iter().map(String::as_str).chain(ours).collect();
        let mut others = others.into_iter();
        let foreign = others.find(|(path, size)| {
            // Some programs mark folders by objects without a byte.
            let is_something = *size > 0 || path.ends_with(".parquet");
            is_something && !known.contains(path.as_str())
        });
        if let Some((path, _)) = foreign {
            if !overwrite {
                return Err(folder.refused(io::ErrorKind::AlreadyExists.into()));
            }
            return Err(refused(match &dataset {
                None => format!(
                    "it has no {NAME}, as a dataset in several files has, and {path} is there"
                ),
                Some(_) => format!(
                    "{path} is not one of the files that its {NAME} lists, and only those are replaced"
                ),
            }));
        }
        Ok(Self {
            left_over,
            pending,
            dataset,
        })
    }

    /// Which version of the index there is, if any.
    pub(super) fn version(&self) -> Option<&ObjectVersion> {
        self.dataset.as_ref().map(|(_, version)| version)
    }

    /// All files that go when another dataset takes the place.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let index = self.dataset.as_ref().map(|(index, _)| index);
        let files = index.into_iter().flat_map(|index| &index.files);
        let files = files.map(|file| file.file.as_str());
        files.chain(self.left_over.iter().map(String::as_str))
    }

    /// Whether there is nothing to be deleted.
    pub(super) fn is_nothing(&self) -> bool {
        self.dataset.is_none() && self.pending.is_empty()
    }
}
