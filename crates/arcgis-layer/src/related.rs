//! Rows of other layers that belong to rows of this one.

use std::collections::{BTreeMap, HashSet};

use arcgis_auth_core::Request;
use serde_json::{Value, json};

use crate::decode::{DecodeContext, DecodeError, decode_json};
use crate::error::{Error, QueryError};
use crate::feature::{Feature, FeatureCollector};
use crate::layer::{Layer, missing, unsupported};
use crate::metadata::document::{Document, Members, integer};
use crate::metadata::{LayerInfo, Relationship};
use crate::query::{Query, ResolvedQuery};
use crate::second_chance::{Chances, is_about_size, send};
use crate::sink::PageSink;

/// Object ids in one request at first: some 10 kB of them.
const IDS_AT_ONCE: usize = 500;

/// The rows that belong to one row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RelatedRecords {
    /// The object id of the row that they belong to.
    pub object_id: i64,
    /// The rows, in the order of their object ids where they have some.
    pub records: Vec<Feature>,
}

/// The parts of one answer: the rows of each object id, as JSON.
struct Answer {
    groups: Vec<(i64, Vec<Value>)>,
    records: usize,
    exceeded: bool,
    reference: Option<Value>,
}

impl LayerInfo {
    /// The relationship of that number.
    #[must_use]
    pub fn relationship(&self, id: u32) -> Option<&Relationship> {
        self.relationships
            .iter()
            .find(|relationship| relationship.id == id)
    }
}

impl Layer {
    /// The layer or table at the other end of a relationship, with its metadata.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] for a relationship that the layer does not have; else as [`Layer::open`].
    pub async fn related_layer(&self, relationship: u32) -> Result<Self, Error> {
        let table = self.known_relationship(relationship)?.related_table_id;
        let address = self.address().service().layer(table);
        Self::open(std::sync::Arc::clone(self.transport()), address).await
    }

