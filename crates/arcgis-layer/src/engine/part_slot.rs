//! Slots whose rows are not known by id beforehand: parts that were counted, and what lies behind the last row.

use std::collections::HashSet;
use std::sync::Arc;

use super::doubt::Doubt;
use super::fetch::{Fetcher, Lack, Paced, Slot};
use super::gather::{Answer, Gathered};
use super::part::{Part, Within};
use super::plan::Source;
use super::strategy::Strategy;
use crate::error::Error;
use crate::sink::PageSink;

/// How often a rectangle is divided for one slot: rows that lie everywhere are not told apart by smaller ones.
const DIVISIONS: u32 = 64;

/// How many parts of one slot may bring nothing although rows were counted in them: a server that counts rows where
/// there are none does so down to single ids, of which there are 2^64.
const IN_VAIN: u32 = 8;

/// What of a part is still to be asked for.
struct Open {
    within: Within,
    rows: u64,
    depth: u32,
    /// Whether it brought nothing before.
    again: bool,
    /// Whether it lies within one that has more rows than were counted, so that counts are no reason to leave it out.
    miscounted: bool,
}

impl<S: PageSink> Fetcher<S> {
    /// Fetches one of the plan's parts.
    pub(crate) async fn part(self: &Arc<Self>, number: usize) -> Result<Slot<S::Page>, Error> {
        let Source::Parts(parts) = &self.plan.source else {
            return Err(Error::Failed);
        };
        let part = parts.get(number).ok_or(Error::Failed)?;
        let (mut gathered, lack) = self.within(part).await?;
        if let Some(first) = part.first {
            gathered.keep_first(usize::try_from(first).unwrap_or(usize::MAX));
        }
        self.finish(gathered, lack).await
    }

    /// All rows of a part, whatever fits into one answer: what is short is asked for in smaller parts.
    pub(crate) async fn within(
        self: &Arc<Self>,
        part: &Part,
    ) -> Result<(Gathered<S::Page>, Lack), Error> {
        let mut gathered = self.gathered();
        let mut prints = HashSet::new();
        let mut skipped = Vec::new();
        let mut divisions = DIVISIONS;
        let mut broken = false;
        let mut in_vain = 0;
        let mut open = vec![Open {
            within: part.within.clone(),
            rows: part.rows,
            depth: 0,
            again: false,
            miscounted: false,
        }];
        while let Some(mut next) = open.pop() {
            let query = next.within.of(&self.layer, &self.plan.query);
            let request = self.ordered(query.page_request(self.layer.address()));
            let answer = match self.paced(request, next.rows.max(1), &mut broken).await? {
                Paced::Answer(answer) => answer,
                Paced::Never(error) if next.within.only_id().is_some() => {
                    let id = next.within.only_id().unwrap_or_default();
                    skipped.push(self.skip(id, error).await?);
                    continue;
                }
                Paced::Less(error) | Paced::Never(error) => {
                    if !self.divide(&mut open, &next, &mut divisions).await? {
                        return Err(error);
                    }
                    continue;
                }
            };
            self.judge(&answer.facts, u64::MAX);
            let received = answer.facts.rows as u64;
            let last = ascending_last(&answer.facts.ids);
            let says_more = received >= next.rows && self.says_more(&answer.facts).await;
            self.gather(&mut gathered, &mut prints, answer, &next.within);
            if says_more {
                self.doubt(Doubt::WrongCount);
                next.miscounted = true;
                if let (Within::Ids(_, end), Some(last)) = (&mut next.within, last) {
                    if last >= *end {
                        continue;
                    }
                    next.within = Within::Ids(last + 1, *end);
                    next.rows = 0;
                    open.push(next);
                } else {
                    self.divide(&mut open, &next, &mut divisions).await?;
                }
                continue;
            }
            if received >= next.rows {
                continue;
            }
            if received == 0 {
                self.doubt(Doubt::EmptyPage);
                in_vain += 1;
                if in_vain >= IN_VAIN {
                    break;
                }
            } else {
                self.doubt(Doubt::ShortPage);
            }
            if let (Within::Ids(_, end), Some(last)) = (&next.within, last) {
                // In order, as it seems: then only what lies behind is left. Whether that is all, the count tells; an
                // order can be kept within a page alone.
                let left = next.rows - received;
                if last < *end {
                    let behind = Within::Ids(last + 1, *end);
                    let query = behind.of(&self.layer, &self.plan.query);
                    if self.layer.count(&query).await? == left {
                        open.push(Open {
                            within: behind,
                            rows: left,
                            depth: next.depth,
                            again: false,
                            miscounted: false,
                        });
                        continue;
                    }
                }
            }
            if !next.again && !self.divide(&mut open, &next, &mut divisions).await? {
                next.again = true;
                open.push(next);
            }
        }
        let mut lack = Lack::default();
        let taken = (gathered.taken.len() + skipped.len()) as u64;
        lack.skipped = skipped;
        if taken < part.rows {
            // Rows may have gone since they were counted.
            let query = part.within.of(&self.layer, &self.plan.query);
            let now = self.layer.count(&query).await?;
            lack.short = now.saturating_sub(taken);
            if in_vain >= IN_VAIN {
                // What was still to be asked for may have had rows.
                lack.short = lack.short.max(1);
            }
        }
        Ok((gathered, lack))
    }

