//! Making a plan: count, list, choose.

use std::time::Instant;

use super::expected::rate_of;
use super::ledger::{facts_of, row_at};
use super::moment::{self, Looks};
use super::options::FetchOptions;
use super::part::{self, Part};
use super::plan::{PageCap, Plan, Source};
use super::proof::Incomplete;
use super::strategy::Strategy;
use crate::error::{Error, QueryError};
use crate::format::{self, FormatChoice, PageFormat};
use crate::geometry::GeometryType;
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::layout::Layout;
use crate::query::ResolvedQuery;

/// Rows per page where a server declares no limit: the least default of any ArcGIS version.
const UNDECLARED_PAGE_SIZE: u32 = 1000;

/// The greatest `maxRecordCountFactor` that servers take
/// (<https://developers.arcgis.com/rest/services-reference/enterprise/query-feature-service-layer/>).
const GREATEST_FACTOR: u32 = 5;

/// A plan in the making.
struct Draft<'a> {
    layer: &'a Layer,
    query: ResolvedQuery,
    options: &'a FetchOptions,
    matching: u64,
    rows: u64,
    page_size: u32,
    /// What was found out, in clauses that end in `; `.
    reason: String,
    count_excess: u64,
    ambiguous_ids: bool,
}

impl Layer {
    /// Counts the rows, lists their ids, and decides how to fetch them. No row is fetched yet.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] for a format or a strategy that the layer does not give, before anything is sent;
    /// [`Error::Service`] if the server cannot say how many rows there are, [`Error::NotQueryable`] if there is
    /// no way to get all of them, and [`Error::OutOfTime`] where planning takes longer than the time budget.
    pub async fn plan(&self, query: &ResolvedQuery, options: &FetchOptions) -> Result<Plan, Error> {
        let making = self.make_plan(query, options);
        match options.time_budget {
            None => making.await,
            Some(budget) => tokio::time::timeout(budget, making)
                .await
                .unwrap_or(Err(Error::OutOfTime { budget })),
        }
    }

    async fn make_plan(
        &self,
        query: &ResolvedQuery,
        options: &FetchOptions,
    ) -> Result<Plan, Error> {
        let begun = Instant::now();
        let info = self.info();
        let (mut format, mut format_reason) = format::choose(self, query.layout(), options.format)?;
        check_strategy(self, query, options)?;
        let clock = Instant::now();
        let (mut matching, mut made_at) = self.count_and_time(query).await?;
        let latency = clock.elapsed() / if made_at.is_some() { 2 } else { 1 };
        let mut rate = None;
        let mut sees_moments = options.snapshot
            && info.advanced.historic_moment == Some(true)
            // A moment of the caller's own is kept.
            && !moment::has_own(query);
        let ignores_moments = sees_moments && moment::is_ignored(self, query, matching).await;
        sees_moments &= !ignores_moments;
        let (cap, page_cap) = self.cap(options, query.layout());
        let mut looks = Looks::default();
        let (draft, strategy, source, moment) = loop {
            let moment = made_at.filter(|_| sees_moments && !looks.are_over());
            let asked = match moment {
                Some(moment) => {
                    let asked = moment::as_of(query, moment);
                    matching = self.count(&asked).await?;
                    asked
                }
                None => query.clone(),
            };
            let mut draft = Draft::new(self, asked, options, matching, cap);
            if ignores_moments {
                draft.note("the server counts rows before its archive began, so that it does not heed moments");
            }
            if looks.are_over() {
                draft.note("the layer as of now lacks rows that are there, so that its history is left alone");
            }
            let clock = Instant::now();
            let (strategy, source) = draft.source().await?;
            if let Source::Listed(ids) = &source {
                rate = rate_of(ids, clock.elapsed().saturating_sub(latency));
            }
            let leaves_out = moment.is_some()
                && looks
                    .leaves_out(self, query, &source, draft.matching)
                    .await?;
            if !leaves_out {
                break (draft, strategy, source, moment);
            }
            tracing::warn!(layer = %self.address(), ?moment, "rows that are there are not seen as of this moment");
            if !looks.are_over() {
                tokio::time::sleep(moment::TICK).await;
            }
            (matching, made_at) = self.count_and_time(query).await?;
        };
        let by_fingerprint = !matches!(source, Source::Listed(_))
            && (draft.ambiguous_ids || draft.query.layout().object_id.is_none());
        if by_fingerprint && options.format == FormatChoice::Auto && format != PageFormat::Json {
            format = PageFormat::Json;
            format_reason =
                "rows without ids are known by their bytes, so that all have to come in one format";
        }
        Ok(Plan {
            address: self.address().clone(),
            layer_name: info.name.clone(),
            strategy,
            reason: draft.reason,
            page_size: draft.page_size,
            cap: page_cap,
            format,
            format_reason: format_reason.to_owned(),
            matching: draft.matching,
            rows: draft.rows,
            count_excess: draft.count_excess,
            source,
            wanted: None,
            ambiguous_ids: draft.ambiguous_ids,
            moment,
            made_at,
            edit_field: info.edit_date_field.clone(),
            last_edit: info.last_edit_date,
            query: draft.query,
            options: options.clone(),
            begun,
            latency: Some(latency),
            rate,
        })
    }

