//! A layer as a stream of batches.

use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use arcgis_layer::ResolvedQuery;
use arrow_array::{RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use futures_util::stream::{Stream, StreamExt as _, try_unfold};
use tokio::runtime::Handle;

use crate::arrow_columns::ArrowColumns;
use crate::batches::{Batches, Limits};
use crate::error::Error;
use crate::event::ExportEvent;
use crate::format::{FileFormat, Requirement};
use crate::geoparquet::OutputColumns;
use crate::job::LayerExport;
use crate::order::RowOrder;
use crate::report::Report;
use crate::run::{Place, Run};
use crate::schema::ExportSchema;
use crate::tally::Start;

/// Where the batches of a [`LayerStream`] end: at whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchLimits {
    /// Most rows; 16,384 by default.
    pub rows: NonZeroUsize,
    /// Bytes at which a batch ends, as they are in memory; 2 MiB by default. The last row may take it beyond.
    pub bytes: NonZeroUsize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            rows: const { NonZeroUsize::new(Limits::BATCH.rows).unwrap() },
            bytes: const { NonZeroUsize::new(Limits::BATCH.bytes).unwrap() },
        }
    }
}

impl BatchLimits {
    /// Sets the most rows.
    #[must_use]
    pub fn with_rows(mut self, rows: NonZeroUsize) -> Self {
        self.rows = rows;
        self
    }

    /// Sets about the most bytes.
    #[must_use]
    pub fn with_bytes(mut self, bytes: NonZeroUsize) -> Self {
        self.bytes = bytes;
        self
    }
}

type Batch = Result<RecordBatch, Error>;

/// What the columns of a stream are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Any code that takes Arrow.
    Table,
    /// A Parquet writer of the caller's.
    GeoParquet,
}

/// What is known of rows when they are all there.
#[derive(Debug)]
struct Ending {
    report: Report,
    footer: Vec<(String, String)>,
}

/// The rows of a layer as they come, in the order of their object ids where the server keeps to it.
///
/// The schema is known before the first row: that of [`ExportSchema::table`](crate::ExportSchema::table), with
/// what is known of the rows' origin in its metadata. Whether the rows are all is known behind the last of them:
/// where some are missing, the last item is the error that names them, and only a stream that ends without one
/// has a [`LayerStream::report`]. Dropping the stream stops its requests.
///
/// What is to become of batches is the caller's: any writer that takes them can be fed, with its own properties.
/// See [`LayerExport::into_stream`] and [`LayerExport::into_geoparquet_stream`].
pub struct LayerStream {
    schema: SchemaRef,
    batches: Pin<Box<dyn Stream<Item = Batch> + Send>>,
    ending: Arc<OnceLock<Ending>>,
    span: tracing::Span,
}

impl LayerStream {
    pub(crate) async fn start(
        mut export: LayerExport,
        query: ResolvedQuery,
        limits: BatchLimits,
        purpose: Purpose,
    ) -> Result<Self, Error> {
        check(&export, purpose)?;
        if purpose == Purpose::GeoParquet {
            let format = FileFormat::GeoParquet;
            export.columns = export.columns.for_file(format, &export.writer);
            // What cannot be written is refused before anything is asked for.
            let info = export.layer.info();
            let schema = ExportSchema::of_layer(query.layout(), info, &export.columns);
            OutputColumns::new(&schema, &export.writer)?;
        }
        let options = export.writer.clone();
        let place = Place {
            spool: None,
            part: None,
            name: None,
            // Whoever reads does so while it is fetched, whatever it becomes.
            format: FileFormat::ArrowStream,
            note: None,
            partitions: None,
        };
        let mut run = Run::start(export, query, place, Start::now()).await?;
        if run.other_spool().await?.is_some() {
            return Err(refused("a spool"));
        }
        let columns = match purpose {
            Purpose::Table => Columns::Table(ArrowColumns::new(run.schema())),
            Purpose::GeoParquet => Columns::GeoParquet(OutputColumns::new(run.schema(), &options)?),
        };
        let plain = match &columns {
            Columns::Table(_) => Schema::clone(run.schema().table()),
            Columns::GeoParquet(columns) => columns.upstream_schema(run.schema()),
        };
        let metadata = run.provenance().known_at_start().collect();
        let schema = Arc::new(plain.with_metadata(metadata));
        let limits = Limits {
            rows: limits.rows.get(),
            bytes: limits.bytes.get(),
        };
        let ending = Arc::<OnceLock<Ending>>::default();
        let source = Source {
            batches: Batches::with_limits(Arc::clone(run.schema().file()), limits),
            columns,
            schema: Arc::clone(&schema),
            ending: Arc::clone(&ending),
            run,
            is_whole: false,
        };
        Ok(Self {
            schema,
            batches: Box::pin(try_unfold(source, Source::next)),
            ending,
            span: tracing::Span::current(),
        })
    }

