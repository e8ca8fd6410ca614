//! All rows that belong to some, with proof: they are counted, and what does not add up is asked for in smaller parts.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use arcgis_auth_core::Request;
use serde_json::{Value, json};

use super::answer::{Answer, read_counts};
use crate::engine::Incomplete;
use crate::error::Error;
use crate::ids::IdSet;
use crate::layer::{Layer, unsupported};
use crate::metadata::document::{Document, Members, integer};
use crate::query::ResolvedQuery;
use crate::second_chance::{self, Chances, is_about_size, send};

/// Object ids in one request at first: some 10 kB of them.
const IDS_AT_ONCE: usize = 500;

/// How often the same is asked for where nothing less can be: rows may come and go between count and answer.
const TRIES: u32 = 3;

/// What is asked for at once.
#[derive(Debug, Clone, Default)]
struct Task {
    /// Object ids of this layer.
    ids: Vec<i64>,
    /// Object ids of the related rows: above the first bound, and up to the second.
    above: Option<i64>,
    up_to: Option<i64>,
    /// How many rows of each another answer had, for servers that do not count.
    known: Option<BTreeMap<i64, u64>>,
    /// How often this very task was asked for before.
    tries: u32,
}

/// What came of a task.
#[derive(Default)]
struct Found {
    groups: BTreeMap<i64, Vec<Value>>,
    /// Pairs of an object id and that of a row which belongs to it.
    pairs: BTreeSet<(i64, i64)>,
    doubled: BTreeSet<i64>,
    records: u64,
    /// Why it may not be all.
    doubt: Option<&'static str>,
    /// It was too much for the server: nothing came.
    too_large: bool,
    /// Another page was the same as the one before.
    repeats: bool,
}

/// Asks until all rows are there.
pub(super) struct Gathering<'a> {
    layer: &'a Layer,
    relationship: u32,
    query: &'a ResolvedQuery,
    /// The least of the limits that the two layers declare: whose counts is not said.
    cap: Option<u32>,
    pages: bool,
    counts: bool,
    pub(super) groups: BTreeMap<i64, Vec<Value>>,
    pub(super) reference: Option<Value>,
}

impl Found {
    /// How many rows of each id came, each once where they have ids.
    fn numbers(&self) -> BTreeMap<i64, u64> {
        self.groups
            .iter()
            .filter(|(_, rows)| !rows.is_empty())
            .map(|(id, rows)| (*id, rows.len() as u64))
            .collect()
    }

    /// Whether as many rows came as were counted. A row may be listed twice between the two layers: some servers count it once.
    fn adds_up_to(&self, counted: &BTreeMap<i64, u64>) -> bool {
        let ids: BTreeSet<i64> = counted.keys().chain(self.groups.keys()).copied().collect();
        ids.into_iter().all(|id| {
            let count = counted.get(&id).copied().unwrap_or(0);
            let rows = self.groups.get(&id).map_or(0, Vec::len) as u64;
            let distinct = self.pairs.range((id, i64::MIN)..=(id, i64::MAX)).count() as u64;
            rows == count || (distinct == count && distinct > 0)
        })
    }
}

impl<'a> Gathering<'a> {
    pub(super) fn new(
        layer: &'a Layer,
        relationship: u32,
        query: &'a ResolvedQuery,
        cap: Option<u32>,
    ) -> Self {
        let advanced = &layer.info().advanced;
        Self {
            layer,
            relationship,
            query,
            cap,
            pages: advanced.related_pagination == Some(true),
            counts: advanced.related_counts != Some(false),
            groups: BTreeMap::new(),
            reference: None,
        }
    }

