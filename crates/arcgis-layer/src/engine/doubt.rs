//! What a server was caught at, and which ways of asking brought the rows all the same.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::strategy::Strategy;
use crate::sink::PageFacts;

/// Something about an answer that is not as the protocol has it, and was made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Doubt {
    /// The first rows came again, whatever the offset.
    IgnoredOffset,
    /// Rows of another page: an order that is not kept, or rows that came or went.
    ForeignRows,
    /// Rows in another order than asked for.
    Unordered,
    /// Fewer rows than asked for, with more to come: a cap below the advertised one, or one by bytes.
    ShortPage,
    /// No rows where there are some.
    EmptyPage,
    /// A row twice in one answer.
    RepeatedRow,
    /// More rows than asked for.
    MoreThanAsked,
    /// A count that the object ids, or the rows behind the last one, prove wrong.
    WrongCount,
    /// A condition on object ids that the server did not heed.
    IgnoredCondition,
    /// No rows, and the flag that there are more.
    FlagWithoutRows,
}

impl Doubt {
    const ALL: [Self; 10] = [
        Self::IgnoredOffset,
        Self::ForeignRows,
        Self::Unordered,
        Self::ShortPage,
        Self::EmptyPage,
        Self::RepeatedRow,
        Self::MoreThanAsked,
        Self::WrongCount,
        Self::IgnoredCondition,
        Self::FlagWithoutRows,
    ];

    /// A short name, such as `ignored-offset`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IgnoredOffset => "ignored-offset",
            Self::ForeignRows => "foreign-rows",
            Self::Unordered => "unordered",
            Self::ShortPage => "short-page",
            Self::EmptyPage => "empty-page",
            Self::RepeatedRow => "repeated-row",
            Self::MoreThanAsked => "more-than-asked",
            Self::WrongCount => "wrong-count",
            Self::IgnoredCondition => "ignored-condition",
            Self::FlagWithoutRows => "flag-without-rows",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IgnoredOffset => "the offset was ignored",
            Self::ForeignRows => "rows of other pages came",
            Self::Unordered => "rows came in another order than asked for",
            Self::ShortPage => "fewer rows came at once than asked for",
            Self::EmptyPage => "an empty page came where there are rows",
            Self::RepeatedRow => "a row came twice in one answer",
            Self::MoreThanAsked => "more rows came at once than asked for",
            Self::WrongCount => "the count is not right",
            Self::IgnoredCondition => "a condition on object ids was ignored",
            Self::FlagWithoutRows => "no rows came, and the flag that there are more",
        })
    }
}

/// How often the server was caught at each [`Doubt`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Doubts([u64; Doubt::ALL.len()]);

impl Doubts {
    /// How often it was this one.
    #[must_use]
    pub fn count(&self, doubt: Doubt) -> u64 {
        self.0.get(doubt as usize).copied().unwrap_or(0)
    }

    /// Those that there were, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Doubt, u64)> + '_ {
        let all = Doubt::ALL.into_iter().zip(self.0);
        all.filter(|(_, times)| *times > 0)
    }

    /// Whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl Serialize for Doubts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (doubt, times) in self.iter() {
            map.serialize_entry(doubt.name(), &times)?;
        }
        map.end()
    }
}

/// How many rows each way of asking has brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered([u64; Strategy::ALL.len()]);

impl Delivered {
    /// The rows that came this way.
    #[must_use]
    pub fn rows(&self, strategy: Strategy) -> u64 {
        self.0.get(strategy as usize).copied().unwrap_or(0)
    }

    /// Those that brought any, with how many.
    pub fn iter(&self) -> impl Iterator<Item = (Strategy, u64)> + '_ {
        let all = Strategy::ALL.into_iter().zip(self.0);
        all.filter(|(_, rows)| *rows > 0)
    }

    /// The one that brought most; `None` where no rows came.
    #[must_use]
    pub fn most(&self) -> Option<Strategy> {
        let most = self.iter().max_by_key(|(_, rows)| *rows);
        most.map(|(strategy, _)| strategy)
    }
}

impl Serialize for Delivered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (strategy, rows) in self.iter() {
            map.serialize_entry(strategy.name(), &rows)?;
        }
        map.end()
    }
}

