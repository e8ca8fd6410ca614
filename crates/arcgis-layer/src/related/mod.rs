//! Rows of other layers that belong to rows of this one.

mod answer;
mod gather;

use serde_json::{Value, json};

use crate::decode::{DecodeContext, decode_json};
use crate::error::{Error, QueryError};
use crate::feature::{Feature, FeatureCollector};
use crate::layer::{Layer, unsupported};
use crate::metadata::{LayerInfo, Relationship};
use crate::query::{Query, ResolvedQuery};
use crate::sink::PageSink;
use gather::Gathering;

/// The rows that belong to one row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RelatedRecords {
    /// The object id of the row that they belong to.
    pub object_id: i64,
    /// The rows, in the order of their object ids where they have some.
    pub records: Vec<Feature>,
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
    /// how many rows belong to each is asked for too (`returnCountOnly`). Pages are asked for until all of them are there; where
    /// there are no pages, or they do not add up, fewer ids are asked for at once, and of one id those of its rows in a range
    /// of object ids. Servers that neither count related records nor page them are asked for the halves of what came: an answer
    /// is believed once another agrees. Only that such a server cuts the rows of a single id short without a word, and below
    /// the limit that it declares, cannot be seen.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] for a relationship that the layer does not have, a query that does not fit the related layer, and where one
    /// row has more related rows than the server gives at once, which it neither pages nor filters; [`Error::Incomplete`] where
    /// rows are missing or came twice whatever is asked for; [`Error::Service`] and [`Error::Answer`] as for other queries.
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
        // Whose limit counts is not said.
        let caps = [self, related].map(|layer| layer.info().max_record_count);
        let cap = caps.into_iter().flatten().min();
        let mut gathering = Gathering::new(self, relationship, &query, cap);
        gathering.run(&ids).await?;
        let Gathering {
            groups, reference, ..
        } = gathering;
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
        // A table between the two may list a pair twice.
        features.dedup_by(|a, b| a.object_id.is_some() && a.object_id == b.object_id);
        Ok(features)
    }
}
