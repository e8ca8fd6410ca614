//! What is done with a page: ours, and what it is held against.

use std::hint::black_box;

use arcgis_layer::{
    DecodeContext, FeatureSink, GeometryRef, PageSink, SinkError, ValueRef, decode_json, decode_pbf,
};
use prost::Message as _;

use crate::messages::Collection;
use crate::page::Page;

/// One way to read a page.
#[derive(Debug, Clone, Copy)]
pub struct Contestant {
    /// What it does.
    pub name: &'static str,
    /// Which of the page's answers it reads.
    pub format: Format,
    /// Reads it.
    pub run: fn(&Page),
}

/// The formats of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `f=json`
    Json,
    /// `f=pbf`
    Pbf,
}

impl Page {
    /// The answer in a format.
    #[must_use]
    pub fn body(&self, format: Format) -> &[u8] {
        match format {
            Format::Json => &self.json,
            Format::Pbf => &self.pbf,
        }
    }
}

/// All of them, those that the others are held against first.
pub const CONTESTANTS: [Contestant; 6] = [
    Contestant {
        name: "serde IgnoredAny",
        format: Format::Json,
        run: ignored_any,
    },
    Contestant {
        name: "decode_json alone",
        format: Format::Json,
        run: json_alone,
    },
    Contestant {
        name: "JSON to RecordBatch",
        format: Format::Json,
        run: json_to_batch,
    },
    Contestant {
        name: "prost decode",
        format: Format::Pbf,
        run: prost_decode,
    },
    Contestant {
        name: "decode_pbf alone",
        format: Format::Pbf,
        run: pbf_alone,
    },
    Contestant {
        name: "PBF to RecordBatch",
        format: Format::Pbf,
        run: pbf_to_batch,
    },
];

fn ignored_any(page: &Page) {
    black_box(serde_json::from_slice::<serde::de::IgnoredAny>(&page.json).unwrap());
}

fn prost_decode(page: &Page) {
    black_box(Collection::decode(page.pbf.as_slice()).unwrap());
}

fn json_alone(page: &Page) {
    let context = DecodeContext::new(&page.layout);
    black_box(decode_json(&page.json, &context, &mut Nowhere).unwrap());
}

fn pbf_alone(page: &Page) {
    let context = DecodeContext::new(&page.layout);
    black_box(decode_pbf(&page.pbf, &context, &mut Nowhere).unwrap());
}

fn json_to_batch(page: &Page) {
    let mut sink = page.sink.page(page.rows);
    let context = DecodeContext::new(&page.layout);
    black_box(decode_json(&page.json, &context, &mut sink).unwrap());
    black_box(sink.into_batch().unwrap());
}

fn pbf_to_batch(page: &Page) {
    let mut sink = page.sink.page(page.rows);
    let context = DecodeContext::new(&page.layout);
    black_box(decode_pbf(&page.pbf, &context, &mut sink).unwrap());
    black_box(sink.into_batch().unwrap());
}

/// Looks at everything and keeps nothing.
pub(crate) struct Nowhere;

impl FeatureSink for Nowhere {
    fn attribute(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), SinkError> {
        black_box((column, value));
        Ok(())
    }

    fn geometry(&mut self, geometry: GeometryRef<'_>) -> Result<(), SinkError> {
        black_box(geometry);
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}
