//! The suites that need several crates at once, as one program: it links once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod columns;
mod completeness;
mod convert;
mod demo;
mod destinations;
mod drift;
mod faults;
mod field_types;
mod geometry_types;
mod in_memory_table;
mod login;
mod options;
mod protocol_cases;
mod reference_systems;
mod services;
mod tokens;
