//! What the slots of one plan share, and what they make of the answers that they gather.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arcgis_auth_core::Request;
use tokio::sync::{OnceCell, Semaphore};

use super::coordinates::Rounding;
use super::doubt::{Doubt, Observed};
use super::gather::{Answer, Gathered, merge, repeated};
use super::ledger::{facts_of, row_at};
use super::pace::Pace;
use super::plan::{PageCap, Plan};
use super::proof::Incomplete;
use super::record::PageRecord;
use super::skip::{SkippedRow, is_about_the_row};
use crate::decode::{DecodeContext, DecodeError, decode_json};
use crate::error::Error;
use crate::feature::FeatureCollector;
use crate::format::Trust;
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::layout::Layout;
use crate::literal::object_id_range;
use crate::second_chance::send;
use crate::sink::{PageFacts, PageSink};

/// How many ids that came twice are looked at.
const MOST_LOOKED_AT: u64 = 4;

/// What the engine counts while it works.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) decoding_micros: AtomicU64,
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
    pub(crate) observed: Observed,
    /// Bytes of answers that slots hold which are still under way.
    pub(crate) held: Arc<AtomicU64>,
    /// Set when the fetch is dropped, so that decoding threads stop at the next row.
    pub(crate) cancelled: AtomicBool,
    /// Requests for few rows that ran out of time, since the server last answered one.
    pub(crate) silences: AtomicU64,
    /// Set once offsets were seen not to give the rows that they should.
    pub(crate) distrust_offsets: AtomicBool,
    /// Set when the last of all rows came, and the server said that there are more.
    pub(crate) says_more: AtomicBool,
    /// The id of a row that came, where ids are not listed: it tells a row that breaks the server from a server that
    /// is broken.
    witness: Mutex<Option<i64>>,
    /// How many ids that came twice were looked at.
    looked_at: AtomicU64,
    /// The most rows that came in one answer.
    pub(crate) largest: AtomicU64,
    /// Whether `exceededTransferLimit` means something, once that was asked for.
    flag_means_more: OnceCell<bool>,
    /// How many rows the server can give at once.
    pub(crate) pace: Pace,
    /// How PBF has done so far.
    pub(crate) trust: Trust,
    /// What coordinates in JSON are rounded to in place of those in PBF.
    pub(crate) rounding: Rounding,
    /// At most one decoding thread a core.
    pub(crate) decoders: Semaphore,
}

/// The rows of one slot, all of them, in order.
pub(crate) struct Slot<P> {
    /// The rows; `None` if there are none.
    pub(crate) page: Option<P>,
    pub(crate) facts: PageFacts,
    /// The size of the answers.
    pub(crate) bytes: u64,
    /// Rows that came in more than one answer, by their fingerprints.
    pub(crate) repeated: u64,
    pub(crate) lack: Lack,
    pub(crate) border: Border,
}

/// How a slot by offset lies behind the one before. Rows are known by their ids or their fingerprints.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Border {
    /// The row that came at the place before the slot's first.
    pub(crate) before: Option<u64>,
    /// Whether another row came at a place than before, within the slot.
    pub(crate) has_moved: bool,
}

/// What a slot lacks.
#[derive(Debug, Default)]
pub(crate) struct Lack {
    /// Wanted ids that the server does not give.
    pub(crate) missing: Vec<i64>,
    /// Rows that were counted and do not come, where they are not known by id.
    pub(crate) short: u64,
    /// Rows that the server cannot serve.
    pub(crate) skipped: Vec<SkippedRow>,
}

