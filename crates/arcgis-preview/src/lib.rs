#![doc = include_str!("../README.md")]

mod column;
mod crs;
mod distinct;
mod error;
mod geometry_column;
mod histogram;
mod land;
mod longitude;
mod native;
mod outline;
mod page;
mod parquet_file;
mod picture;
mod placement;
mod preview;
mod sample;
mod sketch;
mod terminal;
mod value;
mod wkb;

pub use column::{Bars, Column, Summary};
pub use crs::Crs;
pub use error::{Error, GeometryProblem};
pub use geometry_column::GeometryColumn;
pub use outline::Extent;
pub use parquet_file::ParquetFile;
pub use picture::PngOptions;
pub use preview::{GeometryKinds, Preview, PreviewBuilder, PreviewOptions};
pub use terminal::TerminalOptions;
pub use value::ValueKind;

// Types of other crates that stand in this crate's signatures.
pub use arrow_array;
pub use arrow_schema;
