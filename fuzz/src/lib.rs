//! What must hold for any bytes at all, one function for each way in.
//!
//! Each function takes a case, as libFuzzer makes it up or as it lies in `corpus/`, and panics if something does not
//! hold: against another reader of the same bytes, against a plainer way to the same result, or forth and back.
//! libFuzzer calls them (`fuzz_targets/`), and so do the plain tests that replay the corpus (`tests/tests/corpus`), which
//! take this file as a module.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub
)]

mod address;
mod checkpoint;
mod envelope;
#[path = "../../crates/arcgis-export/tests/generated/mod.rs"]
mod generated;
mod json;
mod layouts;
mod literal;
mod login;
#[path = "../../crates/arcgis-layer/tests/pbf/messages.rs"]
#[allow(dead_code)] // A part is used here.
mod messages;
mod metadata;
mod pbf;
#[path = "../../crates/arcgis-layer/tests/decode/recorder.rs"]
#[allow(dead_code)] // A part is used here.
mod recorder;
mod rings;
mod shape;
mod source;
mod spool;
mod tree;
mod twins;
mod wkb;

pub use address::address;
pub use checkpoint::checkpoint;
pub use envelope::envelope;
pub use json::json;
pub use layouts::layout;
pub use literal::literal;
pub use login::login;
pub use metadata::metadata;
pub use pbf::pbf;
pub use rings::rings;
pub use spool::spool;
pub use twins::twins;
pub use wkb::wkb;
