//! One slot of a plan: ask, decode, judge, and ask again until its rows are there or certainly are not.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arcgis_auth_core::Request;
use tokio::sync::Semaphore;

use super::gather::{Answer, Gathered, merge, repeated};
use super::pace::Pace;
use super::plan::Plan;
use super::record::PageRecord;
use super::strategy::Strategy;
use crate::decode::DecodeError;
use crate::error::Error;
use crate::format::Trust;
use crate::layer::Layer;
use crate::layout::Layout;
use crate::sink::{PageFacts, PageSink};

/// What the engine counts while it works.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) halved: AtomicU64,
    pub(crate) refetched: AtomicU64,
    pub(crate) corrected: AtomicU64,
    pub(crate) fell_back: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// Everything that the slots of one plan share.
pub(crate) struct Fetcher<S> {
    pub(crate) layer: Layer,
    pub(crate) plan: Arc<Plan>,
    pub(crate) sink: S,
    pub(crate) layout: Layout,
    pub(crate) counters: Counters,
    /// Set when the fetch is dropped, so that decoding threads stop at the next row.
    pub(crate) cancelled: AtomicBool,
    /// Set once offsets were seen not to give the rows that they should.
    pub(crate) distrust_offsets: AtomicBool,
    /// How many rows the server can give at once.
    pub(crate) pace: Pace,
    /// How PBF has done so far.
    pub(crate) trust: Trust,
    /// At most one decoding thread a core.
    pub(crate) decoders: Semaphore,
}

/// The rows of one slot, all of them, in order.
pub(crate) struct Slot<P> {
    /// The rows; `None` if there are none.
    pub(crate) page: Option<P>,
    pub(crate) facts: PageFacts,
    /// Wanted ids that the server does not give.
    pub(crate) missing: Vec<i64>,
    /// Rows that came in more than one answer, by their fingerprints.
    pub(crate) repeated: u64,
    /// The size of the answers.
    pub(crate) bytes: u64,
}

impl<P> Slot<P> {
    /// What the ledger has to know of it.
    pub(crate) fn record(&self, plan: &Plan) -> PageRecord {
        let mut record = PageRecord {
            rows: self.facts.rows as u64,
            missing: self.missing.clone(),
            ..PageRecord::default()
        };
        if plan.ids().is_some() {
            // The engine has taken each wanted row once.
        } else if plan.by_fingerprint() {
            record.fingerprints.clone_from(&self.facts.fingerprints);
            record.repeated = self.repeated;
        } else {
            record.ids.clone_from(&self.facts.ids);
        }
        record
    }
}

/// Ids in one list: within what every database behind a server takes.
const LISTED: usize = 250;

/// Whether ids are asked for one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listed {
    NotYet,
    Yes,
    /// It was tried in vain.
    No,
}

/// How many requests for so many rows may bring none of them: some for narrowing ranges down, and two for
/// each list of rows that are gone.
fn fruitless_most(rows: usize) -> usize {
    let narrowing = usize::try_from(rows.max(1).ilog2()).unwrap_or(64);
    16 + 2 * narrowing + 2 * rows.div_ceil(LISTED)
}

fn list_of(field: &str, ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("{field} IN ({})", ids.join(","))
}

pub(crate) enum Asked<P> {
    Answer(Answer<P>),
    TooBig(Error),
}