    /// Puts the smaller parts of `whole` among the open ones, each counted; false if there are none.
    async fn divide(
        &self,
        open: &mut Vec<Open>,
        whole: &Open,
        left: &mut u32,
    ) -> Result<bool, Error> {
        let smaller = whole.within.split(whole.depth);
        let by_place = matches!(whole.within, Within::Area(_));
        if smaller.is_empty() || (by_place && *left == 0) {
            return Ok(false);
        }
        if by_place {
            *left -= 1;
        }
        for within in smaller.into_iter().rev() {
            let query = within.of(&self.layer, &self.plan.query);
            let rows = self.layer.count(&query).await?;
            if rows > 0 || whole.miscounted {
                open.push(Open {
                    within,
                    rows,
                    depth: whole.depth + 1,
                    again: whole.again,
                    miscounted: whole.miscounted,
                });
            }
        }
        Ok(true)
    }

    /// Takes the rows that are new: by their ids, or by fingerprints. Equal rows lie in the same rectangles, so that each
    /// answer that has one of them has all.
    fn gather(
        &self,
        gathered: &mut Gathered<S::Page>,
        prints: &mut HashSet<u64>,
        answer: Answer<S::Page>,
        within: &Within,
    ) {
        let strategy = match within {
            Within::Ids(..) if self.plan.strategy == Strategy::KeySet => Strategy::KeySet,
            Within::Ids(..) => Strategy::IdRanges,
            Within::Area(_) | Within::Condition(_) => Strategy::Areas,
        };
        let taken = if self.plan.by_fingerprint() {
            let new: Vec<bool> = answer
                .facts
                .fingerprints
                .iter()
                .map(|print| !prints.contains(print))
                .collect();
            prints.extend(answer.facts.fingerprints.iter().copied());
            gathered.take_where(answer, |row| new.get(row).copied().unwrap_or(false))
        } else {
            let inside = |id: i64| match within {
                Within::Ids(first, last) => (*first..=*last).contains(&id),
                Within::Area(_) | Within::Condition(_) => true,
            };
            if answer.facts.ids.iter().any(|id| !inside(*id)) {
                self.doubt(Doubt::IgnoredCondition);
            }
            gathered.take_new(answer, inside)
        };
        self.observed.delivered(strategy, taken);
    }

    /// The next rows behind an id, at most `most`; those at the very beginning for `None`. No rows: that was the last.
    pub(crate) async fn behind(
        self: &Arc<Self>,
        last: Option<i64>,
        most: u64,
    ) -> Result<Slot<S::Page>, Error> {
        let Some(column) = &self.layout.object_id else {
            return Err(Error::Failed);
        };
        let field = &column.name;
        let mut broken = false;
        let mut second_look = true;
        let at_most = usize::try_from(most).unwrap_or(usize::MAX);
        loop {
            let rows = self.pace.rows().min(most);
            let query = &self.plan.query;
            let request = match last {
                Some(last) => {
                    query.page_request_within(self.layer.address(), &format!("{field} > {last}"))
                }
                None => query.page_request(self.layer.address()),
            };
            let mut request = self.ordered(request);
            if self.layer.info().advanced.pagination != Some(false) {
                request = request.with_param("resultRecordCount", rows.to_string());
            }
            let answer = match self.paced(request, rows, &mut broken).await? {
                Paced::Answer(answer) => answer,
                Paced::Less(_) => continue,
                Paced::Never(error) => return Err(error),
            };
            self.judge(&answer.facts, u64::MAX);
            if answer.facts.rows == 0 && second_look {
                second_look = false;
                continue;
            }
            let is_behind = |id: i64| last.is_none_or(|last| id > last);
            if answer.facts.ids.iter().any(|id| !is_behind(*id)) {
                self.doubt(Doubt::IgnoredCondition);
            }
            let greatest = answer.facts.ids.iter().max().copied();
            let mut gathered = self.gathered();
            let taken = gathered.take_new(answer, is_behind);
            // Where counts of ranges are no use, the count of all has to do, at the end.
            let counts = self.plan.options.strategy == Some(Strategy::KeySet);
            if let (true, Some(greatest), true) = (counts, greatest, taken > 0) {
                // Others may lie between these, even where they are in order: it may be kept within a page alone.
                let first = last.map_or(i64::MIN, |last| last.saturating_add(1));
                let within = Within::Ids(first, greatest);
                let rows = self.layer.count(&within.of(&self.layer, query)).await?;
                if rows != taken as u64 {
                    drop(gathered);
                    let part = Part {
                        within,
                        rows,
                        first: None,
                    };
                    let (mut gathered, lack) = self.within(&part).await?;
                    gathered.keep_first(at_most);
                    return self.finish(gathered, lack).await;
                }
            }
            gathered.keep_first(at_most);
            self.observed
                .delivered(Strategy::KeySet, taken.min(at_most));
            return self.finish(gathered, Lack::default()).await;
        }
    }
}

/// The greatest id, if the ids came in ascending order.
fn ascending_last(ids: &[i64]) -> Option<i64> {
    let ascending = ids.windows(2).all(|pair| pair.first() <= pair.last());
    ids.last().copied().filter(|_| ascending)
}
