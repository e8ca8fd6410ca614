//! The list of all object ids: in one answer where the server can, in ranges of ids where it cannot.

use arcgis_auth_core::Request;

use crate::decode::DecodeError;
use crate::error::{Error, QueryError};
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::literal::object_id_range;
use crate::object_ids::ObjectIds;
use crate::query::ResolvedQuery;
use crate::second_chance::{Chances, is_about_size, send};

/// Ids to list at once, where all at once are too many: some 800 kB.
const RANGE: u64 = 100_000;

/// From so many ids on, they are listed in ranges from the start: all of them in one answer would be tens of
/// megabytes, held at once.
const MANY: u64 = 500_000;

/// Wider than all 64 bits.
const WIDEST: i128 = 1 << 65;

/// Ranges that may fail one after the other, each half as wide as the one before.
const HALVINGS: u32 = 24;

impl Layer {
    /// The object ids of all rows that the query selects, whatever its limit.
    ///
    /// Servers give all of them in one answer, as a rule. Where one says that there are more, or gives
    /// fewer than it counts, the rest is asked for in ascending order until all are there or nothing new
    /// comes. Where one breaks down over all of them, they are listed in ranges between the least and the greatest.
    ///
    /// # Errors
    ///
    /// As [`Layer::count`]; [`Error::Query`] for a layer without object ids.
    pub async fn object_ids(&self, query: &ResolvedQuery) -> Result<IdSet, Error> {
        if query.parts() > 1 {
            return self.ids_of_parts(query).await;
        }
        let total = self.count(query).await?;
        self.object_ids_of(query, total).await
    }

