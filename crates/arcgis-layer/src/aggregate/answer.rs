//! Answers with groups.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Group, Spec};
use crate::decode::DecodeError;
use crate::layer::missing;
use crate::metadata::document::{Members, integer};
use crate::statistics::Statistic;

/// The groups of one answer.
pub(super) struct Answer {
    pub(super) groups: Vec<Group>,
    /// Whether the server said that there are more.
    pub(super) exceeded: bool,
    /// Rows in all groups, where that is counted.
    pub(super) rows: u64,
}

pub(super) fn read(top: Members<'_>, spec: &Spec) -> Result<Answer, DecodeError> {
    let features = top
        .get("features")
        .and_then(Value::as_array)
        .ok_or_else(|| missing(top, "features", "a list"))?;
    let mut rows = 0_u64;
    let mut groups = Vec::with_capacity(features.len());
    for feature in features {
        let row = Members::of(feature)
            .and_then(|feature| feature.object("attributes"))
            .ok_or_else(|| missing(top, "attributes", "an object in each feature"))?;
        let mut values = Vec::with_capacity(spec.group_by.len());
        for name in &spec.group_by {
            if !row.has_any_case(name) {
                return Err(missing(row, name, "a value"));
            }
            values.push(row.get_any_case(name).cloned().unwrap_or(Value::Null));
        }
        let statistics = statistics(row, spec.wanted)?;
        if spec.counts_rows {
            let name = Statistic::result_name(spec.wanted);
            let count = row
                .get_any_case(&name)
                .and_then(integer)
                .and_then(|count| u64::try_from(count).ok())
                .ok_or_else(|| missing(row, &name, "a number of rows"))?;
            rows = rows.saturating_add(count);
        }
        groups.push(Group { values, statistics });
    }
    Ok(Answer {
        groups,
        exceeded: top.flag("exceededTransferLimit").unwrap_or(false),
        rows,
    })
}

/// The statistics in one row.
pub(super) fn statistics(row: Members<'_>, count: usize) -> Result<Vec<Value>, DecodeError> {
    let value = |place| {
        let name = Statistic::result_name(place);
        if row.has_any_case(&name) {
            Ok(row.get_any_case(&name).cloned().unwrap_or(Value::Null))
        } else {
            Err(missing(row, &name, "a value"))
        }
    };
    (0..count).map(value).collect()
}

/// Null, then numbers, then texts.
pub(super) fn order(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let rank = |value: Option<&Value>| match value {
        None | Some(Value::Null) => 0,
        Some(Value::Number(_)) => 1,
        _ => 2,
    };
    match (a, b) {
        (Some(Value::Number(x)), Some(Value::Number(y))) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => x
                .as_f64()
                .unwrap_or(f64::NAN)
                .total_cmp(&y.as_f64().unwrap_or(f64::NAN)),
        },
        (Some(Value::String(x)), Some(Value::String(y))) => x.cmp(y),
        _ => rank(a).cmp(&rank(b)),
    }
}
