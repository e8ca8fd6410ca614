//! Whole services: a file for each layer, an index, and going on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod bench;
mod catalog;
mod failures;
mod folders;
mod going_on;
mod selection;
