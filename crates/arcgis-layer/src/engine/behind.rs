//! Rows behind the last one that came: key-set pagination.

use std::sync::Arc;

use super::doubt::Doubt;
use super::fetch::{Fetcher, Lack, Paced, Slot};
use super::part::{Part, Within};
use super::proof::Incomplete;
use super::strategy::Strategy;
use crate::error::Error;
use crate::ids::IdSet;
use crate::sink::PageSink;

impl<S: PageSink> Fetcher<S> {
    /// The next rows behind an id, at most `most`; those at the very beginning for `None`. No rows: that was the last.
    pub(crate) async fn behind(
        self: &Arc<Self>,
        mut last: Option<i64>,
        most: u64,
    ) -> Result<Slot<S::Page>, Error> {
        let Some(column) = &self.layout.object_id else {
            return Err(Error::Failed);
        };
        let field = &column.name;
        let paginates = self.layer.info().advanced.pagination != Some(false);
        let mut broken = false;
        let mut second_look = true;
        let mut lack = Lack::default();
        loop {
            let most = most.saturating_sub(lack.skipped.len() as u64);
            let at_most = usize::try_from(most).unwrap_or(usize::MAX);
            let rows = self.pace.rows().min(most).max(1);
            let query = &self.plan.query;
            let request = match last {
                Some(last) => {
                    query.page_request_within(self.layer.address(), &format!("{field} > {last}"))
                }
                None => query.page_request(self.layer.address()),
            };
            let mut request = self.ordered(request);
            if paginates {
                request = request.with_param("resultRecordCount", rows.to_string());
            }
            let answer = match self.paced(request, rows, &mut broken).await? {
                Paced::Answer(answer) => *answer,
                Paced::Less(_) if paginates => continue,
                // What cannot be had in fewer rows, or is one that the server breaks down over, can be had by its id.
                Paced::Less(error) | Paced::Never(error) => {
                    let rows = self.pace.rows();
                    let Some(part) = self.next_range(last, rows).await? else {
                        return Err(error);
                    };
                    let (mut gathered, found) = self.within(&part).await?;
                    lack.short += found.short;
                    lack.skipped.extend(found.skipped);
                    if let (true, 0, Within::Ids(_, end)) =
                        (gathered.taken.is_empty(), lack.short, &part.within)
                    {
                        (last, broken) = (Some(*end), false);
                        continue;
                    }
                    gathered.keep_first(at_most);
                    return self.finish(gathered, lack).await;
                }
            };
            self.judge(&answer.facts, u64::MAX).await?;
            if answer.facts.rows == 0 && second_look {
                second_look = false;
                continue;
            }
            let is_behind = |id: i64| last.is_none_or(|last| id > last);
            if answer.facts.ids.iter().any(|id| !is_behind(*id)) {
                self.doubt(Doubt::IgnoredCondition);
            }
            // Where counts of ranges are no use, the count of all has to do, at the end.
            let counts = self.plan.options.strategy == Some(Strategy::KeySet);
            if query.limit().is_some() && !counts && !answer.facts.ids.is_sorted() {
                return Err(self.without_order(most));
            }
            let greatest = answer.facts.ids.iter().max().copied();
            let mut gathered = self.gathered();
            let taken = gathered.take_new(answer, is_behind);
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
                    let (mut gathered, found) = self.within(&part).await?;
                    lack.short += found.short;
                    lack.skipped.extend(found.skipped);
                    gathered.keep_first(at_most);
                    return self.finish(gathered, lack).await;
                }
            }
            gathered.keep_first(at_most);
            self.observed
                .delivered(Strategy::KeySet, taken.min(at_most));
            return self.finish(gathered, lack).await;
        }
    }

    /// The first rows are wanted, and no count of ranges tells which they are.
    fn without_order(&self, wanted: u64) -> Error {
        let detail = "rows do not come in the order of their object ids, and counts of ranges do not add up, so that the first ones are not to be told";
        Error::Incomplete(Box::new(Incomplete {
            expected: self.plan.rows,
            received: self.plan.rows.saturating_sub(wanted),
            missing: IdSet::new(),
            doubled: IdSet::new(),
            detail: Some(detail.to_owned()),
        }))
    }

    /// The next range of ids with rows behind an id, and at most `most` of them if it is wider than one id: ranges that
    /// double in width are counted. `None` if there are no more rows.
    async fn next_range(&self, last: Option<i64>, most: u64) -> Result<Option<Part>, Error> {
        let count = async |within: Within| {
            let query = within.of(&self.layer, &self.plan.query);
            let rows = self.layer.count(&query).await?;
            Ok::<_, Error>(Part {
                within,
                rows,
                first: None,
            })
        };
        let mut first = match last {
            Some(last) => match last.checked_add(1) {
                Some(first) => first,
                None => return Ok(None),
            },
            None => {
                // Ids begin at 0 or 1, as a rule.
                let negative = count(Within::Ids(i64::MIN, -1)).await?;
                if negative.rows > 0 {
                    return Ok(Some(negative));
                }
                0
            }
        };
        let mut width: i64 = 0;
        let mut found = None;
        loop {
            let end = first.saturating_add(width);
            let part = count(Within::Ids(first, end)).await?;
            if part.rows > most && found.is_some() {
                return Ok(found);
            }
            if part.rows >= most {
                return Ok(Some(part));
            }
            if end == i64::MAX {
                return Ok(Some(part).filter(|part| part.rows > 0));
            }
            width = width.saturating_mul(2).saturating_add(1);
            if part.rows > 0 {
                found = Some(part);
            } else {
                first = end.saturating_add(1);
            }
        }
    }
}
