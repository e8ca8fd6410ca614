//! From pages to a finished file, on a thread that may block.

use crate::destination::Output;
use crate::error::Error;
use crate::event::{ExportEvent, Observer};
use crate::geometry_summary::GeometrySummary;
use crate::geoparquet::{GeoParquetWriter, RowGroup};
use crate::options::WriterOptions;
use crate::provenance::Provenance;
use crate::schema::ExportSchema;
use crate::spool::{Spool, SpooledPage};

/// A file that pages are written to. Dropped, it leaves nothing.
pub(crate) struct Assembly {
    spool: Box<dyn Spool>,
    writer: GeoParquetWriter<Box<dyn Output>>,
    observer: Observer,
    told: usize,
}

impl Assembly {
    pub(crate) fn new(
        output: Box<dyn Output>,
        schema: &ExportSchema,
        options: &WriterOptions,
        spool: Box<dyn Spool>,
        observer: Observer,
    ) -> Result<Self, Error> {
        Ok(Self {
            spool,
            writer: GeoParquetWriter::try_new(output, schema, options)?,
            observer,
            told: 0,
        })
    }

    pub(crate) fn push(&mut self, page: SpooledPage) -> Result<(), Error> {
        self.spool.push(page)?;
        self.drain()
    }

    fn drain(&mut self) -> Result<(), Error> {
        while let Some(batch) = self.spool.next()? {
            self.writer.write(&batch)?;
            for group in self.writer.row_groups().skip(self.told) {
                self.observer.tell(&ExportEvent::RowGroup(group));
            }
            self.told = self.writer.row_groups().len();
        }
        Ok(())
    }

    /// Writes what is left. The file is whole then, and appears when it is committed.
    ///
    /// `rows` is how many rows the pages had: a spool has to give back as many.
    pub(crate) fn finish(
        mut self,
        rows: u64,
        geometry: &GeometrySummary,
        provenance: &Provenance,
    ) -> Result<(Box<dyn Output>, Vec<RowGroup>), Error> {
        self.spool.finish()?;
        self.drain()?;
        check_rows(rows, self.writer.rows())?;
        let (output, groups) = self.writer.finish(geometry, provenance)?;
        for group in groups.iter().skip(self.told) {
            self.observer.tell(&ExportEvent::RowGroup(*group));
        }
        Ok((output, groups))
    }
}

/// No row may be lost between the proof and the output, whatever spool stands there.
pub(crate) fn check_rows(pushed: u64, given_back: u64) -> Result<(), Error> {
    if pushed == given_back {
        return Ok(());
    }
    Err(Error::Spool(
        format!("{pushed} rows went in and {given_back} came back").into(),
    ))
}
