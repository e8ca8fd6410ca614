//! The moment at which a plan is made, and as of which a layer with history is seen.

use std::time::Duration;

use arcgis_auth_core::http::HeaderMap;

use super::plan::Source;
use crate::error::Error;
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::query::ResolvedQuery;

/// The parameter for a moment, in milliseconds since 1970.
const PARAMETER: &str = "historicMoment";

/// Clocks in answers are in whole seconds: after so long, a moment lies behind what came before.
pub(crate) const TICK: Duration = Duration::from_millis(1100);

/// How often a moment is tried.
const MOST_LOOKS: u32 = 2;

/// Looks at what the layer as of a moment leaves out. The clock that a moment is of may be behind that of the history: it
/// is in whole seconds, it is not that of the database, and it may have lain in a cache.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    number: u32,
    /// The ids that were there at the look before, and so before the moment of this one.
    before: Option<IdSet>,
}

impl Looks {
    /// Whether no other moment is to be tried.
    pub(crate) fn are_over(&self) -> bool {
        self.number >= MOST_LOOKS
    }

    /// Whether rows are there that are not among those as of a moment: by their ids where they are listed, else by
    /// the count. `query` has no moment.
    pub(crate) async fn leaves_out(
        &mut self,
        layer: &Layer,
        query: &ResolvedQuery,
        source: &Source,
        matching: u64,
    ) -> Result<bool, Error> {
        let lost = match source {
            Source::Listed(ids) => {
                let now = layer.object_ids_of(query, matching).await?;
                let mut lost = now.difference(ids);
                if let Some(before) = &self.before {
                    // Others may have come since.
                    lost = lost.intersection(before);
                }
                self.before = Some(now);
                !lost.is_empty()
            }
            Source::Places | Source::Parts(_) => layer.count(query).await? > matching,
        };
        self.number += u32::from(lost);
        Ok(lost)
    }
}

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
        let now = time_of(response.headers());
        // By the clock that history goes by, it is this at least.
        Ok((
            count,
            now.map(|now| now.max(self.info().last_edit_date.unwrap_or(now))),
        ))
    }
}

/// Whether the server counts as many rows before its archive began as now: then it heeds no moment. Nothing is known
/// where it does not say when that was, or refuses to tell.
pub(crate) async fn is_ignored(layer: &Layer, query: &ResolvedQuery, matching: u64) -> bool {
    let Some(begun) = layer.info().archive_start else {
        return false;
    };
    let before = layer.count(&as_of(query, begun.saturating_sub(1))).await;
    matching > 0 && before.is_ok_and(|before| before == matching)
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

/// The server's own clock, as its answer tells it: an answer that lay in a cache says for how long.
fn time_of(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get("date")?.to_str().ok()?;
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    let age = headers.get("age").and_then(|age| age.to_str().ok());
    let age = age.and_then(|age| age.trim().parse::<u32>().ok());
    let age = i64::from(age.unwrap_or(0)) * 1000;
    Some(zoned.as_millisecond().saturating_add(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_out_of_a_cache_is_older_than_its_date_says() {
        let mut headers = HeaderMap::new();
        assert_eq!(time_of(&headers), None);
        headers.insert("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        // RFC 9110, 5.6.7: that date; `date -u -d … +%s`.
        assert_eq!(time_of(&headers), Some(784_111_777_000));
        headers.insert("age", "90".parse().unwrap());
        assert_eq!(time_of(&headers), Some(784_111_867_000));
        headers.insert("age", "-1".parse().unwrap());
        assert_eq!(time_of(&headers), Some(784_111_777_000));
    }
}
