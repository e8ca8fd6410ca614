//! What pictures, pages and terminals show of batches and files that are made here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod bench;
mod files;
mod hostile;
mod pages;
mod pictures;
mod terminals;