    /// As [`Layer::object_ids`], of a query that is known to select `total` rows.
    pub(crate) async fn object_ids_of(
        &self,
        query: &ResolvedQuery,
        total: u64,
    ) -> Result<IdSet, Error> {
        let Some(field) = query.object_id() else {
            return Err(Error::Query(QueryError::Unsupported {
                option: "object ids",
                problem: "the layer has none".to_owned(),
            }));
        };
        if query.parts() > 1 {
            return self.ids_of_parts(query).await;
        }
        if self.lists_ids_in_ranges() {
            // It broke down before, and that can take minutes.
            if let Some(bounds) = self.object_id_bounds(query).await? {
                return self.ids_between(query, field, bounds, total).await;
            }
        }
        if total > MANY {
            match self.ids_in_ranges(query, field, total).await {
                // Fewer than counted: perhaps the ranges are not all there is.
                Ok(ids) if ids.len() >= total => return Ok(ids),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(layer = %self.address(), %error, "object ids are not listed in ranges");
                }
            }
        }
        let rows = u32::try_from(total).unwrap_or(u32::MAX);
        let failed = match self.ids_at_once(query, field, total, rows).await {
            Ok((ids, in_disorder)) if !in_disorder || ids.len() >= total => return Ok(ids),
            // Some at a time, and in no order that would tell which are the next.
            Ok((mut ids, _)) => {
                match self.ids_in_ranges(query, field, total).await {
                    Ok(more) => ids.extend(more.iter()),
                    Err(error) => {
                        tracing::debug!(layer = %self.address(), %error, "object ids are not listed in ranges");
                    }
                }
                return Ok(ids);
            }
            Err((request, error)) if total > 1 && is_about_size(&request, &error) => error,
            Err((_, error)) => return Err(error),
        };
        tracing::warn!(layer = %self.address(), error = %failed, "object ids are listed in ranges");
        let Ok(Some(bounds)) = self.object_id_bounds(query).await else {
            return Err(failed);
        };
        match self.ids_between(query, field, bounds, total).await {
            Ok(ids) => {
                self.list_ids_in_ranges();
                Ok(ids)
            }
            Err(error) => {
                tracing::warn!(layer = %self.address(), %error, "nor can they be listed in ranges");
                Err(failed)
            }
        }
    }

    /// The ids in ranges between the least and the greatest, or in ranges that were counted where the server does
    /// not compute those.
    async fn ids_in_ranges(
        &self,
        query: &ResolvedQuery,
        field: &str,
        total: u64,
    ) -> Result<IdSet, Error> {
        if let Ok(Some(bounds)) = self.object_id_bounds(query).await {
            return self.ids_between(query, field, bounds, total).await;
        }
        let ranges = crate::engine::counted_ranges(self, query, total, RANGE).await?;
        let mut ids = IdSet::new();
        for (first, last) in ranges {
            ids.extend(
                self.ids_between(query, field, (first, last), RANGE)
                    .await?
                    .iter(),
            );
        }
        Ok(ids)
    }

    /// All ids, in one answer or in several from the last id on, and whether they came some at a time and in no
    /// order. An error comes with its request.
    async fn ids_at_once(
        &self,
        query: &ResolvedQuery,
        field: &str,
        total: u64,
        rows: u32,
    ) -> Result<(IdSet, bool), (Request, Error)> {
        let ask = async |request: Request| {
            let request = request.with_rows(rows);
            self.ids(&request).await.map_err(|error| (request, error))
        };
        let first = ask(query.filter_request(self.address())).await?;
        let capped = first.exceeded;
        let orders = self.info().advanced.order_by != Some(false);
        let (mut last, mut ids) = (first.last_if_ascending(), first.ids);
        let mut more = capped || ids.len() < total;
        let mut from_the_start = last.is_none();
        let mut in_disorder = false;
        while more {
            let request = match last {
                Some(last) => {
                    query.filter_request_within(self.address(), &format!("{field} > {last}"))
                }
                None => query.filter_request(self.address()),
            };
            let request = if orders {
                request.with_param("orderByFields", format!("{field} ASC"))
            } else {
                request
            };
            let next = ask(request).await?;
            in_disorder |= !next.ids.is_empty() && next.last_if_ascending().is_none();
            let heeded = next.ids.min() > last || next.ids.is_empty();
            let before = (ids.len(), last);
            last = next.ids.max().max(last);
            ids.extend(next.ids.iter());
            let is_new = ids.len() > before.0 || (from_the_start && last > before.1);
            more = is_new && (next.exceeded || ids.len() < total);
            if !more && capped && heeded && !from_the_start && ids.len() < total {
                // The first ones came without an order, so that others may lie between them.
                (from_the_start, last, more) = (true, None, true);
            }
        }
        Ok((ids, capped && in_disorder))
    }

    /// The ids in ranges: narrower ones where the server breaks down, wider ones where there are few.
    async fn ids_between(
        &self,
        query: &ResolvedQuery,
        field: &str,
        (least, greatest): (i64, i64),
        total: u64,
    ) -> Result<IdSet, Error> {
        let (mut from, greatest) = (i128::from(least), i128::from(greatest));
        let parts = i128::from(total.div_ceil(RANGE).max(2));
        let mut width = ((greatest - from) / parts + 1).max(1);
        let mut ids = IdSet::new();
        let mut most = 0;
        let mut failures = 0;
        while from <= greatest {
            let to = (from + width - 1).min(greatest);
            let clamped = |id: i128| i64::try_from(id).unwrap_or(i64::MAX);
            let within = object_id_range(field, clamped(from), clamped(to));
            let rows = u32::try_from(to - from + 1).unwrap_or(u32::MAX);
            let request = query
                .filter_request_within(self.address(), &within)
                .with_rows(rows);
            let too_many = match self.ids(&request).await {
                Ok(listed) => {
                    let count = listed.ids.len();
                    let bounds = (listed.ids.min(), listed.ids.max());
                    ids.extend(listed.ids.iter());
                    if let (Some(least), Some(most)) = bounds {
                        if i128::from(least) < from || i128::from(most) > to {
                            // What was asked for does not matter: there is nothing else to be had.
                            return Ok(ids);
                        }
                    }
                    let all = !listed.exceeded || count == 0 || to == from;
                    let done = if all {
                        Some(to)
                    } else {
                        listed.last_if_ascending().map(i128::from)
                    };
                    if let Some(done) = done {
                        failures = 0;
                        most = most.max(count);
                        from = from.max(done + 1);
                        if count <= most / 2 {
                            width = (width * 2).min(WIDEST);
                        }
                        continue;
                    }
                    None
                }
                Err(error) if to > from && is_about_size(&request, &error) => Some(error),
                Err(error) => return Err(error),
            };
            failures += 1;
            if let Some(error) = too_many.filter(|_| failures > HALVINGS) {
                return Err(error);
            }
            // Of what was asked for: the last range is not as wide as it might be.
            width = (to - from + 1) / 2;
            most = 0;
        }
        Ok(ids)
    }

    async fn ids(&self, request: &Request) -> Result<ObjectIds, Error> {
        /// From this size on, reading would hold up the other tasks of the thread.
        const LARGE: usize = 1 << 20;
        let request = request.clone().with_param("returnIdsOnly", "true");
        let url = request.redacted_url();
        let mut chances = Chances::new();
        loop {
            let body = send(&**self.transport(), &request).await?;
            let result = if body.len() < LARGE {
                ObjectIds::read(&url, &body)
            } else {
                let at = url.clone();
                match tokio::task::spawn_blocking(move || ObjectIds::read(&at, &body)).await {
                    Ok(result) => result,
                    Err(_) => Err(DecodeError::Cancelled),
                }
            };
            match result {
                Ok(ids) => return Ok(ids),
                Err(error) => chances.spend(&request, error).await?,
            }
        }
    }
}