    pub(super) async fn run(&mut self, ids: &[i64]) -> Result<(), Error> {
        // A stack of what is still to be asked for.
        let mut open: Vec<Task> = ids
            .chunks(IDS_AT_ONCE)
            .rev()
            .map(|ids| Task {
                ids: ids.to_vec(),
                ..Task::default()
            })
            .collect();
        while let Some(task) = open.pop() {
            let counted = self.count(&task).await?;
            let of_server = counted.is_some();
            let expected = counted.or_else(|| task.known.clone());
            let found = self.rows(&task, expected.as_ref(), of_server).await?;
            if found.repeats && self.pages {
                // The offset counts for nothing.
                self.pages = false;
                open.push(task);
                continue;
            }
            let doubt = match &expected {
                _ if found.doubt.is_some() => found.doubt,
                Some(expected) if found.adds_up_to(expected) => None,
                Some(_) if of_server => Some("the server counts otherwise"),
                Some(_) => Some("other answers had others"),
                // Neither counted nor paged to the end: only other answers can tell.
                None if self.pages || found.records == 0 => None,
                None if task.ids.len() > 1 || !self.is_confirmed(&task, &found).await? => {
                    Some("other answers had others")
                }
                None => None,
            };
            let Some(doubt) = doubt else {
                self.take(found);
                continue;
            };
            // Pages that end with an empty one need no other answer.
            let compare = !of_server && !self.pages && !found.too_large;
            if let Some(halves) = task.halves(self.query.object_id(), &found, compare) {
                open.extend(halves);
            } else if task.tries + 1 < TRIES {
                open.push(Task {
                    tries: task.tries + 1,
                    known: compare.then(|| found.numbers()),
                    ..task
                });
            } else {
                return Err(incomplete(&task, &found, expected.as_ref(), doubt));
            }
        }
        Ok(())
    }

