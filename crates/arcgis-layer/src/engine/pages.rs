//! The engine: a plan's pages, several under way at once, handed out in order and only when accepted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::again::Again;
use super::doubt::{Delivered, Doubt, Doubts};
use super::edits;
use super::fetch::{Fetcher, Slot};
use super::gather;
use super::ledger::Ledger;
use super::plan::{Plan, Source};
use super::proof::Completion;
use super::record::{PageRecord, Progress};
use super::slot::Work;
use super::strategy::Strategy;
use super::verify::second_pass;
use crate::error::{Error, QueryError};
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::sink::{PageFacts, PageSink};

/// A guess at the size of a page before the first has come.
const GUESSED_PAGE_BYTES: u64 = 2 * 1024 * 1024;

/// A slot that is done: its position, that of the next, and what came of it.
type Ended<P> = (u64, u64, Result<Slot<P>, Error>);

/// Accepted pages, in the order of the object id where the plan knows one. Made by [`Layer::pages`].
///
/// [`Pages::next`] gives one after the other and, behind the last, asks the server once more what is
/// there: only if every row has come once does it end with `None`. Dropping it stops its requests and threads.
pub struct Pages<S: PageSink> {
    fetcher: Arc<Fetcher<S>>,
    plan: Arc<Plan>,
    tasks: JoinSet<Ended<S::Page>>,
    waiting: BTreeMap<u64, (u64, Slot<S::Page>)>,
    waiting_bytes: u64,
    to_start: u64,
    to_give: u64,
    /// Behind the rows that were counted there are no others.
    at_the_end: bool,
    ledger: Option<Ledger>,
    /// What is known of slots that brought no page since the last one that did.
    without_page: PageRecord,
    /// What is fetched again, if that is wanted.
    again: Option<Again>,
    completion: Option<Completion>,
    page_bytes: u64,
}

/// One page whose rows were judged and accepted.
#[derive(Debug)]
#[non_exhaustive]
pub struct AcceptedPage<P> {
    /// Its place among the pages, which are in ascending order: the place of its first row, or the number of its part.
    pub position: u64,
    /// The rows.
    pub page: P,
    /// What is known of them.
    pub facts: PageFacts,
    /// The size of the answers that they came in, after decompression.
    pub bytes: u64,
    /// What has to be kept beside the rows so that a fetch can go on behind this page.
    pub record: PageRecord,
    /// The rows of earlier pages that these take the place of, as many as these: their numbers among all rows that were
    /// handed out, from 0, those of an earlier process too. None but with [`Pages::with_edited_rows_again`].
    pub replaces: IdSet,
}

/// What a fetch has cost so far, and how it went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchStats {
    /// Requests for pages that were sent, retries included.
    pub requests: u64,
    /// Requests that were sent again by the transport.
    pub retries: u64,
    /// Bytes of answers, after decompression.
    pub bytes: u64,
    /// What decoding took, on all threads together.
    pub decoding: Duration,
    /// Pages that were asked for in smaller parts because the server broke down over them.
    pub halved: u64,
    /// Answers that could not be decoded and were asked for again.
    pub refetched: u64,
    /// Answers with rows in JSON in place of PBF: what came as PBF did not hold up, or had not in earlier pages.
    pub fell_back: u64,
    /// Pages whose rows were not those asked for, and were fetched by object id instead.
    pub corrected: u64,
    /// How many rows each way of asking has brought.
    pub delivered: Delivered,
    /// What the server was caught at, and made up for.
    pub doubts: Doubts,
}

impl Layer {
    /// Carries out a plan. Nothing is sent before the first [`Pages::next`], which has to run on a tokio runtime.
    #[must_use]
    pub fn pages<S: PageSink>(&self, plan: Plan, sink: S) -> Pages<S> {
        self.pages_after(plan, sink, Progress::new())
    }

    /// As [`Layer::pages`], for a fetch that goes on where another one ended: pages that are safe already are
    /// not fetched again, and what is known of them counts for the proof at the end.
    #[must_use]
    pub fn pages_after<S: PageSink>(&self, plan: Plan, sink: S, progress: Progress) -> Pages<S> {
        let mut ledger = progress.ledger;
        ledger.enter(&plan.at_hand());
        let plan = Arc::new(plan);
        Pages {
            fetcher: Arc::new(Fetcher::new(self.clone(), Arc::clone(&plan), sink)),
            plan,
            tasks: JoinSet::new(),
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            to_start: progress.next,
            to_give: progress.next,
            at_the_end: false,
            ledger: Some(ledger),
            without_page: PageRecord::default(),
            again: None,
            completion: None,
            page_bytes: GUESSED_PAGE_BYTES,
        }
    }
}

