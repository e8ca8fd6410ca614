//! An earlier export brought up to date: what to do, and the way from its footer to the report.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use arcgis_layer::arcgis_auth_core::redact_url;
use arcgis_layer::{
    ChangeTracking, Coordinates, FetchOptions, IdSet, Layer, Query, ResolvedQuery, SavedQuery,
};
use tracing::Instrument as _;

use super::base::Base;
use super::candidate::Candidate;
use super::columns::check_columns;
use super::differences::{Differences, MOST_HELD};
use super::earlier::EarlierExport;
use super::kept::KeptRows;
use super::place::SyncPlace;
use super::report::{SyncReport, SyncWay};
use super::way::{Known, Look};
use crate::column_options::DomainValues;
use crate::error::Error;
use crate::event::{ExportEvent, Observer};
use crate::format::FileFormat;
use crate::job::{LayerExport, blocking};
use crate::lock::Lock;
use crate::options::WriterOptions;
use crate::provenance::{LayerState, TOOL};
use crate::schema::ExportSchema;
use crate::source::SourceKey;
use crate::tally::Start;
use crate::telemetry;
use crate::writer_thread::{GivenUp, WriterThread};

/// An earlier export of a layer brought up to date: a GeoParquet file of this library's, whose footer says what was
/// asked for and how it was written, or a dataset in several of them ([`Partitions`](crate::Partitions)).
///
/// Rows that have changed since are asked for, and no others, as far as the service can tell which these are: by
/// its own tracking of changes since the generation that the file has (`extractChanges`), else by the dates of the
/// rows' last edits. Which rows there are is never left to that: the object ids are listed, as for an export, rows
/// that came or went are found by them, and in the end every id has its row once or the sync fails. What a service
/// tells that does not agree with its list is not believed. Where there is no such way, and where it fails to come out
/// even, everything is exported again and compared.
///
/// The new file is what an export would write now, with the same options and in the same order; the old one stays
/// until the new one is whole, and for good if no row differs. A layer whose columns have changed is refused.
///
/// A dataset is read file by file, and replaced as a whole, as [`PartitionFolder`](crate::PartitionFolder) does it, or in a
/// store as `StoredPartitions` does: a folder
/// that lacks one of the files that its index lists is refused, and so is one that holds anything else.
///
/// A file in a store is read by ranges, of which each comes at most once and waits on this machine then, in the folder
/// for sorting; so does the new one until it is sent. If somebody else has changed the object by then, it is left so.
///
/// ```no_run
/// # async fn example(layer: arcgis_layer::Layer) -> Result<(), arcgis_export::Error> {
/// use arcgis_export::Sync;
///
/// let report = Sync::new(layer, "wells.parquet").run().await?;
/// println!(
///     "{} added, {} changed, {} deleted",
///     report.added_rows, report.changed_rows, report.deleted_rows
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Sync {
    layer: Layer,
    place: SyncPlace,
    query: Option<Query>,
    fetch: FetchOptions,
    writer: WriterOptions,
    margin: Duration,
    full: bool,
    fail_on_drift: bool,
    /// Among how many that are under way at once memory is divided.
    share: NonZeroUsize,
    observer: Observer,
}

/// What the file or the dataset is compared with.
struct Opened {
    old: Arc<EarlierExport>,
    /// Keeps others from the same place.
    _lock: Option<Lock>,
    export: LayerExport,
    resolved: ResolvedQuery,
    schema: ExportSchema,
}

/// What is to be done.
enum Decision {
    Nothing(SyncWay, Option<String>),
    Part(Box<Part>),
    All(Option<String>),
}

/// What came of making the new file.
enum Made {
    Done(Box<SyncReport>),
    /// Rows that were fetched have coordinates in another way than those that stay.
    Unlike,
}

/// Some rows to be fetched.
struct Part {
    base: Base,
    way: SyncWay,
    reason: Option<String>,
    /// The rows that may differ.
    differing: IdSet,
}

impl Sync {
    /// The margin by default.
    const MARGIN: Duration = Duration::from_secs(10 * 60);

    /// The file at a place, to be brought to the layer's state: a path, or a [`StoredObject`](crate::StoredObject). The path of
    /// a folder stands for the dataset in it.
    pub fn new(layer: Layer, place: impl Into<SyncPlace>) -> Self {
        Self {
            layer,
            place: place.into(),
            query: None,
            fetch: FetchOptions::default(),
            writer: WriterOptions::default(),
            margin: Self::MARGIN,
            full: false,
            fail_on_drift: false,
            share: NonZeroUsize::MIN,
            observer: Observer::default(),
        }
    }

