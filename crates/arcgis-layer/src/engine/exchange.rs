//! One page asked for: the request, the answer, its decoding, and what to do when it does not hold up.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use arcgis_auth_core::http::HeaderMap;
use arcgis_auth_core::{Accept, Bytes, Outcome, Request, Transport, TransportErrorKind, Verdict};

use super::fetch::{Asked, Fetcher, add};
use super::gather::Answer;
use crate::decode::{
    CoordinateGrid, Coordinates, DecodeContext, DecodeError, decode_json, decode_pbf,
};
use crate::error::Error;
use crate::format::{FormatChoice, PageFormat};
use crate::geometry::Bbox;
use crate::second_chance::{Remedy, SECOND_CHANCES, is_about_size};
use crate::sink::{PageFacts, PageSink};
use crate::spatial_reference::SpatialReference;

/// So few rows that their number cannot be why there is no answer in time.
const FEW: u64 = 10;

/// After so many requests for few rows that ran out of time, and no answer between them, it is the server.
const MOST_SILENCES: u64 = 4;

impl<S: PageSink> Fetcher<S> {
    /// Sends a request for a page and decodes the answer. A broken answer is asked for again, and one
    /// in PBF that does not hold up is asked for as JSON.
    ///
    /// `broken` is shared by the requests of one slot: once asking again for many rows did not help, fewer
    /// are asked for at once.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        request: Request,
        rows: u64,
        broken: &mut bool,
    ) -> Result<Asked<S::Page>, Error> {
        let request = request.with_rows(u32::try_from(rows).unwrap_or(u32::MAX));
        let may_fall_back = self.plan.options.format == FormatChoice::Auto;
        let mut format = match self.plan.format {
            PageFormat::Pbf if !may_fall_back || self.trust.is_left() => PageFormat::Pbf,
            _ => PageFormat::Json,
        };
        let mut doubted: Option<Answer<S::Page>> = None;
        let mut chances = SECOND_CHANCES;
        loop {
            let falls_back = format == PageFormat::Pbf && may_fall_back;
            let grid = match format {
                PageFormat::Json if doubted.is_none() => self.grid(&request).await,
                _ => self.rounding.known_grid(),
            };
            let sent = in_format(&request, format);
            let response = match self.layer.transport().send(sent.clone()).await {
                Ok(response) => response,
                Err(error) => return self.unanswered(&sent, error, rows),
            };
            self.silences.store(0, Ordering::Relaxed);
            self.count(response.attempts());
            add(&self.counters.bytes, response.len() as u64);
            let outcome = response.outcome();
            let body = match response.into_ok() {
                Ok(body) => body,
                Err(error) if outcome == Outcome::TooBig && rows > 1 => {
                    return Ok(Asked::TooBig(error.into()));
                }
                // Perhaps it is the format that the server refuses. What passes has nothing to do with it.
                Err(arcgis_auth_core::Error::Service(_))
                    if falls_back && outcome == Outcome::Terminal =>
                {
                    format = self.fall_back();
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let error = match self.decode(body, format, grid, rows).await? {
                Ok(answer) => {
                    if let Err(error) = self.check_reference(&answer.facts) {
                        if falls_back {
                            format = self.fall_back();
                            continue;
                        }
                        return Err(error);
                    }
                    let bbox = answer.facts.bbox;
                    if format == PageFormat::Json {
                        if let Some(doubted) = doubted.filter(|doubted| doubted.is_near(&bbox)) {
                            // Both say the same, so that it was to be believed.
                            self.trust.extent_is_stale();
                            return Ok(self.taken(doubted));
                        }
                        return Ok(self.taken(answer));
                    }
                    if falls_back && answer.facts.foreign {
                        self.trust.is_foreign();
                        format = self.fall_back();
                        continue;
                    }
                    if self
                        .trust
                        .is_plausible(&bbox, self.layer.info(), &self.layout)
                    {
                        self.trust.held_up();
                        return Ok(self.taken(answer));
                    }
                    doubted = Some(answer);
                    DecodeError::Geometry {
                        row: 0,
                        object_id: None,
                        problem: "the page's coordinates are far from the layer's extent"
                            .to_owned(),
                    }
                }
                Err(error) => error,
            };
            let remedy = Remedy::of(&sent, &error);
            let passes = match &error {
                DecodeError::Cancelled => true,
                DecodeError::Service(_) => remedy != Remedy::None,
                _ => false,
            };
            if falls_back && !passes {
                format = self.fall_back();
                continue;
            }
            let error = match error {
                DecodeError::Service(service) => {
                    // By way of a verdict, which knows what of the request must not be shown.
                    let service = service.with_url(sent.redacted_url());
                    let verdict = Verdict::from_error(&sent, service.clone(), &HeaderMap::new());
                    let service = verdict.into_error().unwrap_or(service);
                    Error::Service(arcgis_auth_core::Error::Service(Arc::new(service)))
                }
                other => self.unusable(other),
            };
            match remedy {
                Remedy::None => return Err(error),
                Remedy::AgainOrLess if rows > 1 && (*broken || chances == 0) => {
                    *broken = true;
                    return Ok(Asked::TooBig(error));
                }
                _ if chances == 0 => return Err(error),
                Remedy::Again(wait) if !wait.is_zero() => tokio::time::sleep(wait).await,
                Remedy::Again(_) | Remedy::AgainOrLess => {}
            }
            chances -= 1;
            add(&self.counters.refetched, 1);
        }
    }

    fn taken(&self, answer: Answer<S::Page>) -> Asked<S::Page> {
        self.rounding.came(answer.facts.coordinates);
        let in_place_of_pbf =
            self.plan.format == PageFormat::Pbf && answer.format == PageFormat::Json;
        if in_place_of_pbf && answer.facts.rows > 0 {
            add(&self.counters.fell_back, 1);
        }
        Asked::Answer(Box::new(answer))
    }

    fn fall_back(&self) -> PageFormat {
        self.trust.failed();
        PageFormat::Json
    }

    /// Counts a request that was sent so many times.
    pub(super) fn count(&self, attempts: u32) {
        let attempts = u64::from(attempts);
        add(&self.counters.requests, attempts);
        add(&self.counters.retries, attempts.saturating_sub(1));
    }

    /// Whether the server answers nothing any more, however little is asked for: smaller pages do not help
    /// then, and each of them costs a time limit.
    pub(crate) fn is_silent(&self) -> bool {
        self.silences.load(Ordering::Relaxed) >= MOST_SILENCES
    }

    /// No answer at all: with many rows, perhaps because of them.
    fn unanswered(
        &self,
        sent: &Request,
        error: arcgis_auth_core::Error,
        rows: u64,
    ) -> Result<Asked<S::Page>, Error> {
        if let arcgis_auth_core::Error::Transport(transport) = &error {
            self.count(transport.attempts());
            if rows <= FEW && transport.kind() == TransportErrorKind::Timeout {
                add(&self.silences, 1);
            }
        }
        let error = Error::from(error);
        if rows > 1 && !self.is_silent() && is_about_size(sent, &error) {
            return Ok(Asked::TooBig(error));
        }
        Err(error)
    }

    async fn decode(
        self: &Arc<Self>,
        body: Bytes,
        format: PageFormat,
        grid: Option<CoordinateGrid>,
        rows: u64,
    ) -> Result<Result<Answer<S::Page>, DecodeError>, Error> {
        self.decoding(move |this| {
            let context = DecodeContext {
                layout: &this.layout,
                cancelled: Some(&this.cancelled),
                grid,
            };
            let mut page = this.sink.page(usize::try_from(rows).unwrap_or(0));
            // A server that does not know PBF may answer in JSON all the same.
            let format = match body.first() {
                Some(b'{') => PageFormat::Json,
                _ => format,
            };
            let facts = match format {
                PageFormat::Pbf => decode_pbf(&body, &context, &mut page),
                PageFormat::Json => decode_json(&body, &context, &mut page),
            };
            Ok(Answer {
                page,
                facts: facts?,
                bytes: body.len() as u64,
                format,
            })
        })
        .await
    }

    /// Decodes beside the event loop, as many answers at once as there are cores, and counts the time that it takes.
    pub(super) async fn decoding<T: Send + 'static>(
        self: &Arc<Self>,
        decode: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let Ok(_permit) = self.decoders.acquire().await else {
            return Err(Error::Failed);
        };
        let this = Arc::clone(self);
        self.blocking(move || {
            let began = Instant::now();
            let decoded = decode(&this);
            let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            add(&this.counters.decoding_micros, micros);
            decoded
        })
        .await
    }

    /// Whether the coordinates are certainly in another reference than asked for. An answer that does not say
    /// in which will do only where the layer's own was asked for: else `outSR` may have been ignored.
    pub(super) fn check_reference(&self, facts: &PageFacts) -> Result<(), Error> {
        let Some(geometry) = &self.layout.geometry else {
            return Ok(());
        };
        if facts.bbox.is_empty() {
            return Ok(());
        }
        let asked = &geometry.spatial_reference;
        let own = &self.layer.info().spatial_reference;
        let other_than_own = !asked.is_empty() && !is_same(asked, own);
        let wrong = match &facts.spatial_reference {
            Some(got) => asked.contradicts(got) || (other_than_own && got == own),
            None => other_than_own,
        };
        if !wrong {
            return Ok(());
        }
        Err(Error::SpatialReference {
            asked: Box::new(asked.clone()),
            got: facts.spatial_reference.clone().map(Box::new),
        })
    }
}

/// Whether both say the same, by code or to the letter.
fn is_same(a: &SpatialReference, b: &SpatialReference) -> bool {
    a == b || (a.code().is_some() && b.code().is_some() && !a.contradicts(b))
}

fn in_format(request: &Request, format: PageFormat) -> Request {
    let accept = match format {
        PageFormat::Json => Accept::Json,
        PageFormat::Pbf => Accept::Pbf,
    };
    request
        .clone()
        .with_param("f", format.param())
        .with_accept(accept)
}

impl<P> Answer<P> {
    /// Whether it lies where another one does, but for rounding to a grid.
    fn is_near(&self, b: &Bbox) -> bool {
        let a = &self.facts.bbox;
        let step = match self.facts.coordinates {
            Coordinates::Rounded(grid) => grid.step(),
            _ => 0.0,
        };
        let size = (b.xmax - b.xmin).max(b.ymax - b.ymin).abs();
        let tolerance = 1e-3_f64.min((size * 1e-3).max(step)) + 1e-9;
        [
            (a.xmin, b.xmin),
            (a.ymin, b.ymin),
            (a.xmax, b.xmax),
            (a.ymax, b.ymax),
        ]
        .iter()
        .all(|(a, b)| (a - b).abs() <= tolerance)
    }
}
