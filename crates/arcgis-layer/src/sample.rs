//! A few rows of many.

use std::collections::HashSet;

use arcgis_auth_core::Request;
use futures_util::TryStreamExt;

use crate::decode::{DecodeContext, decode_json};
use crate::error::Error;
use crate::feature::{Feature, FeatureCollector};
use crate::features::Features;
use crate::filter::identifier;
use crate::form::as_plain;
use crate::ids::IdSet;
use crate::layer::{Layer, unsupported};
use crate::query::{Query, ResolvedQuery};
use crate::second_chance::{Chances, send};
use crate::sink::{PageFacts, PageSink};

/// A field that rows are ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    field: String,
    descending: bool,
}

impl Order {
    /// The least first.
    #[must_use]
    pub fn ascending(field: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            descending: false,
        }
    }

    /// The greatest first.
    #[must_use]
    pub fn descending(field: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            descending: true,
        }
    }
}

/// Rows that are asked for by their ids, in one request.
const ROWS_BY_ID: usize = 100;

impl Layer {
    /// The first rows of a query, in the order of the object id; all of them if there are fewer.
    ///
    /// Where the server pages and orders rows, that is one request, and a second to count if fewer come; whatever does not
    /// hold up is fetched as by [`Layer::features`].
    ///
    /// # Errors
    ///
    /// As [`Layer::features`].
    pub async fn head(&self, query: Query, rows: u32) -> Result<Vec<Feature>, Error> {
        let resolved = query.resolve_look(self.info())?;
        if rows == 0 {
            return Ok(Vec::new());
        }
        let advanced = &self.info().advanced;
        let at_once = self.info().max_record_count.is_none_or(|most| rows <= most)
            && advanced.pagination == Some(true)
            && advanced.order_by != Some(false)
            && resolved.parts() == 1
            && resolved.limit().is_none();
        if let (Some(name), true) = (resolved.object_id(), at_once) {
            let request = resolved
                .page_request(self.address())
                .with_param("orderByFields", format!("{name} ASC"))
                .with_param("resultRecordCount", rows.to_string())
                .with_rows(rows);
            if let Some(features) = self.first_rows(&resolved, request, rows).await? {
                return Ok(features);
            }
        }
        let least = query
            .limit()
            .map_or(u64::from(rows), |limit| limit.min(rows.into()));
        if resolved.form().is_some() {
            let ids = self.object_ids(&resolved).await?;
            return self.rows_of(&resolved, &ids.first(least)).await;
        }
        self.features(query.with_limit(least)).try_collect().await
    }

