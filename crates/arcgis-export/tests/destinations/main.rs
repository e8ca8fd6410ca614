//! Where exports go besides local files: into buckets, by PUT, into anything that takes bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../generated/mod.rs"]
mod generated;
#[path = "../pages/mod.rs"]
mod pages;

mod answer;
mod async_writer;
#[cfg(feature = "cloud")]
mod buckets;
mod http_put;
#[cfg(feature = "cloud")]
#[allow(dead_code, reason = "other suites use the rest")]
mod s3;
mod server;
mod web;
