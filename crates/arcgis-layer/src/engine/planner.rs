//! Making a plan: count, list, choose.

use super::options::FetchOptions;
use super::plan::{Plan, Source};
use super::strategy::Strategy;
use crate::error::Error;
use crate::format::{self, FormatChoice, PageFormat};
use crate::layer::Layer;
use crate::metadata::LayerInfo;
use crate::query::ResolvedQuery;

/// Rows per page where a server declares no limit: the least default of any ArcGIS version.
const UNDECLARED_PAGE_SIZE: u32 = 1000;

impl Layer {
    /// Counts the rows, lists their ids, and decides how to fetch them.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] for a format that the layer does not give, before anything is sent;
    /// [`Error::Service`] if the server cannot say how many rows there are, and
    /// [`Error::NotQueryable`] if there is no way to get all of them.
    pub async fn plan(&self, query: &ResolvedQuery, options: &FetchOptions) -> Result<Plan, Error> {
        let mut format = format::choose(self, query.layout(), options.format)?;
        let mut matching = self.count(query).await?;
        let mut ids = None;
        let mut reason = String::new();
        // Hashed ids may be others in the next answer.
        let unique_id = self.info().unique_id.as_ref();
        let mut ambiguous_ids = unique_id.is_some_and(|unique| unique.object_id_is_hash);
        if ambiguous_ids {
            reason.push_str("the layer's object ids are hashes, which identify no row; ");
        }
        if matching > 0 && query.layout().object_id.is_some() && !ambiguous_ids {
            match self.object_ids_of(query, matching).await {
                Ok(listed) => {
                    if listed.len() < matching {
                        // Rows may have gone in between; if not, ids stand for more than one row.
                        matching = self.count(query).await?;
                    }
                    if listed.len() >= matching {
                        matching = listed.len();
                        ids = Some(listed);
                    } else {
                        ambiguous_ids = true;
                        reason = format!(
                            "{} object ids stand for {matching} rows, so they identify none; ",
                            listed.len()
                        );
                    }
                }
                Err(error) if is_unsupported(&error) => {
                    reason = "the server does not list object ids; ".to_owned();
                }
                Err(error) => return Err(error),
            }
        }
        let rows = query.limit().map_or(matching, |limit| limit.min(matching));
        let cap = self
            .info()
            .max_record_count
            .filter(|cap| *cap > 0)
            .unwrap_or(UNDECLARED_PAGE_SIZE);
        let page_size = options.page_size.map_or(cap, |size| size.get().min(cap));
        if options.page_size.is_some_and(|size| size.get() > cap) {
            reason.push_str(&format!("the server gives at most {cap} rows at once; "));
        }
        let by_fingerprint = ambiguous_ids || query.layout().object_id.is_none();
        if by_fingerprint && options.format == FormatChoice::Auto {
            // A row's fingerprint is that of its bytes: all answers have to be in one format.
            format = PageFormat::Json;
        }
        let (strategy, why) = choose(self.info(), rows, page_size, ids.is_some())?;
        reason.push_str(why);
        Ok(Plan {
            address: self.address().clone(),
            query: query.clone(),
            strategy,
            reason,
            page_size,
            format,
            matching,
            rows,
            source: ids.map_or(Source::Places, Source::Listed),
            ambiguous_ids,
            options: options.clone(),
        })
    }
}

fn choose(
    info: &LayerInfo,
    rows: u64,
    page_size: u32,
    has_ids: bool,
) -> Result<(Strategy, &'static str), Error> {
    let paginates = info.advanced.pagination == Some(true);
    if rows <= u64::from(page_size) && !paginates {
        return Ok((Strategy::Single, "all rows fit into one answer"));
    }
    if paginates {
        return Ok((Strategy::Offset, "the layer supports pagination"));
    }
    if has_ids {
        return Ok((
            Strategy::IdRanges,
            "the layer does not say that it supports pagination",
        ));
    }
    Err(Error::NotQueryable {
        layer: info.name.clone(),
        problem: format!(
            "it has neither pagination nor object ids, so {rows} rows cannot be had in answers of {page_size}"
        ),
    })
}

/// Whether the server says that it cannot list ids. Anything else that goes wrong is an error: a list
/// that is not there for once must not lower the proof.
fn is_unsupported(error: &Error) -> bool {
    match error {
        Error::Service(arcgis_auth_core::Error::Service(service)) => {
            service.code() == 501
                || service.mentions("not supported")
                || service.mentions("unsupported")
                || service.mentions("returnIdsOnly")
        }
        _ => false,
    }
}