/// Both, while the fetch is under way.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    doubts: [AtomicU64; Doubt::ALL.len()],
    delivered: [AtomicU64; Strategy::ALL.len()],
}

impl Observed {
    pub(crate) fn doubt(&self, doubt: Doubt) {
        if let Some(times) = self.doubts.get(doubt as usize) {
            if times.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!(doubt = doubt.name(), "{doubt}");
            }
        }
    }

    pub(crate) fn delivered(&self, strategy: Strategy, rows: usize) {
        if let Some(all) = self.delivered.get(strategy as usize) {
            all.fetch_add(rows as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn doubts(&self) -> Doubts {
        Doubts(std::array::from_fn(|place| load(self.doubts.get(place))))
    }

    pub(crate) fn all_delivered(&self) -> Delivered {
        Delivered(std::array::from_fn(|place| load(self.delivered.get(place))))
    }

    /// Looks at an answer of which `asked` rows were wanted; `ordered` if by ascending object id. Gives an id that it
    /// has twice, if there is one.
    pub(crate) fn judge(&self, facts: &PageFacts, asked: u64, ordered: bool) -> Option<i64> {
        if facts.rows as u64 > asked {
            self.doubt(Doubt::MoreThanAsked);
        }
        if facts.rows == 0 && facts.exceeded {
            self.doubt(Doubt::FlagWithoutRows);
        }
        let mut sorted = true;
        let mut twice = None;
        for pair in facts.ids.windows(2) {
            if let [first, second] = pair {
                sorted &= first <= second;
                if first == second {
                    twice = Some(*first);
                }
            }
        }
        if !sorted {
            if ordered {
                self.doubt(Doubt::Unordered);
            }
            let mut ids = facts.ids.clone();
            ids.sort_unstable();
            let mut pairs = ids.windows(2);
            let pair = pairs.find(|pair| pair.first() == pair.last());
            twice = pair.and_then(|pair| pair.first().copied());
        }
        if twice.is_some() {
            self.doubt(Doubt::RepeatedRow);
        }
        twice
    }
}

fn load(number: Option<&AtomicU64>) -> u64 {
    number.map_or(0, |number| number.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_at_its_own_place() {
        let observed = Observed::default();
        for (times, doubt) in Doubt::ALL.into_iter().enumerate() {
            for _ in 0..=times {
                observed.doubt(doubt);
            }
        }
        for (rows, strategy) in Strategy::ALL.into_iter().enumerate() {
            observed.delivered(strategy, rows * 10);
        }
        for (times, doubt) in Doubt::ALL.into_iter().enumerate() {
            assert_eq!(observed.doubts().count(doubt), times as u64 + 1);
            let json = serde_json::to_value(doubt).unwrap();
            assert_eq!(json, doubt.name());
        }
        for (rows, strategy) in Strategy::ALL.into_iter().enumerate() {
            assert_eq!(observed.all_delivered().rows(strategy), rows as u64 * 10);
            assert_eq!(strategy.name().parse::<Strategy>(), Ok(strategy));
            assert_eq!(serde_json::to_value(strategy).unwrap(), strategy.name());
        }
        assert_eq!(observed.all_delivered().most(), Some(Strategy::Areas));
    }

    #[test]
    fn an_answer_is_looked_at() {
        let judged = |ids: &[i64], asked| {
            let observed = Observed::default();
            let facts = PageFacts {
                rows: ids.len(),
                ids: ids.to_vec(),
                ..PageFacts::default()
            };
            observed.judge(&facts, asked, true);
            let doubts = observed.doubts();
            doubts.iter().map(|(doubt, _)| doubt).collect::<Vec<_>>()
        };
        assert_eq!(judged(&[1, 2, 3], 3), []);
        assert_eq!(judged(&[1, 3, 2], 3), [Doubt::Unordered]);
        assert_eq!(
            judged(&[1, 3, 1], 3),
            [Doubt::Unordered, Doubt::RepeatedRow]
        );
        assert_eq!(
            judged(&[1, 1], 1),
            [Doubt::RepeatedRow, Doubt::MoreThanAsked]
        );
    }
}
