//! Rows that were edited since a moment, by what each says of its last edit.

use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, QueryError};
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::literal::Literal;
use crate::query::ResolvedQuery;

impl Layer {
    /// The object ids of the rows that the query selects and that were added or changed at a moment or since, where
    /// the layer tracks edits (`editFieldsInfo`). Of rows that were deleted there is nothing to ask, and edits behind
    /// the service's back, in its database, may leave no date.
    ///
    /// The moment is one of the server's clock: see [`Layer::clock_ahead`].
    ///
    /// # Errors
    ///
    /// As [`Layer::object_ids`]; [`Error::Query`] for a layer that does not track edits.
    pub async fn edited_since(
        &self,
        query: &ResolvedQuery,
        moment: Timestamp,
    ) -> Result<IdSet, Error> {
        let info = self.info();
        let Some(edited) = &info.edit_date_field else {
            return Err(Error::Query(QueryError::Unsupported {
                option: "edit dates",
                problem: "the layer does not track edits (editFieldsInfo)".to_owned(),
            }));
        };
        let since = Literal::utc(moment);
        let mut condition = format!("{edited} >= {since}");
        if let Some(created) = &info.creation_date_field {
            condition = format!("{condition} OR {created} >= {since}");
        }
        self.object_ids(&query.refined(&condition)).await
    }

    /// How far this machine's clock is ahead of the server's, to the second; `None` where the server does not tell the time.
    ///
    /// # Errors
    ///
    /// As [`Layer::count`].
    pub async fn clock_ahead(
        &self,
        query: &ResolvedQuery,
    ) -> Result<Option<SignedDuration>, Error> {
        let (_, time) = self.count_and_time(query).await?;
        let there = time.and_then(|time| Timestamp::from_millisecond(time).ok());
        Ok(there.map(|there| Timestamp::now().duration_since(there)))
    }
}
