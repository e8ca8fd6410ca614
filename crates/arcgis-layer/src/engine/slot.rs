//! One slot of a plan: ask, judge, and ask again until its rows are there or certainly are not.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::by_ids::Saying;
use super::doubt::Doubt;
use super::fetch::{Asked, Border, Fetcher, Lack, Paced, Slot, add};
use super::gather::{Answer, Gathered};
use super::part::{Part, Within};
use super::proof::Incomplete;
use super::strategy::Strategy;
use crate::error::Error;
use crate::ids::IdSet;
use crate::sink::{PageFacts, PageSink};

/// What a slot is to bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// The rows at these places in the order of the ids, or in the server's own.
    Places(Range<u64>),
    /// The rows of the plan's part of that number.
    Part(usize),
    /// Rows with greater ids than this, and the most of them.
    Behind(Option<i64>, u64),
}

/// Ids that a slot still wants.
pub(crate) type Wanted = BTreeMap<i64, ()>;

impl<S: PageSink> Fetcher<S> {
    /// Fetches one slot of the plan.
    pub(crate) async fn slot(self: &Arc<Self>, work: Work) -> Result<Slot<S::Page>, Error> {
        match work {
            Work::Part(number) => self.part(number).await,
            Work::Behind(last, most) => self.behind(last, most).await,
            Work::Places(places) => match self.plan.wanted() {
                Some(ids) => {
                    let bounds = ids.nth(places.start).zip(ids.nth(places.end - 1));
                    let wanted = bounds
                        .map(|(first, last)| ids.between(first, last).map(|id| (id, ())).collect())
                        .unwrap_or_default();
                    self.listed(places, wanted).await
                }
                None => self.counted(places).await,
            },
        }
    }

    /// A slot whose rows are known by id: as the plan says first, ranges and lists of ids for what is left.
    async fn listed(
        self: &Arc<Self>,
        places: Range<u64>,
        mut wanted: Wanted,
    ) -> Result<Slot<S::Page>, Error> {
        let mut gathered = self.gathered();
        let mut broken = false;
        let strategy = self.plan.strategy;
        match strategy {
            Strategy::Offset if !self.distrust_offsets.load(Ordering::Relaxed) => {
                self.by_offset(places, &mut gathered, &mut wanted, &mut broken)
                    .await?;
            }
            Strategy::Single => {
                let rows = places.end - places.start;
                let request = self.plan.query.page_request(self.layer.address());
                match self.ask(self.ordered(request), rows, &mut broken).await? {
                    Asked::Answer(answer) => {
                        self.judge(&answer.facts, rows).await?;
                        if (answer.facts.rows as u64) < rows {
                            self.fewer(&answer.facts);
                        }
                        self.look_behind(&answer.facts, rows).await;
                        let taken = gathered.take(*answer, &mut wanted);
                        self.observed.delivered(strategy, taken);
                    }
                    // Ranges of ids come in parts.
                    Asked::TooBig(_) => self.pace.too_many(rows),
                }
            }
            _ => {}
        }
        if !wanted.is_empty() && !matches!(strategy, Strategy::IdRanges | Strategy::IdLists) {
            add(&self.counters.corrected, 1);
        }
        let saying = Saying::first(strategy);
        let lack = self
            .by_ids(&mut gathered, wanted, saying, &mut broken)
            .await?;
        self.finish(gathered, lack).await
    }

