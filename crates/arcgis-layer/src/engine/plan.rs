//! How a query's rows will be fetched, decided before the first of them.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};

use crate::address::LayerAddress;
use crate::error::Error;
use crate::format::{self, FormatChoice, PageFormat};
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::metadata::LayerInfo;
use crate::query::ResolvedQuery;

/// Rows per page where a server declares no limit: the least default of any ArcGIS version.
const UNDECLARED_PAGE_SIZE: u32 = 1000;

/// How to fetch; the defaults suit most servers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FetchOptions {
    /// Rows to ask for at once; the server's limit if it is less. By default the server's limit.
    pub page_size: Option<NonZeroU32>,
    /// Pages under way at once; 4 by default.
    pub concurrency: NonZeroUsize,
    /// Bytes of pages that are under way or wait for their turn; 128 MiB by default. One page is
    /// always allowed, however large.
    pub window_bytes: u64,
    /// The format to ask for.
    pub format: FormatChoice,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            page_size: None,
            concurrency: NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN),
            window_bytes: 128 * 1024 * 1024,
            format: FormatChoice::Auto,
        }
    }
}

impl FetchOptions {
    /// Sets the rows to ask for at once.
    #[must_use]
    pub fn with_page_size(mut self, rows: NonZeroU32) -> Self {
        self.page_size = Some(rows);
        self
    }

    /// Sets how many pages are under way at once.
    #[must_use]
    pub fn with_concurrency(mut self, pages: NonZeroUsize) -> Self {
        self.concurrency = pages;
        self
    }

    /// Sets the format to ask for.
    #[must_use]
    pub fn with_format(mut self, format: FormatChoice) -> Self {
        self.format = format;
        self
    }

    /// Sets how many bytes of pages are held at once.
    #[must_use]
    pub fn with_window_bytes(mut self, bytes: u64) -> Self {
        self.window_bytes = bytes;
        self
    }
}

/// The way in which rows are asked for. Whatever it is, the engine corrects it by what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// All rows fit into one answer.
    Single,
    /// Pages by offset, in the order of the object id.
    Offset,
    /// Ranges of object ids, for servers without pagination.
    IdRanges,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single => "one request",
            Self::Offset => "pages by offset",
            Self::IdRanges => "ranges of object ids",
        })
    }
}

/// What will be fetched, and how. Made by [`Layer::plan`], carried out by [`Layer::pages`].
#[derive(Debug, Clone)]
pub struct Plan {
    /// The layer that it is for.
    pub(crate) address: LayerAddress,
    pub(crate) query: ResolvedQuery,
    pub(crate) strategy: Strategy,
    pub(crate) reason: String,
    pub(crate) page_size: u32,
    pub(crate) format: PageFormat,
    /// Rows that match, at the start.
    pub(crate) matching: u64,
    /// Rows to deliver: `matching`, or the limit.
    pub(crate) rows: u64,
    /// All matching ids at the start, if they identify rows.
    pub(crate) ids: Option<IdSet>,
    /// Whether the server's own list shows that some ids stand for several rows.
    pub(crate) ambiguous_ids: bool,
    pub(crate) options: FetchOptions,
}

impl Plan {
    /// The query that the plan is for.
    #[must_use]
    pub fn query(&self) -> &ResolvedQuery {
        &self.query
    }

    /// How rows are asked for.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Why so.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Rows per page.
    #[must_use]
    pub fn page_size(&self) -> u32 {
        self.page_size
    }

    /// The format that pages are asked for in.
    #[must_use]
    pub fn format(&self) -> PageFormat {
        self.format
    }

    /// Rows that match the query, before any limit.
    #[must_use]
    pub fn matching(&self) -> u64 {
        self.matching
    }

    /// Rows to deliver.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Pages to fetch if the server does as it says.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.rows.div_ceil(u64::from(self.page_size))
    }

    /// The part of the rows that a page covers, as places in id order: from, to (excluded).
    pub(crate) fn slot(&self, index: u64) -> (u64, u64) {
        let size = u64::from(self.page_size);
        let from = index * size;
        (from, (from + size).min(self.rows))
    }
}

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
            ids,
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
