//! Folders with the layers of a service, on this machine and in buckets: exported, and brought up to date.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

#[cfg(feature = "cloud")]
#[allow(dead_code, reason = "other suites use the rest")]
#[path = "../destinations/answer.rs"]
mod answer;
#[cfg(feature = "cloud")]
#[allow(dead_code, reason = "other suites use the rest")]
#[path = "../destinations/s3.rs"]
mod s3;
#[cfg(feature = "cloud")]
#[allow(dead_code, reason = "other suites use the rest")]
#[path = "../destinations/server.rs"]
mod server;

#[cfg(feature = "cloud")]
mod buckets;
mod cases;
#[cfg(feature = "cloud")]
mod objects;
mod refusals;
mod rounds;
mod world;
