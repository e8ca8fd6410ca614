//! Esri's protocol buffers (`f=pbf`), walked where they lie.
//!
//! The format is described at <https://github.com/Esri/arcgis-pbf>. What that does not say, and this relies on, was
//! found in answers of real services:
//!
//! - Coordinates are 64-bit (`sint64`), whatever the description says.
//! - x and y are differences to the position before, and start again at every part; z and m are absolute.
//! - A missing m is 0 before the transform.
//! - `transform` is missing where no geometry is sent.
//! - Members that are 0, false or empty are not sent at all, so that a table looks like points.

mod answer;
mod count;
mod features;
mod geometry;
mod header;
mod page;
mod steps;
mod transform;
mod value;
mod wire;

pub use count::{read_pbf_count, read_pbf_extent, read_pbf_ids};
pub use header::read_pbf_header;
pub use page::decode_pbf;
