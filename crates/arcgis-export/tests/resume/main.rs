//! Exports that go on where others ended: after errors, kills at any byte, changes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bench;
#[path = "../generated/mod.rs"]
mod generated;
mod going_on;
mod outcome;
#[path = "../pages/mod.rs"]
mod pages;
mod refusals;
mod torn;
