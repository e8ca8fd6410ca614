//! Rows that were edited while they were fetched, and are fetched again.

use std::collections::HashMap;
use std::sync::Arc;

use super::by_ids::{LISTED, Saying, comma_separated};
use super::edits;
use super::fetch::{Fetcher, Slot};
use super::ledger::Ledger;
use super::moment::TICK;
use super::slot::Wanted;
use crate::decode::{DecodeContext, decode_json};
use crate::error::Error;
use crate::feature::FeatureCollector;
use crate::field::{Field, FieldType};
use crate::ids::IdSet;
use crate::layout::Layout;
use crate::second_chance::{Chances, send};
use crate::sink::PageSink;

/// How often edited rows are fetched again while others go on editing them.
const MOST_ROUNDS: u32 = 3;

/// The most rows that are fetched again: where more were edited, the layer is being loaded anew.
const MOST_ROWS: u64 = 100_000;

/// Fetches rows again that were edited since the plan was made: in rounds, until those that a round finds are the ones
/// that the rounds before have fetched, by the moment of their last edit.
#[derive(Debug, Default)]
pub(crate) struct Again {
    rounds: u32,
    /// Rows of this round that are still to be fetched.
    open: IdSet,
    /// When a row had been edited last before it was fetched again; nothing if that is not known.
    fetched: HashMap<i64, Option<i64>>,
    /// The same for the rows of this round.
    dates: HashMap<i64, i64>,
    /// Rows of this round that do not come again.
    lacking: IdSet,
    is_over: bool,
    /// Rows that were edited since they were fetched, as far as could be asked for.
    stale: Option<IdSet>,
}

impl Again {
    /// Rows that were edited since they came the last time; `None` where it is not known.
    pub(crate) fn stale(&self) -> Option<&IdSet> {
        self.stale.as_ref()
    }

    /// The next rows as they are now; `None` where no others are known to be older than they could be. May be dropped
    /// while it waits.
    ///
    /// What goes wrong fails nothing: each row came once already.
    pub(crate) async fn next<S: PageSink>(
        &mut self,
        fetcher: &Arc<Fetcher<S>>,
        ledger: &Ledger,
    ) -> Option<Slot<S::Page>> {
        loop {
            let most = fetcher.pace.rows();
            let wanted: Vec<i64> = self.open.first(most).iter().collect();
            if wanted.is_empty() {
                if self.is_over || !fetcher.plan.names_edited_rows() {
                    return None;
                }
                self.look(fetcher, ledger).await;
                continue;
            }
            let came = fetcher.again(&wanted).await;
            for id in &wanted {
                self.open.remove(*id);
            }
            let slot = match came {
                Ok(slot) => slot,
                Err(error) => {
                    tracing::warn!(layer = %fetcher.layer.address(), %error, "edited rows could not be fetched again");
                    self.lacking.extend(wanted);
                    // Unless it is about one row, it is so with the others too.
                    if !matches!(error, Error::Incomplete(_)) {
                        self.lacking.extend(std::mem::take(&mut self.open).iter());
                    }
                    continue;
                }
            };
            for id in &slot.facts.ids {
                self.fetched.insert(*id, self.dates.get(id).copied());
            }
            let came: IdSet = slot.facts.ids.iter().copied().collect();
            let wanted: IdSet = wanted.into_iter().collect();
            self.lacking.extend(wanted.difference(&came).iter());
            if slot.page.is_some() {
                return Some(slot);
            }
        }
    }

