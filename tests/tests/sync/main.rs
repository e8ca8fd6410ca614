//! Files that are kept fresh, held against fresh exports and against the rows that the service has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod datasets;
mod fallbacks;
mod refusals;
mod rounds;
mod trouble;
mod world;
