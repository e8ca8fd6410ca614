//! GeoParquet, written in one pass.

pub(crate) mod covering;
mod metadata;
mod native;
mod output;
mod page_store;
mod repetition;
mod row_groups;
mod version;
mod writer;

#[cfg(test)]
pub(crate) use native::NativeEncoding;
pub(crate) use output::{GeometryForm, OutputColumns};
pub use version::{GeoParquetVersion, GeometryEncoding};
pub use writer::{GeoParquetWriter, RowGroup};
