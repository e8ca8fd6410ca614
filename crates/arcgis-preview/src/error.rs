//! What can go wrong, by what to do about it.

use std::io;

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

/// Why there is no look at the rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be opened or read.
    #[error("the file could not be read: {0}")]
    Unreadable(#[source] io::Error),

    /// The file is no Parquet file, or a damaged one.
    #[error("the file is no whole Parquet file: {0}")]
    File(#[source] ParquetError),

    /// The file's own description of its geometry, the footer `geo`, does not say what it should.
    #[error("the file's footer `geo` {problem}")]
    Footer {
        /// What is wrong with it.
        problem: String,
    },

    /// A geometry is damaged.
    #[error("the geometry of row {row} is damaged: {problem}")]
    Geometry {
        /// The row, from 1.
        row: u64,
        /// What is wrong with it.
        problem: GeometryProblem,
    },

    /// Batches do not have the schema that was announced.
    #[error("the rows have other columns than those announced: {0}")]
    Schema(#[source] ArrowError),

    /// There is no geometry to make a picture of.
    #[error("there is no geometry to draw")]
    NoGeometry,

    /// A picture of this size cannot be made.
    #[error("a picture of {width} pixels cannot be made: {least} to {most} are possible")]
    Size {
        /// The width that was asked for.
        width: u32,
        /// The least.
        least: u32,
        /// The most.
        most: u32,
    },

    /// The picture could not be made for another reason.
    #[error("the picture could not be made: {0}")]
    Picture(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// The page could not be written.
    #[error("the page could not be written: {0}")]
    Write(#[from] io::Error),
}

/// What is wrong with a geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryProblem {
    /// It ends before it says it does, or counts more than it holds.
    #[error("it ends too soon")]
    Short,

    /// The first byte of a part says neither order of bytes.
    #[error("{0} is no byte order")]
    ByteOrder(u8),

    /// A type that WKB does not have, or one that is not drawn here: curves and surfaces.
    #[error("{0} is no type that can be drawn")]
    Type(u32),

    /// A part of a type that its whole does not hold.
    #[error("it holds a part of another type")]
    Part,

    /// Collections in collections, too deep.
    #[error("its collections are nested too deeply")]
    Depth,

    /// A column whose type is not that of its encoding.
    #[error("the column does not have the type of its encoding")]
    Column,
}