impl<S: PageSink> Fetcher<S> {
    pub(crate) fn new(layer: Layer, plan: Arc<Plan>, sink: S) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut layout = Layout::clone(plan.query.layout());
        // Rows that no id identifies are known by their fingerprints.
        layout.fingerprint |= plan.by_fingerprint();
        Self {
            layer,
            pace: Pace::new(u64::from(plan.page_size)),
            plan,
            sink,
            layout,
            counters: Counters::default(),
            cancelled: AtomicBool::new(false),
            distrust_offsets: AtomicBool::new(false),
            trust: Trust::default(),
            decoders: Semaphore::new(cores),
        }
    }

    /// Fetches one slot of the plan.
    pub(crate) async fn slot(self: &Arc<Self>, index: u64) -> Result<Slot<S::Page>, Error> {
        let (from, to) = self.plan.slot(index);
        match self.plan.ids() {
            Some(ids) => {
                let bounds = ids.nth(from).zip(ids.nth(to - 1));
                let wanted = bounds
                    .map(|(first, last)| ids.between(first, last).map(|id| (id, ())).collect())
                    .unwrap_or_default();
                self.listed_slot(from..to, wanted).await
            }
            None => self.counted_slot(from..to).await,
        }
    }

    /// A slot whose rows are known by id: offsets first if they are trusted, ranges of ids for what is left.
    async fn listed_slot(
        self: &Arc<Self>,
        places: Range<u64>,
        mut wanted: BTreeMap<i64, ()>,
    ) -> Result<Slot<S::Page>, Error> {
        let mut gathered = Gathered::new();
        let mut broken = false;
        match self.plan.strategy {
            Strategy::Offset if !self.distrust_offsets.load(Ordering::Relaxed) => {
                self.by_offset(places, &mut gathered, &mut wanted, &mut broken)
                    .await?;
            }
            Strategy::Single => {
                let rows = places.end - places.start;
                let request = self.plan.query.page_request(self.layer.address());
                match self.ask(request, rows, &mut broken).await? {
                    Asked::Answer(answer) => {
                        gathered.take(answer, &mut wanted);
                    }
                    // Ranges of ids come in parts.
                    Asked::TooBig(_) => self.pace.too_many(rows),
                }
            }
            _ => {}
        }
        if !wanted.is_empty() && self.plan.strategy != Strategy::IdRanges {
            add(&self.counters.corrected, 1);
        }
        let missing = self.by_ids(&mut gathered, wanted, &mut broken).await?;
        self.finish(gathered, missing).await
    }

    async fn by_offset(
        self: &Arc<Self>,
        places: Range<u64>,
        gathered: &mut Gathered<S::Page>,
        wanted: &mut BTreeMap<i64, ()>,
        broken: &mut bool,
    ) -> Result<(), Error> {
        let Range { mut start, end } = places;
        while start < end && !wanted.is_empty() {
            let rows = self.pace.rows().min(end - start);
            let request = self.offset_request(start, rows);
            let Some(answer) = self.paced(request, rows, broken).await? else {
                continue;
            };
            let received = answer.facts.rows;
            let taken = gathered.take(answer, wanted);
            if taken < received {
                // Rows of other pages: the offset was ignored, the order is not kept, or rows came or went.
                self.distrust_offsets.store(true, Ordering::Relaxed);
                return Ok(());
            }
            if received == 0 {
                return Ok(());
            }
            start += received as u64;
        }
        Ok(())
    }

    /// Asks for some rows; `None` if they were too many, and fewer should be asked for.
    async fn paced(
        self: &Arc<Self>,
        request: Request,
        rows: u64,
        broken: &mut bool,
    ) -> Result<Option<Answer<S::Page>>, Error> {
        match self.ask(request, rows, broken).await? {
            Asked::Answer(answer) => {
                self.pace.went_well(rows);
                Ok(Some(answer))
            }
            Asked::TooBig(error) if rows == 1 => Err(error),
            Asked::TooBig(_) => {
                add(&self.counters.halved, 1);
                self.pace.too_many(rows);
                Ok(None)
            }
        }
    }

    /// Asks for what is left by ids, which neither order nor offset nor other people's edits can shift:
    /// by ranges of them, or one by one where rows that are not wanted fill the ranges.
    ///
    /// Gives the ids that do not come. How many requests may bring nothing is bounded, so that a server that
    /// answers with other rows, or with none, ends in missing rows and not in requests without end.
    async fn by_ids(
        self: &Arc<Self>,
        gathered: &mut Gathered<S::Page>,
        mut wanted: BTreeMap<i64, ()>,
        broken: &mut bool,
    ) -> Result<Vec<i64>, Error> {
        let Some(column) = &self.layout.object_id else {
            return Ok(wanted.into_keys().collect());
        };
        let mut missing = Vec::new();
        let mut narrowed = usize::MAX;
        let mut listed = Listed::NotYet;
        let mut in_vain = 0;
        let mut fruitless_left = fruitless_most(wanted.len());
        while let Some((&first, ())) = wanted.first_key_value() {
            if fruitless_left == 0 {
                missing.extend(wanted.into_keys());
                break;
            }
            let mut most = usize::try_from(self.pace.rows())
                .unwrap_or(usize::MAX)
                .min(narrowed);
            if listed == Listed::Yes {
                most = most.min(LISTED);
            }
            let chunk: Vec<i64> = wanted.keys().take(most).copied().collect();
            let last = chunk.last().copied().unwrap_or(first);
            let within = if listed == Listed::Yes {
                list_of(&column.name, &chunk)
            } else {
                crate::literal::object_id_range(&column.name, first, last)
            };
            let request = self
                .plan
                .query
                .page_request_within(self.layer.address(), &within);
            let rows = chunk.len() as u64;
            let answer = self.paced(self.ordered(request), rows, broken).await?;
            let Some(answer) = answer else { continue };
            let received = answer.facts.rows;
            if gathered.take(answer, &mut wanted) > 0 {
                in_vain = 0;
                narrowed = narrowed.saturating_mul(2);
                continue;
            }
            fruitless_left -= 1;
            if received > 0 && chunk.len() > 1 {
                if listed == Listed::NotYet {
                    // Rows in between that nobody wants fill the answer, where the order is not kept.
                    listed = Listed::Yes;
                } else {
                    // Such a list is not understood. A narrower range has fewer of them, and that of one id none.
                    listed = Listed::No;
                    narrowed = chunk.len().div_ceil(2);
                }
                continue;
            }
            in_vain += 1;
            if in_vain > 1 {
                // Twice nothing: these rows are gone, or kept from us. The end of the fetch tells which.
                for id in &chunk {
                    wanted.remove(id);
                }
                missing.extend(chunk);
                in_vain = 0;
            }
        }
        Ok(missing)
    }

    /// A slot whose rows are not known beforehand: by offset, advancing by what is received.
    async fn counted_slot(self: &Arc<Self>, places: Range<u64>) -> Result<Slot<S::Page>, Error> {
        let mut gathered = Gathered::new();
        let mut broken = false;
        let Range { mut start, end } = places;
        while start < end {
            let single = self.plan.strategy == Strategy::Single;
            let (request, rows) = if single {
                let request = self.plan.query.page_request(self.layer.address());
                (self.ordered(request), end - start)
            } else {
                let rows = self.pace.rows().min(end - start);
                (self.offset_request(start, rows), rows)
            };
            let answer = if single {
                match self.ask(request, rows, &mut broken).await? {
                    Asked::Answer(answer) => answer,
                    Asked::TooBig(error) => return Err(error),
                }
            } else {
                match self.paced(request, rows, &mut broken).await? {
                    Some(answer) => answer,
                    None => continue,
                }
            };
            let most = usize::try_from(rows).unwrap_or(usize::MAX);
            let taken = gathered.take_all(answer, most);
            if taken == 0 || single {
                break;
            }
            start += taken as u64;
        }
        self.finish(gathered, Vec::new()).await
    }

    /// Makes one page of what was gathered, its rows in order.
    async fn finish(
        self: &Arc<Self>,
        gathered: Gathered<S::Page>,
        missing: Vec<i64>,
    ) -> Result<Slot<S::Page>, Error> {
        let Gathered {
            mut pages,
            mut facts,
            taken,
            bytes,
        } = gathered;
        let merged = merge(&facts, &taken);
        let repeated = repeated(&facts);
        if taken.is_empty() {
            return Ok(Slot {
                page: None,
                facts: merged,
                missing,
                repeated,
                bytes,
            });
        }
        let rows: Vec<(usize, usize)> = taken.into_values().collect();
        let whole = facts.len() == 1
            && facts.first().is_some_and(|facts| facts.rows == rows.len())
            && rows
                .iter()
                .enumerate()
                .all(|(place, row)| *row == (0, place));
        let page = if whole {
            facts.clear();
            pages.pop()
        } else {
            let this = Arc::clone(self);
            let selected = self
                .blocking(move || this.sink.select(pages, &rows))
                .await?;
            Some(selected.map_err(|source| {
                self.unusable(DecodeError::Sink {
                    row: 0,
                    object_id: None,
                    source,
                })
            })?)
        };
        Ok(Slot {
            page,
            facts: merged,
            missing,
            repeated,
            bytes,
        })
    }

    fn offset_request(&self, start: u64, rows: u64) -> Request {
        self.ordered(self.plan.query.page_request(self.layer.address()))
            .with_param("resultOffset", start.to_string())
            .with_param("resultRecordCount", rows.to_string())
    }

    /// Order matters on every page, also the first: pages of an unordered query overlap.
    fn ordered(&self, request: Request) -> Request {
        if self.layer.info().advanced.order_by == Some(false) {
            return request;
        }
        let order = match (&self.layout.object_id, &self.layer.info().unique_id) {
            // Hashed ids are in no order.
            (_, Some(unique)) if unique.object_id_is_hash && !unique.fields.is_empty() => {
                unique.fields.join(",")
            }
            (Some(column), _) => format!("{} ASC", column.name),
            (None, Some(unique)) => unique.fields.join(","),
            (None, None) => return request,
        };
        request.with_param("orderByFields", order)
    }

    /// Runs CPU work beside the event loop. A panic in it is a failure of the fetch, not of the process.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Error::Failed)
    }

    pub(crate) fn unusable(&self, source: DecodeError) -> Error {
        Error::Answer {
            url: self.layer.address().query_url().to_string(),
            source,
        }
    }
}
