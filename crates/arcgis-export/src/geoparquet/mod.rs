//! GeoParquet, written in one pass.

pub(crate) mod covering;
mod crew;
mod metadata;
mod native;
mod output;
mod packed_column;
mod packer;
mod page_head;
mod page_store;
mod pages;
mod repetition;
mod row_groups;
mod version;
mod writer;

#[cfg(test)]
pub(crate) use native::NativeEncoding;
pub(crate) use output::{GeometryForm, OutputColumns};
pub use version::{GeoParquetVersion, GeometryEncoding};
pub use writer::{GeoParquetWriter, RowGroup};
