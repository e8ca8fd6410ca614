//! The engine: a plan's pages, several under way at once, handed out in order and only when accepted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;

use super::fetch::{Fetcher, Slot};
use super::ledger::Ledger;
use super::plan::Plan;
use super::proof::Completion;
use super::record::{PageRecord, Progress};
use crate::error::{Error, QueryError};
use crate::layer::Layer;
use crate::sink::{PageFacts, PageSink};

/// A guess at the size of a page before the first has come.
const GUESSED_PAGE_BYTES: u64 = 2 * 1024 * 1024;

/// A slot of the plan that is done: its place, and what came of it.
type Ended<P> = (u64, Result<Slot<P>, Error>);

/// Accepted pages, in the order of the object id. Made by [`Layer::pages`].
///
/// [`Pages::next`] gives one after the other and, behind the last, asks the server once more what is
/// there: only if every row has come once does it end with `None`. Dropping it stops its requests and threads.
pub struct Pages<S: PageSink> {
    fetcher: Arc<Fetcher<S>>,
    plan: Arc<Plan>,
    tasks: JoinSet<Ended<S::Page>>,
    waiting: BTreeMap<u64, Slot<S::Page>>,
    waiting_bytes: u64,
    to_start: u64,
    to_give: u64,
    ledger: Option<Ledger>,
    /// What is known of slots that brought no page since the last one that did.
    without_page: PageRecord,
    completion: Option<Completion>,
    page_bytes: u64,
}

/// One page whose rows were judged and accepted.
#[derive(Debug)]
#[non_exhaustive]
pub struct AcceptedPage<P> {
    /// Its place in the plan, from 0.
    pub position: u64,
    /// The rows.
    pub page: P,
    /// What is known of them.
    pub facts: PageFacts,
    /// The size of the answers that they came in, after decompression.
    pub bytes: u64,
    /// What has to be kept beside the rows so that a fetch can go on behind this page.
    pub record: PageRecord,
}

/// What a fetch has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchStats {
    /// Requests for pages that were sent, retries included.
    pub requests: u64,
    /// Requests that were sent again by the transport.
    pub retries: u64,
    /// Bytes of answers, after decompression.
    pub bytes: u64,
    /// Pages that were asked for in smaller parts because the server broke down over them.
    pub halved: u64,
    /// Answers that could not be decoded and were asked for again.
    pub refetched: u64,
    /// Pages in PBF that did not hold up and were asked for as JSON.
    pub fell_back: u64,
    /// Pages whose rows were not those asked for, and were fetched by object id instead.
    pub corrected: u64,
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
        let plan = Arc::new(plan);
        Pages {
            fetcher: Arc::new(Fetcher::new(self.clone(), Arc::clone(&plan), sink)),
            plan,
            tasks: JoinSet::new(),
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            to_start: progress.next,
            to_give: progress.next,
            ledger: Some(progress.ledger),
            without_page: PageRecord::default(),
            completion: None,
            page_bytes: GUESSED_PAGE_BYTES,
        }
    }
}

impl<S: PageSink> Pages<S> {
    /// The next page, or `None` when all are there and proven to be all.
    ///
    /// May be dropped while it waits; the next call goes on.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; [`Error::Incomplete`] behind the last page if rows are missing or came twice.
    /// After an error there is nothing more to get: every further call is [`Error::Failed`].
    pub async fn next(&mut self) -> Result<Option<AcceptedPage<S::Page>>, Error> {
        let result = self.advance().await;
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
            while let Some(slot) = self.waiting.remove(&self.to_give) {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(slot.bytes);
                let position = self.to_give;
                self.to_give += 1;
                self.start();
                let mut record = std::mem::take(&mut self.without_page);
                record.append(slot.record(&self.plan));
                if let Some(page) = slot.page {
                    if let Some(ledger) = &mut self.ledger {
                        ledger.enter(&record);
                    }
                    return Ok(Some(AcceptedPage {
                        position,
                        page,
                        facts: slot.facts,
                        bytes: slot.bytes,
                        record,
                    }));
                }
                self.without_page = record;
            }
            match self.tasks.join_next().await {
                Some(Ok((position, slot))) => {
                    let slot = slot?;
                    self.page_bytes = (self.page_bytes * 3 + slot.bytes) / 4;
                    self.waiting_bytes += slot.bytes;
                    self.waiting.insert(position, slot);
                }
                Some(Err(_)) => return Err(Error::Failed),
                None => break,
            }
        }
        let ledger = self.ledger.as_mut().ok_or(Error::Failed)?;
        ledger.enter(&std::mem::take(&mut self.without_page));
        let completion = ledger.close(&self.fetcher.layer, &self.plan).await?;
        self.completion = Some(completion);
        Ok(None)
    }

    /// Starts as many slots as may be under way.
    fn start(&mut self) {
        let options = &self.plan.options;
        while self.to_start < self.plan.pages() && self.tasks.len() < options.concurrency.get() {
            let held = self.waiting_bytes + self.page_bytes * self.tasks.len() as u64;
            let alone = self.tasks.is_empty() && self.waiting.is_empty();
            if held + self.page_bytes > options.window_bytes && !alone {
                return;
            }
            let (fetcher, index) = (Arc::clone(&self.fetcher), self.to_start);
            self.tasks
                .spawn(async move { (index, fetcher.slot(index).await) });
            self.to_start += 1;
        }
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

    /// What the fetch has cost so far.
    #[must_use]
    pub fn stats(&self) -> FetchStats {
        let counters = &self.fetcher.counters;
        FetchStats {
            requests: counters.requests.load(Ordering::Relaxed),
            retries: counters.retries.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
            halved: counters.halved.load(Ordering::Relaxed),
            refetched: counters.refetched.load(Ordering::Relaxed),
            fell_back: counters.fell_back.load(Ordering::Relaxed),
            corrected: counters.corrected.load(Ordering::Relaxed),
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
            .field("of", &self.plan.pages())
            .finish_non_exhaustive()
    }
}