    /// Sets among how many that are under way at once memory is divided.
    pub(crate) fn with_share(mut self, of: NonZeroUsize) -> Self {
        self.share = of;
        self
    }

    /// Gives the query that the file was exported with again: another one is refused. Needed only where its geometry is
    /// too large to stand in the footer.
    pub fn with_query(mut self, query: Query) -> Self {
        self.query = Some(query);
        self
    }

    /// Sets how to fetch. The format of pages is that of the file, since one of them rounds coordinates.
    pub fn with_fetch(mut self, options: FetchOptions) -> Self {
        self.fetch = options;
        self
    }

    /// Sets what sorting may take: [`WriterOptions::sort_memory`] and [`WriterOptions::sort_folder`]. All else is as
    /// the file has it.
    pub fn with_sorting(mut self, options: WriterOptions) -> Self {
        self.writer = options;
        self
    }

    /// Sets how far the date of an edit may lie before the moment at which others could see it: transactions take
    /// time, and clocks differ. Ten minutes by default; rows edited so long before the earlier export are fetched again.
    pub fn with_margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Whether to export everything again and compare, whatever the service tells. Default: no.
    pub fn with_full(mut self, full: bool) -> Self {
        self.full = full;
        self
    }

    /// Whether rows that came or went on the server meanwhile are an error. Default: no.
    pub fn with_fail_on_drift(mut self, fail: bool) -> Self {
        self.fail_on_drift = fail;
        self
    }

    /// Sets who watches the export of the rows that have changed.
    pub fn with_observer(
        mut self,
        observe: impl Fn(&ExportEvent) + Send + std::marker::Sync + 'static,
    ) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// Brings the file up to date. It runs on a tokio runtime; dropping the future stops it and leaves the file.
    ///
    /// # Errors
    ///
    /// [`Error::Sync`] before a row is asked for, if the file is none to go by or of something else, and [`Error::InUse`]
    /// if another process brings it up to date. Later as [`LayerExport::to`], and [`Error::Replaced`]. The file stays as it
    /// was after any error.
    pub async fn run(self) -> Result<SyncReport, Error> {
        self.carry_out().await.map(|(report, _)| report)
    }

    /// The same, with an export that would write the file anew.
    pub(crate) async fn carry_out(self) -> Result<(SyncReport, LayerExport), Error> {
        let span = telemetry::sync_span(&self.layer);
        // What it awaits is large, and would lie on the stack of whoever awaits this.
        Box::pin(self.carried_out()).instrument(span).await
    }