impl<S: PageSink> Pages<S> {
    /// Has rows that were edited since the plan was made come once more, behind all others, in pages that
    /// [replace](AcceptedPage::replaces) rows of earlier ones: so that all are as they are at the end. For
    /// callers who can drop the older ones; the others learn which rows they are from [`Drift::updated`]. By default
    /// no row comes again.
    ///
    /// Where the plan [names edited rows](Plan::names_edited_rows). While others go on editing, up to three times;
    /// and no more than 100,000 rows. What is still older then is in [`Drift::updated`].
    ///
    /// [`Drift::updated`]: crate::Drift::updated
    #[must_use]
    pub fn with_edited_rows_again(mut self) -> Self {
        self.again = Some(Again::default());
        self
    }

    /// The next page, or `None` when all are there and proven to be all.
    ///
    /// May be dropped while it waits; the next call goes on.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; [`Error::Incomplete`] behind the last page if rows are missing or came twice, or before if the
    /// server cannot serve a row, and [`Error::OutOfTime`] when the time budget is spent.
    /// After an error there is nothing more to get: every further call is [`Error::Failed`].
    pub async fn next(&mut self) -> Result<Option<AcceptedPage<S::Page>>, Error> {
        let result = match self.plan.time_left() {
            None => self.advance().await,
            Some(left) => match tokio::time::timeout(left, self.advance()).await {
                Ok(result) => result,
                Err(_) => Err(Error::OutOfTime {
                    budget: self.plan.options.time_budget.unwrap_or_default(),
                }),
            },
        };
        if result.is_err() {
            self.abandon();
        }
        result
    }

    async fn advance(&mut self) -> Result<Option<AcceptedPage<S::Page>>, Error> {
        if self.completion.is_some() {
            return Ok(None);
        }
        if self.ledger.is_none() {
            return Err(Error::Failed);
        }
        if self.plan.address != *self.fetcher.layer.address() {
            return Err(Error::Query(QueryError::Unsupported {
                option: "plan",
                problem: format!("it was made for {}", self.plan.address),
            }));
        }
        loop {
            self.start();
            while let Some((next, slot)) = self.waiting.remove(&self.to_give) {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(slot.bytes);
                let position = self.to_give;
                self.to_give = next;
                self.to_start = self.to_start.max(next);
                let accepted = self.accept(position, next, slot).await?;
                self.start();
                if accepted.is_some() {
                    return Ok(accepted);
                }
            }
            match self.tasks.join_next().await {
                Some(Ok((position, next, slot))) => {
                    let slot = slot?;
                    self.page_bytes = (self.page_bytes * 3 + slot.bytes) / 4;
                    self.waiting_bytes += slot.bytes;
                    self.waiting.insert(position, (next, slot));
                }
                Some(Err(_)) => return Err(Error::Failed),
                None => break,
            }
        }
        if let (Some(again), Some(ledger)) = (&mut self.again, &self.ledger) {
            if let Some(slot) = again.next(&self.fetcher, ledger).await {
                return self.replacing(slot).map(Some);
            }
        }
        let stale = self.again.as_ref().and_then(Again::stale);
        let ledger = self.ledger.as_mut().ok_or(Error::Failed)?;
        ledger.enter(&std::mem::take(&mut self.without_page));
        let layer = &self.fetcher.layer;
        // Rows by offset move where others come or go, also where as many come as go.
        let edited =
            self.plan.may_shift() && edits::is_edited(layer, &self.plan).await == Some(true);
        let may_shift = self.plan.may_shift() && self.plan.by_fingerprint();
        let shifted = edited
            || ledger.has_moved()
            || (may_shift && self.plan.shifts(layer.count(&self.plan.query).await?));
        let second = if ledger.is_ambiguous() || (shifted && may_shift) {
            // A pass that fails proves nothing; the rows that came again are what there is to say then.
            let pass = second_pass(layer, &self.plan, ledger.rows()).await;
            pass.unwrap_or_else(|error| {
                tracing::warn!(layer = %layer.address(), %error, "rows could not be fetched a second time");
                None
            })
        } else {
            None
        };
        let unlisted = self.fetcher.unlisted().await?;
        let completion = ledger
            .close(layer, &self.plan, second, edited, &unlisted, stale)
            .await?;
        if ledger.rows() > self.plan.rows || self.plan.count_excess > 0 {
            self.fetcher.doubt(Doubt::WrongCount);
        }
        self.completion = Some(completion);
        Ok(None)
    }

