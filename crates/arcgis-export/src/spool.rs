//! What stands between accepted pages and the writer.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::batches::Batches;
use crate::error::Error;

/// Takes the rows of accepted pages and gives them to the writer, perhaps later and in another order.
pub trait Spool: Send {
    /// Takes the rows of the page at `position` of the plan. Positions ascend; one may be left out,
    /// where a page had no rows.
    ///
    /// # Errors
    ///
    /// Any [`Error`] of keeping them.
    fn push(&mut self, position: u64, rows: RecordBatch) -> Result<(), Error>;

    /// All pages are in.
    ///
    /// # Errors
    ///
    /// As [`Spool::push`].
    fn finish(&mut self) -> Result<(), Error>;

    /// Rows that the writer can have now, if there are any; behind [`Spool::finish`], `None` says that
    /// it has all.
    ///
    /// # Errors
    ///
    /// Any [`Error`] of reading them back.
    fn next(&mut self) -> Result<Option<RecordBatch>, Error>;
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
}

impl Spool for DirectSpool {
    fn push(&mut self, _position: u64, rows: RecordBatch) -> Result<(), Error> {
        Ok(self.batches.push(rows)?)
    }

    fn finish(&mut self) -> Result<(), Error> {
        Ok(self.batches.cut()?)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        Ok(self.batches.pop())
    }
}