    /// The most rows in one answer, and which limit that is. Where the caller asks for no more than the usual, that.
    fn cap(&self, options: &FetchOptions, layout: &Layout) -> (u32, PageCap) {
        let info = self.info();
        let usual = info
            .max_record_count
            .filter(|cap| *cap > 0)
            .unwrap_or(UNDECLARED_PAGE_SIZE);
        if options.page_size.is_some_and(|size| size.get() <= usual) {
            return (usual, PageCap::Usual);
        }
        let without_geometry = info.standard_max_record_count_no_geometry;
        let standard = without_geometry
            .filter(|_| layout.geometry.is_none())
            .or(info.standard_max_record_count)
            .filter(|cap| *cap > usual && info.advanced.result_type == Some(true));
        if let Some(standard) = standard {
            return (standard, PageCap::Standard);
        }
        // Lines and polygons are heavy enough as they are.
        let light = layout
            .geometry
            .as_ref()
            .is_none_or(|geometry| geometry.kind == GeometryType::Point);
        match info.max_record_count_factor {
            Some(factor @ 2..) if light => {
                if factor > GREATEST_FACTOR {
                    tracing::warn!(layer = %self.address(), factor, taken = GREATEST_FACTOR, "maxRecordCountFactor is beyond what servers take");
                }
                let factor = factor.min(GREATEST_FACTOR);
                (usual.saturating_mul(factor), PageCap::Factor(factor))
            }
            _ => (usual, PageCap::Usual),
        }
    }
}

/// Whether the strategy that the caller chose can be had, as far as the metadata tell.
fn check_strategy(
    layer: &Layer,
    query: &ResolvedQuery,
    options: &FetchOptions,
) -> Result<(), QueryError> {
    let info = layer.info();
    let problem = match options.strategy {
        Some(Strategy::Offset) if info.advanced.pagination == Some(false) => {
            "the layer has no pagination"
        }
        Some(Strategy::IdRanges | Strategy::IdLists | Strategy::KeySet)
            if query.object_id().is_none() =>
        {
            "the layer has no object ids"
        }
        Some(Strategy::KeySet) if info.advanced.order_by == Some(false) => {
            "the layer does not order rows"
        }
        Some(Strategy::Areas) if info.extent.is_none() => "the layer does not say where it is",
        Some(Strategy::Areas) if query.filter_params().any(|(name, _)| name == "geometry") => {
            "the query has a geometry of its own"
        }
        Some(Strategy::Areas) if query.limit().is_some() => {
            "the rows with the least object ids are not to be found by where they are"
        }
        Some(strategy) if query.parts() > 1 && strategy != Strategy::IdLists => {
            "the geometry of the filter is too large for one request: only lists of ids can be asked for"
        }
        _ => return Ok(()),
    };
    Err(QueryError::Unsupported {
        option: "strategy",
        problem: problem.to_owned(),
    })
}

