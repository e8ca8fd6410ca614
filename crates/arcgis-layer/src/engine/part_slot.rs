//! Slots whose rows are not known by id beforehand: parts that were counted, and what lies behind the last row.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::doubt::Doubt;
use super::fetch::{Fetcher, Lack, Paced, Slot};
use super::gather::{Answer, Gathered};
use super::part::{Part, Within};
use super::plan::Source;
use super::proof::Incomplete;
use super::strategy::Strategy;
use crate::error::Error;
use crate::ids::IdSet;
use crate::query::ResolvedQuery;
use crate::sink::{PageFacts, PageSink};

/// How often a rectangle is divided for one slot, and once more for each few rows.
const DIVISIONS: u64 = 64;

/// How much of what was divided may lie over the borders of its quarters, in all: 3 is all of it, once, in all four.
/// Rows that lie everywhere are not told apart by smaller rectangles.
const OVERLAP: f64 = 9.0;

/// How many parts of one slot may bring nothing although rows were counted in them: a server that counts rows where
/// there are none does so down to single ids, of which there are 2^64.
const IN_VAIN: u32 = 8;

/// How much more rectangles may be divided for one slot.
struct Divisions {
    left: u64,
    overlap: f64,
}

impl Divisions {
    fn new(rows: u64) -> Self {
        Self {
            left: DIVISIONS + rows / 4,
            overlap: OVERLAP,
        }
    }

    fn are_over(&self) -> bool {
        self.left == 0 || self.overlap <= 0.0
    }

    /// A rectangle of so many rows was divided, and its quarters have so many in all.
    fn spend(&mut self, rows: u64, in_quarters: u64) {
        self.left = self.left.saturating_sub(1);
        let twice = in_quarters.saturating_sub(rows);
        self.overlap -= twice as f64 / rows.max(1) as f64;
    }
}

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
        if lack.short > 0 && !part.is_ids() {
            // Nothing that comes later makes up for it: rectangles are asked for until no smaller one tells more.
            return Err(Error::Incomplete(Box::new(Incomplete {
                expected: self.plan.rows,
                received: self.observed.all_delivered().rows(Strategy::Areas),
                missing: IdSet::new(),
                doubled: IdSet::new(),
                detail: Some(format!("{} rows that were counted do not come", lack.short)),
            })));
        }
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
        let mut divisions = Divisions::new(part.rows);
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
            let all = gathered.taken.len() as u64 >= part.rows && !next.miscounted;
            if all && matches!(next.within, Within::Area(_)) && self.is_whole(part).await? {
                break;
            }
            let query = next.within.of(&self.layer, &self.plan.query);
            let request = self.ordered(query.page_request(self.layer.address()));
            let answer = match self.paced(request, next.rows.max(1), &mut broken).await? {
                Paced::Answer(answer) => *answer,
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
            self.judge(&answer.facts, u64::MAX).await?;
            let received = answer.facts.rows as u64;
            let last = ascending_last(&answer.facts.ids);
            if received > next.rows && !matches!(next.within, Within::Ids(..)) {
                self.check_count(&query, &answer.facts).await?;
            }
            // More than were counted, and as many as ever came at once: then there may be others, whatever the answer says.
            let miscounted =
                received > next.rows && received >= self.largest.load(Ordering::Relaxed);
            let says_more =
                received >= next.rows && (miscounted || self.says_more(&answer.facts).await);
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

    /// Whether a part has as many rows as when it was counted: those that came are all then, in whichever of its
    /// smaller rectangles they came.
    async fn is_whole(&self, part: &Part) -> Result<bool, Error> {
        let query = part.within.of(&self.layer, &self.plan.query);
        Ok(self.layer.count(&query).await? == part.rows)
    }

    /// More rows came than were counted: some were added meanwhile, or the server counts too few. Then rectangles in which
    /// it counts none, and which are not asked for, may have rows too.
    async fn check_count(&self, query: &ResolvedQuery, facts: &PageFacts) -> Result<(), Error> {
        let different = if self.plan.by_fingerprint() {
            facts.rows as u64
        } else {
            facts.ids.iter().copied().collect::<IdSet>().len()
        };
        if self.layer.count(query).await? >= different {
            return Ok(());
        }
        self.doubt(Doubt::WrongCount);
        Err(Error::Incomplete(Box::new(Incomplete {
            expected: self.plan.rows,
            received: self.observed.all_delivered().rows(Strategy::Areas),
            missing: IdSet::new(),
            doubled: IdSet::new(),
            detail: Some(
                "more rows came of a place than the server counts there, so that its counts prove nothing"
                    .to_owned(),
            ),
        })))
    }

    /// Puts the smaller parts of `whole` among the open ones, each counted; false if there are none, or if they are no
    /// smaller: rows that lie over all quarters of a rectangle are not told apart by quarters of those.
    async fn divide(
        &self,
        open: &mut Vec<Open>,
        whole: &Open,
        divisions: &mut Divisions,
    ) -> Result<bool, Error> {
        let smaller = whole.within.split(whole.depth);
        let by_place = matches!(whole.within, Within::Area(_));
        if smaller.is_empty() || (by_place && divisions.are_over()) {
            return Ok(false);
        }
        let mut counted = Vec::with_capacity(smaller.len());
        for within in smaller.into_iter().rev() {
            let query = within.of(&self.layer, &self.plan.query);
            let rows = self.layer.count(&query).await?;
            if rows > 0 || whole.miscounted {
                counted.push(Open {
                    within,
                    rows,
                    depth: whole.depth + 1,
                    again: whole.again,
                    miscounted: whole.miscounted,
                });
            }
        }
        if by_place {
            divisions.spend(whole.rows, counted.iter().map(|part| part.rows).sum());
        }
        if by_place && counted.len() > 1 && counted.iter().all(|part| part.rows >= whole.rows) {
            return Ok(false);
        }
        open.append(&mut counted);
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
}

/// The greatest id, if the ids came in ascending order.
fn ascending_last(ids: &[i64]) -> Option<i64> {
    let ascending = ids.windows(2).all(|pair| pair.first() <= pair.last());
    ids.last().copied().filter(|_| ascending)
}
