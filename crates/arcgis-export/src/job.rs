//! The export of a layer: query, plan, pages, columns, file, report.

use std::sync::Arc;

use arcgis_layer::arcgis_auth_core::{Url, redact_url};
use arcgis_layer::{
    AcceptedPage, Completion, FetchOptions, FetchStats, Layer, LayerInfo, Pages, Query,
    ResolvedQuery,
};
use arrow_array::RecordBatch;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::assembly::{Assembly, check_rows};
use crate::destination::{Committed, Destination, Output};
use crate::error::Error;
use crate::event::{ExportEvent, Observer};
use crate::geometry_summary::GeometrySummary;
use crate::geoparquet::RowGroup;
use crate::note::Note;
use crate::options::WriterOptions;
use crate::page::{ArrowPage, ArrowSink};
use crate::provenance::Provenance;
use crate::report::{
    FetchReport, ProofReport, QueryReport, Report, Start, Tally, spatial_reference,
};
use crate::schema::{DateZone, ExportSchema};
use crate::spool::{Spool, SpoolFactory, SpoolPlan, SpooledPage, Spools};
use crate::table::Table;

/// Pages that wait for the writer: what bounds memory is the fetch window.
const WAITING_PAGES: usize = 2;

/// The export of one layer, to a file or into memory.
///
/// Every row comes once, or the export fails and leaves nothing; the [`Report`] says how that is known.
/// It runs on a tokio runtime. Dropping the future stops requests and threads and removes what was
/// written so far. While a file is written, one of the runtime's threads for blocking work is taken, and
/// pages are decoded on others: a runtime needs at least one more of them than it runs exports at once
/// (tokio has 512 by default).
///
/// ```no_run
/// # async fn example(layer: arcgis_layer::Layer) -> Result<(), arcgis_export::Error> {
/// use arcgis_export::{LayerExport, LocalFile};
/// use arcgis_layer::Query;
///
/// let report = LayerExport::new(layer)
///     .with_query(Query::new().with_where("POP_MAX > 1000000"))
///     .to(LocalFile::new("cities.parquet"))
///     .await?;
/// println!("{} rows", report.rows);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct LayerExport {
    layer: Layer,
    query: Query,
    fetch: FetchOptions,
    writer: WriterOptions,
    lenient: bool,
    fail_on_drift: bool,
    spools: Spools,
    observer: Observer,
}

impl LayerExport {
    /// All rows of a layer, with all fields and geometry, in the layer's own reference system.
    pub fn new(layer: Layer) -> Self {
        Self {
            layer,
            query: Query::new(),
            fetch: FetchOptions::default(),
            writer: WriterOptions::default(),
            lenient: false,
            fail_on_drift: false,
            spools: Spools::default(),
            observer: Observer::default(),
        }
    }

    /// Sets what to export.
    pub fn with_query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    /// Sets how to fetch.
    pub fn with_fetch(mut self, options: FetchOptions) -> Self {
        self.fetch = options;
        self
    }

    /// Sets how to write files.
    pub fn with_writer(mut self, options: WriterOptions) -> Self {
        self.writer = options;
        self
    }

    /// Whether a value that does not fit its column becomes null, and is counted in the report,
    /// instead of an error. Default: no.
    pub fn with_lenient(mut self, lenient: bool) -> Self {
        self.lenient = lenient;
        self
    }

    /// Whether rows that came or went on the server during the export are an error, and nothing is
    /// written, instead of a line in the report. Default: no.
    pub fn with_fail_on_drift(mut self, fail: bool) -> Self {
        self.fail_on_drift = fail;
        self
    }

    /// Puts another [`Spool`] between accepted pages and the output than
    /// [`DirectSpool`](crate::DirectSpool): one that keeps rows, or gives them back in another order.
    pub fn with_spool(mut self, factory: impl SpoolFactory) -> Self {
        self.spools = Spools::of(factory);
        self
    }

    /// Sets who watches. Called from several threads; it should return soon.
    pub fn with_observer(mut self, observe: impl Fn(&ExportEvent) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// Writes the rows as GeoParquet (or as plain Parquet, if there is no geometry).
    ///
    /// # Errors
    ///
    /// Before anything is fetched: [`Error::Layer`] if the query does not fit the layer,
    /// [`Error::Exists`] and [`Error::Unwritable`]. Later any [`Error`]; then nothing stands under the
    /// destination's name, or what stood there before.
    pub async fn to(self, destination: impl Destination) -> Result<Report, Error> {
        let start = Start::now();
        let resolved = self.resolve()?;
        let place = destination.name();
        let output = blocking(move || destination.open()).await??;
        let mut run = self.start(resolved, start).await?;
        let (pages, writer) = run.writer(output, place);
        loop {
            let page = match run.next().await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(error) => {
                    // The writer ends when nothing can come any more; it leaves nothing behind.
                    drop(pages);
                    let _ = writer.await;
                    return Err(error);
                }
            };
            if pages.send(Message::Page(Box::new(page))).await.is_err() {
                // It ends early only with an error of its own.
                return Err(match finished(writer).await {
                    Ok(_) => Error::WriterStopped,
                    Err(error) => error,
                });
            }
        }
        let finish = Message::Finish(Box::new(Finish {
            rows: run.tally.rows,
            geometry: run.tally.geometry.clone(),
            provenance: run.provenance(),
        }));
        if pages.send(finish).await.is_err() {
            tracing::debug!("the writer stopped before the last page");
        }
        // The writer commits only as long as this sender lives: a future that is dropped leaves nothing.
        let written = finished(writer).await;
        drop(pages);
        let (committed, groups) = written?;
        let report = run.report().in_file(committed, &groups, &run.writer);
        run.observer
            .tell(&ExportEvent::Finished(Box::new(report.clone())));
        Ok(report)
    }