impl<'a> Draft<'a> {
    fn new(
        layer: &'a Layer,
        query: ResolvedQuery,
        options: &'a FetchOptions,
        matching: u64,
        cap: u32,
    ) -> Self {
        let unique_id = layer.info().unique_id.as_ref();
        let mut draft = Self {
            layer,
            rows: matching,
            query,
            options,
            matching,
            page_size: options.page_size.map_or(cap, |size| size.get().min(cap)),
            reason: String::new(),
            count_excess: 0,
            // Hashed ids may be others in the next answer.
            ambiguous_ids: unique_id.is_some_and(|unique| unique.object_id_is_hash),
        };
        if options.page_size.is_some_and(|size| size.get() > cap) {
            draft.note(format!("the server gives at most {cap} rows at once"));
        }
        if draft.ambiguous_ids {
            draft.note("the layer's object ids are hashes, which identify no row");
        }
        draft
    }

    fn note(&mut self, clause: impl AsRef<str>) {
        self.reason.push_str(clause.as_ref());
        self.reason.push_str("; ");
    }

    fn because(&mut self, clause: &str) {
        self.reason.push_str(clause);
    }

    fn paginates(&self) -> bool {
        self.layer.info().advanced.pagination == Some(true)
    }

    fn not_queryable(&self, problem: String) -> Error {
        Error::NotQueryable {
            layer: self.layer.info().name.clone(),
            problem,
        }
    }

    /// Decides how the rows are asked for, and what is known of them beforehand.
    async fn source(&mut self) -> Result<(Strategy, Source), Error> {
        let chosen = self.options.strategy;
        let has_rows = self.matching == 0 && self.has_a_row().await?;
        if has_rows {
            // A count may be wrong for once.
            self.matching = self.layer.count(&self.query).await?;
            self.note("the server counted no rows, and has some");
        } else if self.matching == 0 {
            self.because("there are no rows");
            self.rows = 0;
            return Ok((chosen.unwrap_or(Strategy::Single), Source::Places));
        }
        let identifies = self.query.layout().object_id.is_some() && !self.ambiguous_ids;
        let by_list = !matches!(chosen, Some(Strategy::KeySet | Strategy::Areas));
        if identifies && by_list {
            let listed = self.list().await?;
            if let Some(listed) = listed.filter(|ids| !has_rows || !ids.is_empty()) {
                self.matching = listed.len();
                self.limit();
                return Ok((self.with_list(chosen)?, Source::Listed(listed)));
            }
        }
        self.limit();
        if self.matching == 0 && has_rows {
            return Err(Error::Incomplete(Box::new(Incomplete {
                expected: 0,
                received: 0,
                missing: IdSet::new(),
                doubled: IdSet::new(),
                detail: Some(
                    "the server counts no rows and has some, so that its counts prove nothing"
                        .to_owned(),
                ),
            })));
        }
        if self.query.parts() > 1 {
            return Err(self.not_queryable(
                "its object ids cannot be listed, which a filter by so large a geometry takes"
                    .to_owned(),
            ));
        }
        let identifies = identifies && !self.ambiguous_ids;
        let fits = self.rows <= u64::from(self.page_size);
        match chosen {
            Some(Strategy::Single) => {}
            Some(Strategy::Offset) => {
                self.because("it was asked for");
                return Ok((Strategy::Offset, Source::Places));
            }
            Some(Strategy::KeySet) => {
                self.because("it was asked for");
                return Ok((Strategy::KeySet, Source::Places));
            }
            Some(Strategy::IdLists) => {
                return Err(self.not_queryable("its object ids cannot be listed".to_owned()));
            }
            Some(Strategy::IdRanges) => {
                return match self.ranges().await? {
                    Some(parts) => Ok((Strategy::IdRanges, Source::Parts(parts))),
                    None => Err(self
                        .out_of_ways("its rows cannot be counted by ranges of object ids")
                        .await),
                };
            }
            Some(Strategy::Areas) => {
                return match self.areas().await? {
                    Some(parts) => Ok((Strategy::Areas, Source::Parts(parts))),
                    None => Err(self
                        .out_of_ways("some place has more rows than come in one answer")
                        .await),
                };
            }
            None => {}
        }
        if fits && (!self.paginates() || chosen.is_some()) {
            self.because("all rows fit into one answer");
            return Ok((Strategy::Single, Source::Places));
        }
        if identifies {
            match self.ranges().await {
                Ok(Some(parts)) => return Ok((Strategy::IdRanges, Source::Parts(parts))),
                Ok(None) => self.note("counts of ranges of object ids do not add up"),
                Err(error) if is_unsupported(&error) => {
                    self.note("the server does not count rows by their object ids");
                }
                Err(error) => return Err(error),
            }
            if self.layer.info().advanced.order_by == Some(true) {
                self.because("the layer orders rows by their object ids");
                return Ok((Strategy::KeySet, Source::Places));
            }
        }
        if self.paginates() {
            self.because("the layer supports pagination");
            return Ok((Strategy::Offset, Source::Places));
        }
        let by_place = self.query.limit().is_none()
            && !self
                .query
                .filter_params()
                .any(|(name, _)| name == "geometry");
        if by_place {
            if let Some(parts) = self.areas().await? {
                return Ok((Strategy::Areas, Source::Parts(parts)));
            }
        }
        Err(self
            .out_of_ways(&format!(
                "it has neither pagination nor object ids that can be asked for, so {} rows cannot be had in answers of {}",
                self.rows, self.page_size
            ))
            .await)
    }