    /// The rows of `related`, the layer at the other end of a relationship, that belong to these rows of this layer: all of
    /// them, however many. Rows to which none belongs are left out.
    ///
    /// Of the query, the condition, fields, geometry and reference system count. Ids are asked for some hundred at a time, and
    /// answers that do not hold all of their rows are gone on with by offset, where the layer does that, else asked for with
    /// fewer ids.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] for a relationship that the layer does not have, a query that does not fit the related layer, and where one
    /// row has more related rows than the server gives at once and no pages to be had; [`Error::Service`] and
    /// [`Error::Answer`] as for other queries.
    ///
    /// ```no_run
    /// use arcgis_layer::{Layer, Query};
    ///
    /// # async fn example(wells: Layer) -> Result<(), arcgis_layer::Error> {
    /// let inspections = wells.related_layer(0).await?;
    /// for well in wells.related_records(0, &[17, 18], &inspections, &Query::new()).await? {
    ///     println!("{}: {} inspections", well.object_id, well.records.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn related_records(
        &self,
        relationship: u32,
        object_ids: &[i64],
        related: &Self,
        query: &Query,
    ) -> Result<Vec<RelatedRecords>, Error> {
        let known = self.known_relationship(relationship)?;
        if known.related_table_id != related.address().id() {
            return Err(unsupported(
                "related records",
                format!(
                    "relationship {relationship} leads to layer {}, not to {}",
                    known.related_table_id,
                    related.address().id()
                ),
            ));
        }
        let query = query.resolve(related.info())?;
        if query.has_filter_beside_where() || query.limit().is_some() {
            return Err(unsupported(
                "related records",
                "they are filtered by a condition alone: no geometry, no time, no limit",
            ));
        }
        let mut ids: Vec<i64> = object_ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut groups: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
        let mut reference = None;
        // Whose limit counts is not said.
        let caps = [self, related].map(|layer| layer.info().max_record_count);
        let cap = caps.into_iter().flatten().min();
        // A stack of what is still to be asked for.
        let mut open: Vec<Vec<i64>> = ids.chunks(IDS_AT_ONCE).rev().map(<[i64]>::to_vec).collect();
        while let Some(chunk) = open.pop() {
            match self.related_to(relationship, &chunk, &query, cap).await? {
                Some((found, said)) => {
                    reference = reference.or(said);
                    for (id, records) in found {
                        groups.entry(id).or_default().extend(records);
                    }
                }
                None => {
                    let (first, second) = chunk.split_at(chunk.len() / 2);
                    open.push(second.to_vec());
                    open.push(first.to_vec());
                }
            }
        }
        groups
            .into_iter()
            .map(|(object_id, records)| {
                let records = self.decode_related(&query, records, reference.as_ref())?;
                Ok(RelatedRecords { object_id, records })
            })
            .filter(|group| !matches!(group, Ok(group) if group.records.is_empty()))
            .collect()
    }

    fn known_relationship(&self, id: u32) -> Result<&Relationship, Error> {
        self.info().relationship(id).ok_or_else(|| {
            let known: Vec<String> = self
                .info()
                .relationships
                .iter()
                .map(|known| format!("{} ({})", known.id, known.name))
                .collect();
            let problem = if known.is_empty() {
                "the layer has no relationships".to_owned()
            } else {
                format!(
                    "the layer has no relationship {id}; it has {}",
                    known.join(", ")
                )
            };
            Error::Query(QueryError::Unsupported {
                option: "related records",
                problem,
            })
        })
    }

    /// All rows that belong to these; `None` if fewer have to be asked for at once.
    async fn related_to(
        &self,
        relationship: u32,
        ids: &[i64],
        query: &ResolvedQuery,
        cap: Option<u32>,
    ) -> Result<Option<(Vec<(i64, Vec<Value>)>, Option<Value>)>, Error> {
        let asked: HashSet<i64> = ids.iter().copied().collect();
        let pages = self.info().advanced.related_pagination == Some(true);
        let mut all: Vec<(i64, Vec<Value>)> = Vec::new();
        let mut reference = None;
        let mut offset = 0;
        let mut seen: HashSet<String> = HashSet::new();
        loop {
            let request = self.related_request(relationship, ids, query, offset, cap);
            let answer = match self.related_answer(&request).await {
                Ok(answer) => answer,
                Err(error) if ids.len() > 1 && is_about_size(&request, &error) => return Ok(None),
                Err(error) => return Err(error),
            };
            if let Some((stranger, _)) = answer.groups.iter().find(|(id, _)| !asked.contains(id)) {
                return Err(self.unusable(format!(
                    "it has rows that belong to {stranger}, which was not asked for"
                )));
            }
            reference = reference.or(answer.reference);
            let more = answer.exceeded || answer.records >= cap.unwrap_or(u32::MAX) as usize;
            if !more || (pages && answer.records == 0) {
                all.extend(answer.groups);
                return Ok(Some((all, reference)));
            }
            if !pages {
                return match ids {
                    [id] => Err(unsupported(
                        "related records",
                        format!(
                            "more than {} rows belong to {id}, which is what the server gives at once, and it does not page them (supportsQueryRelatedPagination)",
                            answer.records
                        ),
                    )),
                    _ => Ok(None),
                };
            }
            let page = Value::from_iter(answer.groups.iter().map(|(id, rows)| json!([id, rows])));
            if !seen.insert(page.to_string()) {
                // The offset was ignored: fewer ids need none.
                return match ids {
                    [id] => Err(unsupported(
                        "related records",
                        format!("the server gives the same rows of {id} whatever the offset"),
                    )),
                    _ => Ok(None),
                };
            }
            offset += answer.records;
            all.extend(answer.groups);
        }
    }

    fn related_request(
        &self,
        relationship: u32,
        ids: &[i64],
        query: &ResolvedQuery,
        offset: usize,
        cap: Option<u32>,
    ) -> Request {
        let mut url = self.address().url().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push("queryRelatedRecords");
        }
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        let mut request = Request::read(url)
            .with_param("f", "json")
            .with_param("relationshipId", relationship.to_string())
            .with_param("objectIds", ids.join(","));
        if query.where_clause() != "1=1" {
            request = request.with_param("definitionExpression", query.where_clause());
        }
        for (name, value) in query.shape_params() {
            request = request.with_param(name.to_owned(), value);
        }
        if self.info().advanced.related_pagination == Some(true) {
            if let Some(object_id) = query.object_id() {
                request = request.with_param("orderByFields", format!("{object_id} ASC"));
            }
            if offset > 0 {
                request = request.with_param("resultOffset", offset.to_string());
                if let Some(most) = cap {
                    request = request.with_param("resultRecordCount", most.to_string());
                }
            }
        }
        request.with_rows(u32::try_from(ids.len()).unwrap_or(u32::MAX))
    }

    async fn related_answer(&self, request: &Request) -> Result<Answer, Error> {
        let mut chances = Chances::new();
        loop {
            let body = send(&**self.transport(), request).await?;
            let answer = Document::parse(&request.redacted_url(), &body)
                .and_then(|document| read(document.members()));
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => chances.spend(request, error).await?,
            }
        }
    }

    fn decode_related(
        &self,
        query: &ResolvedQuery,
        records: Vec<Value>,
        reference: Option<&Value>,
    ) -> Result<Vec<Feature>, Error> {
        let page = json!({"spatialReference": reference, "features": records}).to_string();
        let layout = query.layout();
        let sink = FeatureCollector::new(std::sync::Arc::clone(layout));
        let mut collected = sink.page(0);
        let facts = decode_json(page.as_bytes(), &DecodeContext::new(layout), &mut collected)
            .map_err(|error| Error::of_answer(self.address().url().as_str(), error))?;
        if let (Some(asked), Some(got)) = (&layout.geometry, &facts.spatial_reference) {
            if asked.spatial_reference.contradicts(got) {
                return Err(Error::SpatialReference {
                    asked: Box::new(asked.spatial_reference.clone()),
                    got: Some(Box::new(got.clone())),
                });
            }
        }
        let mut features = collected.into_features(&facts);
        features.sort_by_key(|feature| feature.object_id);
        // Two pages of a table that was edited in between may share a row.
        features.dedup_by(|a, b| a.object_id.is_some() && a.object_id == b.object_id);
        Ok(features)
    }
}

fn read(top: Members<'_>) -> Result<Answer, DecodeError> {
    let groups = match top.get("relatedRecordGroups") {
        Some(Value::Array(groups)) => groups.as_slice(),
        // How some servers say that there are none.
        None if top.has("relatedRecordGroups") || top.has("fields") => &[],
        _ => return Err(missing(top, "relatedRecordGroups", "a list")),
    };
    let mut records = 0;
    let mut all = Vec::with_capacity(groups.len());
    for group in groups {
        let group = Members::of(group)
            .ok_or_else(|| missing(top, "relatedRecordGroups", "a list of objects"))?;
        let id = group
            .get("objectId")
            .and_then(integer)
            .ok_or_else(|| missing(group, "objectId", "a whole number"))?;
        let rows = group.list("relatedRecords").to_vec();
        records += rows.len();
        all.push((id, rows));
    }
    Ok(Answer {
        groups: all,
        records,
        exceeded: top.flag("exceededTransferLimit").unwrap_or(false),
        reference: top.get("spatialReference").cloned(),
    })
}
