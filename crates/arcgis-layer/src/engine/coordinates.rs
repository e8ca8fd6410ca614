//! How coordinates of pages in JSON become what PBF would have brought.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use arcgis_auth_core::{
    Accept, Bytes, Error as SendError, Outcome, Request, Transport, TransportErrorKind,
};
use tokio::sync::Mutex;

use super::fetch::{Fetcher, add};
use super::strategy::Strategy;
use crate::decode::{CoordinateGrid, Coordinates, DecodeContext, DecodeError, decode_pbf};
use crate::feature::FeatureCollector;
use crate::format::PageFormat;
use crate::layout::Layout;
use crate::literal::object_id_range;
use crate::second_chance::Remedy;
use crate::sink::PageSink;

/// So often the grid is asked for in one fetch where nothing tells it: the server is in no state to answer, for all that
/// the transport has tried each request again, or the rows have no geometry.
const MOST_ROUNDS: u32 = 3;

/// What is known of the grid in one fetch.
#[derive(Debug, Default)]
pub(crate) struct Rounding {
    grid: OnceLock<CoordinateGrid>,
    /// How often the grid was asked for; the most where there is nothing more to learn.
    rounds: AtomicU32,
    /// How often the server was in no state to answer then.
    troubles: AtomicU32,
    /// Held by the page that asks.
    asking: Mutex<()>,
}

