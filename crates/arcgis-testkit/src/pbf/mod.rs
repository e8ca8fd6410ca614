//! Answers as protocol buffers (`f=pbf`), written by hand after <https://github.com/Esri/arcgis-pbf> and captured answers.

mod count;
mod features;
mod grid;
mod value;
mod writer;

pub(crate) use count::{count, extent, ids};
pub(crate) use features::features;

/// The content type of these answers.
pub(crate) const CONTENT_TYPE: &str = "application/x-protobuf";

/// The message that every answer is: a query's result of one kind.
fn result(kind: u32, answer: &writer::Message) -> Vec<u8> {
    let mut result = writer::Message::default();
    result.message(kind, answer);
    let mut top = writer::Message::default();
    top.message(2, &result);
    top.into_bytes()
}
