//! What the cross-crate suites share: a service with a client, the file that comes of an export, and
//! a reader of WKB that knows nothing of the one that wrote it. The suites are in `tests/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod noise;
mod parquet_file;
mod wkb;

pub use bench::{Bench, in_id_order, open_json, paging, patient_client};
pub use noise::Noise;
pub use parquet_file::ParquetFile;
pub use wkb::{Shape, Wkb, is_counter_clockwise};

#[cfg(doctest)]
#[doc = include_str!("../../docs/authentication.md")]
mod authentication {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/export.md")]
mod export {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/sync.md")]
mod sync {}
