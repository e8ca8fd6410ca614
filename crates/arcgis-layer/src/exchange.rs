//! One page asked for: the request, the answer, its decoding, and what to do when it does not hold up.

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_core::http::HeaderMap;
use arcgis_auth_core::{Accept, Bytes, Outcome, Request, Transport, TransportErrorKind, Verdict};

use crate::decode::{DecodeContext, DecodeError, decode_json, decode_pbf};
use crate::error::Error;
use crate::fetch::{Asked, Fetcher, add};
use crate::format::{FormatChoice, PageFormat};
use crate::gather::Answer;
use crate::geometry::Bbox;
use crate::sink::{PageFacts, PageSink};

/// How often an answer that cannot be decoded, or that turned into an error half-way, is asked for again.
const SECOND_CHANCES: u32 = 2;

/// The longest wait that an error late in a page can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What an answer that cannot be used calls for.
enum Remedy {
    /// The same again, after a while.
    Again(Duration),
    /// The same again; and if that does not help, less of it.
    AgainOrLess,
    /// Nothing helps.
    None,
}

impl<S: PageSink> Fetcher<S> {
    /// Sends a request for a page and decodes the answer. A broken answer is asked for again, and one
    /// in PBF that does not hold up is asked for as JSON.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        request: Request,
        rows: u64,
    ) -> Result<Asked<S::Page>, Error> {
        let request = request.with_rows(u32::try_from(rows).unwrap_or(u32::MAX));
        let may_fall_back = self.plan.options.format == FormatChoice::Auto;
        let mut format = match self.plan.format {
            PageFormat::Pbf if !may_fall_back || self.trust.is_left() => PageFormat::Pbf,
            _ => PageFormat::Json,
        };
        let mut doubted: Option<Bbox> = None;
        let mut chances = SECOND_CHANCES;
        loop {
            let falls_back = format == PageFormat::Pbf && may_fall_back;
            let sent = in_format(&request, format);
            let response = match self.layer.transport().send(sent.clone()).await {
                Ok(response) => response,
                Err(error) => return self.unanswered(error, rows),
            };
            let attempts = u64::from(response.attempts());
            add(&self.counters.requests, attempts);
            add(&self.counters.retries, attempts.saturating_sub(1));
            add(&self.counters.bytes, response.len() as u64);
            let outcome = response.outcome();
            let body = match response.into_ok() {
                Ok(body) => body,
                Err(error) if outcome == Outcome::TooBig && rows > 1 => {
                    return Ok(Asked::TooBig(error.into()));
                }
                Err(arcgis_auth_core::Error::Service(_)) if falls_back => {
                    format = self.fall_back();
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let error = match self.decode(body, format, rows).await? {
                Ok(answer) => {
                    self.check_reference(&answer.facts)?;
                    let bbox = answer.facts.bbox;
                    if format == PageFormat::Json {
                        if doubted.is_some_and(|doubted| is_near(&doubted, &bbox)) {
                            self.trust.extent_is_stale();
                        }
                        return Ok(Asked::Answer(answer));
                    }
                    if self
                        .trust
                        .is_plausible(&bbox, self.layer.info(), &self.layout)
                    {
                        self.trust.held_up();
                        return Ok(Asked::Answer(answer));
                    }
                    doubted = Some(bbox);
                    DecodeError::Geometry {
                        row: 0,
                        object_id: None,
                        problem: "the page's coordinates are far from the layer's extent"
                            .to_owned(),
                    }
                }
                Err(error) => error,
            };
            if falls_back && !matches!(error, DecodeError::Cancelled) {
                format = self.fall_back();
                continue;
            }
            let remedy = remedy(&sent, &error, rows);
            let error = match error {
                DecodeError::Service(service) => Error::Service(arcgis_auth_core::Error::Service(
                    Arc::new(service.with_url(sent.redacted_url())),
                )),
                other => self.unusable(other),
            };
            match remedy {
                Remedy::None => return Err(error),
                Remedy::Again(_) if chances == 0 => return Err(error),
                Remedy::AgainOrLess if chances == 0 && rows > 1 => return Ok(Asked::TooBig(error)),
                Remedy::AgainOrLess if chances == 0 => return Err(error),
                Remedy::AgainOrLess => {}
                Remedy::Again(wait) if wait.is_zero() => {}
                Remedy::Again(wait) => tokio::time::sleep(wait).await,
            }
            chances -= 1;
            add(&self.counters.refetched, 1);
        }
    }

    fn fall_back(&self) -> PageFormat {
        self.trust.failed();
        add(&self.counters.fell_back, 1);
        PageFormat::Json
    }

    /// No answer at all: with many rows, perhaps because of them.
    fn unanswered(
        &self,
        error: arcgis_auth_core::Error,
        rows: u64,
    ) -> Result<Asked<S::Page>, Error> {
        let about_size = match &error {
            arcgis_auth_core::Error::Transport(transport) => {
                let attempts = u64::from(transport.attempts());
                add(&self.counters.requests, attempts);
                add(&self.counters.retries, attempts.saturating_sub(1));
                matches!(
                    transport.kind(),
                    TransportErrorKind::Timeout
                        | TransportErrorKind::Interrupted
                        | TransportErrorKind::TooLarge
                )
            }
            _ => false,
        };
        if about_size && rows > 1 {
            return Ok(Asked::TooBig(error.into()));
        }
        Err(error.into())
    }

    async fn decode(
        self: &Arc<Self>,
        body: Bytes,
        format: PageFormat,
        rows: u64,
    ) -> Result<Result<Answer<S::Page>, DecodeError>, Error> {
        let Ok(_permit) = self.decoders.acquire().await else {
            return Err(Error::Failed);
        };
        let this = Arc::clone(self);
        self.blocking(move || {
            let context = DecodeContext {
                layout: &this.layout,
                cancelled: Some(&this.cancelled),
            };
            let mut page = this.sink.page(usize::try_from(rows).unwrap_or(0));
            // A server that does not know PBF may answer in JSON all the same.
            let facts = if format == PageFormat::Pbf && body.first() != Some(&b'{') {
                decode_pbf(&body, &context, &mut page)?
            } else {
                decode_json(&body, &context, &mut page)?
            };
            Ok(Answer {
                page,
                facts,
                bytes: body.len() as u64,
            })
        })
        .await
    }

    fn check_reference(&self, facts: &PageFacts) -> Result<(), Error> {
        let geometry = self.layout.geometry.as_ref();
        let asked = geometry.map(|geometry| &geometry.spatial_reference);
        match (asked, &facts.spatial_reference) {
            (Some(asked), Some(got)) if asked.contradicts(got) && !facts.bbox.is_empty() => {
                Err(Error::SpatialReference {
                    asked: Box::new(asked.clone()),
                    got: Box::new(got.clone()),
                })
            }
            _ => Ok(()),
        }
    }
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

fn remedy(sent: &Request, error: &DecodeError, rows: u64) -> Remedy {
    match error {
        DecodeError::Malformed { .. } if rows > 1 => Remedy::AgainOrLess,
        DecodeError::Malformed { .. } => Remedy::Again(Duration::ZERO),
        DecodeError::Service(service) => {
            match Verdict::from_error(sent, service.clone(), &HeaderMap::new()).outcome() {
                Outcome::TooBig => Remedy::AgainOrLess,
                Outcome::Busy { after } => {
                    Remedy::Again(after.unwrap_or(Duration::from_secs(1)).min(LONGEST_WAIT))
                }
                Outcome::Transient | Outcome::TokenRefused(_) => Remedy::Again(Duration::ZERO),
                _ => Remedy::None,
            }
        }
        _ => Remedy::None,
    }
}

/// Whether two rectangles are the same but for rounding to a grid.
fn is_near(a: &Bbox, b: &Bbox) -> bool {
    let size = (b.xmax - b.xmin).max(b.ymax - b.ymin).abs();
    let tolerance = 1e-3_f64.min(size * 1e-3) + 1e-9;
    [
        (a.xmin, b.xmin),
        (a.ymin, b.ymin),
        (a.xmax, b.xmax),
        (a.ymax, b.ymax),
    ]
    .iter()
    .all(|(a, b)| (a - b).abs() <= tolerance)
}
