//! What `queryRelatedRecords` answers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::decode::DecodeError;
use crate::layer::missing;
use crate::metadata::document::{Members, integer};

/// One answer: the rows of each object id, as JSON.
pub(super) struct Answer {
    pub(super) groups: Vec<(i64, Vec<Value>)>,
    pub(super) records: usize,
    pub(super) exceeded: bool,
    pub(super) reference: Option<Value>,
}

impl Answer {
    pub(super) fn read(top: Members<'_>) -> Result<Self, DecodeError> {
        let mut records = 0;
        let mut groups = Vec::new();
        for (id, group) in each_group(top)? {
            let rows = group.list("relatedRecords").to_vec();
            records += rows.len();
            groups.push((id, rows));
        }
        Ok(Self {
            groups,
            records,
            exceeded: top.flag("exceededTransferLimit").unwrap_or(false),
            reference: top.get("spatialReference").cloned(),
        })
    }
}

/// How many rows belong to each object id; `None` if the answer has the rows in place of their number, as those of servers have
/// that do not know `returnCountOnly`.
pub(super) fn read_counts(top: Members<'_>) -> Result<Option<BTreeMap<i64, u64>>, DecodeError> {
    let mut counts = BTreeMap::new();
    for (id, group) in each_group(top)? {
        let Some(count) = group.get("count").and_then(integer) else {
            return Ok(None);
        };
        *counts.entry(id).or_default() += u64::try_from(count).unwrap_or(0);
    }
    Ok(Some(counts))
}

fn each_group(top: Members<'_>) -> Result<Vec<(i64, Members<'_>)>, DecodeError> {
    let groups = match top.get("relatedRecordGroups") {
        Some(Value::Array(groups)) => groups.as_slice(),
        // How some servers say that there are none.
        None if top.has("relatedRecordGroups") || top.has("fields") => &[],
        _ => return Err(missing(top, "relatedRecordGroups", "a list")),
    };
    let read = |group| {
        let group = Members::of(group)
            .ok_or_else(|| missing(top, "relatedRecordGroups", "a list of objects"))?;
        let id = group
            .get("objectId")
            .and_then(integer)
            .ok_or_else(|| missing(group, "objectId", "a whole number"))?;
        Ok((id, group))
    };
    groups.iter().map(read).collect()
}
