//! Rows by their ids, which neither order nor offset nor other people's edits can shift.

use std::sync::Arc;

use arcgis_auth_core::Request;

use super::doubt::Doubt;
use super::fetch::{Fetcher, Lack, Paced};
use super::gather::Gathered;
use super::slot::Wanted;
use super::strategy::Strategy;
use crate::error::Error;
use crate::literal::object_id_range;
use crate::sink::PageSink;

/// Ids in one list: within what every database behind a server takes.
pub(crate) const LISTED: usize = 250;

/// How a chunk of ids is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saying {
    /// `id >= a AND id <= b`.
    Range,
    /// `id IN (a, b, …)`.
    List,
    /// The parameter `objectIds`.
    Parameter,
    /// Ranges again, narrower each time: that of one id holds no other row.
    Narrow,
}

impl Saying {
    /// What to begin with for rows that a slot of a plan still lacks.
    pub(crate) fn first(strategy: Strategy) -> Self {
        if strategy == Strategy::IdLists {
            Self::List
        } else {
            Self::Range
        }
    }

    /// What to try where this one brings other rows than those asked for.
    fn next(self) -> Self {
        match self {
            Self::Range => Self::List,
            Self::List => Self::Parameter,
            Self::Parameter | Self::Narrow => Self::Narrow,
        }
    }

    fn strategy(self) -> Strategy {
        match self {
            Self::Range | Self::Narrow => Strategy::IdRanges,
            Self::List | Self::Parameter => Strategy::IdLists,
        }
    }
}

/// How many requests for so many rows may bring none of them: some for narrowing ranges down, and three for
/// each list of rows that are gone.
fn fruitless_most(rows: usize) -> usize {
    let narrowing = usize::try_from(rows.max(1).ilog2()).unwrap_or(64);
    16 + 2 * narrowing + 3 * rows.div_ceil(LISTED)
}

pub(crate) fn comma_separated(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    ids.join(",")
}

impl<S: PageSink> Fetcher<S> {
    /// Asks for what is left by ids, as is said at first; one by one where rows that are not wanted fill the ranges.
    ///
    /// Gives the ids that do not come. How many requests may bring nothing is bounded, so that a server that
    /// answers with other rows, or with none, ends in missing rows and not in requests without end.
    pub(crate) async fn by_ids(
        self: &Arc<Self>,
        gathered: &mut Gathered<S::Page>,
        mut wanted: Wanted,
        mut saying: Saying,
        broken: &mut bool,
    ) -> Result<Lack, Error> {
        let mut lack = Lack::default();
        let Some(column) = &self.layout.object_id else {
            lack.missing = wanted.into_keys().collect();
            return Ok(lack);
        };
        let mut narrowed = usize::MAX;
        let mut in_vain = 0;
        let mut fruitless_left = fruitless_most(wanted.len());
        while let Some((&first, ())) = wanted.first_key_value() {
            if fruitless_left == 0 {
                lack.missing.extend(wanted.into_keys());
                break;
            }
            let mut most = usize::try_from(self.pace.rows())
                .unwrap_or(usize::MAX)
                .min(narrowed);
            if saying.strategy() == Strategy::IdLists {
                most = most.min(LISTED);
            }
            let chunk: Vec<i64> = wanted.keys().take(most.max(1)).copied().collect();
            let request = self.saying(&column.name, saying, &chunk);
            let rows = chunk.len() as u64;
            let answer = match self.paced(request, rows, broken).await? {
                Paced::Answer(answer) => *answer,
                Paced::Less(_) => continue,
                Paced::Never(error) => {
                    lack.skipped.push(self.skip(first, error).await?);
                    wanted.remove(&first);
                    continue;
                }
            };
            self.judge(&answer.facts, u64::MAX).await?;
            let received = answer.facts.rows;
            if received == chunk.len() && self.says_more(&answer.facts).await {
                // More rows than ids: in order, the last id is the one that others may have too.
                if let Some(last) = answer.facts.ids.last() {
                    self.identifies(*last).await?;
                }
            }
            let taken = gathered.take(answer, &mut wanted);
            if taken > 0 {
                self.observed.delivered(saying.strategy(), taken);
                in_vain = 0;
                narrowed = narrowed.saturating_mul(2);
                continue;
            }
            fruitless_left -= 1;
            if received > 0 && chunk.len() > 1 {
                // Rows in between that nobody wants fill the answer, where the order is not kept; or what
                // was said is not understood.
                self.doubt(Doubt::IgnoredCondition);
                if matches!(saying, Saying::Parameter | Saying::Narrow) {
                    narrowed = chunk.len().div_ceil(2);
                }
                saying = saying.next();
                continue;
            }
            in_vain += 1;
            if in_vain == 1 && saying == Saying::Range {
                saying = Saying::List;
                continue;
            }
            if in_vain > 1 {
                // Twice nothing: these rows are gone, or kept from us. The end of the fetch tells which.
                for id in &chunk {
                    wanted.remove(id);
                }
                lack.missing.extend(chunk);
                in_vain = 0;
            }
        }
        Ok(lack)
    }

    fn saying(&self, field: &str, saying: Saying, ids: &[i64]) -> Request {
        let (query, layer) = (&self.plan.query, self.layer.address());
        let request = match (saying, ids) {
            (Saying::Range | Saying::Narrow, [first, .., last]) => {
                query.page_request_within(layer, &object_id_range(field, *first, *last))
            }
            (Saying::Range | Saying::Narrow, [only]) => {
                query.page_request_within(layer, &object_id_range(field, *only, *only))
            }
            (Saying::Parameter, _) => query
                .page_request(layer)
                .with_param("objectIds", comma_separated(ids)),
            _ => {
                let list = format!("{field} IN ({})", comma_separated(ids));
                query.page_request_within(layer, &list)
            }
        };
        self.ordered(request)
    }
}
