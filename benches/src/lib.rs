//! Pages like those of real services, and the ways to read them that are compared.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod captured;
pub mod contestants;
#[path = "../../crates/arcgis-layer/tests/pbf/messages.rs"]
#[allow(dead_code)]
mod messages;
pub mod page;
mod points;
mod polygons;
mod random;

pub use captured::captured;
pub use page::Page;
pub use points::points;
pub use polygons::polygons;