    /// The first rows of a query in an order of the caller's (`orderByFields`), ties in the order of the object id; in several
    /// pages where they are more than the server gives at once.
    ///
    /// The order is the server's: how it orders texts and nulls is for its database to say.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] for an unknown field, and for layers that do not order or page rows; [`Error::Answer`] if what comes cannot
    /// be those rows; else as [`Layer::count`].
    ///
    /// ```no_run
    /// use arcgis_layer::{Layer, Order, Query};
    ///
    /// # async fn example(cities: Layer) -> Result<(), arcgis_layer::Error> {
    /// let largest = cities.head_by(Query::new(), &[Order::descending("POP")], 10).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn head_by(
        &self,
        query: Query,
        order: &[Order],
        rows: u32,
    ) -> Result<Vec<Feature>, Error> {
        self.rows_at(query, order, 0, rows).await
    }

    /// As [`Layer::head_by`], without the first `offset` rows: something to leaf through. In the order of the object id where no other
    /// is given. Fewer come at the end of the rows, and none behind it.
    ///
    /// # Errors
    ///
    /// As [`Layer::head_by`].
    pub async fn rows_at(
        &self,
        query: Query,
        order: &[Order],
        offset: u64,
        rows: u32,
    ) -> Result<Vec<Feature>, Error> {
        let resolved = query.resolve_look(self.info())?;
        let info = self.info();
        let mut fields: Vec<String> = Vec::new();
        let mut named: Vec<&str> = Vec::new();
        for one in order {
            let field = crate::query::field(info, &one.field)?;
            let direction = if one.descending { "DESC" } else { "ASC" };
            fields.push(format!("{} {direction}", field.name));
            named.push(&field.name);
        }
        if let Some(name) = resolved.object_id().filter(|name| !named.contains(name)) {
            fields.push(format!("{name} ASC"));
        }
        if info.advanced.order_by == Some(false) || fields.is_empty() {
            return Err(unsupported(
                "order",
                "the layer does not order rows (supportsOrderBy)",
            ));
        }
        if info.advanced.pagination != Some(true) {
            return Err(unsupported(
                "order",
                "the layer does not page rows (supportsPagination)",
            ));
        }
        if resolved.limit().is_some() {
            return Err(unsupported(
                "order",
                "give the number of rows here, and no limit",
            ));
        }
        if rows == 0 {
            return Ok(Vec::new());
        }
        self.request_of_all(&resolved, "order")?;
        let request = |offset: u64, rows: u32| {
            let request = resolved
                .page_request(self.address())
                .with_param("orderByFields", fields.join(","))
                .with_param("resultRecordCount", rows.to_string())
                .with_rows(rows);
            match offset {
                0 => request,
                offset => request.with_param("resultOffset", offset.to_string()),
            }
        };
        let misplaced = |problem: &str| {
            Err(self.unusable(format!(
                "it does not hold {rows} rows from place {offset} on, in their order: {problem}"
            )))
        };
        let most = info.max_record_count.unwrap_or(rows).max(1);
        let mut all: Vec<Feature> = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let got = u32::try_from(all.len()).unwrap_or(u32::MAX);
            let wanted = most.min(rows.saturating_sub(got));
            if wanted == 0 {
                break;
            }
            let page = request(offset.saturating_add(got.into()), wanted);
            let (mut features, facts) = self
                .answered_rows(&resolved, &page, wanted as usize)
                .await?;
            if !self.is_in_reference(&resolved, &facts) {
                return misplaced("its coordinates are in another reference");
            }
            features.truncate(wanted as usize);
            if features.is_empty() {
                break;
            }
            if features
                .iter()
                .filter_map(|row| row.object_id)
                .any(|id| !seen.insert(id))
            {
                return misplaced("a row comes twice");
            }
            let last = features.len() < wanted as usize && !facts.exceeded;
            all.extend(features);
            if last {
                break;
            }
        }
        let ids: Vec<i64> = all.iter().filter_map(|row| row.object_id).collect();
        if order.is_empty() && !ids.is_sorted() {
            return misplaced("object ids do not ascend");
        }
        if all.len() < rows as usize {
            let behind = self.count(&resolved).await?.saturating_sub(offset);
            if behind != all.len() as u64 {
                return misplaced(&format!("{} of {behind} came", all.len()));
            }
        }
        if offset > 0 && !all.is_empty() {
            // Where the offset is ignored, the very first row comes again.
            let (first, _) = self.answered_rows(&resolved, &request(0, 1), 1).await?;
            if first
                .first()
                .and_then(|first| first.object_id)
                .is_some_and(|id| seen.contains(&id))
            {
                return misplaced("the offset is ignored");
            }
        }
        Ok(all)
    }

    /// The rows of one answer; `None` if they cannot be the first in the order of their ids.
    async fn first_rows(
        &self,
        query: &ResolvedQuery,
        request: Request,
        rows: u32,
    ) -> Result<Option<Vec<Feature>>, Error> {
        let rows = rows as usize;
        let (features, facts) = match self.answered_rows(query, &request, rows).await {
            Ok(answered) => answered,
            // Perhaps too much at once: there are other ways.
            Err(Error::Service(arcgis_auth_core::Error::Service(_))) => return Ok(None),
            Err(error) => return Err(error),
        };
        let ordered = facts
            .ids
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if a < b));
        if !ordered || !self.is_in_reference(query, &facts) || features.len() > rows {
            return Ok(None);
        }
        if features.len() < rows && self.count(query).await? != features.len() as u64 {
            return Ok(None);
        }
        Ok(Some(features))
    }

    /// The rows of one answer, whatever they are.
    async fn answered_rows(
        &self,
        query: &ResolvedQuery,
        request: &Request,
        rows: usize,
    ) -> Result<(Vec<Feature>, PageFacts), Error> {
        let context = DecodeContext::new(query.layout());
        let sink = FeatureCollector::new(std::sync::Arc::clone(query.layout()));
        let mut chances = Chances::new();
        loop {
            let body = send(&**self.transport(), request).await?;
            let mut page = sink.page(rows);
            let facts = match (query.form(), &query.layout().geometry) {
                (Some(form), Some(geometry)) => {
                    let declared = form.is_declared(self.info());
                    let url = request.redacted_url();
                    as_plain(form, geometry.dims, declared, &url, &body)
                        .and_then(|body| decode_json(&body, &context, &mut page))
                }
                _ => decode_json(&body, &context, &mut page),
            };
            match facts {
                Ok(facts) => return Ok((page.into_features(&facts), facts)),
                Err(error) => chances.spend(request, error).await?,
            }
        }
    }

    /// Whether coordinates are in the reference that was asked for.
    fn is_in_reference(&self, query: &ResolvedQuery, facts: &PageFacts) -> bool {
        let own = &self.info().spatial_reference;
        match (&query.layout().geometry, &facts.spatial_reference) {
            (Some(asked), Some(got)) => !asked.spatial_reference.contradicts(got),
            // Perhaps in the layer's own, whatever was asked for.
            (Some(asked), None) => facts.bbox.is_empty() || asked.spatial_reference == *own,
            (None, _) => true,
        }
    }

    /// The rows with these ids, in their order: exactly those.
    async fn rows_of(&self, query: &ResolvedQuery, ids: &IdSet) -> Result<Vec<Feature>, Error> {
        let Some(name) = query.object_id() else {
            return Err(unsupported("object ids", "the layer has none"));
        };
        let most = self
            .info()
            .max_record_count
            .map_or(ROWS_BY_ID, |most| ROWS_BY_ID.min(most as usize));
        let ids: Vec<i64> = ids.iter().collect();
        let mut all = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(most.max(1)) {
            let named = crate::query::listed(&identifier(name), chunk);
            let request = query
                .page_request_within(self.address(), &named)
                .with_rows(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
            let (mut features, facts) = self.answered_rows(query, &request, chunk.len()).await?;
            if !self.is_in_reference(query, &facts) {
                return Err(self.unusable("its coordinates are in another reference".to_owned()));
            }
            features.sort_by_key(|feature| feature.object_id);
            let came = features.iter().map(|feature| feature.object_id);
            if !came.eq(chunk.iter().map(|id| Some(*id))) {
                return Err(self.unusable(format!(
                    "it holds {} rows, which are not the {} that were asked for by their ids",
                    features.len(),
                    chunk.len()
                )));
            }
            all.extend(features);
        }
        Ok(all)
    }

    /// So many rows of a query, chosen at random and each as likely as any other; in the order of the object id. The same
    /// seed chooses the same rows as long as the ids are the same.
    ///
    /// # Errors
    ///
    /// As [`Layer::features`]; [`Error::Query`] for a layer without object ids.
    pub async fn sample(&self, query: Query, rows: u32, seed: u64) -> Result<Features, Error> {
        let resolved = query.resolve_look(self.info())?;
        if resolved.object_id().is_none() {
            return Err(unsupported(
                "sample",
                "the layer has no object ids to choose from",
            ));
        }
        let mut ids = self.object_ids(&resolved).await?;
        if let Some(limit) = query.limit() {
            ids = ids.first(limit);
        }
        let chosen = choose(&ids, u64::from(rows), seed);
        if resolved.form().is_some() {
            return Ok(Features::of_rows(self.rows_of(&resolved, &chosen).await?));
        }
        Ok(self.features(query.with_object_ids(chosen.iter())))
    }
}

