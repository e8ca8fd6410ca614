//! One page in both formats, with the layout that its layer's metadata gives.

use arcgis_export::{ArrowSink, DateZone, ExportSchema};
use arcgis_layer::{LayerInfo, Layout, Query};

use crate::{esri_json, layers, pbf};

/// The same rows as JSON and as PBF.
#[derive(Debug, Clone)]
pub struct Page {
    /// What the rows are.
    pub name: String,
    /// How many there are.
    pub rows: usize,
    /// The answer to `f=json`.
    pub json: Vec<u8>,
    /// The answer to `f=pbf`; empty if there is none.
    pub pbf: Vec<u8>,
    /// What the metadata says of the rows.
    pub layout: Layout,
    /// Makes columns of them. One sink serves all pages of an export, and what the first of them grew serves the others.
    pub sink: ArrowSink,
}

impl Page {
    /// A page whose answers are given.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        rows: usize,
        layout: Layout,
        json: Vec<u8>,
        pbf: Vec<u8>,
    ) -> Self {
        Self {
            name: name.into(),
            rows,
            json,
            pbf,
            sink: ArrowSink::new(ExportSchema::new(&layout, DateZone::Utc)),
            layout,
        }
    }

    /// The first page of a layer of the benchmark's service, as long as that service makes them.
    pub(crate) fn first_of(name: &str) -> Self {
        let layer = layers::named(name).unwrap();
        let rows = 1..=layer.page as u64;
        let mut json = esri_json::head(&layer, true);
        let mut members = Vec::new();
        for row in rows {
            if row > 1 {
                json.push(',');
            }
            esri_json::row(&layer, row, &mut json);
            pbf::row(&layer, row, &mut members);
        }
        json.push_str(esri_json::TAIL);
        let head = [pbf::head(&layer), pbf::exceeded()].concat();
        let envelope = pbf::envelope(head.len() + members.len());
        let description = esri_json::description(&layer, 0).to_string();
        let info = LayerInfo::from_json(description.as_bytes()).unwrap();
        let layout = Query::default()
            .resolve(&info)
            .unwrap()
            .layout()
            .as_ref()
            .clone();
        Self::new(
            name,
            layer.page,
            layout,
            json.into_bytes(),
            [envelope, head, members].concat(),
        )
    }
}
