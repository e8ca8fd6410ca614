//! One dataset in several files: what is in them, and that nothing appears before all is whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bench;
mod failures;
mod fields;
#[path = "../generated/mod.rs"]
mod generated;
mod killed;
#[path = "../pages/mod.rs"]
mod pages;
mod refusals;
mod replacing;
mod spatial;
