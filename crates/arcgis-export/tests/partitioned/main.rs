//! One dataset in several files: what is in them, and that nothing appears before all is whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[cfg(feature = "cloud")]
#[allow(dead_code, reason = "other suites use the rest")]
#[path = "../destinations/answer.rs"]
mod answer;
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
#[cfg(feature = "cloud")]
#[allow(dead_code, reason = "other suites use the rest")]
#[path = "../destinations/s3.rs"]
mod s3;
#[cfg(feature = "cloud")]
#[allow(dead_code, reason = "other suites use the rest")]
#[path = "../destinations/server.rs"]
mod server;
mod spatial;
#[cfg(feature = "cloud")]
mod store;
#[cfg(feature = "cloud")]
mod stored;
#[cfg(feature = "cloud")]
mod stored_faults;
#[cfg(feature = "cloud")]
mod stored_syncs;
