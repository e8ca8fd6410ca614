//! `extractChanges`: what happened to the rows of a layer since a generation.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::answer::{Answer, EsriError};
use crate::catalog::Served;
use crate::parameters::Parameters;
use crate::query::flag;
use crate::table::Table;

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Updated,
    Deleted,
}

/// What happened since the layer began, in order: at which generation, to which row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    all: Vec<(u64, i64, Change)>,
    /// The earliest generation that can be asked for.
    pub(crate) earliest: u64,
}

impl Changes {
    pub(crate) fn add(&mut self, generation: u64, id: i64, change: Change) {
        self.all.push((generation, id, change));
    }

    /// The ids of rows that were added, updated and deleted, as it comes out in the end: of a row that came and went
    /// nothing is said, and one that was deleted and added again is among the deleted and the added ones.
    fn since(&self, generation: u64) -> [Vec<i64>; 3] {
        let mut rows: BTreeMap<i64, (Change, Change)> = BTreeMap::new();
        for &(at, id, change) in &self.all {
            if at > generation {
                rows.entry(id).or_insert((change, change)).1 = change;
            }
        }
        let mut lists: [Vec<i64>; 3] = Default::default();
        let [added, updated, deleted] = &mut lists;
        for (id, (first, last)) in rows {
            match (first == Change::Added, last == Change::Deleted) {
                (true, true) => {}
                (true, false) => added.push(id),
                (false, true) => deleted.push(id),
                (false, false) if self.was_deleted(generation, id) => {
                    deleted.push(id);
                    added.push(id);
                }
                (false, false) => updated.push(id),
            }
        }
        lists
    }

    fn was_deleted(&self, generation: u64, id: i64) -> bool {
        let mut all = self.all.iter();
        all.any(|entry| entry.0 > generation && entry.1 == id && entry.2 == Change::Deleted)
    }
}

/// Whether a layer says that its changes are tracked.
pub(crate) fn are_tracked(table: &Table) -> bool {
    let mut own = table.layer.capabilities.split(',');
    own.any(|capability| capability.trim() == "ChangeTracking")
}

/// What a service says of the tracking of its layers.
pub(crate) fn describe(service: &Served) -> Option<Json> {
    let tracked = service.tables.iter().filter(|table| are_tracked(table));
    let generations: Vec<Json> = tracked
        .map(|table| {
            json!({
                "id": table.id,
                "minServerGen": table.earliest_generation(),
                "serverGen": table.read().last_edit,
            })
        })
        .collect();
    (!generations.is_empty()).then(|| json!({"layerServerGens": generations}))
}

/// The answer to a request for changes, or the address of the job that gathers them.
pub(crate) fn answer(
    service: &Served,
    service_url: &str,
    parameters: &Parameters,
) -> Result<Answer, EsriError> {
    if !flag(parameters, "returnIdsOnly", false)? {
        return Err(EsriError::new(
            400,
            "Only ids of changed rows are served here.",
        ));
    }
    let list = |name: &str| -> Result<Vec<Json>, EsriError> {
        let text = parameters.filled(name).unwrap_or("[]");
        serde_json::from_str(text).map_err(|_| EsriError::invalid(name))
    };
    let layers = list("layers")?;
    let generations = list("layerServerGens")?;
    let mut edits = Vec::new();
    let mut reached = Vec::new();
    let mut in_jobs = false;
    for id in layers.iter().filter_map(Json::as_u64) {
        let table = service
            .tables
            .iter()
            .find(|table| u64::from(table.id) == id && are_tracked(table))
            .ok_or_else(|| EsriError::invalid("layers"))?;
        let since = generations
            .iter()
            .find(|layer| layer.get("id").and_then(Json::as_u64) == Some(id))
            .and_then(|layer| layer.get("serverGen")?.as_u64())
            .ok_or_else(|| EsriError::invalid("layerServerGens"))?;
        if since < table.earliest_generation() {
            return Err(EsriError::new(400, "The server generation is too old."));
        }
        let (now, changes) = table.changes();
        let [adds, updates, deletes] = changes.since(since);
        edits.push(json!({
            "id": id,
            "objectIds": {"adds": adds, "updates": updates, "deletes": deletes},
        }));
        reached.push(json!({"id": id, "serverGen": now}));
        in_jobs |= table.layer.options.change_jobs;
    }
    let changes = json!({
        "layerServerGens": reached,
        "transportType": "esriTransportTypeUrl",
        "responseType": "esriDataChangesResponseTypeEdits",
        "edits": edits,
    });
    if in_jobs {
        let job = service.jobs.add(changes);
        let status = json!({"statusUrl": format!("{service_url}/jobs/{job}")});
        return Ok(Answer::json(status.to_string()));
    }
    Ok(Answer::json(changes.to_string()))
}

/// How far a job is: it takes two looks.
pub(crate) fn job(service: &Served, service_url: &str, job: usize) -> Result<Answer, EsriError> {
    let looks = service.jobs.look(job).ok_or_else(EsriError::invalid_url)?;
    let status = match looks {
        0 => json!({"status": "Pending"}),
        1 => json!({"status": "InProgress"}),
        _ => json!({
            "status": "Completed",
            "resultUrl": format!("{service_url}/jobs/{job}/changes.json"),
        }),
    };
    Ok(Answer::json(status.to_string()))
}

/// What a job came to.
pub(crate) fn result(service: &Served, job: usize) -> Result<Answer, EsriError> {
    let changes = service
        .jobs
        .result(job)
        .ok_or_else(EsriError::invalid_url)?;
    Ok(Answer::json(changes.to_string()))
}
