//! The books of one fetch: what came, what did not, and whether that is all.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arcgis_auth_core::Request;
use xxhash_rust::xxh3::xxh3_128;

use super::plan::{Plan, Source};
use super::proof::{Completion, Drift, Incomplete, Proof};
use super::record::PageRecord;
use super::skip::SkippedRow;
use crate::decode::{DecodeContext, decode_json};
use crate::error::Error;
use crate::feature::FeatureCollector;
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::query::ResolvedQuery;
use crate::second_chance::{Chances, send};
use crate::sink::{PageFacts, PageSink};

/// Keeps the books of one fetch.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Different rows.
    rows: u64,
    /// Rows that were handed out, those that took the place of others among them.
    handed: u64,
    /// Rows that came again, each with its number among those that were handed out.
    again: BTreeMap<i64, u64>,
    missing: IdSet,
    seen: IdSet,
    doubled: IdSet,
    fingerprints: HashSet<u64>,
    all: Multiset,
    repeated: u64,
    short: u64,
    skipped: Vec<SkippedRow>,
    /// The row that came last, by its id or its fingerprint.
    last: Option<u64>,
    /// Whether another row came at a place than before.
    has_moved: bool,
}

/// A hash of all rows, each as often as it came, whatever their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Multiset(u128, u64);

impl Multiset {
    pub(crate) fn add(&mut self, fingerprints: &[u64]) {
        for print in fingerprints {
            self.0 = self.0.wrapping_add(xxh3_128(&print.to_le_bytes()));
        }
        self.1 += fingerprints.len() as u64;
    }
}

impl Ledger {
    /// Enters a page: by the ids that it lacks where the engine has taken each wanted row once, by its own ids, or
    /// by fingerprints. Equal rows of two answers look like one that came twice.
    pub(crate) fn enter(&mut self, page: &PageRecord) {
        self.rows += page.rows.saturating_sub(page.again.len() as u64);
        self.again
            .extend(page.again.iter().copied().zip(self.handed..));
        self.handed += page.rows;
        self.short += page.short;
        self.missing.extend(page.missing.iter().copied());
        self.skipped.extend(page.skipped.iter().cloned());
        for id in &page.ids {
            if !self.seen.insert(*id) {
                self.doubled.insert(*id);
            }
        }
        self.has_moved |= page.has_moved;
        if let (Some(last), Some(before)) = (self.last, page.before) {
            self.has_moved |= last != before;
        }
        let last_id = || page.ids.last().map(|id| *id as u64);
        let last = page.fingerprints.last().copied().or_else(last_id);
        self.last = last.or(self.last);
        self.repeated += page.repeated;
        let known = |print: &&u64| self.fingerprints.contains(print);
        self.repeated += page.fingerprints.iter().filter(known).count() as u64;
        self.fingerprints.extend(page.fingerprints.iter().copied());
        self.all.add(&page.fingerprints);
    }

    /// Rows that were entered.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The number of a row among those that were handed out, the newest if it came more than once; `None` for one that
    /// was not wanted or did not come. Where ids were listed, each page has its part of them, in their order; rows that
    /// were at hand before come first.
    pub(crate) fn number_of(&self, plan: &Plan, id: i64) -> Option<u64> {
        if let Some(number) = self.again.get(&id) {
            return Some(*number);
        }
        plan.ids()?;
        let ids = plan.wanted().filter(|ids| ids.contains(id))?;
        let place = ids.count_between(i64::MIN, id).checked_sub(1)?;
        let is_skipped = self.skipped.iter().any(|row| row.object_id == id);
        if place >= plan.rows || self.missing.contains(id) || is_skipped {
            return None;
        }
        let skipped = self.skipped.iter().filter(|row| row.object_id < id).count();
        let number =
            place.checked_sub(self.missing.count_between(i64::MIN, id) + skipped as u64)?;
        Some(number + plan.at_hand().rows)
    }

    /// The greatest id of all rows, where ids were not listed beforehand: of those that came, or were skipped.
    pub(crate) fn last(&self) -> Option<i64> {
        let skipped = self.skipped.iter().map(|row| row.object_id).max();
        self.seen.max().max(skipped)
    }

    /// Whether a row came before, by its id or, where it has none, by its fingerprint.
    pub(crate) fn knows(&self, id: Option<&i64>, fingerprint: Option<&u64>) -> bool {
        match (fingerprint, id) {
            (Some(print), _) => self.fingerprints.contains(print),
            (None, Some(id)) => self.seen.contains(*id),
            (None, None) => false,
        }
    }

