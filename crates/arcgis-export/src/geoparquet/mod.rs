//! GeoParquet 1.1, written in one pass.

pub(crate) mod covering;
mod metadata;
mod writer;

pub use writer::{GeoParquetWriter, RowGroup};