/// Why an answer does not tell the grid; what counts for more stands behind what counts for less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Silence {
    /// Its rows have no geometry.
    NoGeometry,
    /// So many rows are too many.
    TooBig,
    /// It cannot be used, and could not at another time.
    Unusable,
    /// The server was in no state to answer.
    Trouble,
    /// It did not answer in time: other requests would take as long.
    Timeout,
    /// The encoder is not the one that pages are believed of.
    Foreign,
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
    /// coordinates then whether its page held up or not. Where no page in PBF has come yet, the grid is asked for; where
    /// nothing tells it, for a later page again.
    ///
    /// `page` is the request for the page.
    pub(crate) async fn grid(self: &Arc<Self>, page: &Request) -> Option<CoordinateGrid> {
        if self.plan.format != PageFormat::Pbf
            || self.layout.geometry.is_none()
            || self.trust.is_of_a_foreigner()
        {
            return None;
        }
        let rounding = &self.rounding;
        let known = rounding.known_grid();
        if known.is_some() {
            return known;
        }
        let troubles = rounding.troubles.load(Ordering::Relaxed);
        let _asking = rounding.asking.lock().await;
        // Who has waited while the server was in trouble would hear the same at once.
        let has_heard = rounding.troubles.load(Ordering::Relaxed) > troubles;
        let rounds = rounding.rounds.load(Ordering::Relaxed);
        if rounding.known_grid().is_none() && !has_heard && rounds < MOST_ROUNDS {
            let rounds = match self.asked_grid(page).await {
                Ok(grid) => {
                    // Unless a page has brought it meanwhile.
                    rounding.grid.get_or_init(|| grid);
                    MOST_ROUNDS
                }
                Err(Silence::Unusable | Silence::Foreign) => MOST_ROUNDS,
                Err(Silence::NoGeometry | Silence::TooBig) => rounds + 1,
                Err(Silence::Trouble | Silence::Timeout) => {
                    rounding.troubles.fetch_add(1, Ordering::Relaxed);
                    rounds + 1
                }
            };
            rounding.rounds.store(rounds, Ordering::Relaxed);
        }
        rounding.known_grid()
    }

    /// Asks for the geometry of single rows in PBF until one has some and tells the grid; if none has any, for that of the
    /// page's rows.
    async fn asked_grid(self: &Arc<Self>, page: &Request) -> Result<CoordinateGrid, Silence> {
        let geometry = self.layout.geometry.clone();
        let layout = Layout::new([]).with_geometry(geometry.ok_or(Silence::NoGeometry)?);
        let layout = Arc::new(layout);
        let mut silence = Silence::NoGeometry;
        for request in self.single_rows() {
            match self.grid_of(request.with_rows(1), &layout).await {
                Err(last @ (Silence::Timeout | Silence::Foreign)) => return Err(last),
                Err(why) => silence = silence.max(why),
                told => return told,
            }
        }
        match silence {
            Silence::NoGeometry => self.grid_of(page.clone(), &layout).await,
            why => Err(why),
        }
    }

    /// Requests for a few rows, far from each other; none where rows cannot be asked for one by one.
    fn single_rows(&self) -> Vec<Request> {
        let query = &self.plan.query;
        if let (Some(ids), Some(field)) = (self.plan.ids(), query.object_id()) {
            let one = |id| {
                let only = object_id_range(field, id, id);
                query.page_request_within(self.layer.address(), &only)
            };
            let places = places(ids.len()).into_iter();
            return places.filter_map(|place| ids.nth(place)).map(one).collect();
        }
        let has_offsets = self.plan.strategy == Strategy::Offset
            || self.layer.info().advanced.pagination == Some(true);
        if !has_offsets {
            return Vec::new();
        }
        let places = places(self.plan.rows).into_iter();
        places.map(|place| self.offset_request(place, 1)).collect()
    }

    /// The grid that the answer to a request for rows tells.
    async fn grid_of(
        self: &Arc<Self>,
        request: Request,
        layout: &Arc<Layout>,
    ) -> Result<CoordinateGrid, Silence> {
        let request = request
            .with_param("f", PageFormat::Pbf.param())
            .with_accept(Accept::Pbf);
        // Whatever it is in the other columns that PBF cannot hold, it is not asked for.
        let request = match self.plan.query.object_id() {
            Some(field) => request.with_param("outFields", field),
            None => request,
        };
        let body = self.answer_to(&request).await?;
        let layout = Arc::clone(layout);
        // Beside the event loop like any page: nothing makes a server keep to one row.
        let decoded = self.decoding(move |this| {
            let mut page = FeatureCollector::new(Arc::clone(&layout)).page(1);
            let context = DecodeContext {
                layout: &layout,
                cancelled: Some(&this.cancelled),
                grid: None,
            };
            decode_pbf(&body, &context, &mut page)
        });
        let facts = match decoded.await {
            Ok(Ok(facts)) => facts,
            // It became an error half-way. What cannot be read, on the other hand, is why pages come as JSON.
            Ok(Err(error @ DecodeError::Service(_)))
                if matches!(Remedy::of(&request, &error), Remedy::Again(_)) =>
            {
                return Err(Silence::Trouble);
            }
            Ok(Err(_)) | Err(_) => return Err(Silence::Unusable),
        };
        if facts.bbox.is_empty() {
            return Err(Silence::NoGeometry);
        }
        if facts.foreign {
            self.trust.is_foreign();
            return Err(Silence::Foreign);
        }
        let is_believed = self.check_reference(&facts).is_ok()
            && self
                .trust
                .is_plausible(&facts.bbox, self.layer.info(), &self.layout);
        match facts.coordinates {
            Coordinates::Rounded(grid) if is_believed => Ok(grid),
            _ => Err(Silence::Unusable),
        }
    }

    async fn answer_to(&self, request: &Request) -> Result<Bytes, Silence> {
        let response = match self.layer.transport().send(request.clone()).await {
            Ok(response) => response,
            Err(SendError::Transport(failure)) => {
                self.count(failure.attempts());
                return Err(match failure.kind() {
                    TransportErrorKind::Timeout => Silence::Timeout,
                    TransportErrorKind::TooLarge => Silence::TooBig,
                    _ => Silence::Trouble,
                });
            }
            Err(_) => return Err(Silence::Trouble),
        };
        self.count(response.attempts());
        add(&self.counters.bytes, response.len() as u64);
        let silence = match response.outcome() {
            Outcome::Busy { .. } | Outcome::Transient | Outcome::TokenRefused(_) => {
                Silence::Trouble
            }
            Outcome::TooBig => Silence::TooBig,
            _ => Silence::Unusable,
        };
        response.into_ok().map_err(|_| silence)
    }
}

/// The first, the last and some between, of so many rows.
fn places(rows: u64) -> Vec<u64> {
    let last = rows.saturating_sub(1);
    let mut places = vec![0, last / 4, last / 2, last / 4 * 3, last];
    places.sort_unstable();
    places.dedup();
    places
}
