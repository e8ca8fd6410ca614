//! Which object ids a condition leaves possible, so that not every row has to be looked at.

use super::condition::{Comparison, Condition, Operand};
use crate::value::Value;

/// Ranges of ids, both ends included, in order and apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdBounds {
    pub(crate) ranges: Vec<(i64, i64)>,
    /// Every row with such an id fulfils the condition; otherwise it still has to be asked.
    pub(crate) exact: bool,
}

impl IdBounds {
    pub(crate) fn unknown() -> Self {
        Self {
            ranges: vec![(i64::MIN, i64::MAX)],
            exact: false,
        }
    }

    fn exactly(ranges: Vec<(i64, i64)>) -> Self {
        Self {
            ranges: merged(ranges),
            exact: true,
        }
    }

    pub(crate) fn all() -> Self {
        Self::exactly(vec![(i64::MIN, i64::MAX)])
    }

    pub(crate) fn of_ids(ids: impl IntoIterator<Item = i64>) -> Self {
        Self::exactly(ids.into_iter().map(|id| (id, id)).collect())
    }

    pub(crate) fn and(self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        let (mut a, mut b) = (0, 0);
        while let (Some(left), Some(right)) = (self.ranges.get(a), other.ranges.get(b)) {
            let (low, high) = (left.0.max(right.0), left.1.min(right.1));
            if low <= high {
                ranges.push((low, high));
            }
            if left.1 < right.1 {
                a += 1;
            } else {
                b += 1;
            }
        }
        Self {
            ranges,
            exact: self.exact && other.exact,
        }
    }

    fn or(mut self, other: Self) -> Self {
        self.ranges.extend(other.ranges);
        Self {
            ranges: merged(self.ranges),
            exact: self.exact && other.exact,
        }
    }

    fn complement(&self) -> Self {
        let mut ranges = Vec::new();
        let mut next = Some(i64::MIN);
        for &(low, high) in &self.ranges {
            if let (Some(from), Some(to)) = (next, low.checked_sub(1)) {
                if from <= to {
                    ranges.push((from, to));
                }
            }
            next = high.checked_add(1);
        }
        if let Some(from) = next {
            ranges.push((from, i64::MAX));
        }
        Self::exactly(ranges)
    }
}

fn merged(mut ranges: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    ranges.retain(|(low, high)| low <= high);
    ranges.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match merged.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => merged.push((low, high)),
        }
    }
    merged
}

impl Condition {
    /// What the condition says about the field of object ids.
    pub(crate) fn id_bounds(&self, field: usize) -> IdBounds {
        let constant = |operand: &Operand| match operand {
            Operand::Constant(Value::Int(value)) => Some(*value),
            _ => None,
        };
        let is_id = |operand: &Operand| matches!(operand, Operand::Field(at) if *at == field);
        match self {
            Self::Known(true) => IdBounds::all(),
            Self::Known(false) => IdBounds::exactly(Vec::new()),
            Self::And(all) => all.iter().fold(IdBounds::all(), |so_far, condition| {
                so_far.and(&condition.id_bounds(field))
            }),
            Self::Or(any) => any
                .iter()
                .map(|condition| condition.id_bounds(field))
                .reduce(IdBounds::or)
                .unwrap_or_else(IdBounds::unknown),
            Self::Not(condition) => {
                let bounds = condition.id_bounds(field);
                if bounds.exact {
                    bounds.complement()
                } else {
                    IdBounds::unknown()
                }
            }
            Self::Compare(left, comparison, right) => match (constant(left), constant(right)) {
                (None, Some(value)) if is_id(left) => compared(*comparison, value),
                (Some(value), None) if is_id(right) => compared(comparison.flipped(), value),
                _ => IdBounds::unknown(),
            },
            Self::Between(operand, low, high) if is_id(operand) => {
                match (constant(low), constant(high)) {
                    (Some(low), Some(high)) => IdBounds::exactly(vec![(low, high)]),
                    _ => IdBounds::unknown(),
                }
            }
            Self::In(operand, list) if is_id(operand) => list
                .iter()
                .map(constant)
                .collect::<Option<Vec<_>>>()
                .map_or_else(IdBounds::unknown, IdBounds::of_ids),
            Self::IsNull(operand) if is_id(operand) => IdBounds::exactly(Vec::new()),
            _ => IdBounds::unknown(),
        }
    }
}

fn compared(comparison: Comparison, value: i64) -> IdBounds {
    let below = value.checked_sub(1).map(|high| (i64::MIN, high));
    let above = value.checked_add(1).map(|low| (low, i64::MAX));
    IdBounds::exactly(match comparison {
        Comparison::Equal => vec![(value, value)],
        Comparison::NotEqual => below.into_iter().chain(above).collect(),
        Comparison::Less => below.into_iter().collect(),
        Comparison::LessOrEqual => vec![(i64::MIN, value)],
        Comparison::Greater => above.into_iter().collect(),
        Comparison::GreaterOrEqual => vec![(value, i64::MAX)],
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::field::{Field, FieldType};
    use crate::sql::parse;

    #[test]
    fn conditions_on_ids_become_ranges() {
        let fields = [
            Field::new("OID", FieldType::Oid),
            Field::new("NAME", FieldType::String),
        ];
        let (low, high) = (i64::MIN, i64::MAX);
        for (sql, ranges, exact) in [
            ("1=1", vec![(low, high)], true),
            ("OID > 5 AND OID <= 9", vec![(6, 9)], true),
            ("5 < OID AND 9 >= OID", vec![(6, 9)], true),
            (
                "OID BETWEEN 3 AND 4 OR OID IN (9, 5, 7)",
                vec![(3, 5), (7, 7), (9, 9)],
                true,
            ),
            (
                "NOT (OID >= 2 AND OID < 8)",
                vec![(low, 1), (8, high)],
                true,
            ),
            ("OID <> 4", vec![(low, 3), (5, high)], true),
            ("OID = 4 AND OID = 5", vec![], true),
            ("OID > 5 AND NAME = 'x'", vec![(6, high)], false),
            ("OID > 5 OR NAME = 'x'", vec![(low, high)], false),
            ("NOT (NAME = 'x')", vec![(low, high)], false),
            ("OID IS NOT NULL", vec![(low, high)], true),
            (
                "OID > 9007199254740992",
                vec![(9_007_199_254_740_993, high)],
                true,
            ),
        ] {
            let bounds = parse(sql, &fields).unwrap().id_bounds(0);
            assert_eq!((bounds.ranges, bounds.exact), (ranges, exact), "{sql}");
        }
    }
}