/// So many of the ids, by the algorithm of Floyd: each set of that size is as likely as any other.
fn choose(ids: &IdSet, count: u64, seed: u64) -> IdSet {
    let total = ids.len();
    let mut random = SplitMix(seed);
    let mut places = std::collections::BTreeSet::new();
    for last in total.saturating_sub(count)..total {
        let place = random.below(last + 1);
        if !places.insert(place) {
            places.insert(last);
        }
    }
    places.iter().filter_map(|&place| ids.nth(place)).collect()
}

/// SplitMix64 (Steele, Lea and Flood 2014): small, and good enough to choose rows.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, each as likely as any other.
    fn below(&mut self, bound: u64) -> u64 {
        let bound = bound.max(1);
        // Numbers beyond the last whole multiple would make small ones likelier.
        let beyond = u64::MAX - u64::MAX % bound;
        loop {
            let number = self.next();
            if number < beyond {
                return number % bound;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_one_of_the_paper() {
        // The reference implementation's first outputs for the seed 1234567.
        let mut random = SplitMix(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn every_id_is_as_likely_as_any_other() {
        let ids: IdSet = (0..10).map(|id| id * 1000 - 3).collect();
        let mut seen = [0_u32; 10];
        for seed in 0..2000 {
            let chosen = choose(&ids, 3, seed);
            assert_eq!(chosen.len(), 3);
            for id in chosen.iter() {
                seen[usize::try_from((id + 3) / 1000).unwrap()] += 1;
            }
        }
        // 600 expected of each; five standard deviations are about 102.
        assert!(
            seen.iter().all(|&times| (498..=702).contains(&times)),
            "{seen:?}"
        );
        assert_eq!(choose(&ids, 99, 1), ids);
        assert_eq!(choose(&ids, 0, 1).len(), 0);
        assert_eq!(choose(&ids, 4, 7), choose(&ids, 4, 7));
    }
}