    /// Whether the rows of one id come again where they are asked for in two ranges of their ids. Servers that do not answer that are
    /// believed: there is nothing else to go by.
    async fn is_confirmed(&mut self, task: &Task, found: &Found) -> Result<bool, Error> {
        let Some(halves) = task.halves(self.query.object_id(), found, true) else {
            return Ok(true);
        };
        for half in halves {
            match self.rows(&half, None, false).await {
                Ok(again) => {
                    let known = half.known.as_ref();
                    if again.doubt.is_some() || !known.is_some_and(|known| again.adds_up_to(known))
                    {
                        return Ok(false);
                    }
                }
                Err(
                    error @ (Error::Query(_) | Error::Service(arcgis_auth_core::Error::Service(_))),
                ) => {
                    tracing::warn!(ids = ?task.ids, %error, "whether these are all related records cannot be checked");
                    return Ok(true);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn take(&mut self, found: Found) {
        for (id, records) in found.groups {
            self.groups.entry(id).or_default().extend(records);
        }
    }

    /// How many rows belong to each, if the server counts them.
    async fn count(&mut self, task: &Task) -> Result<Option<BTreeMap<i64, u64>>, Error> {
        if !self.counts {
            return Ok(None);
        }
        let request = self.request(task).with_param("returnCountOnly", "true");
        let transport = &**self.layer.transport();
        match second_chance::ask(transport, request.clone(), read_counts).await {
            Ok(counts) => {
                self.counts = counts.is_some();
                Ok(counts)
            }
            Err(error) if is_about_size(&request, &error) => Ok(None),
            // What is wrong with more than the count shows when the rows are asked for.
            Err(
                error
                @ (Error::Service(arcgis_auth_core::Error::Service(_)) | Error::Answer { .. }),
            ) => {
                tracing::debug!(%error, "the server does not count related records");
                self.counts = false;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The rows, page by page where there are pages.
    async fn rows(
        &mut self,
        task: &Task,
        expected: Option<&BTreeMap<i64, u64>>,
        of_server: bool,
    ) -> Result<Found, Error> {
        let asked: HashSet<i64> = task.ids.iter().copied().collect();
        let expected: Option<u64> = expected
            .filter(|_| of_server)
            .map(|counts| counts.values().sum());
        let mut found = Found::default();
        let mut pages_seen: HashSet<String> = HashSet::new();
        loop {
            let request = self.page_request(task, found.records);
            let answer = match self.answer(&request).await {
                Ok(answer) => answer,
                Err(error) if task.ids.len() > 1 && is_about_size(&request, &error) => {
                    return Ok(Found {
                        too_large: true,
                        doubt: Some("it is too much at once"),
                        ..Found::default()
                    });
                }
                Err(error) => return Err(error),
            };
            if let Some((stranger, _)) = answer.groups.iter().find(|(id, _)| !asked.contains(id)) {
                return Err(self.layer.unusable(format!(
                    "it has rows that belong to {stranger}, which was not asked for"
                )));
            }
            let (records, exceeded) = (answer.records, answer.exceeded);
            self.reference = self.reference.take().or(answer.reference);
            if self.pages && self.query.object_id().is_none() {
                let page =
                    Value::from_iter(answer.groups.iter().map(|(id, rows)| json!([id, rows])));
                found.repeats |= records > 0 && !pages_seen.insert(page.to_string());
            }
            self.keep(task, answer.groups, &mut found)?;
            if found.repeats {
                return Ok(found);
            }
            if !found.doubled.is_empty() {
                found.doubt = Some("a row came on two pages");
            }
            let full = records as u64 >= u64::from(self.cap.unwrap_or(u32::MAX));
            let all_counted = expected.is_some_and(|expected| found.records >= expected);
            if !self.pages {
                if (exceeded || full) && !all_counted {
                    found.doubt = Some("the server says that there are more");
                }
                return Ok(found);
            }
            if records == 0 || (all_counted && !exceeded) || found.doubt.is_some() {
                return Ok(found);
            }
        }
    }

    /// Adds the rows of a page, and tells which of them other pages had.
    fn keep(
        &self,
        task: &Task,
        groups: Vec<(i64, Vec<Value>)>,
        found: &mut Found,
    ) -> Result<(), Error> {
        let mut pairs: Vec<(i64, i64)> = Vec::new();
        for (id, rows) in groups {
            found.records += rows.len() as u64;
            if let Some(name) = self.query.object_id() {
                for row in &rows {
                    let number = Members::of(row)
                        .and_then(|row| row.object("attributes"))
                        .and_then(|attributes| attributes.get_any_case(name))
                        .and_then(integer);
                    if let Some(number) = number {
                        if !task.holds(number) {
                            return Err(unsupported(
                                "related records",
                                format!(
                                    "the server does not give all rows of {id} at once, neither pages them (supportsQueryRelatedPagination) nor filters them (definitionExpression)"
                                ),
                            ));
                        }
                        pairs.push((id, number));
                    }
                }
            }
            found.groups.entry(id).or_default().extend(rows);
        }
        // The first pages of all rows, and nothing but them.
        found.repeats |= !pairs.is_empty()
            && pairs.len() == found.pairs.len()
            && pairs.iter().all(|pair| found.pairs.contains(pair));
        let before = |pair: &&(i64, i64)| found.pairs.contains(pair);
        let doubled: Vec<i64> = pairs.iter().filter(before).map(|pair| pair.1).collect();
        found.doubled.extend(doubled);
        found.pairs.extend(pairs);
        Ok(())
    }

    /// What says which rows: for the count and for the rows alike.
    fn request(&self, task: &Task) -> Request {
        let mut url = self.layer.address().url().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push("queryRelatedRecords");
        }
        let ids: Vec<String> = task.ids.iter().map(i64::to_string).collect();
        let mut request = Request::read(url)
            .with_param("f", "json")
            .with_param("relationshipId", self.relationship.to_string())
            .with_param("objectIds", ids.join(","));
        let mut query = self.query.clone();
        if let Some(name) = query.object_id().map(str::to_owned) {
            let bounds = [(">", task.above), ("<=", task.up_to)];
            for (operator, bound) in bounds {
                if let Some(bound) = bound {
                    query = query.refined(&format!("{name} {operator} {bound}"));
                }
            }
        }
        if query.where_clause() != "1=1" {
            request = request.with_param("definitionExpression", query.where_clause().to_owned());
        }
        request.with_rows(u32::try_from(task.ids.len()).unwrap_or(u32::MAX))
    }

    fn page_request(&self, task: &Task, offset: u64) -> Request {
        let mut request = self.request(task);
        for (name, value) in self.query.shape_params() {
            request = request.with_param(name.to_owned(), value);
        }
        if self.pages {
            if let Some(object_id) = self.query.object_id() {
                request = request.with_param("orderByFields", format!("{object_id} ASC"));
            }
            if offset > 0 {
                request = request.with_param("resultOffset", offset.to_string());
                if let Some(most) = self.cap {
                    request = request.with_param("resultRecordCount", most.to_string());
                }
            }
        }
        request
    }

    async fn answer(&self, request: &Request) -> Result<Answer, Error> {
        let mut chances = Chances::new();
        loop {
            let body = send(&**self.layer.transport(), request).await?;
            let answer = Document::parse(&request.redacted_url(), &body)
                .and_then(|document| Answer::read(document.members()));
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => chances.spend(request, error).await?,
            }
        }
    }
}

impl Task {
    fn holds(&self, number: i64) -> bool {
        self.above.is_none_or(|above| number > above)
            && self.up_to.is_none_or(|up_to| number <= up_to)
    }

    /// The same in two parts, the first of them last: half of the ids each, or for one id those of its rows whose ids are up to
    /// the middle of those that came, and the others. `None` where it cannot be parted.
    fn halves(&self, object_id: Option<&str>, found: &Found, known: bool) -> Option<[Self; 2]> {
        if self.ids.len() > 1 {
            let numbers = found.numbers();
            let part = |ids: &[i64]| {
                let of = |id: &i64| Some((*id, *numbers.get(id)?));
                let had: BTreeMap<i64, u64> = ids.iter().filter_map(of).collect();
                // What is cut short agrees with itself: only fewer rows than there were can confirm them.
                let fewer = had.len() < numbers.len();
                Self {
                    ids: ids.to_vec(),
                    known: (known && fewer).then_some(had),
                    ..Self::default()
                }
            };
            let (first, second) = self.ids.split_at(self.ids.len() / 2);
            return Some([part(second), part(first)]);
        }
        let id = *self.ids.first()?;
        object_id?;
        let numbers: Vec<i64> = found.pairs.iter().map(|pair| pair.1).collect();
        // Not the last one: both parts have a row.
        let middle = *numbers.get(numbers.len().checked_sub(2)? / 2)?;
        let part = |above: Option<i64>, up_to: Option<i64>| {
            let mut part = Self {
                ids: vec![id],
                above,
                up_to,
                ..Self::default()
            };
            part.known = known.then(|| {
                let held = numbers.iter().filter(|number| part.holds(**number)).count();
                BTreeMap::from([(id, held as u64)])
            });
            part
        };
        Some([
            part(Some(middle), self.up_to),
            part(self.above, Some(middle)),
        ])
    }
}

fn incomplete(
    task: &Task,
    found: &Found,
    expected: Option<&BTreeMap<i64, u64>>,
    doubt: &'static str,
) -> Error {
    let of: Vec<String> = task.ids.iter().take(10).map(i64::to_string).collect();
    let distinct = if found.pairs.is_empty() {
        found.records
    } else {
        found.pairs.len() as u64
    };
    Error::Incomplete(Box::new(Incomplete {
        expected: expected.map_or(found.records, |counts| counts.values().sum()),
        received: distinct,
        missing: IdSet::new(),
        doubled: found.doubled.iter().copied().collect(),
        detail: Some(format!(
            "they are related records of object id {}: {doubt}",
            of.join(", ")
        )),
    }))
}
