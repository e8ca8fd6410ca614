//! What stands between accepted pages and the writer.

mod disk;
mod folder;
mod journal;
mod leftover;
mod segment;

use std::fmt;
use std::sync::Arc;

use arcgis_layer::{IdSet, PageFacts, PageFormat, PageRecord, Strategy};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::batches::Batches;
use crate::error::Error;
use crate::geometry_summary::GeometrySummary;
use crate::marks::RowMarks;
use crate::page::{Misfits, PageBatch};
use crate::schema::ExportSchema;

pub(crate) use disk::{Beginning, DiskSpool, Found, Replay, Worth, difference, shape};
pub(crate) use journal::Resumed;
pub(crate) use leftover::Leftover;

/// The rows of one accepted page, and what is known of them: enough to journal the page, to leave it
/// out when an export is taken up again, and to sort rows by something else than their object id.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SpooledPage {
    /// The page's place in the plan: ascending, with gaps.
    pub position: u64,
    /// The rows, with the schema [`ExportSchema::file`].
    pub batch: RecordBatch,
    /// What the decoder says of them: their object ids or fingerprints, in the order of the rows, their
    /// extent, and what was left out.
    pub facts: PageFacts,
    /// What is known of the geometries.
    pub geometry: GeometrySummary,
    /// Values that did not fit and became null.
    pub misfits: Misfits,
    /// Codes that no domain lists, where labels are wanted.
    pub unlisted: Misfits,
    /// The rows whose polygons were mended.
    pub mended: Vec<usize>,
    /// What is counted of the rows at the end.
    pub(crate) marks: RowMarks,
    /// The size of the answers that the rows came in, after decompression.
    pub bytes: u64,
    /// What the proof at the end has to know of the page, if the fetch is to go on in another process.
    pub record: PageRecord,
    /// Rows of earlier pages that these take the place of, by their numbers among all rows that came, from 0. None
    /// reach a spool of the caller's.
    pub replaces: IdSet,
}

impl SpooledPage {
    /// The page at a place of the plan.
    #[must_use]
    pub fn new(position: u64, page: PageBatch, facts: PageFacts) -> Self {
        Self {
            position,
            batch: page.batch,
            facts,
            geometry: page.geometry,
            misfits: page.misfits,
            unlisted: page.unlisted,
            mended: page.mended,
            marks: page.marks,
            bytes: 0,
            record: PageRecord::default(),
            replaces: IdSet::new(),
        }
    }

    /// Sets what the proof has to know of the page.
    #[must_use]
    pub fn with_record(mut self, record: PageRecord) -> Self {
        self.record = record;
        self
    }

    /// Sets which rows of earlier pages these take the place of.
    #[must_use]
    pub(crate) fn with_replaces(mut self, replaces: IdSet) -> Self {
        self.replaces = replaces;
        self
    }

    /// Sets the size of the answers.
    #[must_use]
    pub fn with_bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }
}

/// Takes the rows of accepted pages and gives them to the writer, perhaps later and in another order.
///
/// It runs on a thread that may block. Rows may come out before the first page goes in, if it keeps some of
/// an earlier time. One that is dropped before [`Spool::committed`] belongs to an export that failed or was
/// given up.
pub trait Spool: Send {
    /// Takes the rows of a page. Positions ascend.
    ///
    /// # Errors
    ///
    /// [`Error::Spool`], or any other of keeping them.
    fn push(&mut self, page: SpooledPage) -> Result<(), Error>;

    /// All pages are in, and they are proven to be all rows.
    ///
    /// # Errors
    ///
    /// As [`Spool::push`].
    fn finish(&mut self) -> Result<(), Error>;

    /// Rows that the writer can have now, if there are any, with the schema [`ExportSchema::file`];
    /// behind [`Spool::finish`], `None` says that it has all.
    ///
    /// # Errors
    ///
    /// As [`Spool::push`].
    fn next(&mut self) -> Result<Option<RecordBatch>, Error>;

    /// The output is in its place: nothing has to be kept any more.
    fn committed(&mut self) {}
}

/// What a spool can know before the first page.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SpoolPlan {
    /// The columns.
    pub schema: ExportSchema,
    /// The layer's address, without secrets.
    pub source: String,
    /// The address that asks for the rows, without order, offset and secrets.
    pub query: String,
    /// Where the output goes; `None` for a table in memory.
    pub destination: Option<String>,
    /// The field that identifies rows, if there is one.
    pub object_id: Option<String>,
    /// Rows to come.
    pub rows: u64,
    /// Pages to come, if the server does as it says.
    pub pages: u64,
    /// Rows per page.
    pub page_size: u32,
    /// How rows are asked for.
    pub strategy: Strategy,
    /// The format that pages are asked for in.
    pub format: PageFormat,
}

/// Makes the spool of each export. Any function of a [`SpoolPlan`] is one.
pub trait SpoolFactory: Send + Sync + 'static {
    /// A spool for an export that begins.
    ///
    /// # Errors
    ///
    /// [`Error::Spool`] or any other; the export ends with it.
    fn spool(&self, plan: &SpoolPlan) -> Result<Box<dyn Spool>, Error>;
}

impl<F> SpoolFactory for F
where
    F: Fn(&SpoolPlan) -> Result<Box<dyn Spool>, Error> + Send + Sync + 'static,
{
    fn spool(&self, plan: &SpoolPlan) -> Result<Box<dyn Spool>, Error> {
        self(plan)
    }
}

/// Where an export gets its spool, if it is one of the caller's.
#[derive(Clone, Default)]
pub(crate) struct Spools(Option<Arc<dyn SpoolFactory>>);

impl Spools {
    pub(crate) fn of(factory: impl SpoolFactory) -> Self {
        Self(Some(Arc::new(factory)))
    }

    /// Whether there is a factory of the caller's.
    pub(crate) fn are_other(&self) -> bool {
        self.0.is_some()
    }

    /// The spool of the caller's, if there is a factory.
    pub(crate) fn other(&self, plan: &SpoolPlan) -> Option<Result<Box<dyn Spool>, Error>> {
        Some(self.0.as_ref()?.spool(plan))
    }
}

impl fmt::Debug for Spools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Other" } else { "Direct" })
    }
}

/// Keeps nothing: rows go on in the order in which they come, cut into even batches.
#[derive(Debug)]
pub struct DirectSpool {
    batches: Batches,
}

impl DirectSpool {
    /// A spool for rows of a schema.
    #[must_use]
    pub fn new(schema: SchemaRef) -> Self {
        Self {
            batches: Batches::new(schema),
        }
    }

    pub(crate) fn boxed(schema: &ExportSchema) -> Box<dyn Spool> {
        Box::new(Self::new(Arc::clone(schema.file())))
    }
}

impl Spool for DirectSpool {
    fn push(&mut self, page: SpooledPage) -> Result<(), Error> {
        Ok(self.batches.push(page.batch)?)
    }

    fn finish(&mut self) -> Result<(), Error> {
        Ok(self.batches.cut()?)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        Ok(self.batches.pop())
    }
}
