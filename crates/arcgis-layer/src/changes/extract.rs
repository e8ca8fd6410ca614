//! Changes as `extractChanges` tells them
//! (<https://developers.arcgis.com/rest/services-reference/enterprise/extract-changes-feature-service/>).

use std::time::Duration;

use arcgis_auth_core::{Body, Request, Url};
use tokio::time::{Instant, sleep};

use super::answer::{Answer, Told};
use crate::error::{Error, QueryError};
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::second_chance::{Chances, send};

/// How long a job may take that gathers changes.
const LONGEST_JOB: Duration = Duration::from_secs(15 * 60);

/// Between two looks at a job: at first, and at most.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Rows that have changed since an earlier generation of a layer, whatever a query selects.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Changes {
    /// The object ids of rows that were added.
    pub added: IdSet,
    /// The object ids of rows whose attributes or geometry were changed.
    pub updated: IdSet,
    /// The object ids of rows that were deleted, where the service tells them by these; a row that was added with the id
    /// of one that was deleted may be in several of these sets.
    pub deleted: Option<IdSet>,
    /// How many rows were deleted.
    pub deleted_rows: u64,
    /// The generation up to which this is told, if the service says so.
    pub generation: Option<i64>,
}

impl Changes {
    /// Whether nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.updated.is_empty() && self.deleted_rows == 0
    }

    /// The ids of all rows that have changed in any way, as far as they are told.
    #[must_use]
    pub fn all(&self) -> IdSet {
        let mut all = self.added.clone();
        all.extend(self.updated.iter());
        all.extend(self.deleted.iter().flat_map(IdSet::iter));
        all
    }
}

impl Layer {
    /// The ids of the rows that have changed since a [generation](super::ChangeTracking::generation) of the layer.
    ///
    /// Services that gather changes as a job are asked until it has ended, for a quarter of an hour at most.
    ///
    /// # Errors
    ///
    /// [`Error::Service`] if the service does not answer, answers with an error, or the job fails; [`Error::Answer`] if
    /// the answer tells nothing of the layer, and [`Error::Query`] if the job takes too long or its address is of
    /// another server.
    pub async fn changes_since(&self, generation: i64) -> Result<Changes, Error> {
        let id = self.info().id;
        let mut url = self.address().service().url().clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("extractChanges");
        }
        let request = Request::read(url)
            .with_body(Body::Form)
            .with_param("f", "json")
            .with_param("layers", format!("[{id}]"))
            .with_param(
                "layerServerGens",
                format!(r#"[{{"id":{id},"serverGen":{generation}}}]"#),
            )
            .with_param("returnInserts", "true")
            .with_param("returnUpdates", "true")
            .with_param("returnDeletes", "true")
            .with_param("returnIdsOnly", "true")
            .with_param("dataFormat", "json");
        let until = Instant::now() + LONGEST_JOB;
        let mut pause = LOOKS.0;
        let mut asked = request;
        loop {
            match self.told(asked.clone(), id).await? {
                Told::Changes(changes) => return Ok(changes),
                // The file with the changes, or the job that makes it.
                Told::At(address) => asked = self.at(&address)?,
                Told::NotYet => {}
            }
            if Instant::now() + pause > until {
                let minutes = LONGEST_JOB.as_secs() / 60;
                return Err(unusable(format!(
                    "the service is still gathering them after {minutes} minutes"
                )));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LOOKS.1);
        }
    }

    async fn told(&self, request: Request, id: i64) -> Result<Told, Error> {
        let mut chances = Chances::new();
        loop {
            let body = send(&**self.transport(), &request).await?;
            match Answer::read(&request.redacted_url(), &body, id) {
                Ok(told) => return Ok(told),
                Err(error) => chances.spend(&request, error).await?,
            }
        }
    }

    /// A request for an address that the service gave: only where it is one of its own.
    fn at(&self, address: &str) -> Result<Request, Error> {
        let own = self.address().service().url();
        let url = own
            .join(address)
            .ok()
            .filter(|url: &Url| url.origin() == own.origin())
            .ok_or_else(|| {
                unusable("the changes are at an address of another server".to_owned())
            })?;
        Ok(Request::read(url).with_param("f", "json"))
    }
}

fn unusable(problem: String) -> Error {
    Error::Query(QueryError::Unsupported {
        option: "changes",
        problem,
    })
}
