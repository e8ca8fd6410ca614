//! An export that is under way.

mod account;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arcgis_layer::arcgis_auth_core::redact_url;
use arcgis_layer::{
    AcceptedPage, Completion, FetchStats, IdSet, Layer, LayerInfo, Pages, Plan, Progress,
    ResolvedQuery,
};
use jiff::Timestamp;

use crate::assembly::Assembly;
use crate::destination::Output;
use crate::error::Error;
use crate::event::{ExportEvent, Observer};
use crate::format::{Counted, FileFormat, NewFile};
use crate::geometry_summary::GeometrySummary;
use crate::geoparquet::GeometryForm;
use crate::job::{BeforeCommit, LayerExport, blocking};
use crate::note::Note;
use crate::options::WriterOptions;
use crate::order::{Ordering, RowOrder};
use crate::page::{ArrowPage, ArrowSink};
use crate::partition::{Partitions, Scheme};
use crate::provenance::{LayerState, Provenance};
use crate::report::Report;
use crate::resume::{ResumeError, ResumeReport};
use crate::schema::ExportSchema;
use crate::spool::{
    Beginning, DiskSpool, Found, Leftover, Resumed, Spool, SpooledPage, Spools, Worth, difference,
    shape,
};
use crate::sync::{KeptRows, SavedOptions};
use crate::tally::{PageSums, Start, Tally};
use crate::writer_thread::WriterThread;

/// Where an export goes.
pub(crate) struct Place {
    /// What people call the output; none for tables in memory.
    pub(crate) name: Option<String>,
    /// What the output is called until it has its name.
    pub(crate) part: Option<PathBuf>,
    /// What its file is written as.
    pub(crate) format: FileFormat,
    /// Where to keep pages, if they are to be kept.
    pub(crate) spool: Option<PathBuf>,
    /// What is to be said of the way that rows are asked for.
    pub(crate) note: Option<Note>,
    /// How rows are cut into files, where they are: then the place is a folder.
    pub(crate) partitions: Option<Partitions>,
}

/// An export that is under way.
pub(crate) struct Run {
    layer: Layer,
    query: ResolvedQuery,
    schema: ExportSchema,
    pages: Pages<ArrowSink>,
    tally: Tally,
    /// When the first process began.
    retrieved: Timestamp,
    /// What the layer said of itself before the first row.
    state: LayerState,
    /// How the file is exported, as its footer says.
    options: Option<String>,
    /// The rows of an earlier file until the writer takes them.
    kept: Option<KeptRows>,
    resumed: Option<ResumeReport>,
    /// Rows whose place others took, by their numbers among all that came.
    replaced: IdSet,
    seen: FetchStats,
    time_budget: Option<Duration>,
    completion: Option<Completion>,
    /// What was known of the export before its first request.
    asked: Option<Note>,
    notes: Vec<Note>,
    writer: WriterOptions,
    format: FileFormat,
    scheme: Option<Scheme>,
    lenient: bool,
    fail_on_drift: bool,
    place: Option<String>,
    /// The spool on disk until the writer takes it.
    disk: Option<DiskSpool>,
    worth: Worth,
    spools: Spools,
    before_commit: BeforeCommit,
    observer: Observer,
}

/// What the writer is told. The end of messages without a `Finish` means that there will be no file.
pub(crate) enum Message {
    Page(Box<SpooledPage>),
    Finish(Box<Finish>),
}

/// What is known when all pages are there.
pub(crate) struct Finish {
    sums: PageSums,
    provenance: Provenance,
    report: Report,
    start: Start,
}

