//! A layer as a stream of batches.

use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use arcgis_layer::ResolvedQuery;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use futures_util::stream::{Stream, StreamExt as _, try_unfold};
use tokio::runtime::Handle;

use crate::arrow_columns::ArrowColumns;
use crate::batches::{Batches, Limits};
use crate::error::Error;
use crate::event::ExportEvent;
use crate::format::FileFormat;
use crate::job::LayerExport;
use crate::order::RowOrder;
use crate::report::Report;
use crate::run::{Place, Run};
use crate::tally::Start;

/// Where the batches of a [`LayerStream`] end: at whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchLimits {
    /// Most rows; 16,384 by default.
    pub rows: NonZeroUsize,
    /// Bytes at which a batch ends, as they are in memory; 16 MiB by default. The last row may take it beyond.
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

/// The rows of a layer as they come, in the order of their object ids where the server keeps to it.
///
/// The schema is known before the first row: that of [`ExportSchema::table`](crate::ExportSchema::table), with
/// what is known of the rows' origin in its metadata. Whether the rows are all is known behind the last of them:
/// where some are missing, the last item is the error that names them, and only a stream that ends without one
/// has a [`LayerStream::report`]. Dropping the stream stops its requests.
///
/// What is to become of batches is the caller's: any writer that takes them can be fed, with its own properties.
/// See [`LayerExport::into_stream`].
pub struct LayerStream {
    schema: SchemaRef,
    batches: Pin<Box<dyn Stream<Item = Batch> + Send>>,
    report: Arc<OnceLock<Report>>,
}

impl LayerStream {
    pub(crate) async fn start(
        export: LayerExport,
        query: ResolvedQuery,
        limits: BatchLimits,
    ) -> Result<Self, Error> {
        let refused = |option: &str| Error::Unsupported {
            option: option.to_owned(),
            by: "a stream of batches".to_owned(),
        };
        if export.resume.is_some() {
            return Err(refused("going on where an earlier export ended"));
        }
        if export.writer.order == Some(RowOrder::Hilbert) {
            return Err(refused("the order hilbert"));
        }
        let place = Place {
            spool: None,
            part: None,
            name: None,
            format: FileFormat::ArrowStream,
        };
        let mut run = Run::start(export, query, place, Start::now()).await?;
        if run.other_spool().await?.is_some() {
            return Err(refused("a spool"));
        }
        let table = run.schema().table();
        let metadata = run.provenance().known_at_start().collect();
        let schema = Arc::new(Schema::clone(table).with_metadata(metadata));
        let limits = Limits {
            rows: limits.rows.get(),
            bytes: limits.bytes.get(),
        };
        let report = Arc::<OnceLock<Report>>::default();
        let source = Source {
            batches: Batches::with_limits(Arc::clone(run.schema().file()), limits),
            columns: ArrowColumns::new(run.schema()),
            schema: Arc::clone(&schema),
            report: Arc::clone(&report),
            run,
            is_whole: false,
        };
        Ok(Self {
            schema,
            batches: Box::pin(try_unfold(source, Source::next)),
            report,
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
        self.report.get()
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
        self.batches.as_mut().poll_next(context)
    }
}

impl fmt::Debug for LayerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerStream")
            .field("schema", &self.schema)
            .field("ended", &self.report.get().is_some())
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
        Some(batch.map_err(|error| ArrowError::ExternalError(Box::new(error))))
    }
}

impl RecordBatchReader for LayerReader {
    fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }
}

/// What a stream is made of.
struct Source {
    run: Run,
    batches: Batches,
    columns: ArrowColumns,
    schema: SchemaRef,
    report: Arc<OnceLock<Report>>,
    is_whole: bool,
}

impl Source {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>, Error> {
        loop {
            if let Some(batch) = self.batches.pop() {
                let batch = self.columns.of(&batch)?;
                let batch = batch.with_schema(Arc::clone(&self.schema))?;
                return Ok(Some((batch, self)));
            }
            if self.is_whole {
                let report = self.run.report();
                let event = ExportEvent::Finished(Box::new(report.clone()));
                // Nobody else sets it.
                let _ = self.report.set(report);
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
}