    /// Why there is no way: the layer has none, or the server counts rows where there are none, so that nothing
    /// that comes agrees with its counts.
    async fn out_of_ways(&self, problem: &str) -> Error {
        let nothing = self.query.refined("1=0");
        match self.layer.count(&nothing).await {
            Ok(rows @ 1..) => Error::Incomplete(Box::new(Incomplete {
                expected: self.rows,
                received: 0,
                missing: IdSet::new(),
                doubled: IdSet::new(),
                detail: Some(format!(
                    "the server counts {rows} rows where there can be none, so that its counts prove nothing"
                )),
            })),
            _ => self.not_queryable(problem.to_owned()),
        }
    }

    /// Whether an id is listed, or a row comes, where none is counted: a count of nothing would prove a file of nothing.
    async fn has_a_row(&self) -> Result<bool, Error> {
        if self.query.parts() > 1 {
            // These are not counted but listed.
            return Ok(false);
        }
        if self.query.layout().object_id.is_some() && !self.ambiguous_ids {
            match self.layer.object_ids_of(&self.query, 0).await {
                Ok(ids) => return Ok(!ids.is_empty()),
                Err(error) if is_unsupported(&error) => {}
                Err(error) => return Err(error),
            }
        }
        // In whatever order: ids that are hashes may have none.
        let mut request = self.query.page_request(self.layer.address());
        if self.paginates() {
            request = request.with_param("resultRecordCount", "1");
        }
        let facts = facts_of(self.layer, &self.query, request).await?;
        Ok(facts.rows > 0)
    }

    /// Whether the server counts `excess` rows behind the last listed one, and has none there.
    async fn counts_nothing(&self, listed: &IdSet, excess: u64) -> bool {
        let (Some(field), Some(last)) = (self.query.object_id(), listed.max()) else {
            return false;
        };
        let behind = self.query.refined(&format!("{field} > {last}"));
        if !matches!(self.layer.count(&behind).await, Ok(rows) if rows == excess) {
            return false;
        }
        let request = behind.page_request(self.layer.address());
        let facts = facts_of(self.layer, &behind, request).await;
        facts.is_ok_and(|facts| facts.rows == 0)
    }

    fn limit(&mut self) {
        let limit = self.query.limit();
        self.rows = limit.map_or(self.matching, |limit| limit.min(self.matching));
    }

