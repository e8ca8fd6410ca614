//! The moment at which a plan is made, and as of which a layer with history is seen.

use arcgis_auth_core::http::HeaderMap;

use crate::error::Error;
use crate::layer::Layer;
use crate::query::ResolvedQuery;

/// The parameter for a moment, in milliseconds since 1970.
const PARAMETER: &str = "historicMoment";

impl Layer {
    /// How many rows there are, and what time it is there, in milliseconds since 1970.
    pub(crate) async fn count_and_time(
        &self,
        query: &ResolvedQuery,
    ) -> Result<(u64, Option<i64>), Error> {
        let count = self.count(query).await?;
        if self.info().advanced.historic_moment != Some(true)
            && self.info().edit_date_field.is_none()
        {
            return Ok((count, None));
        }
        let request = query
            .filter_request(self.address())
            .with_param("returnCountOnly", "true");
        let response = self.transport().send(request).await?;
        Ok((count, time_of(response.headers())))
    }
}

/// Whether a query has a moment or a version of the caller's own.
pub(crate) fn has_own(query: &ResolvedQuery) -> bool {
    query.params().any(|(name, _)| {
        name.eq_ignore_ascii_case(PARAMETER) || name.eq_ignore_ascii_case("gdbVersion")
    })
}

/// The query for the layer as it was at a moment.
pub(crate) fn as_of(query: &ResolvedQuery, moment: i64) -> ResolvedQuery {
    query.clone().pinned(PARAMETER, moment.to_string())
}

/// The server's own clock, as its answer tells it.
fn time_of(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get("date")?.to_str().ok()?;
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    Some(zoned.as_millisecond())
}
