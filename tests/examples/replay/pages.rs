//! Pages out of what is on disk.

use std::ops::Range;
use std::path::Path;

use bytes::{Buf, Bytes};

use crate::layers::Layer;
use crate::{esri_json, geojson, pbf};

/// A body in three pieces: what is before the rows, the rows, and what is behind them.
pub(crate) type Body = bytes::buf::Chain<bytes::buf::Chain<Bytes, Bytes>, Bytes>;

/// The formats of a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Format {
    Json,
    GeoJson,
    Pbf,
}

/// All rows of a layer in one format.
struct Rows {
    bytes: Bytes,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl Rows {
    fn load(folder: &Path, format: &str) -> Self {
        let read = |name: String| std::fs::read(folder.join(name)).unwrap();
        let ends = read(format!("ends.{format}"));
        let ends = ends
            .chunks_exact(8)
            .map(|end| u64::from_le_bytes(end.try_into().unwrap()) as usize);
        Self {
            ends: ends.collect(),
            bytes: Bytes::from(read(format!("rows.{format}"))),
        }
    }

    fn slice(&self, rows: &Range<usize>) -> Bytes {
        let end = |rows: usize| rows.checked_sub(1).map_or(0, |last| self.ends[last]);
        self.bytes.slice(end(rows.start)..end(rows.end))
    }

    /// The rows of several ranges; only where these are not one are they copied.
    fn chosen(&self, ranges: &[Range<usize>]) -> Bytes {
        match ranges {
            [] => Bytes::new(),
            [one] => self.slice(one),
            several => {
                let mut all = Vec::new();
                for range in several {
                    all.extend_from_slice(&self.slice(range));
                }
                Bytes::from(all)
            }
        }
    }
}

/// A layer with all its rows.
pub(crate) struct Pages {
    pub(crate) layer: Layer,
    json: Rows,
    geojson: Rows,
    pbf: Rows,
}

impl Pages {
    pub(crate) fn load(folder: &Path, layer: Layer) -> Self {
        let folder = folder.join(layer.name);
        Self {
            json: Rows::load(&folder, "json"),
            geojson: Rows::load(&folder, "geojson"),
            pbf: Rows::load(&folder, "pbf"),
            layer,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.json.ends.len()
    }

    /// A page.
    pub(crate) fn page(&self, format: Format, rows: &[Range<usize>], exceeded: bool) -> Body {
        let (head, rows, tail) = match format {
            Format::Json => (
                esri_json::head(&self.layer, exceeded).into_bytes(),
                without_comma(self.json.chosen(rows)),
                esri_json::TAIL,
            ),
            Format::GeoJson => (
                geojson::head(exceeded).into_bytes(),
                without_comma(self.geojson.chosen(rows)),
                esri_json::TAIL,
            ),
            Format::Pbf => {
                let rows = self.pbf.chosen(rows);
                let mut head = pbf::head(&self.layer);
                if exceeded {
                    head.extend(pbf::exceeded());
                }
                let mut envelope = pbf::envelope(head.len() + rows.len());
                envelope.extend(head);
                (envelope, rows, "")
            }
        };
        Bytes::from(head).chain(rows).chain(Bytes::from(tail))
    }
}

fn without_comma(mut rows: Bytes) -> Bytes {
    rows.truncate(rows.len().saturating_sub(1));
    rows
}

/// A body that is no page.
pub(crate) fn whole(body: impl Into<Bytes>) -> Body {
    body.into().chain(Bytes::new()).chain(Bytes::new())
}