impl<P> Slot<P> {
    /// What the ledger has to know of it.
    pub(crate) fn record(&self, plan: &Plan, next: u64) -> PageRecord {
        let mut record = PageRecord {
            next,
            rows: self.facts.rows as u64,
            missing: self.lack.missing.clone(),
            short: self.lack.short,
            skipped: self.lack.skipped.clone(),
            before: self.border.before,
            has_moved: self.border.has_moved,
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

/// What came of a request for rows.
pub(crate) enum Asked<P> {
    Answer(Box<Answer<P>>),
    TooBig(Error),
}

/// What came of a request whose size the pace decides.
pub(crate) enum Paced<P> {
    Answer(Box<Answer<P>>),
    /// They were too many: fewer should be asked for.
    Less(Error),
    /// It was one row, and the server breaks down over it.
    Never(Error),
}

impl<S: PageSink> Fetcher<S> {
    pub(crate) fn new(layer: Layer, plan: Arc<Plan>, sink: S) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut layout = Layout::clone(plan.query.layout());
        // Rows that no id identifies are known by their fingerprints.
        layout.fingerprint |= plan.by_fingerprint();
        Self {
            layer,
            pace: Pace::new(u64::from(plan.page_size), plan.options.page_size.is_none()),
            plan,
            sink,
            layout,
            counters: Counters::default(),
            observed: Observed::default(),
            held: Arc::default(),
            cancelled: AtomicBool::new(false),
            silences: AtomicU64::new(0),
            distrust_offsets: AtomicBool::new(false),
            says_more: AtomicBool::new(false),
            witness: Mutex::new(None),
            looked_at: AtomicU64::new(0),
            largest: AtomicU64::new(0),
            flag_means_more: OnceCell::new(),
            trust: Trust::default(),
            rounding: Rounding::default(),
            decoders: Semaphore::new(cores),
        }
    }

    /// Asks for some rows.
    pub(crate) async fn paced(
        self: &Arc<Self>,
        request: Request,
        rows: u64,
        broken: &mut bool,
    ) -> Result<Paced<S::Page>, Error> {
        let start = Instant::now();
        let one = (rows == 1).then(|| request.clone());
        match self.ask(request, rows, broken).await {
            Ok(Asked::Answer(answer)) => {
                self.pace.went_well(rows, answer.bytes, start.elapsed());
                self.served(&answer.facts);
                Ok(Paced::Answer(answer))
            }
            Ok(Asked::TooBig(error)) if rows > 1 => {
                add(&self.counters.halved, 1);
                self.pace.too_many(rows);
                Ok(Paced::Less(error))
            }
            Ok(Asked::TooBig(error)) => Ok(Paced::Never(error)),
            Err(error) if self.is_silent() => Err(error),
            Err(error) if one.is_some_and(|one| is_about_the_row(&one, &error)) => {
                Ok(Paced::Never(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Remembers of an answer that the server gave it.
    fn served(&self, facts: &PageFacts) {
        self.largest.fetch_max(facts.rows as u64, Ordering::Relaxed);
        if let Some(id) = facts.ids.last() {
            *self.witness.lock().unwrap_or_else(PoisonError::into_inner) = Some(*id);
        }
    }

    /// The id of a row that the server gave.
    pub(crate) fn witness(&self) -> Option<i64> {
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn gathered(&self) -> Gathered<S::Page> {
        Gathered::new(Arc::clone(&self.held))
    }

    /// Makes one page of what was gathered, its rows in order.
    pub(crate) async fn finish(
        self: &Arc<Self>,
        gathered: Gathered<S::Page>,
        lack: Lack,
    ) -> Result<Slot<S::Page>, Error> {
        let Gathered {
            pages,
            facts,
            taken,
            held,
        } = gathered;
        let merged = merge(&facts, &taken);
        let bytes = held.bytes();
        let repeated = repeated(&facts, &taken);
        let rows: Vec<(usize, usize)> = taken.into_values().collect();
        let page = self.select(pages, &facts, rows).await?;
        Ok(Slot {
            page,
            facts: merged,
            bytes,
            repeated,
            lack,
            border: Border::default(),
        })
    }

    /// One page of these rows; `None` for no rows.
    pub(crate) async fn select(
        self: &Arc<Self>,
        mut pages: Vec<S::Page>,
        facts: &[PageFacts],
        rows: Vec<(usize, usize)>,
    ) -> Result<Option<S::Page>, Error> {
        if rows.is_empty() {
            return Ok(None);
        }
        let whole = facts.len() == 1
            && facts.first().is_some_and(|facts| facts.rows == rows.len())
            && rows
                .iter()
                .enumerate()
                .all(|(place, row)| *row == (0, place));
        if whole {
            return Ok(pages.pop());
        }
        let this = Arc::clone(self);
        let selected = self
            .blocking(move || this.sink.select(pages, &rows))
            .await?;
        selected.map(Some).map_err(|source| {
            self.unusable(DecodeError::Sink {
                row: 0,
                object_id: None,
                source,
            })
        })
    }

    /// Whether an answer says that there are more rows, on a server that does not say so of no rows at all. What it counts
    /// and lists may end early, as where a provider behind it loads so many rows and no more.
    pub(crate) async fn says_more(&self, facts: &PageFacts) -> bool {
        if !facts.exceeded || facts.rows == 0 {
            return false;
        }
        let means_more = self.flag_means_more.get_or_init(|| async {
            // Firewalls may take the one for an attack.
            let of_a_field = self.layout.fields.first().map(|field| {
                let name = &field.name;
                format!("{name} IS NULL AND {name} IS NOT NULL")
            });
            for nothing in [Some("1=0".to_owned()), of_a_field].into_iter().flatten() {
                let none = self.plan.query.refined(&nothing);
                let request = none.page_request(self.layer.address());
                if let Ok(facts) = facts_of(&self.layer, &none, request).await {
                    return !facts.exceeded;
                }
            }
            true
        });
        *means_more.await
    }

    /// The ids of rows that come where the list of ids has ended: counts and lists may end at the same place, as where a
    /// provider behind a server loads so many rows and no more. A list of what lies behind its last id shows that; where the
    /// server says that there are more rows, they are asked for themselves.
    pub(crate) async fn unlisted(&self) -> Result<IdSet, Error> {
        let mut unlisted = IdSet::new();
        let (plan, layer) = (&self.plan, &self.layer);
        let (Some(ids), Some(field)) = (plan.ids(), plan.query.object_id()) else {
            return Ok(unlisted);
        };
        let says_more = self.says_more.load(Ordering::Relaxed);
        if says_more && layer.info().advanced.pagination == Some(true) {
            let behind = row_at(layer, &plan.query, ids.len()).await?.ids;
            if let Some(listed) = behind.iter().find(|id| ids.contains(**id)) {
                self.identifies(*listed).await?;
            }
            unlisted.extend(behind);
        }
        let Some(last) = ids.max() else {
            return Ok(unlisted);
        };
        let behind = plan.query.refined(&format!("{field} > {last}"));
        if says_more {
            let request = self.ordered(behind.page_request(layer.address()));
            unlisted.extend(facts_of(layer, &behind, request).await?.ids);
        } else if plan.looks_behind() {
            match layer.object_ids_of(&behind, 0).await {
                Ok(ids) => unlisted.extend(ids.iter()),
                Err(error) => {
                    tracing::warn!(layer = %layer.address(), %error, "ids behind the last one cannot be asked for");
                }
            }
        }
        Ok(unlisted.difference(ids))
    }

    /// Looks at an answer, of which `asked` rows were wanted.
    ///
    /// # Errors
    ///
    /// [`Error::Incomplete`] where object ids were held to identify rows, and do not.
    pub(crate) async fn judge(&self, facts: &PageFacts, asked: u64) -> Result<(), Error> {
        let ordered = self.order().is_some_and(|order| order.ends_with(" ASC"));
        match self.observed.judge(facts, asked, ordered && asked > 1) {
            Some(twice) => self.identifies(twice).await,
            None => Ok(()),
        }
    }

    /// Whether an id that came twice is that of one row: a view may list and count ids that several rows share. Looked
    /// at for the first few.
    ///
    /// # Errors
    ///
    /// [`Error::Incomplete`] if rows with other values have the same id.
    pub(crate) async fn identifies(&self, object_id: i64) -> Result<(), Error> {
        let Some(column) = self.layout.object_id.as_ref() else {
            return Ok(());
        };
        if self.plan.by_fingerprint()
            || self.looked_at.fetch_add(1, Ordering::Relaxed) >= MOST_LOOKED_AT
        {
            return Ok(());
        }
        let within = object_id_range(&column.name, object_id, object_id);
        let request = self
            .plan
            .query
            .page_request_within(self.layer.address(), &within);
        add(&self.counters.requests, 1);
        let Ok(body) = send(&**self.layer.transport(), &request.with_rows(1)).await else {
            return Ok(());
        };
        let mut layout = self.layout.clone();
        layout.fingerprint = true;
        let mut page = FeatureCollector::new(Arc::new(layout.clone())).page(1);
        let facts = decode_json(&body, &DecodeContext::new(&layout), &mut page);
        let others = facts.is_ok_and(|facts| {
            let prints = &facts.fingerprints;
            let mut rows = facts
                .ids
                .iter()
                .zip(prints)
                .filter(|(id, _)| **id == object_id);
            let first = rows.next();
            rows.any(|(_, print)| first.is_some_and(|(_, first)| first != print))
        });
        if !others {
            return Ok(());
        }
        Err(Error::Incomplete(Box::new(Incomplete {
            expected: self.plan.rows,
            received: self
                .observed
                .all_delivered()
                .iter()
                .map(|(_, rows)| rows)
                .sum(),
            missing: IdSet::new(),
            doubled: IdSet::from_iter([object_id]),
            detail: Some(
                "rows with other values have the same object id, though the server counts them as one"
                    .to_owned(),
            ),
        })))
    }

    pub(crate) fn doubt(&self, doubt: Doubt) {
        self.observed.doubt(doubt);
    }

    pub(crate) fn offset_request(&self, start: u64, rows: u64) -> Request {
        self.ordered(self.plan.query.page_request(self.layer.address()))
            .with_param("resultOffset", start.to_string())
            .with_param("resultRecordCount", rows.to_string())
    }

    /// Order matters on every page, also the first: pages of an unordered query overlap.
    pub(crate) fn ordered(&self, request: Request) -> Request {
        let request = match self.plan.cap {
            PageCap::Usual => request,
            PageCap::Standard => request.with_param("resultType", "standard"),
            PageCap::Factor(factor) => {
                request.with_param("maxRecordCountFactor", factor.to_string())
            }
        };
        match self.order() {
            Some(order) => request.with_param("orderByFields", order),
            None => request,
        }
    }

    fn order(&self) -> Option<String> {
        if self.layer.info().advanced.order_by == Some(false) {
            return None;
        }
        match (&self.layout.object_id, &self.layer.info().unique_id) {
            // Hashed ids are in no order.
            (_, Some(unique)) if unique.object_id_is_hash && !unique.fields.is_empty() => {
                Some(unique.fields.join(","))
            }
            (Some(column), _) => Some(format!("{} ASC", column.name)),
            (None, Some(unique)) if !unique.fields.is_empty() => Some(unique.fields.join(",")),
            (None, _) => None,
        }
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
