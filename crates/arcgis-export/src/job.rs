//! The export of a layer: what to do, and the way from the first request to the report.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arcgis_layer::{FetchOptions, Layer, Plan, Query, ResolvedQuery, SpatialReference};
use arrow_array::RecordBatch;
use tokio::task::spawn_blocking;
use tracing::Instrument as _;

use crate::assembly::check_rows;
use crate::column_options::ColumnOptions;
use crate::destination::{Destination, Hold};
use crate::error::Error;
use crate::event::{ExportEvent, Observer};
use crate::format::{FileFormat, Requirement, WGS84};
use crate::geometry_summary::GeometrySummary;
use crate::layer_stream::{BatchLimits, LayerStream, Purpose};
use crate::note::Note;
use crate::options::WriterOptions;
use crate::partition::Partitions;
use crate::replaced::Sieve;
use crate::report::Report;
use crate::resume::Resume;
use crate::run::{Message, Place, Run};
use crate::schema::{DateZone, ExportSchema};
use crate::spool::{Spool, SpoolFactory, SpooledPage, Spools};
use crate::sync::Base;
use crate::table::Table;
use crate::tally::Start;
use crate::telemetry;

/// The export of one layer, to a file or into memory.
///
/// Every row comes once, or the export fails and leaves nothing; the [`Report`] says how that is known.
/// It runs on a tokio runtime; files are written by a thread of its own. Dropping the future stops requests
/// and threads, waits for the thread that writes (a batch at most, and never more than ten seconds), and
/// removes what was written so far.
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
    pub(crate) layer: Layer,
    pub(crate) query: Query,
    pub(crate) fetch: FetchOptions,
    pub(crate) writer: WriterOptions,
    pub(crate) format: Option<FileFormat>,
    pub(crate) columns: ColumnOptions,
    pub(crate) lenient: bool,
    pub(crate) own_coordinates: bool,
    pub(crate) fail_on_drift: bool,
    pub(crate) spools: Spools,
    pub(crate) resume: Option<Resume>,
    /// Rows that are there already, of an earlier file.
    pub(crate) base: Option<Box<Base>>,
    pub(crate) before_commit: BeforeCommit,
    pub(crate) observer: Observer,
    pub(crate) partitions: Option<Partitions>,
}

type Check = dyn Fn(&Report) -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

/// What is done when the output is whole and has no name yet.
#[derive(Clone, Default)]
pub(crate) struct BeforeCommit(Option<Arc<Check>>);

