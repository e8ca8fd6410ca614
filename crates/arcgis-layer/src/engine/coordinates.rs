//! How coordinates of pages in JSON become what PBF would have brought.

use std::sync::{Arc, OnceLock};

use arcgis_auth_core::Accept;
use tokio::sync::OnceCell;

use super::fetch::{Fetcher, add};
use crate::decode::{CoordinateGrid, Coordinates, DecodeContext, decode_pbf};
use crate::feature::FeatureCollector;
use crate::format::PageFormat;
use crate::layout::Layout;
use crate::literal::object_id_range;
use crate::second_chance::send;
use crate::sink::PageSink;

/// What is known of the grid in one fetch.
#[derive(Debug, Default)]
pub(crate) struct Rounding {
    grid: OnceLock<CoordinateGrid>,
    /// Set once the grid was asked for.
    asked: OnceCell<()>,
}

impl Rounding {
    /// A page was taken whose coordinates came so.
    pub(crate) fn came(&self, coordinates: Coordinates) {
        if let Coordinates::Rounded(grid) = coordinates {
            self.grid.get_or_init(|| grid);
        }
    }

    pub(crate) fn known_grid(&self) -> Option<CoordinateGrid> {
        self.grid.get().copied()
    }
}

impl<S: PageSink> Fetcher<S> {
    /// What the coordinates of a page in JSON are to be rounded to, where pages come in PBF: a row has the same
    /// coordinates then whether its page held up or not. Where no page in PBF has come yet, the grid is asked for.
    pub(crate) async fn grid(self: &Arc<Self>) -> Option<CoordinateGrid> {
        if self.plan.format != PageFormat::Pbf
            || self.layout.geometry.is_none()
            || self.trust.is_of_a_foreigner()
        {
            return None;
        }
        if self.rounding.known_grid().is_none() {
            let ask = || async {
                if let Some(grid) = self.asked_grid().await {
                    // Unless a page has brought it meanwhile.
                    self.rounding.grid.get_or_init(|| grid);
                }
            };
            self.rounding.asked.get_or_init(ask).await;
        }
        self.rounding.known_grid()
    }

    /// Asks for the geometry of single rows in PBF until one has some and tells the grid.
    async fn asked_grid(self: &Arc<Self>) -> Option<CoordinateGrid> {
        let (query, address) = (&self.plan.query, self.layer.address());
        let layout = Layout::new([]).with_geometry(self.layout.geometry.clone()?);
        let mut requests = Vec::new();
        match (self.plan.ids(), query.object_id()) {
            (Some(ids), Some(field)) => {
                let last = ids.len().saturating_sub(1);
                let mut places = vec![0, last, last / 2, last / 4, last / 4 * 3];
                places.sort_unstable();
                places.dedup();
                for id in places.into_iter().filter_map(|place| ids.nth(place)) {
                    let only = object_id_range(field, id, id);
                    let request = query.page_request_within(address, &only);
                    // Whatever it is in the other columns that PBF cannot hold, it is not asked for.
                    requests.push(request.with_param("outFields", field));
                }
            }
            _ => requests.push(self.offset_request(0, 1)),
        }
        for request in requests {
            let request = request
                .with_rows(1)
                .with_param("f", PageFormat::Pbf.param())
                .with_accept(Accept::Pbf);
            add(&self.counters.requests, 1);
            let Ok(body) = send(&**self.layer.transport(), &request).await else {
                continue;
            };
            let mut page = FeatureCollector::new(layout.clone()).page(1);
            let Ok(facts) = decode_pbf(&body, &DecodeContext::new(&layout), &mut page) else {
                continue;
            };
            if facts.foreign {
                return None;
            }
            let is_believed = self.check_reference(&facts).is_ok()
                && self
                    .trust
                    .is_plausible(&facts.bbox, self.layer.info(), &self.layout);
            if let (true, Coordinates::Rounded(grid)) = (is_believed, facts.coordinates) {
                return Some(grid);
            }
        }
        None
    }
}