    /// Whether equal rows came on different pages, so that a second pass has to tell which of both they are: rows
    /// of their own, or the same again.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.repeated > 0
    }

    /// Whether a page by offset began with another row than the one before had ended with: rows that come and go move
    /// those behind them.
    pub(crate) fn has_moved(&self) -> bool {
        self.has_moved
    }

    /// Asks the server once more what is there, and judges. `second` is what a second pass came to, if there was one,
    /// `edited` whether rows that are known by their places were edited meanwhile, `unlisted` are ids that came where
    /// the list had ended, and `stale` are rows that are known to be older than those at the end, if that was asked for.
    pub(crate) async fn close(
        &self,
        layer: &Layer,
        plan: &Plan,
        second: Option<Multiset>,
        edited: bool,
        unlisted: &IdSet,
        stale: Option<&IdSet>,
    ) -> Result<Completion, Error> {
        let mut completion = match plan.ids() {
            Some(ids) => self.close_listed(layer, plan, ids, unlisted).await?,
            None => self.close_counted(layer, plan, second, edited).await?,
        };
        completion.skipped.clone_from(&self.skipped);
        completion.skipped.sort_by_key(|row| row.object_id);
        match stale {
            Some(stale) => completion.drift.updated.clone_from(stale),
            None => super::edits::look(layer, plan, self, &mut completion.drift).await,
        }
        let stale = &completion.drift.updated;
        let fresh = self.again.keys().filter(|id| !stale.contains(**id));
        completion.refetched = fresh.count() as u64;
        Ok(completion)
    }

    async fn close_listed(
        &self,
        layer: &Layer,
        plan: &Plan,
        ids: &IdSet,
        unlisted: &IdSet,
    ) -> Result<Completion, Error> {
        // Always, even where every row came and the count is the same: rows that went after they were
        // fetched and others that came instead leave no other trace.
        let now = ids_now(layer, plan).await?;
        // A few rows may go while others come; when most of the listed ones are not to be had and the
        // layer is not smaller, the ids themselves have changed.
        if self.missing.len() > plan.rows / 2 && now.len() >= plan.rows && plan.rows > 1 {
            let detail = "most of the ids that were listed are not there any more: the layer was loaded anew meanwhile, or its server makes new ids for each answer";
            return Err(self.incomplete(plan, Some(detail.to_owned())));
        }
        let lost = self.missing.intersection(&now);
        let hidden = unlisted.difference(&now);
        if !lost.is_empty() || !hidden.is_empty() {
            let detail = "the server has rows that it neither counts nor lists";
            let mut missing = lost;
            missing.extend(hidden.iter());
            return Err(Error::Incomplete(Box::new(Incomplete {
                expected: plan.rows,
                received: self.rows,
                detail: (!hidden.is_empty()).then(|| detail.to_owned()),
                missing,
                doubled: IdSet::new(),
            })));
        }
        let drift = Drift {
            deleted: ids.difference(&now),
            inserted: now.difference(ids),
            ..Drift::default()
        };
        // Nothing that is wanted may be neither here nor missing.
        if self.rows + self.missing.len() + self.skipped.len() as u64 != plan.rows {
            return Err(self.incomplete(plan, Some("the books do not add up".to_owned())));
        }
        Ok(self.completion(Proof::ObjectIds, drift))
    }

    async fn close_counted(
        &self,
        layer: &Layer,
        plan: &Plan,
        second: Option<Multiset>,
        edited: bool,
    ) -> Result<Completion, Error> {
        let now = layer.count(&plan.query).await?;
        if self.repeated > 0 && second != Some(self.all) {
            let detail = format!(
                "{} rows came again on another page{}",
                self.repeated,
                if second.is_some() {
                    ", and a second pass brought others"
                } else {
                    ""
                }
            );
            return Err(self.incomplete(plan, Some(detail)));
        }
        if !self.doubled.is_empty() {
            return Err(self.incomplete(plan, None));
        }
        if self.short > 0 {
            let detail = format!("{} rows that were counted do not come", self.short);
            return Err(self.incomplete(plan, Some(detail)));
        }
        if plan.shifts(now) && second != Some(self.all) {
            let detail = format!(
                "the count went from {} to {now} meanwhile, which shifts the rows of pages by offset, and no second pass brought the same ones",
                plan.matching
            );
            return Err(self.incomplete(plan, Some(detail)));
        }
        if self.has_moved && second != Some(self.all) {
            let detail = "rows moved from one page by offset to another meanwhile, and no second pass brought the same ones";
            return Err(self.incomplete(plan, Some(detail.to_owned())));
        }
        if edited && second != Some(self.all) {
            let detail = "the layer was edited meanwhile, which may shift the rows of pages by offset, and no second pass brought the same ones";
            return Err(self.incomplete(plan, Some(detail.to_owned())));
        }
        let wanted = |count: u64| plan.query.limit().map_or(count, |limit| limit.min(count));
        // Of parts it is known that each was whole when it was fetched: rows came or went before some and behind others.
        let (few, many) = (plan.rows.min(wanted(now)), plan.rows.max(wanted(now)));
        // Rows that were skipped are there, and are told of.
        let known = self.rows + self.skipped.len() as u64;
        let by_parts = matches!(&plan.source, Source::Parts(parts) if parts.iter().all(|part| part.is_ids()))
            && (few..=many).contains(&known);
        let counted = known == few || known == many || by_parts;
        let behind = known > many && (plan.reads_to_the_end() || plan.looks_between());
        if !counted && !behind {
            let detail = "more rows came than the server counts, so that its counts prove nothing";
            let detail = (known > many).then(|| detail.to_owned());
            return Err(self.incomplete(plan, detail));
        }
        let change = |from: u64, to: u64| {
            i64::try_from(to).unwrap_or(i64::MAX) - i64::try_from(from).unwrap_or(i64::MAX)
        };
        let proof = match (plan.by_fingerprint(), second) {
            _ if behind => Proof::EndReached,
            (false, _) => Proof::UniqueIdsAndCount,
            (true, None) => Proof::FingerprintsAndCount,
            (true, Some(_)) => Proof::FingerprintsTwice,
        };
        let drift = Drift {
            count_change: change(plan.matching, now),
            ..Drift::default()
        };
        Ok(self.completion(proof, drift))
    }

    fn completion(&self, proof: Proof, drift: Drift) -> Completion {
        Completion {
            proof,
            drift,
            rows: self.rows,
            refetched: 0,
            skipped: Vec::new(),
        }
    }

    fn incomplete(&self, plan: &Plan, detail: Option<String>) -> Error {
        Error::Incomplete(Box::new(Incomplete {
            expected: plan.rows,
            received: self.rows - self.doubled.len().min(self.rows),
            missing: self.missing.clone(),
            doubled: self.doubled.clone(),
            detail,
        }))
    }
}