    /// Puts the rows into memory, as one table.
    ///
    /// # Errors
    ///
    /// As [`LayerExport::to`].
    pub async fn into_table(self) -> Result<Table, Error> {
        let start = Start::now();
        let resolved = self.resolve()?;
        let mut run = self.start(resolved, start).await?;
        let mut pages = Vec::new();
        while let Some(page) = run.next().await? {
            pages.push(page);
        }
        let (schema, provenance, report) = (run.schema.clone(), run.provenance(), run.report());
        let (spools, plan) = (run.spools.clone(), run.spool_plan(None));
        let table = blocking(move || -> Result<Table, Error> {
            let batches = match spools.other(&plan) {
                // The pages as they are: a spool that keeps nothing would copy every row once more.
                None => pages.into_iter().map(|page| page.batch).collect(),
                Some(spool) => spooled(spool?, pages)?,
            };
            Ok(Table::new(&schema, batches, &provenance, report)?)
        })
        .await??;
        run.observer
            .tell(&ExportEvent::Finished(Box::new(table.report.clone())));
        Ok(table)
    }

    fn resolve(&self) -> Result<ResolvedQuery, Error> {
        Ok(self
            .query
            .resolve(self.layer.info())
            .map_err(arcgis_layer::Error::from)?)
    }

    async fn start(self, query: ResolvedQuery, start: Start) -> Result<Run, Error> {
        let info = self.layer.info();
        let dates = if info.dates_in_unknown_time_zone {
            DateZone::Unknown
        } else {
            DateZone::Utc
        };
        let schema = ExportSchema::new(query.layout(), dates);
        let plan = self.layer.plan(&query, &self.fetch).await?;
        self.observer.tell(&ExportEvent::Planned {
            rows: plan.rows(),
            pages: plan.pages(),
            page_size: plan.page_size(),
            strategy: plan.strategy(),
            reason: plan.reason().to_owned(),
            format: plan.format(),
        });
        let sink = ArrowSink::new(schema.clone()).with_lenient(self.lenient);
        let tally = Tally::new(&schema, start);
        // What is known already should not wait for the end of a long export.
        let notes = tally.notes();
        for note in &notes {
            self.observer.tell(&ExportEvent::Noted(note.clone()));
        }
        Ok(Run {
            tally,
            schema,
            pages: self.layer.pages(plan, sink),
            layer: self.layer,
            query,
            retrieved: whole_seconds(start.moment),
            seen: FetchStats::default(),
            completion: None,
            notes,
            writer: self.writer,
            fail_on_drift: self.fail_on_drift,
            spools: self.spools,
            observer: self.observer,
        })
    }
}

/// An export that is under way.
struct Run {
    layer: Layer,
    query: ResolvedQuery,
    schema: ExportSchema,
    pages: Pages<ArrowSink>,
    tally: Tally,
    retrieved: Timestamp,
    seen: FetchStats,
    completion: Option<Completion>,
    notes: Vec<Note>,
    writer: WriterOptions,
    fail_on_drift: bool,
    spools: Spools,
    observer: Observer,
}

/// What the writer is told. The end of messages without a `Finish` means that there will be no file.
enum Message {
    Page(Box<SpooledPage>),
    Finish(Box<Finish>),
}

/// What is known when all pages are there.
struct Finish {
    rows: u64,
    geometry: GeometrySummary,
    provenance: Provenance,
}

type Written = (Committed, Vec<RowGroup>);

impl Run {
    /// The next page, or `None` when all are there and proven to be all.
    async fn next(&mut self) -> Result<Option<SpooledPage>, Error> {
        let Some(accepted) = self.pages.next().await? else {
            self.complete()?;
            return Ok(None);
        };
        let page = self.take(accepted)?;
        let stats = self.pages.stats();
        if stats.retries > self.seen.retries {
            self.observer.tell(&ExportEvent::Retried {
                times: stats.retries - self.seen.retries,
            });
        }
        self.seen = stats;
        self.observer.tell(&ExportEvent::Page {
            rows: page.batch.num_rows() as u64,
            bytes: page.bytes,
            stats,
        });
        Ok(Some(page))
    }

    /// Ends the building of columns: nothing is copied, so this is no work for a thread of its own.
    fn take(&mut self, accepted: AcceptedPage<ArrowPage>) -> Result<SpooledPage, Error> {
        let batch = accepted.page.into_batch()?;
        self.tally.add(&batch, &accepted.facts);
        Ok(SpooledPage::new(accepted.position, batch, accepted.facts).with_bytes(accepted.bytes))
    }