    /// Asks which rows were edited, and when.
    async fn look<S: PageSink>(&mut self, fetcher: &Arc<Fetcher<S>>, ledger: &Ledger) {
        let found = match self.edited(fetcher, ledger).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(layer = %fetcher.layer.address(), %error, "edited rows cannot be asked for");
                None
            }
        };
        let Some((edited, dates)) = found else {
            (self.is_over, self.stale) = (true, None);
            return;
        };
        // Those that did not come before will not come now, and those that were at hand are for another time.
        let plan = &fetcher.plan;
        let is_new = |id: &i64| {
            let date = dates.get(id).copied();
            let known = self.fetched.get(id);
            let may_come = !self.lacking.contains(*id) && !plan.is_at_hand(*id);
            may_come && (date.is_none() || known != Some(&date))
        };
        let newer: IdSet = edited.iter().filter(is_new).collect();
        if newer.is_empty() || self.rounds >= MOST_ROUNDS || edited.len() > MOST_ROWS {
            let mut stale = newer;
            stale.extend(edited.intersection(&self.lacking).iter());
            stale.extend(edited.iter().filter(|id| plan.is_at_hand(*id)));
            (self.is_over, self.stale) = (true, Some(stale));
            return;
        }
        if dates.values().all(|date| date % 1000 == 0) {
            // Dates in whole seconds: an edit that follows in the same one would not show.
            tokio::time::sleep(TICK).await;
        }
        self.rounds += 1;
        (self.open, self.dates) = (newer, dates);
    }

    /// The rows that came and were edited since the plan was made, with when that was; `None` where the layer cannot be
    /// asked.
    async fn edited<S: PageSink>(
        &self,
        fetcher: &Arc<Fetcher<S>>,
        ledger: &Ledger,
    ) -> Result<Option<(IdSet, HashMap<i64, i64>)>, Error> {
        let edited = edits::edited(&fetcher.layer, &fetcher.plan, ledger).await?;
        let Some(edited) = edited else {
            return Ok(None);
        };
        let dates = if edited.len() > MOST_ROWS {
            HashMap::new()
        } else {
            fetcher.edit_dates(&edited).await?
        };
        Ok(Some((edited, dates)))
    }
}

impl<S: PageSink> Fetcher<S> {
    /// Fetches rows again, by their ids.
    async fn again(self: &Arc<Self>, ids: &[i64]) -> Result<Slot<S::Page>, Error> {
        let wanted: Wanted = ids.iter().map(|id| (*id, ())).collect();
        let bounds = ids.first().zip(ids.last());
        let span = self.plan.ids().zip(bounds);
        let span = span.map(|(all, (first, last))| all.count_between(*first, *last));
        // Where others lie between them, a range would bring those too.
        let saying = if span == Some(ids.len() as u64) {
            Saying::Range
        } else {
            Saying::List
        };
        let mut gathered = self.gathered();
        let mut broken = false;
        let lack = self
            .by_ids(&mut gathered, wanted, saying, &mut broken)
            .await?;
        self.finish(gathered, lack).await
    }

    /// When rows were edited last, in milliseconds since 1970, as far as the server says.
    async fn edit_dates(&self, ids: &IdSet) -> Result<HashMap<i64, i64>, Error> {
        let mut dates = HashMap::new();
        let (Some(column), Some(edited)) = (&self.layout.object_id, &self.plan.edit_field) else {
            return Ok(dates);
        };
        let fields = vec![Field::new(edited.clone(), FieldType::Date)];
        let layout = Arc::new(Layout::new(fields).with_object_id(&column.name));
        let mut open: Vec<i64> = ids.iter().collect();
        while !open.is_empty() {
            let chunk = open.get(..LISTED.min(open.len())).unwrap_or_default();
            let within = format!("{} IN ({})", column.name, comma_separated(chunk));
            let request = self
                .plan
                .query
                .filter_request_within(self.layer.address(), &within)
                .with_param("outFields", format!("{},{edited}", column.name))
                .with_param("returnGeometry", "false")
                .with_rows(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
            let mut chances = Chances::new();
            let (facts, page) = loop {
                let body = send(&**self.layer.transport(), &request).await?;
                let mut page = FeatureCollector::new(Arc::clone(&layout)).page(chunk.len());
                match decode_json(&body, &DecodeContext::new(&layout), &mut page) {
                    Ok(facts) => break (facts, page),
                    Err(error) => chances.spend(&request, error).await?,
                }
            };
            let before = open.len();
            let came: IdSet = facts.ids.iter().copied().collect();
            // Those that a short answer lacks are asked for again; where none came, they are gone.
            if came.is_empty() {
                open.drain(..LISTED.min(before));
            } else {
                open.retain(|id| !came.contains(*id));
            }
            if open.len() == before {
                return Ok(dates);
            }
            let rows = page.into_features(&facts);
            dates.extend(facts.ids.iter().zip(&rows).filter_map(|(id, row)| {
                let date = row.get(edited)?.as_i64()?;
                Some((*id, date))
            }));
        }
        Ok(dates)
    }
}
