//! Queries whose geometry is too large for one request: the ids of each part, together.

use arcgis_auth_core::Request;

use crate::error::{Error, QueryError};
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::metadata::Extent;
use crate::query::ResolvedQuery;

impl Layer {
    /// The ids of the rows that meet any part of the query's geometry.
    pub(crate) async fn ids_of_parts(&self, query: &ResolvedQuery) -> Result<IdSet, Error> {
        let mut ids = IdSet::new();
        for part in query.each_part() {
            let listed = Box::pin(self.object_ids(&part)).await?;
            ids.extend(listed.iter());
        }
        Ok(ids)
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
                    "the geometry of the filter is so large that it takes {} requests, whose answers cannot be added up; simplify it, or list the object ids",
                    query.parts()
                ),
            }));
        }
        Ok(query.filter_request(self.address()))
    }
}
