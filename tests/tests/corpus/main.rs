//! The cases that fuzzing kept, and what no case may cost.
//!
//! `fuzz/` holds the functions that say what must hold for any bytes, and the cases on which libFuzzer found something
//! new; here they run without libFuzzer, as they are and changed a little. `hostile` makes the cases that are too
//! large to keep.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod hostile;
mod memory;
mod replay;
#[path = "../../../fuzz/src/lib.rs"]
mod targets;
