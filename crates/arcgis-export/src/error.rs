//! What can go wrong with an export, by what the caller can do next.

use std::io;
use std::path::PathBuf;

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

/// The error of this crate.
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
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file that was to be written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// Writing failed on the way: a full disk, mostly. Nothing stands under the final name.
    #[error("the output could not be written: {0}")]
    Write(#[source] ParquetError),

    /// Rows could not be put together as columns.
    #[error("the rows could not be put together: {0}")]
    Columns(#[from] ArrowError),

    /// Rows came or went on the server during the export, and that was to be an error: export again.
    #[error("the layer changed during the export: {0}")]
    Drift(Box<arcgis_layer::Drift>),

    /// A saved answer cannot be read.
    #[error("the saved answer cannot be used: {0}")]
    Answer(#[source] arcgis_layer::DecodeError),

    /// The thread that writes ended too early.
    #[error("the writer stopped before its work was done")]
    WriterStopped,
}