    /// Enters a slot into the books; `None` if there is nothing in it to hand out.
    async fn accept(
        &mut self,
        position: u64,
        next: u64,
        mut slot: Slot<S::Page>,
    ) -> Result<Option<AcceptedPage<S::Page>>, Error> {
        let is_behind = self.is_behind_the_rows(position);
        if slot.page.is_none() && (is_behind || self.plan.strategy == Strategy::KeySet) {
            self.at_the_end = true;
        }
        if self.plan.strategy == Strategy::Areas {
            slot = self.without_known(slot).await?;
        } else if is_behind && self.is_known(&slot) {
            // It was the end: a server that ignores the offset begins anew there.
            self.at_the_end = true;
            self.fetcher.doubt(Doubt::IgnoredOffset);
            return Ok(None);
        }
        let mut record = std::mem::take(&mut self.without_page);
        record.append(slot.record(&self.plan, next));
        let Some(page) = slot.page else {
            self.without_page = record;
            return Ok(None);
        };
        if let Some(ledger) = &mut self.ledger {
            ledger.enter(&record);
        }
        Ok(Some(AcceptedPage {
            position,
            page,
            facts: slot.facts,
            bytes: slot.bytes,
            record,
            replaces: IdSet::new(),
        }))
    }

    /// Enters rows into the books that take the place of earlier ones.
    fn replacing(&mut self, slot: Slot<S::Page>) -> Result<AcceptedPage<S::Page>, Error> {
        let (Some(page), Some(ledger)) = (slot.page, &mut self.ledger) else {
            return Err(Error::Failed);
        };
        let ids = &slot.facts.ids;
        let numbers = ids.iter().map(|id| ledger.number_of(&self.plan, *id));
        let numbers: Option<Vec<u64>> = numbers.collect();
        let numbers = numbers.ok_or(Error::Failed)?.into_iter();
        let replaces = numbers
            .filter_map(|number| i64::try_from(number).ok())
            .collect();
        let position = self.to_give;
        self.to_give += 1;
        self.to_start = self.to_give;
        let mut record = std::mem::take(&mut self.without_page);
        record.append(PageRecord {
            next: self.to_give,
            rows: ids.len() as u64,
            again: ids.clone(),
            ..PageRecord::default()
        });
        ledger.enter(&record);
        Ok(AcceptedPage {
            position,
            page,
            facts: slot.facts,
            bytes: slot.bytes,
            record,
            replaces,
        })
    }

    /// Whether there is a slot at this position only to see whether there are more rows than counted.
    fn is_behind_the_rows(&self, position: u64) -> bool {
        self.plan.reads_to_the_end() && position >= self.plan.rows
    }

    fn is_known(&self, slot: &Slot<S::Page>) -> bool {
        let facts = &slot.facts;
        let Some(ledger) = self.ledger.as_ref().filter(|_| facts.rows > 0) else {
            return false;
        };
        (0..facts.rows).all(|row| ledger.knows(facts.ids.get(row), self.print(facts, row)))
    }

