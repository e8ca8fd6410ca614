//! What can go wrong with an export, by what the caller can do next.

use std::io;
use std::path::PathBuf;

use arcgis_layer::IdSet;
use arrow_schema::ArrowError;

use crate::format::FileFormat;
use crate::saved_answer::AnswerKind;

/// The error of this crate.
///
/// Its message is about its own step alone; what went wrong below is the
/// [`source`](std::error::Error::source), so that a chain of errors says each thing once.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The layer did not give its rows: see there.
    #[error(transparent)]
    Layer(#[from] arcgis_layer::Error),

    /// There is a file already: allow to overwrite it, or choose another name.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },

    /// Nothing can be written there: choose another place, or make it writable.
    #[error("cannot write {}", path.display())]
    Unwritable {
        /// The file that was to be written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// What is there already cannot be read: make it readable, or choose another place.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// Somebody else changed the file, the dataset or the object meanwhile, and it was left so: begin again with what is there
    /// now.
    #[error("{} was changed by somebody else meanwhile, and is left so", path.display())]
    Replaced {
        /// Where it is.
        path: PathBuf,
    },

    /// Another process is at work there: wait until it ends.
    #[error("another process is at work on {place}: wait until it ends")]
    InUse {
        /// The file or the folder.
        place: String,
    },

    /// What should be the index of an earlier export is none: choose another folder, or allow to overwrite it.
    #[error("{path} cannot be gone on with")]
    Index {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: crate::service::IndexError,
    },

    /// There is no layer that is wanted: give another address or another selection.
    #[error("{at} has no layers and no tables that are wanted{}", meant_none(.idle))]
    NoLayers {
        /// The service, folder or server.
        at: String,
        /// Patterns that stand for no layer.
        idle: Vec<crate::service::Pattern>,
    },

    /// The rows are in their place, and some of their attachments are not: try again.
    #[error("{failed} attachments could not be had, the first: {first}")]
    Attachments {
        /// How many.
        failed: u64,
        /// The first of them, and why not.
        first: String,
    },

    /// An option asks for what cannot be held, as native geometry by GeoParquet 2.0: leave one of both out.
    #[error("{option} is not for {by}")]
    Unsupported {
        /// What was asked for.
        option: String,
        /// What does not hold it.
        by: String,
    },

    /// Writing failed on the way: a full disk, mostly. Nothing stands under the final name.
    #[error("the output could not be written")]
    Write(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// The format is one of longitude and latitude: ask for these, or choose another format.
    #[error(
        "{format} is in longitude and latitude (EPSG:4326) alone, and the rows are to be in {found}"
    )]
    NotInDegrees {
        /// The format.
        format: FileFormat,
        /// The reference system of the rows.
        found: String,
    },

    /// A value for which the format has no form. With
    /// [`LayerExport::with_lenient`](crate::LayerExport::with_lenient) it becomes null.
    #[error("{format} has no form for {value} in {column}")]
    Unfit {
        /// The format.
        format: FileFormat,
        /// The column.
        column: String,
        /// The value.
        value: String,
    },

    /// A [`Spool`](crate::Spool) could not keep rows or give them back: make room for it, or do without.
    #[error("rows could not be spooled")]
    Spool(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// The export cannot go on where an earlier one ended, or cannot keep what comes: see there.
    #[error(transparent)]
    Resume(#[from] crate::resume::ResumeError),

    /// The rows cannot be cut into files as wanted: see there.
    #[error(transparent)]
    Partition(#[from] crate::partition::PartitionError),

    /// An earlier export cannot be brought up to date, and stays as it is: see there.
    #[error(transparent)]
    Sync(#[from] crate::sync::SyncError),

    /// What was to be done before the output takes its name failed, so it did not take it. See
    /// [`LayerExport::with_before_commit`](crate::LayerExport::with_before_commit).
    #[error("what goes with the output could not be done")]
    BeforeCommit(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// Rows could not be put together as columns.
    #[error("the rows could not be put together")]
    Columns(#[from] ArrowError),

    /// Rows came or went on the server during the export, and that was to be an error: export again.
    #[error("the layer changed during the export: {0}")]
    Drift(Box<arcgis_layer::Drift>),

    /// A saved answer cannot be read.
    #[error("the saved answer cannot be used")]
    Answer(#[source] arcgis_layer::DecodeError),

    /// What was saved is something else than rows with their fields: save the answer that has them.
    #[error("the saved answer cannot be converted: {0}")]
    OtherAnswer(AnswerKind),

    /// A saved answer has rows more than once: save it anew.
    #[error("the saved answer has {} in more than one row: {}", object_ids(.0), first(.0))]
    Doubled(Box<IdSet>),

    /// The system gives no thread to write with: try again when it has less to do.
    #[error("no thread could be started")]
    NoThread {
        /// Why not.
        source: io::Error,
    },

    /// The thread that writes ended too early.
    #[error("the writer stopped before its work was done")]
    WriterStopped,

    /// A thread panicked: a mistake in this library, or in a spool or destination of the caller's.
    #[error("the export stopped before its work was done: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
    },
}

impl Error {
    /// The error of writing a file.
    pub(crate) fn write(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Write(source.into())
    }

    /// The error of a spool.
    pub(crate) fn spool(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Spool(source.into())
    }

    /// The error of a task that did not end by itself.
    pub(crate) fn of_task(error: tokio::task::JoinError) -> Self {
        match error.try_into_panic() {
            Ok(panic) => Self::of_panic(panic),
            Err(_) => Self::WriterStopped,
        }
    }

    /// The error of a thread that panicked.
    pub(crate) fn of_panic(panic: Box<dyn std::any::Any + Send>) -> Self {
        let message = match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(panic) => panic
                .downcast_ref::<&str>()
                .map_or("a panic that says nothing", |message| message)
                .to_owned(),
        };
        Self::Panicked { message }
    }
}

fn meant_none(patterns: &[crate::service::Pattern]) -> String {
    if patterns.is_empty() {
        return String::new();
    }
    let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
    format!(": none is meant by {}", patterns.join(", "))
}

fn object_ids(ids: &IdSet) -> String {
    match ids.len() {
        1 => "1 object id".to_owned(),
        many => format!("{many} object ids"),
    }
}

/// The first ids, and how many more there are.
fn first(ids: &IdSet) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = ids.iter().take(SHOWN).map(|id| id.to_string()).collect();
    let more = ids.len().saturating_sub(SHOWN as u64);
    let shown = shown.join(", ");
    if more > 0 {
        format!("{shown} and {more} more")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each text of a chain.
    fn chain(error: &Error) -> Vec<String> {
        let mut texts = Vec::new();
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            texts.push(error.to_string());
            cause = error.source();
        }
        texts
    }

    #[test]
    fn a_chain_says_each_thing_once() {
        let full = || io::Error::other("the disk is full");
        for error in [
            Error::Unwritable {
                path: "a".into(),
                source: full(),
            },
            Error::Spool(Box::new(full())),
        ] {
            let texts = chain(&error);
            assert_eq!(texts.len(), 2, "{texts:?}");
            assert_eq!(texts[1], "the disk is full");
            assert!(!texts[0].contains("full"), "{texts:?}");
        }
        let answer = Error::Answer(arcgis_layer::DecodeError::Malformed {
            offset: 7,
            problem: "no bracket".to_owned(),
        });
        assert_eq!(
            chain(&answer),
            [
                "the saved answer cannot be used",
                "malformed at byte 7: no bracket"
            ]
        );
    }

    #[test]
    fn doubled_ids_are_named() {
        let error = |ids: std::ops::RangeInclusive<i64>| {
            Error::Doubled(Box::new(ids.collect())).to_string()
        };
        assert_eq!(
            error(7..=7),
            "the saved answer has 1 object id in more than one row: 7"
        );
        assert_eq!(
            error(1..=12),
            "the saved answer has 12 object ids in more than one row: \
             1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"
        );
    }

    #[tokio::test]
    async fn a_panic_keeps_its_text() {
        let number = 7;
        let plain = tokio::task::spawn_blocking(|| panic!("plain"));
        let formatted = tokio::task::spawn_blocking(move || panic!("row {number}"));
        for (work, expected) in [(plain, "plain"), (formatted, "row 7")] {
            let error = Error::of_task(work.await.unwrap_err());
            let Error::Panicked { message } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(message, expected);
            assert!(error.to_string().ends_with(expected));
        }
    }
}
