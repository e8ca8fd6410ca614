//! The books of one fetch: what came, what did not, and whether that is all.

use std::collections::HashSet;

use crate::error::Error;
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::plan::Plan;
use crate::proof::{Completion, Drift, Incomplete, Proof};

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
    /// Enters a page of a layer whose ids were listed: the engine has taken each wanted row once.
    pub(crate) fn enter_listed(&mut self, rows: u64, missing: &[i64]) {
        self.rows += rows;
        self.missing.extend(missing.iter().copied());
    }

    /// Enters a page whose rows are known by their own ids alone.
    pub(crate) fn enter_ids(&mut self, ids: &[i64]) {
        self.rows += ids.len() as u64;
        for id in ids {
            if !self.seen.insert(*id) {
                self.doubled.insert(*id);
            }
        }
    }

    /// Enters a page whose rows are known by their fingerprints alone, and how many of them its answers
    /// had in common: equal rows of two answers look like one that came twice.
    pub(crate) fn enter_fingerprints(&mut self, fingerprints: &[u64], repeated: u64) {
        self.rows += fingerprints.len() as u64;
        self.repeated += repeated;
        self.repeated += fingerprints
            .iter()
            .filter(|print| self.fingerprints.contains(print))
            .count() as u64;
        self.fingerprints.extend(fingerprints.iter().copied());
    }

    /// Asks the server once more what is there, and judges.
    pub(crate) async fn close(&self, layer: &Layer, plan: &Plan) -> Result<Completion, Error> {
        match &plan.ids {
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
        let count = layer.count(&plan.query).await?;
        let now = layer.object_ids_of(&plan.query, count).await?;
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