impl BeforeCommit {
    pub(crate) fn check(&self, report: &Report) -> Result<(), Error> {
        match &self.0 {
            Some(check) => check(report).map_err(Error::BeforeCommit),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for BeforeCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Some" } else { "None" })
    }
}

impl LayerExport {
    /// All rows of a layer, with all fields and geometry, in the layer's own reference system.
    pub fn new(layer: Layer) -> Self {
        Self {
            layer,
            query: Query::new(),
            fetch: FetchOptions::default(),
            writer: WriterOptions::default(),
            format: None,
            columns: ColumnOptions::default(),
            lenient: false,
            own_coordinates: false,
            fail_on_drift: false,
            spools: Spools::default(),
            resume: None,
            base: None,
            before_commit: BeforeCommit::default(),
            observer: Observer::default(),
            partitions: None,
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

    /// Sets the format of the file. Default: by the extension of its name, and GeoParquet where that says none.
    pub fn with_format(mut self, format: FileFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets what columns hold, where there is a choice.
    pub fn with_columns(mut self, options: ColumnOptions) -> Self {
        self.columns = options;
        self
    }

    /// Whether a value that does not fit its column becomes null, and is counted in the report,
    /// instead of an error. Default: no.
    pub fn with_lenient(mut self, lenient: bool) -> Self {
        self.lenient = lenient;
        self
    }

    /// Whether coordinates have to be the layer's own where the query says no other reference system: then a format that
    /// knows longitude and latitude alone, such as GeoJSON, is [`Error::NotInDegrees`] for layers in another one, and
    /// otherwise the server is asked for these ([`Note::Reprojected`]). Default: no.
    pub fn with_own_coordinates(mut self, own: bool) -> Self {
        self.own_coordinates = own;
        self
    }

    /// Whether rows that came or went on the server during the export are an error, and nothing is
    /// written, instead of a line in the report. Default: no.
    pub fn with_fail_on_drift(mut self, fail: bool) -> Self {
        self.fail_on_drift = fail;
        self
    }

    /// Cuts the rows into the files of one dataset, in a [`PartitionFolder`](crate::PartitionFolder) or, in a store, below a
    /// `StoredPartitions`. The files are
    /// GeoParquet, each whole for itself; all have the same columns, and together the rows that a single file would have.
    /// Default: all rows are in one file.
    pub fn with_partitions(mut self, partitions: Partitions) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Puts another [`Spool`] between accepted pages and the output than
    /// [`DirectSpool`](crate::DirectSpool): one that keeps rows, or gives them back in another order.
    ///
    /// It takes the place of [`LayerExport::with_resume`].
    pub fn with_spool(mut self, factory: impl SpoolFactory) -> Self {
        self.spools = Spools::of(factory);
        self.resume = None;
        self
    }

    /// Keeps each page on disk until the output is in its place, and goes on where an earlier export of the
    /// same rows to the same output ended, if one did: rows, their order and row groups are those of an
    /// undisturbed export. Default: nothing is kept.
    ///
    /// The rows are those that were there when the first process began, and `arcgis:retrieved` in the footer
    /// says that moment; what came or went since then is drift, as ever. What a process had written when it
    /// was killed is used as far as it is whole; a machine that goes down may lose its last five seconds or
    /// 64 MiB. After an error the pages stay ([`ExportEvent::Kept`] says where), unless it shows that they
    /// are not the layer's rows.
    ///
    /// It takes the place of [`LayerExport::with_spool`].
    pub fn with_resume(mut self, resume: Resume) -> Self {
        self.resume = Some(resume);
        self.spools = Spools::default();
        self
    }

    /// What to do when the file is whole, proven and on disk, and has not got its name yet: to write its
    /// report beside it, say. If that fails, the export does, with [`Error::BeforeCommit`]. It runs on a
    /// thread that may block; only [`LayerExport::to`] calls it.
    pub fn with_before_commit(
        mut self,
        check: impl Fn(&Report) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.before_commit = BeforeCommit(Some(Arc::new(check)));
        self
    }

    /// Sets who watches. Called from several threads; it should return soon.
    pub fn with_observer(mut self, observe: impl Fn(&ExportEvent) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// What would be done, decided by asking the server how many rows there are and which: nothing is fetched.
    ///
    /// # Errors
    ///
    /// [`Error::Layer`].
    pub async fn plan(&self) -> Result<Plan, Error> {
        Ok(self.layer.plan(&self.resolve()?, &self.fetch).await?)
    }

    /// Writes the rows to a file, or to several in a folder.
    ///
    /// # Errors
    ///
    /// Before anything is fetched: [`Error::Layer`] if the query does not fit the layer,
    /// [`Error::Exists`], [`Error::Unwritable`], [`Error::Unsupported`], [`Error::Partition`] and [`Error::Resume`]. Later any [`Error`]; then nothing
    /// stands under the destination's name, or what stood there before.
    pub async fn to(self, destination: impl Destination) -> Result<Report, Error> {
        let span = telemetry::span(&self.layer);
        self.write_to(destination).instrument(span).await
    }

    async fn write_to(self, destination: impl Destination) -> Result<Report, Error> {
        let start = match &self.base {
            Some(base) => base.start,
            None => Start::now(),
        };
        let name = destination.name();
        let is_folder = destination.is_folder();
        self.check_partitions(is_folder, &name)?;
        let format = match is_folder {
            true => self.format.unwrap_or_default(),
            false => FileFormat::of_destination(self.format, &name),
        };
        self.writer.check_sort_folder(format, is_folder)?;
        Requirement(format).check_options(&self.writer)?;
        Requirement(format).check_columns(&self.columns)?;
        let (resolved, note) = self.resolve_for(format)?;
        let beside = destination.spool_folder();
        let mut output = blocking(move || destination.open()).await??;
        let hold = Hold::on(output.as_mut());
        let place = Place {
            spool: self.spool_folder(beside, &name)?,
            part: output.temporary().map(absolute),
            name: Some(name.clone()),
            format,
            note,
            partitions: self.partitions.clone(),
        };
        let mut run = Run::start(self, resolved, place, start).await?;
        let mut writer = run.writer(output, name)?;
        // Given up, the export first stops its requests, those of the output too, and then waits for the writer.
        let hold = hold;
        let mut run = run;
        loop {
            // After an error the writer is dropped: it ends, and leaves nothing behind.
            let Some(page) = run.next().await? else { break };
            if !writer.send(Message::Page(Box::new(page))).await {
                // It ends early only with an error of its own.
                return Err(match writer.finished().await {
                    Ok(_) => Error::WriterStopped,
                    Err(error) => error,
                });
            }
        }
        let finish = Message::Finish(Box::new(run.finish()));
        if !writer.send(finish).await {
            tracing::debug!("the writer stopped before the last page");
        }
        let report = writer.finished().await?;
        hold.release();
        run.observer()
            .tell(&ExportEvent::Finished(Box::new(report.clone())));
        Ok(report)
    }

    /// Puts the rows into memory, as one table.
    ///
    /// # Errors
    ///
    /// As [`LayerExport::to`].
    pub async fn into_table(self) -> Result<Table, Error> {
        let span = telemetry::span(&self.layer);
        self.collect_table().instrument(span).await
    }

    async fn collect_table(self) -> Result<Table, Error> {
        let start = Start::now();
        self.check_partitions(false, "a table in memory")?;
        let resolved = self.resolve()?;
        let place = Place {
            spool: self.spool_folder(None, &format!("the table of {}", self.layer.address()))?,
            part: None,
            name: None,
            format: FileFormat::default(),
            note: None,
            partitions: None,
        };
        let mut run = Run::start(self, resolved, place, start).await?;
        let mut spool = run.other_spool().await?;
        let mut batches = Vec::new();
        let mut is_checked = false;
        // The pages as they are: a spool that keeps nothing would copy every row once more.
        while let Some(page) = run.next().await? {
            match spool.take() {
                None => batches.push(page.batch),
                Some(other) => spool = Some(through(other, Some(page), &mut batches).await?),
            }
        }
        if let Some(other) = spool.take() {
            spool = Some(through(other, None, &mut batches).await?);
            is_checked = true;
        }
        if !run.replaced().is_empty() {
            batches = Sieve::new(run.replaced().clone()).keep_all(batches)?;
        }
        if is_checked {
            let given_back = batches.iter().map(|batch| batch.num_rows() as u64).sum();
            check_rows(run.rows(), given_back)?;
        }
        let (schema, provenance, mut report) =
            (run.schema().clone(), run.provenance(), run.report());
        if !run.replaced().is_empty() {
            let mut written = GeometrySummary::default();
            for rows in &batches {
                written.merge(&GeometrySummary::of_file(rows, &schema)?);
            }
            report = report.with_geometry(&written);
        }
        let table = blocking(move || -> Result<Table, Error> {
            let table = Table::new(&schema, batches, &provenance, report)?;
            if let Some(mut spool) = spool {
                spool.committed();
            }
            Ok(table)
        })
        .await??;
        run.observer()
            .tell(&ExportEvent::Finished(Box::new(table.report.clone())));
        Ok(table)
    }

    /// Gives the rows as they come, as batches whose schema is known before the first of them: the columns of
    /// [`ExportSchema::table`], for any code that takes Arrow.
    ///
    /// ```no_run
    /// # async fn example(layer: arcgis_layer::Layer) -> Result<(), Box<dyn std::error::Error>> {
    /// use arcgis_export::{BatchLimits, LayerExport};
    /// use futures_util::TryStreamExt as _;
    ///
    /// let mut rows = LayerExport::new(layer).into_stream(BatchLimits::default()).await?;
    /// println!("{}", rows.schema());
    /// while let Some(batch) = rows.try_next().await? {
    ///     println!("{} rows", batch.num_rows());
    /// }
    /// // No error came, so the rows are all.
    /// println!("{:?}", rows.report());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Layer`] if the query does not fit the layer or it cannot be counted, and [`Error::Unsupported`]
    /// with what a stream does not have: [`LayerExport::with_resume`], [`LayerExport::with_spool`],
    /// [`LayerExport::with_format`], the order [`RowOrder::Hilbert`](crate::RowOrder::Hilbert), and options of files in
    /// [`LayerExport::with_writer`].
    pub async fn into_stream(self, limits: BatchLimits) -> Result<LayerStream, Error> {
        let resolved = self.resolve()?;
        let span = telemetry::span(&self.layer);
        let stream = LayerStream::start(self, resolved, limits, Purpose::Table);
        stream.instrument(span).await
    }

    /// Gives the rows as they come, as the columns of a GeoParquet file, for a Parquet writer with properties of
    /// one's own: with [`LayerStream::footer`] in its footer, what it writes is GeoParquet, in the version and encoding of
    /// [`LayerExport::with_writer`]. Here it goes to any [`AsyncWrite`](tokio::io::AsyncWrite):
    ///
    /// ```no_run
    /// # async fn example(
    /// #     layer: arcgis_layer::Layer,
    /// #     out: impl tokio::io::AsyncWrite + Unpin + Send,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use arcgis_export::{BatchLimits, LayerExport};
    /// use futures_util::TryStreamExt as _;
    /// use parquet::arrow::AsyncArrowWriter;
    /// use parquet::file::metadata::KeyValue;
    /// use parquet::file::properties::WriterProperties;
    ///
    /// let limits = BatchLimits::default();
    /// let mut rows = LayerExport::new(layer).into_geoparquet_stream(limits).await?;
    /// let properties = WriterProperties::builder().set_bloom_filter_enabled(true).build();
    /// let mut writer = AsyncArrowWriter::try_new(out, rows.schema(), Some(properties))?;
    /// while let Some(batch) = rows.try_next().await? {
    ///     writer.write(&batch).await?;
    /// }
    /// // No error came, so the rows are all, and what is to be said of them is known.
    /// for (key, value) in rows.footer().unwrap_or_default() {
    ///     writer.append_key_value_metadata(KeyValue::new(key.clone(), value.clone()));
    /// }
    /// writer.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The `geo` of version 2.0 is right for columns of Parquet's type GEOMETRY, which `parquet` makes of the geometry's
    /// extension type `geoarrow.wkb`. In version 1.1 the geometry is a plain column, as that version wants it, and says in
    /// `geo` alone what it is.
    ///
    /// # Errors
    ///
    /// As [`LayerExport::into_stream`]; [`Error::Unsupported`] too if version and encoding do not go together, or not with
    /// the layer's geometry.
    pub async fn into_geoparquet_stream(self, limits: BatchLimits) -> Result<LayerStream, Error> {
        let resolved = self.resolve()?;
        let span = telemetry::span(&self.layer);
        let stream = LayerStream::start(self, resolved, limits, Purpose::GeoParquet);
        stream.instrument(span).await
    }

    /// Several files want a folder, and a folder wants several files.
    fn check_partitions(&self, is_folder: bool, name: &str) -> Result<(), Error> {
        let refused = |option: &str, by: String| {
            Err(Error::Unsupported {
                option: option.to_owned(),
                by,
            })
        };
        match (&self.partitions, is_folder) {
            (Some(_), false) => refused("a dataset in several files", name.to_owned()),
            (None, true) => refused("a dataset in one file", format!("the folder {name}")),
            (Some(_), true) if self.spools.are_other() => refused(
                "a dataset in several files",
                "a spool of one's own".to_owned(),
            ),
            _ => Ok(()),
        }
    }

    fn resolve(&self) -> Result<ResolvedQuery, Error> {
        Ok(self
            .query
            .resolve(self.layer.info())
            .map_err(arcgis_layer::Error::from)?)
    }

    /// The query for a file: in longitude and latitude where its format knows nothing else, and a note of that.
    pub(crate) fn resolve_for(
        &self,
        format: FileFormat,
    ) -> Result<(ResolvedQuery, Option<Note>), Error> {
        let resolved = self.resolve()?;
        if !format.is_in_degrees() {
            return Ok((resolved, None));
        }
        let schema = ExportSchema::new(resolved.layout(), DateZone::Utc);
        let Err(other) = Requirement(format).check_crs(&schema) else {
            return Ok((resolved, None));
        };
        let Error::NotInDegrees { format, found } = other else {
            return Err(other);
        };
        if self.own_coordinates || self.query.out_sr().is_some() {
            return Err(Error::NotInDegrees { format, found });
        }
        let degrees = SpatialReference::from_wkid(WGS84);
        let resolved = self
            .query
            .clone()
            .with_out_sr(degrees)
            .resolve(self.layer.info())
            .map_err(arcgis_layer::Error::from)?;
        let note = Note::Reprojected {
            format,
            from: found,
        };
        Ok((resolved, Some(note)))
    }

    fn spool_folder(&self, beside: Option<PathBuf>, place: &str) -> Result<Option<PathBuf>, Error> {
        match &self.resume {
            Some(resume) => Ok(Some(resume.path(beside.as_deref(), place)?)),
            None => Ok(None),
        }
    }
}

/// Puts a page, or the end of pages, into a spool, and takes out what it gives.
async fn through(
    mut spool: Box<dyn Spool>,
    page: Option<SpooledPage>,
    batches: &mut Vec<RecordBatch>,
) -> Result<Box<dyn Spool>, Error> {
    let (spool, more) = blocking(move || -> Result<_, Error> {
        match page {
            Some(page) => spool.push(page)?,
            None => spool.finish()?,
        }
        let mut more = Vec::new();
        while let Some(batch) = spool.next()? {
            more.push(batch);
        }
        Ok((spool, more))
    })
    .await??;
    batches.extend(more);
    Ok(spool)
}

/// A path that means the same in another working folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Runs a piece of work beside the event loop.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work).await.map_err(Error::of_task)
}