impl Run {
    /// Decides how to fetch, or goes on with what an earlier process left.
    pub(crate) async fn start(
        export: LayerExport,
        query: ResolvedQuery,
        place: Place,
        start: Start,
    ) -> Result<Self, Error> {
        let LayerExport {
            layer,
            query: asked,
            fetch,
            writer,
            format: _,
            columns,
            lenient,
            own_coordinates: _,
            fail_on_drift,
            spools,
            resume,
            base,
            before_commit,
            observer,
            partitions: _,
        } = export;
        let observer = observer.in_current_span();
        let options = match (&place.name, place.format) {
            (Some(_), FileFormat::GeoParquet) => {
                let info = layer.info();
                SavedOptions::of(&asked, info, &writer, &columns, lenient, fetch.format)
                    .map_err(arcgis_layer::Error::from)?
                    .with_partitions(place.partitions.clone())
                    .to_json()
            }
            _ => None,
        };
        let columns = match place.name {
            Some(_) => columns.for_file(place.format, &writer),
            None => columns,
        };
        let schema = ExportSchema::of_layer(query.layout(), layer.info(), &columns);
        if place.name.is_some() && place.format == FileFormat::GeoParquet {
            // What cannot be written is refused before anything is asked for.
            GeometryForm::of(&schema, &writer)?;
        }
        let scheme = match &place.partitions {
            Some(partitions) => Some(partitions.resolve(&schema, &writer, place.format)?),
            None => None,
        };
        let mut tally = Tally::new(&schema, start);
        let resume = resume.unwrap_or_default();
        let skips = fetch.allow_skips;
        let (anew, segment_bytes) = (resume.is_anew(), resume.segment_bytes());
        let found = match place.spool {
            Some(path) => Some(blocking(move || Found::at(path, anew)).await??),
            None => None,
        };
        let mut retrieved = start.moment;
        let mut state = match (&found, &base) {
            (_, Some(base)) => base.state,
            (Some(Found::Leftover(..)), None) => LayerState::default(),
            _ => LayerState::of(&layer).await,
        };
        let mut kept = None;
        let mut resumed = None;
        let mut progress = Progress::new();
        let mut replaced = IdSet::new();
        let (plan, disk) = match found {
            None => match base {
                None => (layer.plan(&query, &fetch).await?, None),
                Some(base) => {
                    tally.add(&base.sums, &IdSet::new());
                    kept = Some(base.kept);
                    (base.plan, None)
                }
            },
            Some(Found::Nothing(folder)) => {
                let plan = layer.plan(&query, &fetch).await?;
                let beginning = Beginning {
                    source: redact_url(layer.address().url()),
                    started: start.moment,
                    shape: shape(&schema, lenient),
                    checkpoint: plan.checkpoint(),
                    part: place.part,
                    segment_bytes,
                    skips,
                    state,
                };
                let (schema, observer) = (schema.clone(), observer.clone());
                let disk = blocking(move || DiskSpool::begin(folder, beginning, &schema, observer));
                (plan, Some(disk.await??))
            }
            Some(Found::Leftover(folder, leftover)) => {
                let mut leftover = *leftover;
                let plan = layer
                    .plan_of(&query, &fetch, &leftover.checkpoint)
                    .map_err(|error| ResumeError::of_plan(error, folder.path()))?;
                if leftover.skips && !skips {
                    return Err(Error::Resume(ResumeError::Differs {
                        folder: folder.path().to_owned(),
                        what: "handling of rows that the server cannot serve".to_owned(),
                        was: "left out".to_owned(),
                        is: "an error".to_owned(),
                    }));
                }
                let now = shape(&schema, lenient);
                if let Some((what, was, is)) = difference(&leftover.header.shape, &now) {
                    return Err(Error::Resume(ResumeError::Differs {
                        folder: folder.path().to_owned(),
                        what,
                        was,
                        is,
                    }));
                }
                retrieved = leftover.header.started;
                state = leftover.header.state;
                resumed = Some(report_of(&leftover));
                tally.add(&leftover.sums, &IdSet::new());
                progress = std::mem::take(&mut leftover.progress);
                replaced.clone_from(&leftover.replaced);
                let (schema, observer) = (schema.clone(), observer.clone());
                let disk = blocking(move || {
                    DiskSpool::go_on(
                        folder,
                        &leftover,
                        Resumed::now(place.part, skips),
                        segment_bytes,
                        &schema,
                        observer,
                    )
                });
                (plan, Some(disk.await??))
            }
        };
        observer.tell(&planned(&plan));
        if let Some(resumed) = &resumed {
            observer.tell(&ExportEvent::Resumed(resumed.clone()));
        }
        // What is known already should not wait for the end of a long export.
        let asked = place.note;
        let mut notes = tally.notes();
        notes.extend(asked.clone());
        for note in &notes {
            observer.tell(&ExportEvent::Noted(note.clone()));
        }
        let sink = ArrowSink::new(schema.clone()).with_lenient(lenient);
        let holds = holds_rows(&plan, place.format);
        let is_held = match place.name {
            Some(_) => {
                let order = RowOrder::of_file(&writer, place.format);
                scheme.is_some() || order.is_held(&schema, Some(plan.strategy()), holds)
            }
            None => holds,
        };
        let mut pages = layer.pages_after(plan, sink, progress);
        if is_held && !spools.are_other() {
            pages = pages.with_edited_rows_again();
        }
        Ok(Self {
            pages,
            replaced,
            layer,
            query,
            schema,
            tally,
            retrieved: whole_seconds(retrieved),
            state,
            options,
            kept,
            resumed,
            seen: FetchStats::default(),
            time_budget: fetch.time_budget,
            completion: None,
            asked,
            notes,
            writer,
            format: place.format,
            scheme,
            lenient,
            fail_on_drift,
            place: place.name,
            worth: disk.as_ref().map(DiskSpool::worth).unwrap_or_default(),
            disk,
            spools,
            before_commit,
            observer,
        })
    }