    fn complete(&mut self) -> Result<(), Error> {
        self.seen = self.pages.stats();
        let mut notes = self.tally.notes();
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
        for note in notes.iter().filter(|note| !self.notes.contains(note)) {
            self.observer.tell(&ExportEvent::Noted(note.clone()));
        }
        self.notes = notes;
        self.completion = self.pages.completion().cloned();
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
    fn writer(
        &self,
        output: Box<dyn Output>,
        place: String,
    ) -> (mpsc::Sender<Message>, JoinHandle<Result<Written, Error>>) {
        let (sender, mut messages) = mpsc::channel(WAITING_PAGES);
        let (schema, options) = (self.schema.clone(), self.writer.clone());
        let observer = self.observer.clone();
        let (spools, plan) = (self.spools.clone(), self.spool_plan(Some(place)));
        let writer = spawn_blocking(move || {
            let spool = spools.spool(&plan)?;
            let mut assembly = Assembly::new(output, &schema, &options, spool, observer)?;
            while let Some(message) = messages.blocking_recv() {
                match message {
                    Message::Page(page) => assembly.push(*page)?,
                    Message::Finish(all) => {
                        let (output, groups) =
                            assembly.finish(all.rows, &all.geometry, &all.provenance)?;
                        if messages.sender_strong_count() == 0 {
                            break;
                        }
                        return Ok((output.commit()?, groups));
                    }
                }
            }
            Err(Error::WriterStopped)
        });
        (sender, writer)
    }

    fn info(&self) -> &Arc<LayerInfo> {
        self.layer.info()
    }

    fn source(&self) -> String {
        redact_url(self.layer.address().url())
    }

    /// The address that asks for the rows, with all that decides which they are and how they look.
    fn query_url(&self) -> Url {
        let request = self.query.page_request(self.layer.address());
        let shape = ["outFields", "returnGeometry", "outSR", "maxAllowableOffset"];
        let mut url = self.layer.address().query_url();
        url.query_pairs_mut()
            .append_pair("where", self.query.where_clause())
            .extend_pairs(self.query.filter_params())
            .extend_pairs(
                shape
                    .iter()
                    .filter_map(|name| Some((name, request.param(name)?))),
            );
        Url::parse(&redact_url(&url)).unwrap_or_else(|_| self.layer.address().query_url())
    }

    fn spool_plan(&self, destination: Option<String>) -> SpoolPlan {
        let plan = self.pages.plan();
        SpoolPlan {
            schema: self.schema.clone(),
            source: self.source(),
            query: self.query_url().into(),
            destination,
            object_id: self.query.object_id().map(str::to_owned),
            rows: plan.rows(),
            pages: plan.pages(),
            page_size: plan.page_size(),
            strategy: plan.strategy(),
            format: plan.format(),
        }
    }

    /// What is known of completeness.
    fn proof(&self) -> Option<ProofReport> {
        let completion = self.completion.as_ref()?;
        Some(ProofReport::new(self.pages.plan(), completion))
    }

    fn provenance(&self) -> Provenance {
        let info = self.info();
        Provenance {
            source: Some(self.source()),
            layer: Some(info.name.clone()),
            layer_id: Some(info.id),
            query: Some(self.query_url().into()),
            limit: self.query.limit(),
            spatial_reference: self
                .schema
                .geometry_name()
                .map(|_| spatial_reference(&self.schema)),
            time_zone: info.date_time_zone.clone(),
            proof: self.proof().map(|proof| proof.level),
            copyright: info
                .copyright_text
                .clone()
                .filter(|text| !text.trim().is_empty()),
            retrieved: Some(self.retrieved),
        }
    }

    fn report(&self) -> Report {
        let mut report = self.tally.report(self.notes.clone());
        report.source = Some(self.source());
        report.layer = Some(self.info().name.clone());
        report.query = Some(QueryReport::from((&self.query, self.query_url())));
        report.object_id_field = self.query.object_id().map(str::to_owned);
        report.proof = self.proof();
        report.fetch = Some(FetchReport::from((self.pages.plan(), self.seen)));
        report
    }
}

fn whole_seconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work).await.map_err(Error::of_task)
}

async fn finished(writer: JoinHandle<Result<Written, Error>>) -> Result<Written, Error> {
    writer.await.map_err(Error::of_task)?
}

/// All rows, as a spool of the caller's gives them back.
fn spooled(mut spool: Box<dyn Spool>, pages: Vec<SpooledPage>) -> Result<Vec<RecordBatch>, Error> {
    let mut batches = Vec::new();
    let mut pushed = 0;
    for page in pages {
        pushed += page.batch.num_rows() as u64;
        spool.push(page)?;
        batches.extend(
            std::iter::from_fn(|| spool.next().transpose()).collect::<Result<Vec<_>, _>>()?,
        );
    }
    spool.finish()?;
    batches.extend(std::iter::from_fn(|| spool.next().transpose()).collect::<Result<Vec<_>, _>>()?);
    let given_back = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    check_rows(pushed, given_back)?;
    Ok(batches)
}
