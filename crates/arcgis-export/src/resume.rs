//! Exports that go on where an earlier process ended.

use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use arcgis_layer::CheckpointError;
use jiff::Timestamp;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Error;

/// Where an export keeps the pages that came, so that another one can go on behind them: after a crash,
/// a `kill -9`, a server that gave up, or Ctrl-C. See
/// [`LayerExport::with_resume`](crate::LayerExport::with_resume).
///
/// ```no_run
/// # async fn example(layer: arcgis_layer::Layer) -> Result<(), arcgis_export::Error> {
/// use arcgis_export::{LayerExport, LocalFile, Resume};
///
/// // The first time it begins, and the next time, if that did not end well, it goes on.
/// let report = LayerExport::new(layer)
///     .with_resume(Resume::new())
///     .to(LocalFile::new("parcels.parquet"))
///     .await?;
/// if let Some(earlier) = report.resumed {
///     println!("{} rows were there already, from {}", earlier.rows, earlier.started);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Resume {
    folder: Option<PathBuf>,
    anew: bool,
    segment_bytes: NonZeroU64,
}

impl Default for Resume {
    fn default() -> Self {
        Self {
            folder: None,
            anew: false,
            segment_bytes: const { NonZeroU64::new(1 << 30).unwrap() },
        }
    }
}

impl Resume {
    /// Keeps pages in a folder beside the output, `.<name>.arcgis-spool`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps pages in a folder of their own in this one, which has to exist: on a larger disk, or where
    /// the output is no file on this machine.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: Some(folder.into()),
            ..Self::default()
        }
    }

    /// Whether to throw away what an earlier export left, and begin anew. Default: no.
    pub fn with_anew(mut self, anew: bool) -> Self {
        self.anew = anew;
        self
    }

    /// Sets after how many bytes another file begins; the page that goes beyond is the last. Default: 1 GiB,
    /// which every file system takes.
    pub fn with_segment_bytes(mut self, bytes: NonZeroU64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes.get()
    }

    pub(crate) fn is_anew(&self) -> bool {
        self.anew
    }

    /// The folder for an output: `beside` is where it would be without a choice, and `place` what people
    /// call the output.
    pub(crate) fn path(&self, beside: Option<&Path>, place: &str) -> Result<PathBuf, ResumeError> {
        let Some(folder) = &self.folder else {
            return beside
                .map(Path::to_owned)
                .ok_or_else(|| ResumeError::NoPlace {
                    output: place.to_owned(),
                });
        };
        // Outputs of one name in several folders must not meet.
        let whole = beside.map(|beside| {
            std::path::absolute(beside)
                .unwrap_or_else(|_| beside.to_owned())
                .into_os_string()
                .into_encoded_bytes()
        });
        let hash = xxh3_64(whole.as_deref().unwrap_or(place.as_bytes()));
        let stem = beside
            .and_then(Path::file_stem)
            .and_then(|stem| stem.to_str())
            .map_or("output", |stem| stem.trim_start_matches('.'));
        Ok(folder.join(format!("{stem}-{hash:016x}.arcgis-spool")))
    }
}

/// Why an export cannot go on, or cannot keep what comes. Nothing was asked of the server for it, and
/// what an earlier export left is still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// Name a folder: [`Resume::in_folder`].
    #[error("{output} has no place beside it where pages could be kept: name a folder for them")]
    NoPlace {
        /// The output.
        output: String,
    },

    /// Wait for the other one, or choose another output.
    #[error("another export is using {}: wait until it ends", folder.display())]
    InUse {
        /// The folder of the spool.
        folder: PathBuf,
    },

    /// Make the folder readable and writable, or choose another one.
    #[error("rows cannot be kept in {}", folder.display())]
    Unusable {
        /// The folder, of the spool or for sorting.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// Ask for the same as before, choose another output, or begin anew.
    #[error(
        "{} holds the pages of an export that asked for something else, or whose layer has changed since: \
         {what} was {was}, and is {is} now; ask for the same again, or remove the folder to begin anew",
        folder.display()
    )]
    Differs {
        /// The folder of the spool.
        folder: PathBuf,
        /// What differs.
        what: String,
        /// How it was.
        was: String,
        /// How it is.
        is: String,
    },

    /// End the export with the version that began it, or begin anew.
    #[error(
        "{} was written by another version of this library: let that version go on, or remove the folder to begin anew",
        folder.display()
    )]
    OtherVersion {
        /// The folder of the spool.
        folder: PathBuf,
    },

    /// The plan of the export is damaged: begin anew.
    #[error("{} cannot be gone on with: remove the folder to begin anew", folder.display())]
    Unreadable {
        /// The folder of the spool.
        folder: PathBuf,
        /// What is wrong with it.
        source: CheckpointError,
    },
}

/// What was there already when an export went on where an earlier process had ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ResumeReport {
    /// When the first process began: rows may be as old as this. In JSON RFC 3339 in UTC.
    pub started: Timestamp,
    /// How many processes worked on it before.
    pub earlier_runs: u32,
    /// Rows that were there.
    pub rows: u64,
    /// Pages that were there.
    pub pages: u64,
    /// The size of the answers that they came in, after decompression; in JSON `decoded_bytes`.
    #[serde(rename = "decoded_bytes")]
    pub bytes: u64,
}

impl ResumeError {
    /// Why a plan does not fit any more, with the folder that it lies in.
    pub(crate) fn of_plan(error: arcgis_layer::Error, folder: &Path) -> Error {
        match error {
            arcgis_layer::Error::Checkpoint(CheckpointError::Differs { what, was, is, .. }) => {
                Error::Resume(Self::Differs {
                    folder: folder.to_owned(),
                    what,
                    was,
                    is,
                })
            }
            other => Error::Layer(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_one_name_do_not_meet() {
        let paths = ["a/.x.parquet.arcgis-spool", "b/.x.parquet.arcgis-spool"].map(|beside| {
            let beside = Path::new(beside);
            assert_eq!(Resume::new().path(Some(beside), "x").unwrap(), beside);
            Resume::in_folder("/spill")
                .path(Some(beside), "x.parquet")
                .unwrap()
        });
        assert_ne!(paths[0], paths[1]);
        for path in paths {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(path.parent(), Some(Path::new("/spill")));
            assert!(name.starts_with("x.parquet-") && name.ends_with(".arcgis-spool"));
        }
        let error = Resume::new().path(None, "a bucket").unwrap_err();
        assert!(error.to_string().starts_with("a bucket has no place"));
        let [one, other] = ["s3://a/x", "s3://b/x"]
            .map(|place| Resume::in_folder("/spill").path(None, place).unwrap());
        assert_ne!(one, other);
    }
}