    async fn by_offset(
        self: &Arc<Self>,
        places: Range<u64>,
        gathered: &mut Gathered<S::Page>,
        wanted: &mut Wanted,
        broken: &mut bool,
    ) -> Result<(), Error> {
        let Range { mut start, end } = places;
        while start < end && !wanted.is_empty() {
            let rows = self.pace.rows().min(end - start);
            let request = self.offset_request(start, rows);
            let answer = match self.paced(request, rows, broken).await? {
                Paced::Answer(answer) => *answer,
                Paced::Less(_) => continue,
                // By its id it is known whether it is that row.
                Paced::Never(_) => return Ok(()),
            };
            self.judge(&answer.facts, rows).await?;
            let received = answer.facts.rows;
            let first = answer.facts.ids.iter().min().copied();
            if (received as u64) < rows {
                self.fewer(&answer.facts);
            }
            self.look_behind(&answer.facts, start + received as u64)
                .await;
            let foreign = answer.facts.ids.iter().copied();
            let foreign = foreign.into_iter().find(|id| !wanted.contains_key(id));
            let taken = gathered.take(answer, wanted);
            self.observed.delivered(Strategy::Offset, taken);
            if taken < received {
                if let Some(foreign) = foreign {
                    self.identifies(foreign).await?;
                }
                // Rows of other pages: the offset was ignored, the order is not kept, or rows came or went.
                let least = self.plan.ids().and_then(|ids| ids.min());
                self.doubt(if start > 0 && first == least {
                    Doubt::IgnoredOffset
                } else {
                    Doubt::ForeignRows
                });
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

    /// Notes that there are more rows, as an answer says that ends behind the last of all listed ones.
    async fn look_behind(&self, facts: &PageFacts, end: u64) {
        if end >= self.plan.matching && self.says_more(facts).await {
            self.says_more.store(true, Ordering::Relaxed);
        }
    }

    /// Fewer rows than asked for came, though there are as many.
    pub(crate) fn fewer(&self, facts: &PageFacts) {
        self.doubt(if facts.rows == 0 {
            Doubt::EmptyPage
        } else {
            Doubt::ShortPage
        });
    }

    /// A slot whose rows are not known beforehand: by offset, advancing by what is received. Each answer
    /// but the first begins with the last row of the one before: where it does not, rows have moved meanwhile.
    async fn counted(self: &Arc<Self>, places: Range<u64>) -> Result<Slot<S::Page>, Error> {
        let mut gathered = self.gathered();
        let mut broken = false;
        let mut second_look = true;
        let strategy = self.plan.strategy;
        let single = strategy == Strategy::Single;
        let mut border = Border::default();
        let mut last = None;
        let Range { mut start, end } = places;
        while start < end {
            let most = self.pace.rows();
            // Where one row is all that comes at once, it has to be another.
            let overlaps = self.plan.may_shift() && start > 0 && most > 1 && second_look;
            let overlap = u64::from(overlaps);
            let (request, rows) = if single {
                let request = self.plan.query.page_request(self.layer.address());
                (self.ordered(request), end - start)
            } else {
                let rows = most.min(end - start + overlap);
                (self.offset_request(start - overlap, rows), rows)
            };
            let answer = if single {
                match self.ask(request, rows, &mut broken).await? {
                    Asked::Answer(answer) => *answer,
                    Asked::TooBig(error) => return Err(error),
                }
            } else {
                match self.paced(request, rows, &mut broken).await? {
                    Paced::Answer(answer) => *answer,
                    Paced::Less(_) => continue,
                    Paced::Never(error) => return Err(error),
                }
            };
            self.judge(&answer.facts, rows).await?;
            let is_short = (answer.facts.rows as u64) < rows && start < self.plan.rows;
            if is_short {
                self.fewer(&answer.facts);
            }
            if single && !self.plan.by_fingerprint() {
                return self.all_at_once(answer).await;
            }
            if single && end >= self.plan.matching && self.says_more(&answer.facts).await {
                return Err(Error::Incomplete(Box::new(Incomplete {
                    expected: self.plan.rows,
                    received: answer.facts.rows as u64,
                    missing: IdSet::new(),
                    doubled: IdSet::new(),
                    detail: Some(
                        "the server says that there are more rows than it counts, and gives no way to ask for them"
                            .to_owned(),
                    ),
                })));
            }
            let first = self.key(&answer.facts, 0).filter(|_| overlap > 0);
            match last {
                None => border.before = border.before.or(first),
                Some(_) => border.has_moved |= first.is_some() && first != last,
            }
            let most = usize::try_from(rows).unwrap_or(usize::MAX);
            let behind = usize::try_from(overlap).unwrap_or(0);
            let key = self.key(&answer.facts, answer.facts.rows.min(most).saturating_sub(1));
            let taken = gathered.take_where(answer, |row| (behind..most).contains(&row));
            if taken > 0 {
                last = key;
            }
            self.observed.delivered(strategy, taken);
            if taken == 0 && is_short && second_look {
                // Behind the rows that were counted it is the end; before that, perhaps a mishap.
                second_look = false;
                continue;
            }
            if taken == 0 || single {
                break;
            }
            start += taken as u64;
        }
        let slot = self.finish(gathered, Lack::default()).await?;
        Ok(Slot { border, ..slot })
    }

    /// What a row is known by where its place is all that is asked for.
    fn key(&self, facts: &PageFacts, row: usize) -> Option<u64> {
        if self.plan.by_fingerprint() {
            facts.fingerprints.get(row).copied()
        } else {
            facts.ids.get(row).map(|id| *id as u64)
        }
    }

    /// All rows in one answer, in the order of their ids; if that was not all, by ranges of ids.
    async fn all_at_once(
        self: &Arc<Self>,
        answer: Answer<S::Page>,
    ) -> Result<Slot<S::Page>, Error> {
        let most = self.plan.query.limit().unwrap_or(u64::MAX);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut gathered = self.gathered();
        let says_more = self.says_more(&answer.facts).await;
        let taken = gathered.take_new(answer, |_| true);
        if (taken as u64) < self.plan.matching || says_more {
            drop(gathered);
            add(&self.counters.corrected, 1);
            let part = Part {
                within: Within::Ids(i64::MIN, i64::MAX),
                rows: self.plan.matching,
                first: None,
            };
            let (mut gathered, lack) = self.within(&part).await?;
            gathered.keep_first(most);
            return self.finish(gathered, lack).await;
        }
        gathered.keep_first(most);
        self.observed
            .delivered(Strategy::Single, gathered.taken.len());
        self.finish(gathered, Lack::default()).await
    }
}
