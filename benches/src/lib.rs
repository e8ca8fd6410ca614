//! Pages like those of real services, the ways to read them that are compared, and the parts of the way, each alone.
//!
//! The pages are those of `cargo xtask bench`: its data, its page sizes, its bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod captured;
pub mod contestants;
#[path = "../../crates/arcgis-export/src/order/curve.rs"]
mod curve;
#[path = "../../tests/examples/replay/esri_json.rs"]
#[allow(dead_code)] // Of the benchmark's modules a part is used here.
mod esri_json;
#[path = "../../tests/examples/replay/geometry.rs"]
#[allow(dead_code)]
mod geometry;
#[path = "../../tests/examples/replay/layers.rs"]
#[allow(dead_code)]
mod layers;
#[path = "../../crates/arcgis-layer/tests/pbf/messages.rs"]
#[allow(dead_code)]
mod messages;
#[path = "../../tests/examples/replay/mixture.rs"]
#[allow(dead_code)]
mod mixture;
pub mod page;
pub mod parts;
#[path = "../../tests/examples/replay/pbf.rs"]
#[allow(dead_code)]
mod pbf;

pub use captured::captured;
pub use page::Page;
pub use parts::{Part, parts};

/// The pages that are compared: points, polygons, and what was captured.
#[must_use]
pub fn pages() -> Vec<Page> {
    let mut pages = vec![Page::first_of("points"), Page::first_of("polygons")];
    pages.extend(captured());
    pages
}