    fn print<'a>(&self, facts: &'a PageFacts, row: usize) -> Option<&'a u64> {
        facts
            .fingerprints
            .get(row)
            .filter(|_| self.plan.by_fingerprint())
    }

    /// A slot without the rows that came in an earlier one: those on the border of two rectangles.
    async fn without_known(&self, mut slot: Slot<S::Page>) -> Result<Slot<S::Page>, Error> {
        let (Some(page), Some(ledger)) = (slot.page.take(), &self.ledger) else {
            return Ok(slot);
        };
        let facts = &slot.facts;
        let new = (0..facts.rows)
            .filter(|row| !ledger.knows(facts.ids.get(*row), self.print(facts, *row)));
        let taken: BTreeMap<i64, (usize, usize)> = (0..).zip(new.map(|row| (0, row))).collect();
        let all = vec![std::mem::take(&mut slot.facts)];
        slot.facts = gather::merge(&all, &taken);
        let rows = taken.into_values().collect();
        slot.page = self.fetcher.select(vec![page], &all, rows).await?;
        // Equal rows of one rectangle are rows of their own.
        slot.repeated = 0;
        Ok(slot)
    }

    /// Starts as many slots as may be under way.
    fn start(&mut self) {
        let options = &self.plan.options;
        while self.tasks.len() < options.concurrency.get() {
            let under_way = self.page_bytes * self.tasks.len() as u64;
            let held = self.fetcher.held.load(Ordering::Relaxed).max(under_way);
            let alone = self.tasks.is_empty() && self.waiting.is_empty();
            if self.waiting_bytes + held + self.page_bytes > options.window_bytes && !alone {
                return;
            }
            let Some((next, work)) = self.work() else {
                return;
            };
            let (fetcher, position) = (Arc::clone(&self.fetcher), self.to_start);
            let is_behind = matches!(work, Work::Behind(..));
            let fetch = async move {
                let slot = fetcher.slot(work).await;
                let next = match &slot {
                    // Only now it is known how many rows there are.
                    Ok(slot) if is_behind => {
                        position + (slot.facts.rows + slot.lack.skipped.len()) as u64
                    }
                    _ => next,
                };
                (position, next, slot)
            };
            // Tasks have no span unless they are given one.
            self.tasks.spawn(fetch.in_current_span());
            self.to_start = next;
        }
    }

    /// What is to be fetched next, and the position of what comes then.
    fn work(&self) -> Option<(u64, Work)> {
        let from = self.to_start;
        let alone = self.tasks.is_empty() && self.waiting.is_empty();
        if let Source::Parts(parts) = &self.plan.source {
            let number = usize::try_from(from).ok()?;
            return (number < parts.len()).then_some((from + 1, Work::Part(number)));
        }
        let mut rows = self.fetcher.pace.rows();
        if self.plan.may_shift() && from > 0 && rows > 1 {
            rows -= 1;
        }
        if self.plan.strategy == Strategy::KeySet {
            let most = self.plan.query.limit().unwrap_or(u64::MAX);
            let most = most.saturating_sub(self.to_give);
            let goes_on = alone && !self.at_the_end && most > 0 && self.plan.rows > 0;
            // Where the rows before begin and end is known when they have come.
            let last = self.ledger.as_ref().and_then(Ledger::last);
            return goes_on.then_some((from, Work::Behind(last, most)));
        }
        let most = self.plan.rows_to_fetch();
        if from < most {
            let whole = self.plan.strategy == Strategy::Single;
            let to = if whole { most } else { (from + rows).min(most) };
            return Some((to, Work::Places(from..to)));
        }
        let looks_behind = self.plan.reads_to_the_end() && self.plan.rows > 0;
        (looks_behind && alone && !self.at_the_end)
            .then_some((from + rows, Work::Places(from..from + rows)))
    }

    fn abandon(&mut self) {
        self.fetcher.cancelled.store(true, Ordering::Relaxed);
        self.tasks.abort_all();
        self.waiting.clear();
        self.ledger = None;
    }

    /// What is known at the end; `None` until [`Pages::next`] has given `None`.
    #[must_use]
    pub fn completion(&self) -> Option<&Completion> {
        self.completion.as_ref()
    }

    /// The plan that is carried out.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What the fetch has cost so far, and how it went.
    #[must_use]
    pub fn stats(&self) -> FetchStats {
        let counters = &self.fetcher.counters;
        FetchStats {
            requests: counters.requests.load(Ordering::Relaxed),
            decoding: Duration::from_micros(counters.decoding_micros.load(Ordering::Relaxed)),
            retries: counters.retries.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
            halved: counters.halved.load(Ordering::Relaxed),
            refetched: counters.refetched.load(Ordering::Relaxed),
            fell_back: counters.fell_back.load(Ordering::Relaxed),
            corrected: counters.corrected.load(Ordering::Relaxed),
            delivered: self.fetcher.observed.all_delivered(),
            doubts: self.fetcher.observed.doubts(),
        }
    }
}

impl<S: PageSink> Drop for Pages<S> {
    fn drop(&mut self) {
        // The tasks end with their set; a decoding thread looks at this at its next row.
        self.fetcher.cancelled.store(true, Ordering::Relaxed);
    }
}

impl<S: PageSink> fmt::Debug for Pages<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("plan", &self.plan.strategy())
            .field("given", &self.to_give)
            .field("of", &self.plan.rows())
            .finish_non_exhaustive()
    }
}