/// The ids at the end: all of them, or it is not known which rows are gone.
async fn ids_now(layer: &Layer, plan: &Plan) -> Result<IdSet, Error> {
    let mut counted = 0;
    let mut listed = IdSet::new();
    // Rows may come between the two requests: once more settles it.
    for _ in 0..2 {
        counted = layer.count(&plan.query).await?;
        listed = layer.object_ids_of(&plan.query, counted).await?;
        if listed.len() + plan.count_excess >= counted {
            return Ok(listed);
        }
    }
    Err(Error::Incomplete(Box::new(Incomplete {
        expected: counted,
        received: listed.len(),
        missing: IdSet::new(),
        doubled: IdSet::new(),
        detail: Some(
            "so many object ids were listed at the end, which proves nothing about the rest"
                .to_owned(),
        ),
    })))
}

/// What the server has behind the first `rows`, in the order of the object ids: one row, or none.
pub(crate) async fn row_at(
    layer: &Layer,
    query: &ResolvedQuery,
    rows: u64,
) -> Result<PageFacts, Error> {
    let mut request = query
        .page_request(layer.address())
        .with_param("resultOffset", rows.to_string())
        .with_param("resultRecordCount", "1");
    let orders = layer.info().advanced.order_by != Some(false);
    if let Some(field) = query.object_id().filter(|_| orders) {
        request = request.with_param("orderByFields", format!("{field} ASC"));
    }
    facts_of(layer, query, request).await
}

/// What is known of the rows that come for a request, of which one is wanted at most.
pub(crate) async fn facts_of(
    layer: &Layer,
    query: &ResolvedQuery,
    request: Request,
) -> Result<PageFacts, Error> {
    let request = request.with_rows(1);
    let layout = query.layout();
    let mut chances = Chances::new();
    loop {
        let body = send(&**layer.transport(), &request).await?;
        let mut page = FeatureCollector::new(Arc::clone(layout)).page(1);
        match decode_json(&body, &DecodeContext::new(layout), &mut page) {
            Ok(facts) => return Ok(facts),
            Err(error) => chances.spend(&request, error).await?,
        }
    }
}