    /// All ids, if they can be listed and identify rows.
    async fn list(&mut self) -> Result<Option<IdSet>, Error> {
        let mut listed = match self.layer.object_ids_of(&self.query, self.matching).await {
            Ok(listed) => listed,
            Err(error) if is_unsupported(&error) => {
                self.note("the server does not list object ids");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if listed.len() < self.matching {
            // Rows may have gone in between; if not, ids stand for more than one row, or the count is wrong.
            self.matching = self.layer.count(&self.query).await?;
        }
        if listed.len() < self.matching {
            // A list may lack an id for once, which must not lower the proof.
            let again = self.layer.object_ids_of(&self.query, self.matching).await?;
            if again.len() > listed.len() {
                listed = again;
            }
        }
        let Some(excess) = self
            .matching
            .checked_sub(listed.len())
            .filter(|more| *more > 0)
        else {
            return Ok(Some(listed));
        };
        let behind = if self.paginates() && !listed.is_empty() {
            let behind = row_at(self.layer, &self.query, listed.len()).await;
            behind.ok().map(|facts| facts.rows > 0)
        } else {
            None
        };
        if behind == Some(false) || self.counts_nothing(&listed, excess).await {
            self.note(format!(
                "the server counts {} rows, and has none behind the {} whose object ids it lists",
                self.matching,
                listed.len()
            ));
            self.count_excess = excess;
            return Ok(Some(listed));
        }
        self.ambiguous_ids = true;
        self.note(format!(
            "{} object ids stand for {} rows, so they identify none",
            listed.len(),
            self.matching
        ));
        Ok(None)
    }

    /// How to ask for rows whose ids are known.
    fn with_list(&mut self, chosen: Option<Strategy>) -> Result<Strategy, Error> {
        if self.query.parts() > 1 {
            self.because("the geometry of the filter is too large for one request");
            return Ok(Strategy::IdLists);
        }
        if let Some(strategy) = chosen {
            self.because("it was asked for");
            return Ok(strategy);
        }
        if self.rows <= u64::from(self.page_size) && !self.paginates() {
            self.because("all rows fit into one answer");
            return Ok(Strategy::Single);
        }
        if self.paginates() {
            self.because("the layer supports pagination");
            return Ok(Strategy::Offset);
        }
        self.because("the layer does not say that it supports pagination");
        Ok(Strategy::IdRanges)
    }

    /// Parts by ranges of ids; `None` if their counts do not add up.
    async fn ranges(&mut self) -> Result<Option<Vec<Part>>, Error> {
        let mut parts = self.parts_by_ids().await?;
        if parts.is_none() {
            // A count may be wrong for once, or rows came or went since.
            self.matching = self.layer.count(&self.query).await?;
            self.limit();
            parts = self.parts_by_ids().await?;
        }
        Ok(parts.map(|parts| {
            self.because("rows are counted in ranges of their object ids");
            part::first(part::without_gaps(parts), self.rows)
        }))
    }

    async fn parts_by_ids(&self) -> Result<Option<Vec<Part>>, Error> {
        part::by_ids(
            self.layer,
            &self.query,
            self.matching,
            u64::from(self.page_size),
            self.options.concurrency.get(),
        )
        .await
    }

    /// Parts by where rows are; `None` if that is not known, or if some place has too many.
    async fn areas(&mut self) -> Result<Option<Vec<Part>>, Error> {
        let info = self.layer.info();
        let Some(extent) = info.extent.as_ref().filter(|extent| {
            !extent.bbox.is_empty()
                && extent.spatial_reference.code() == info.spatial_reference.code()
        }) else {
            return Ok(None);
        };
        let parts = part::by_areas(
            self.layer,
            &self.query,
            &extent.bbox,
            self.matching,
            u64::from(self.page_size),
            self.options.concurrency.get(),
        )
        .await?;
        if parts.is_some() {
            self.because("rows are counted in rectangles");
        }
        Ok(parts)
    }
}

/// Whether the server says that it cannot do this. Anything else that goes wrong is an error: a list that is not
/// there for once must not lower the proof.
fn is_unsupported(error: &Error) -> bool {
    match error {
        Error::Service(arcgis_auth_core::Error::Service(service)) => {
            service.code() == 501
                || service.mentions("not supported")
                || service.mentions("unsupported")
                || service.mentions("returnIdsOnly")
        }
        Error::Query(QueryError::Unsupported { .. }) => true,
        _ => false,
    }
}
