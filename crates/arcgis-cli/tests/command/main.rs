//! The real binary, against a real service on this machine.
#![cfg(feature = "demo")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod asking;
mod attachments;
mod bad_input;
mod configuration;
mod conversion;
mod demo;
mod discovery;
mod files;
mod filters;
mod folders;
mod help;
mod inspection;
mod interruption;
mod keeping_fresh;
mod login;
mod looking;
mod metrics;
mod options;
mod order;
mod partitions;
mod pasted;
mod places;
mod plan;
mod preview;
mod profiles;
mod resuming;
mod run;
mod secrets;
mod services;
mod sign_in;
mod strategies;
mod web;