    /// The next page, or `None` when all are there and proven to be all.
    pub(crate) async fn next(&mut self) -> Result<Option<SpooledPage>, Error> {
        let next = self.pages.next().await;
        if let Err(arcgis_layer::Error::Incomplete(incomplete)) = &next {
            // Asking for the same pages again would end in the same way.
            if incomplete.missing.is_empty() {
                self.worth.nothing();
            } else {
                self.worth.lacking();
            }
        }
        let Some(accepted) = next? else {
            self.complete()?;
            return Ok(None);
        };
        let page = take(accepted)?;
        self.tally.add(&PageSums::of(&page), &page.replaces);
        self.replaced.extend(page.replaces.iter());
        let stats = self.pages.stats();
        if stats.retries > self.seen.retries {
            self.observer.tell(&ExportEvent::Retried {
                times: stats.retries - self.seen.retries,
            });
        }
        self.seen = stats;
        self.observer.tell(&ExportEvent::Page {
            rows: (page.batch.num_rows() as u64).saturating_sub(page.replaces.len()),
            bytes: page.bytes,
            stats,
        });
        Ok(Some(page))
    }

    fn complete(&mut self) -> Result<(), Error> {
        self.seen = self.pages.stats();
        let mut notes = self.tally.notes();
        notes.extend(self.asked.clone());
        if self.seen.fell_back > 0 {
            notes.push(Note::FellBack {
                pages: self.seen.fell_back,
            });
        }
        if self.seen.corrected > 0 {
            notes.push(Note::Corrected {
                pages: self.seen.corrected,
            });
        }
        self.completion = self.pages.completion().cloned();
        if let Some(completion) = &self.completion {
            notes.extend(Note::of_completion(completion));
        }
        for note in notes.iter().filter(|note| !self.notes.contains(note)) {
            self.observer.tell(&ExportEvent::Noted(note.clone()));
        }
        self.notes = notes;
        if let Some(completion) = &self.completion {
            self.observer
                .tell(&ExportEvent::Verified(completion.clone()));
            if self.fail_on_drift && !completion.drift.is_none() {
                return Err(Error::Drift(Box::new(completion.drift.clone())));
            }
        }
        Ok(())
    }

