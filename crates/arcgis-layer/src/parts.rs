//! Queries whose geometry is too large for one request: the ids of each part, together.

use arcgis_auth_core::Request;
use futures_util::TryStreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::error::{Error, QueryError};
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::metadata::Extent;
use crate::query::ResolvedQuery;

/// Lists that are asked for at once; the client may let fewer go.
const AT_ONCE: usize = 4;

impl Layer {
    /// The ids of the rows that meet any part of the query's geometry.
    pub(crate) async fn ids_of_parts(&self, query: &ResolvedQuery) -> Result<IdSet, Error> {
        let parts: Vec<ResolvedQuery> = query.each_part().collect();
        let mut parts = parts.into_iter();
        let mut asked = FuturesUnordered::new();
        let mut ids = IdSet::new();
        loop {
            while asked.len() < AT_ONCE {
                let Some(part) = parts.next() else { break };
                asked.push(self.ids_of_part(part));
            }
            match asked.try_next().await? {
                Some(listed) => ids.extend(listed.iter()),
                None => return Ok(ids),
            }
        }
    }

    async fn ids_of_part(&self, part: ResolvedQuery) -> Result<IdSet, Error> {
        Box::pin(self.object_ids(&part)).await
    }

    /// Where the rows are that meet any part of the query's geometry.
    pub(crate) async fn extent_of_parts(
        &self,
        query: &ResolvedQuery,
    ) -> Result<Option<Extent>, Error> {
        let mut whole: Option<Extent> = None;
        for part in query.each_part() {
            let extent = self.extent(&part).await?;
            match (&mut whole, extent) {
                (Some(whole), Some(extent)) => whole.bbox.merge(&extent.bbox),
                (None, Some(extent)) => whole = Some(extent),
                (_, None) => {}
            }
        }
        Ok(whole)
    }

    /// One request for something about the rows of a query; refused where no single request selects them.
    pub(crate) fn request_of_all(
        &self,
        query: &ResolvedQuery,
        option: &'static str,
    ) -> Result<Request, Error> {
        if query.parts() > 1 {
            return Err(Error::Query(QueryError::Unsupported {
                option,
                problem: format!(
                    "the geometry of the filter takes {} requests, whose answers cannot be added up; ask for its parts one by one, simplify one with many positions, or list the object ids",
                    query.parts()
                ),
            }));
        }
        Ok(query.filter_request(self.address()))
    }
}
