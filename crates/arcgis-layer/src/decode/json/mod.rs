//! Esri JSON.

mod columns;
mod geometry;
mod header;
mod number;
mod page;
mod scanner;

pub use header::read_header;
pub use page::decode_json;