    /// The schema of every batch.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// What came of the export, once the stream has ended without an error.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        Some(&self.ending.get()?.report)
    }

    /// What a file of these rows should say of them in its footer, key by key, once the stream has ended without an
    /// error: where they are from ([`Provenance`](crate::Provenance)), and in a stream for GeoParquet `geo`, which
    /// makes it GeoParquet.
    #[must_use]
    pub fn footer(&self) -> Option<&[(String, String)]> {
        Some(&self.ending.get()?.footer)
    }

    /// The same for code that blocks, such as Arrow's C Stream Interface: each batch is waited for on `runtime`.
    /// It must not be read on one of the runtime's own threads, where waiting is a panic.
    #[must_use]
    pub fn into_reader(self, runtime: Handle) -> LayerReader {
        LayerReader {
            stream: self,
            runtime,
        }
    }
}

impl Stream for LayerStream {
    type Item = Batch;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Batch>> {
        let span = self.span.clone();
        span.in_scope(|| self.batches.as_mut().poll_next(context))
    }
}

impl fmt::Debug for LayerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerStream")
            .field("schema", &self.schema)
            .field("ended", &self.ending.get().is_some())
            .finish_non_exhaustive()
    }
}

/// A [`LayerStream`] for code that blocks.
#[derive(Debug)]
pub struct LayerReader {
    stream: LayerStream,
    runtime: Handle,
}

impl LayerReader {
    /// What came of the export, once the reader has ended without an error.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.stream.report()
    }
}

impl Iterator for LayerReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.runtime.block_on(self.stream.next())?;
        Some(batch.map_err(|error| ArrowError::ExternalError(Box::new(Told(error)))))
    }
}

/// An error in words that C can take: with its causes, since its readers see nothing else of it, and without the
/// character 0, at which texts end there and arrow panics. What a server says may hold any.
#[derive(Debug)]
struct Told(Error);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut cause = std::error::Error::source(&self.0);
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        f.write_str(&text.replace('\0', "\u{fffd}"))
    }
}

impl std::error::Error for Told {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl RecordBatchReader for LayerReader {
    fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }
}

/// Refuses what a stream does not have.
fn check(export: &LayerExport, purpose: Purpose) -> Result<(), Error> {
    if export.resume.is_some() {
        return Err(refused("going on where an earlier export ended"));
    }
    if export.writer.order == Some(RowOrder::Hilbert) {
        return Err(refused("the order hilbert"));
    }
    if export.partitions.is_some() {
        return Err(refused("a dataset in several files"));
    }
    if export.format.is_some() {
        return Err(refused("a format of files"));
    }
    if export.writer.compression.is_some() {
        return Err(refused("compression"));
    }
    let mut options = export.writer.clone();
    if purpose == Purpose::GeoParquet {
        // They decide the columns; row groups are the business of whoever writes.
        options.geoparquet_version = Default::default();
        options.geometry_encoding = Default::default();
    }
    Requirement(FileFormat::ArrowStream).check_options(&options)
}

fn refused(option: &str) -> Error {
    Error::Unsupported {
        option: option.to_owned(),
        by: "a stream of batches".to_owned(),
    }
}

/// From the batches of a run to those of a stream.
enum Columns {
    Table(ArrowColumns),
    GeoParquet(OutputColumns),
}

impl Columns {
    fn of(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        match self {
            Self::Table(columns) => Ok(columns.of(batch)?),
            Self::GeoParquet(columns) => columns.of(batch),
        }
    }
}

/// What a stream is made of.
struct Source {
    run: Run,
    batches: Batches,
    columns: Columns,
    schema: SchemaRef,
    ending: Arc<OnceLock<Ending>>,
    is_whole: bool,
}

impl Source {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>, Error> {
        loop {
            if let Some(batch) = self.batches.pop() {
                let batch = self.columns.of(&batch)?;
                let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let schema = Arc::clone(&self.schema);
                let columns = batch.columns().to_vec();
                let batch = RecordBatch::try_new_with_options(schema, columns, &rows)?;
                return Ok(Some((batch, self)));
            }
            if self.is_whole {
                let report = self.run.report();
                let event = ExportEvent::Finished(Box::new(report.clone()));
                let footer = self.footer();
                // Nobody else sets it.
                let _ = self.ending.set(Ending { report, footer });
                self.run.observer().tell(&event);
                return Ok(None);
            }
            match self.run.next().await? {
                Some(page) => self.batches.push(page.batch)?,
                None => {
                    self.batches.cut()?;
                    self.is_whole = true;
                }
            }
        }
    }

    fn footer(&self) -> Vec<(String, String)> {
        let geo = match &self.columns {
            Columns::Table(_) => None,
            Columns::GeoParquet(columns) => columns.geo(self.run.schema(), self.run.geometry()),
        };
        geo.into_iter()
            .chain(self.run.provenance().pairs(self.run.rows()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `FFI_ArrowArrayStream` panics at a 0 in the text of an error, and that in a function of C ends the process.
    #[test]
    fn errors_have_words_that_c_can_take() {
        let told = Told(refused("a\0b")).to_string();
        assert_eq!(told, "a\u{fffd}b is not for a stream of batches");
        let disk = std::io::Error::other("the disk is\0full");
        let told = Told(Error::write(disk)).to_string();
        assert_eq!(
            told,
            "the output could not be written: the disk is\u{fffd}full"
        );
    }
}