    async fn carried_out(self) -> Result<(SyncReport, LayerExport), Error> {
        let start = Start::now();
        let opened = self.open().await?;
        match self.follow(&opened, start).await {
            Ok(report) => {
                telemetry::synced(&report);
                Ok((report, opened.export))
            }
            Err(_) if opened.old.was_replaced() => Err(Error::Replaced {
                path: opened.old.path().to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    async fn follow(&self, opened: &Opened, start: Start) -> Result<SyncReport, Error> {
        let told = Told::of(opened, start);
        let decision = self.decide(opened, start).await?;
        let (mut export, mut differing, mut way, mut reason) = match decision {
            Decision::Nothing(way, reason) => {
                telemetry::way_taken(way, reason.as_deref());
                return Ok(told.unchanged(way, reason));
            }
            Decision::Part(part) => {
                let mut export = opened.export.clone();
                let Part {
                    base,
                    way,
                    reason,
                    differing,
                } = *part;
                export.base = Some(Box::new(base));
                (export, Some(differing), way, reason)
            }
            Decision::All(reason) => (opened.export.clone(), None, SyncWay::Full, reason),
        };
        telemetry::way_taken(way, reason.as_deref());
        loop {
            let made = self.make(opened, export, differing, &told, way, reason);
            let problem = match made.await {
                Ok(Made::Done(report)) => return Ok(*report),
                Ok(Made::Unlike) => {
                    let was = opened.old.value("coordinates").unwrap_or_default();
                    format!("coordinates come in another way than those in the file did ({was})")
                }
                // Rows that do not come by their ids may come all the same.
                Err(Error::Layer(arcgis_layer::Error::Incomplete(incomplete)))
                    if way != SyncWay::Full =>
                {
                    format!("rows that have changed did not come ({incomplete})")
                }
                Err(error) => return Err(error),
            };
            telemetry::all_again(&problem);
            (export, differing, way) = (opened.export.clone(), None, SyncWay::Full);
            reason = Some(problem);
        }
    }

    /// Reads the footer, and makes sure that the file is of this layer and still fits it.
    async fn open(&self) -> Result<Opened, Error> {
        let (place, folder) = (self.place.clone(), self.writer.sort_folder.clone());
        let (old, lock) = blocking(move || -> Result<_, Error> {
            let lock = place.lock()?;
            let old = EarlierExport::open(&place, folder.as_deref())?;
            // What keeps a new one from taking its place is known before anything is asked for.
            Candidate::try_place(&place, &old)?;
            Ok((old, lock))
        })
        .await??;
        let old = Arc::new(old);
        let source = redact_url(self.layer.address().url());
        let was = old.needed("source")?;
        if SourceKey::of(was) != SourceKey::of(&source) {
            return Err(old.differs("source", was, source).into());
        }
        let options = old.options()?;
        let info = self.layer.info();
        let query = match &self.query {
            None => options.query.query().map_err(arcgis_layer::Error::from)?,
            Some(query) => {
                let now = SavedQuery::of(query, info).map_err(arcgis_layer::Error::from)?;
                if let Some((what, was, is)) = options.query.difference(&now) {
                    return Err(old.differs(what, was, is).into());
                }
                query.clone()
            }
        };
        let unusable = |problem| old.not_an_export(problem);
        let writer = options.writer(&self.writer).map_err(unusable)?;
        let columns = options.columns().map_err(unusable)?;
        let resolved = query.resolve(info).map_err(arcgis_layer::Error::from)?;
        let of_file = columns.for_file(FileFormat::GeoParquet, &writer);
        let schema = ExportSchema::of_layer(resolved.layout(), info, &of_file);
        check_columns(&old, &schema)?;
        let export = LayerExport {
            observer: self.observer.clone(),
            partitions: options.partitions,
            ..LayerExport::new(self.layer.clone())
                .with_query(query)
                .with_fetch(self.fetch.clone().with_format(options.format))
                .with_writer(writer)
                .with_format(FileFormat::GeoParquet)
                .with_columns(columns)
                .with_lenient(options.lenient)
                .with_fail_on_drift(self.fail_on_drift)
        };
        Ok(Opened {
            old,
            _lock: lock,
            export,
            resolved,
            schema,
        })
    }

    /// Finds out what has changed.
    async fn decide(&self, opened: &Opened, start: Start) -> Result<Decision, Error> {
        if self.full {
            return Ok(Decision::All(Some("it was asked for".to_owned())));
        }
        let all = |reason: &str| Ok(Decision::All(Some(reason.to_owned())));
        let Some(id) = opened.schema.id_place() else {
            return all("the file has no object ids");
        };
        if opened.resolved.limit().is_some() {
            return all("only the first rows were asked for");
        }
        let labels = opened.schema.options().domains != DomainValues::Code;
        if labels && self.layer.info().subtypes.is_some() {
            return all("labels go by subtypes, of which the file does not say what they were");
        }
        // Before anything else: what changes meanwhile is asked for the next time.
        let tracking = self.tracking().await;
        let plan = self.layer.plan(&opened.resolved, &opened.export.fetch);
        let plan = plan.await?;
        let Some(is) = plan.object_ids().cloned() else {
            return all("the layer's object ids are not listed, or identify no rows");
        };
        let old = Arc::clone(&opened.old);
        let Some(was) = blocking(move || old.object_ids(id)).await?? else {
            return all("the file has an object id in two rows");
        };
        let look = Look {
            layer: &self.layer,
            query: &opened.resolved,
            old: &opened.old,
            tracking,
            was: &was,
            is: &is,
            margin: self.margin,
        };
        let (way, touched, generation, reason) = match look.look().await? {
            Known::Nothing { reason } => return all(&reason),
            Known::Touched {
                way,
                touched,
                generation,
                reason,
            } => (way, touched, generation, reason),
        };
        let kept = was.intersection(&is).difference(&touched);
        let mut differing = is.difference(&kept);
        if differing.is_empty() && was == is {
            return Ok(Decision::Nothing(way, reason));
        }
        differing.extend(was.difference(&is).iter());
        let plan = plan.without(&kept);
        let (old, schema) = (Arc::clone(&opened.old), opened.schema.clone());
        let kept = KeptRows::new(old, kept, id, schema, &opened.export.writer)?;
        let stop = StopWithMe::default();
        let given_up = stop.0.clone();
        let (kept, mut sums) = blocking(move || {
            let sums = kept.sums(&given_up);
            sums.map(|sums| (kept, sums))
        })
        .await??;
        sums.coordinates = opened.old.value("coordinates").map(str::to_owned);
        Ok(Decision::Part(Box::new(Part {
            base: Base {
                plan,
                state: LayerState::new(&self.layer, generation),
                kept,
                sums,
                start,
            },
            way,
            reason,
            differing,
        })))
    }

    /// What the service says of its tracking; that it does not say fails nothing.
    async fn tracking(&self) -> Option<ChangeTracking> {
        match self.layer.change_tracking().await {
            Ok(tracking) => tracking,
            Err(error) => {
                tracing::warn!(layer = %self.layer.address(), %error, "the layer's generation is not known");
                None
            }
        }
    }

    /// Makes the new file, or the new dataset, beside the old one, compares both, and lets the new one take the place if a row differs.
    async fn make(
        &self,
        opened: &Opened,
        export: LayerExport,
        differing: Option<IdSet>,
        told: &Told,
        way: SyncWay,
        reason: Option<String>,
    ) -> Result<Made, Error> {
        let (place, folder) = (self.place.clone(), self.writer.sort_folder.clone());
        let old = Arc::clone(&opened.old);
        let candidate = blocking(move || Candidate::new(&place, &old, folder.as_deref())).await??;
        let most = MOST_HELD / self.share.get() as u64;
        let at_hand = export.base.as_ref().map_or(0, |base| base.sums.rows);
        let report = export.to(candidate.clone()).await?;
        let is_mixed = report.geometry.as_ref().is_some_and(|geometry| {
            geometry.coordinates.as_deref() == Some(&*Coordinates::Mixed.to_string())
        });
        if at_hand > 0 && is_mixed {
            return Ok(Made::Unlike);
        }
        let id = opened.schema.id_place();
        let old = Arc::clone(&opened.old);
        // Given up, it is waited for: what it has begun in a store is taken back.
        let mut thread = WriterThread::<(), _>::start(move |inbox| {
            let given_up = inbox.given_up();
            let Some(whole) = candidate.take() else {
                return Err(Error::WriterStopped);
            };
            let new = EarlierExport::open(&SyncPlace::from(&whole.path), None)?;
            let only = differing.as_ref();
            let found = Differences::between(&old, &new, id, only, most, &given_up)?;
            let generation = new.generation();
            if found.are_none() {
                return Ok((found, None));
            }
            old.check_in_place()?;
            drop((old, new));
            whole.commit(&given_up)?;
            Ok((found, Some(generation)))
        })?;
        let (differences, written) = thread.finished().await?;
        let told = Told {
            rows: written.map_or(told.rows, |_| report.rows),
            generation: written.unwrap_or(told.generation),
            ..told.clone()
        };
        Ok(Made::Done(Box::new(SyncReport {
            written: written.is_some(),
            fetched_rows: report.rows - at_hand,
            export: Some(report),
            ..told.unchanged(way, reason).with(differences)
        })))
    }
}

/// Ends work on another thread when nobody waits for it any more.
#[derive(Default)]
struct StopWithMe(GivenUp);

impl Drop for StopWithMe {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// What a report says in any case.
#[derive(Clone)]
struct Told {
    start: Start,
    source: String,
    output: String,
    rows: u64,
    generation: Option<i64>,
}

impl Told {
    fn of(opened: &Opened, start: Start) -> Self {
        let old = &opened.old;
        Self {
            start,
            source: old.value("source").unwrap_or_default().to_owned(),
            output: old.path().display().to_string(),
            rows: old.rows(),
            generation: old.generation(),
        }
    }

    fn unchanged(&self, way: SyncWay, reason: Option<String>) -> SyncReport {
        SyncReport {
            tool: TOOL.to_owned(),
            source: self.source.clone(),
            output: self.output.clone(),
            way,
            reason,
            written: false,
            rows: self.rows,
            added_rows: 0,
            added_ids: Vec::new(),
            changed_rows: 0,
            changed_ids: Vec::new(),
            deleted_rows: 0,
            deleted_ids: Vec::new(),
            fetched_rows: 0,
            server_generation: self.generation,
            started: self.start.moment,
            elapsed: self.start.elapsed(),
            export: None,
        }
    }
}