    /// Starts the thread that encodes and writes.
    pub(crate) fn writer(
        &mut self,
        output: Box<dyn Output>,
        name: String,
    ) -> Result<WriterThread<Message, Report>, Error> {
        let (schema, options) = (self.schema.clone(), self.writer.clone());
        let (observer, format, lenient) = (self.observer.clone(), self.format, self.lenient);
        let provenance = self.provenance();
        let scheme = self.scheme.clone();
        let (disk, spools, plan) = (self.disk.take(), self.spools.clone(), self.spool_plan());
        let before_commit = self.before_commit.clone();
        let holds = holds_rows(self.pages.plan(), format);
        let looks_again = !self.replaced.is_empty();
        let kept = self.kept.take();
        WriterThread::start(move |mut messages| {
            let given_up = messages.given_up();
            let ordering = Ordering {
                schema: &schema,
                order: RowOrder::of_file(&options, format),
                options: &options,
                // Rows of two places are in no order together.
                strategy: Some(plan.strategy).filter(|_| kept.is_none()),
                holds,
                partitions: scheme.as_ref(),
                part: output.temporary(),
                given_up: given_up.clone(),
            };
            let (spool, order) = match spools.other(&plan) {
                Some(other) => (other?, None),
                None => (ordering.spool(disk), Some(ordering.order())),
            };
            let new = NewFile {
                format,
                output: Counted::new(output),
                schema: &schema,
                options: &options,
                provenance: &provenance,
                lenient,
                partitions: scheme.clone(),
                given_up: given_up.clone(),
            };
            let mut assembly = Assembly::new(new, spool, observer, given_up.clone())?;
            if looks_again {
                assembly.looks_again();
            }
            // What the spool has from an earlier time.
            assembly.drain()?;
            if let Some(kept) = kept {
                kept.each(&given_up, |page| assembly.push(page))?;
            }
            while let Some(message) = messages.next() {
                match message {
                    Message::Page(page) => assembly.push(*page)?,
                    Message::Finish(mut all) => {
                        all.report.order = order.map(|order| order.to_string());
                        let file = assembly.finish(&all.sums, &all.provenance)?;
                        return file.commit(all.report, name, &options, all.start, |report| {
                            before_commit.check(report)
                        });
                    }
                }
            }
            Err(Error::WriterStopped)
        })
    }

    /// The spool for a table in memory, unless it is one that keeps nothing.
    pub(crate) async fn other_spool(&mut self) -> Result<Option<Box<dyn Spool>>, Error> {
        if let Some(disk) = self.disk.take() {
            return Ok(Some(Box::new(disk)));
        }
        let (spools, plan) = (self.spools.clone(), self.spool_plan());
        blocking(move || spools.other(&plan).transpose()).await?
    }

    /// What the writer needs when all pages are there.
    pub(crate) fn finish(&self) -> Finish {
        Finish {
            sums: self.tally.sums.clone(),
            provenance: self.provenance(),
            report: self.report(),
            start: self.tally.start(),
        }
    }

    pub(crate) fn observer(&self) -> &Observer {
        &self.observer
    }

    pub(crate) fn schema(&self) -> &ExportSchema {
        &self.schema
    }

    /// Different rows.
    pub(crate) fn rows(&self) -> u64 {
        self.tally.sums.different_rows()
    }

    /// Rows whose place others took, by their numbers among all that came.
    pub(crate) fn replaced(&self) -> &IdSet {
        &self.replaced
    }

    pub(crate) fn geometry(&self) -> &GeometrySummary {
        &self.tally.sums.geometry
    }

    fn info(&self) -> &Arc<LayerInfo> {
        self.layer.info()
    }
}

/// Ends the building of columns: nothing is copied, so this is no work for a thread of its own.
fn take(accepted: AcceptedPage<ArrowPage>) -> Result<SpooledPage, Error> {
    let batch = accepted.page.into_batch()?;
    Ok(SpooledPage::new(accepted.position, batch, accepted.facts)
        .with_bytes(accepted.bytes)
        .with_record(accepted.record)
        .with_replaces(accepted.replaces))
}

fn planned(plan: &Plan) -> ExportEvent {
    ExportEvent::Planned {
        rows: plan.rows_to_fetch(),
        pages: plan.pages(),
        page_size: plan.page_size(),
        strategy: plan.strategy(),
        reason: plan.reason().to_owned(),
        format: plan.format(),
    }
}

/// Whether no row may go on before all are there: some may come again at the end, as they are then. What is read while
/// it is written does not wait.
fn holds_rows(plan: &Plan, format: FileFormat) -> bool {
    plan.names_edited_rows() && !format.is_stream()
}

fn report_of(leftover: &Leftover) -> ResumeReport {
    ResumeReport {
        started: leftover.header.started,
        earlier_runs: leftover.runs,
        rows: leftover.sums.different_rows(),
        pages: leftover.pages,
        bytes: leftover.bytes,
    }
}

fn whole_seconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}
