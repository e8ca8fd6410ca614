//! Files without a name, for what has to be on disk before it is in the output.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use crate::options::WriterOptions;

use super::Counted;

/// Where files without a name are: in the folder for rows on disk, else beside the output if that is on this
/// machine, else where the system keeps such files. They go with the process, however it ends.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn of(options: &WriterOptions, output: &Counted) -> Self {
        let beside = output.output.temporary().and_then(Path::parent);
        let beside = beside.filter(|folder| !folder.as_os_str().is_empty());
        let folder = options.sort_folder.as_deref().or(beside);
        Self(folder.map_or_else(std::env::temp_dir, Path::to_owned))
    }

    #[cfg(test)]
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// A file with a name, for who insists on one.
    #[cfg(feature = "geopackage")]
    pub(crate) fn named(&self) -> io::Result<tempfile::NamedTempFile> {
        tempfile::Builder::new()
            .prefix(".arcgis-")
            .suffix(".part")
            .tempfile_in(&self.0)
    }

    pub(crate) fn file(&self) -> io::Result<File> {
        tempfile::tempfile_in(&self.0)
    }
}

/// Sets a file back to its beginning, to be read.
pub(crate) fn rewound(mut file: File) -> io::Result<File> {
    file.rewind()?;
    Ok(file)
}
