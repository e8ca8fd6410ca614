//! A dataset that is there already.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::index::{MOST_BYTES, NAME, PartitionIndex};

/// A folder with the files that its index lists.
#[derive(Debug)]
pub(crate) struct Dataset {
    folder: PathBuf,
    index: PartitionIndex,
    /// That of the index itself.
    size: u64,
}

impl Dataset {
    /// Reads the index of a folder.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Other`] if there is none, or none that can be used.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let file = match File::open(folder.join(NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(io::Error::other(format!(
                    "it has no {NAME}, as a dataset in several files has"
                )));
            }
            Err(error) => return Err(error),
        };
        let mut json = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut json)?;
        let index = PartitionIndex::from_json(&json)
            .map_err(|error| io::Error::other(format!("its {NAME} cannot be used: {error}")))?;
        Ok(Self {
            folder: folder.to_owned(),
            index,
            size: json.len() as u64,
        })
    }

    pub(crate) fn index(&self) -> &PartitionIndex {
        &self.index
    }

    /// Where the index is.
    pub(crate) fn index_path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// Where a file of the index is.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(local(file))
    }

    /// Whether the folder still has the index that was read. Nothing in it is kept open: some systems move no folder then.
    pub(crate) fn is_in_place(&self) -> bool {
        Self::open(&self.folder).is_ok_and(|now| now.index == self.index)
    }

    /// The size of all files in bytes, as the index has it, and its own.
    pub(crate) fn bytes(&self) -> u64 {
        let files = self.index.files.iter().map(|file| file.bytes);
        files.sum::<u64>() + self.size
    }

    /// The files by their paths from the folder, the index first.
    ///
    /// # Errors
    ///
    /// If there is anything else in the folder.
    pub(super) fn files(&self) -> io::Result<Vec<PathBuf>> {
        let folder = self.folder.as_path();
        let mut files = vec![PathBuf::from(NAME)];
        files.extend(self.index.files.iter().map(|file| local(&file.file)));
        let ours: BTreeSet<&Path> = files.iter().map(PathBuf::as_path).collect();
        let mut folders: BTreeSet<&Path> = BTreeSet::new();
        for file in &ours {
            folders.extend(file.ancestors().skip(1));
        }
        let mut to_look_at = vec![folder.to_owned()];
        while let Some(next) = to_look_at.pop() {
            for entry in fs::read_dir(next)? {
                let (path, kind) = {
                    let entry = entry?;
                    (entry.path(), entry.file_type()?)
                };
                let within = path.strip_prefix(folder).unwrap_or(&path);
                let is_ours = if kind.is_dir() {
                    folders.contains(within)
                } else {
                    kind.is_file() && ours.contains(within)
                };
                if !is_ours {
                    return Err(io::Error::other(format!(
                        "{} is not one of the files that its {NAME} lists, and only those are replaced",
                        within.display()
                    )));
                }
                if kind.is_dir() {
                    to_look_at.push(path);
                }
            }
        }
        Ok(files)
    }
}

/// A path of the index as this system has it.
fn local(file: &str) -> PathBuf {
    file.split('/').collect()
}
