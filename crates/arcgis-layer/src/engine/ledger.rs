//! The books of one fetch: what came, what did not, and whether that is all.

use std::collections::HashSet;
use std::sync::Arc;

use super::plan::Plan;
use super::proof::{Completion, Drift, Incomplete, Proof};
use super::record::PageRecord;
use super::strategy::Strategy;
use crate::decode::{DecodeContext, decode_json};
use crate::error::Error;
use crate::feature::FeatureCollector;
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::second_chance::{Chances, send};
use crate::sink::PageSink;

/// Keeps the books of one fetch.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    rows: u64,
    missing: IdSet,
    seen: IdSet,
    doubled: IdSet,
    fingerprints: HashSet<u64>,
    repeated: u64,
}

impl Ledger {
    /// Enters a page: by the ids that it lacks where the engine has taken each wanted row once, by its own ids, or
    /// by fingerprints. Equal rows of two answers look like one that came twice.
    pub(crate) fn enter(&mut self, page: &PageRecord) {
        self.rows += page.rows;
        self.missing.extend(page.missing.iter().copied());
        for id in &page.ids {
            if !self.seen.insert(*id) {
                self.doubled.insert(*id);
            }
        }
        let known = |print: &&u64| self.fingerprints.contains(print);
        self.repeated += page.repeated + page.fingerprints.iter().filter(known).count() as u64;
        self.fingerprints.extend(page.fingerprints.iter().copied());
    }

    /// Rows that were entered.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Asks the server once more what is there, and judges.
    pub(crate) async fn close(&self, layer: &Layer, plan: &Plan) -> Result<Completion, Error> {
        match plan.ids() {
            Some(ids) => self.close_listed(layer, plan, ids).await,
            None => self.close_counted(layer, plan).await,
        }
    }

    async fn close_listed(
        &self,
        layer: &Layer,
        plan: &Plan,
        ids: &IdSet,
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
        if !lost.is_empty() {
            return Err(Error::Incomplete(Box::new(Incomplete {
                expected: plan.rows,
                received: self.rows,
                missing: lost,
                doubled: IdSet::new(),
                detail: None,
            })));
        }
        let drift = Drift {
            deleted: ids.difference(&now),
            inserted: now.difference(ids),
            ..Drift::default()
        };
        // Nothing that is wanted may be neither here nor missing.
        if self.rows + self.missing.len() != plan.rows {
            return Err(self.incomplete(plan, Some("the books do not add up".to_owned())));
        }
        Ok(Completion {
            proof: Proof::ObjectIds,
            drift,
            rows: self.rows,
        })
    }

    async fn close_counted(&self, layer: &Layer, plan: &Plan) -> Result<Completion, Error> {
        let now = layer.count(&plan.query).await?;
        if self.rows > 0
            && plan.strategy() == Strategy::Offset
            && plan.query.limit().is_none()
            && has_row_at(layer, plan, self.rows).await?
        {
            let detail = "there are rows behind those that the server counted".to_owned();
            return Err(self.incomplete(plan, Some(detail)));
        }
        let by_id = plan.query.layout().object_id.is_some() && self.fingerprints.is_empty();
        if self.repeated > 0 {
            let detail = format!("{} rows came again on another page", self.repeated);
            return Err(self.incomplete(plan, Some(detail)));
        }
        let wanted = |count: u64| plan.query.limit().map_or(count, |limit| limit.min(count));
        if !self.doubled.is_empty() || (self.rows != plan.rows && self.rows != wanted(now)) {
            return Err(self.incomplete(plan, None));
        }
        let count_change = i64::try_from(now).unwrap_or(i64::MAX)
            - i64::try_from(plan.matching).unwrap_or(i64::MAX);
        Ok(Completion {
            proof: if by_id {
                Proof::UniqueIdsAndCount
            } else {
                Proof::FingerprintsAndCount
            },
            drift: Drift {
                count_change,
                ..Drift::default()
            },
            rows: self.rows,
        })
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
        if listed.len() >= counted {
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

/// Whether the server has a row behind the first `rows`.
async fn has_row_at(layer: &Layer, plan: &Plan, rows: u64) -> Result<bool, Error> {
    let request = plan
        .query
        .page_request(layer.address())
        .with_param("resultOffset", rows.to_string())
        .with_param("resultRecordCount", "1")
        .with_rows(1);
    let layout = plan.query.layout();
    let mut chances = Chances::new();
    loop {
        let body = send(&**layer.transport(), &request).await?;
        let mut page = FeatureCollector::new(Arc::clone(layout)).page(1);
        match decode_json(&body, &DecodeContext::new(layout), &mut page) {
            Ok(facts) => return Ok(facts.rows > 0),
            // Hours of fetching must not end over one broken answer.
            Err(error) => chances.spend(&request, error).await?,
        }
    }
}
