//! From pages to a finished file, on a thread that may block.

use crate::destination::Output;
use crate::error::Error;
use crate::event::{ExportEvent, Observer};
use crate::geometry_summary::GeometrySummary;
use crate::geoparquet::{GeoParquetWriter, RowGroup};
use crate::options::WriterOptions;
use crate::page::PageBatch;
use crate::provenance::Provenance;
use crate::schema::ExportSchema;
use crate::spool::{DirectSpool, Spool};

/// A file that pages are written to. Dropped, it leaves nothing.
pub(crate) struct Assembly<S> {
    spool: S,
    writer: GeoParquetWriter<Box<dyn Output>>,
    observer: Observer,
    told: usize,
}

impl Assembly<DirectSpool> {
    pub(crate) fn new(
        output: Box<dyn Output>,
        schema: &ExportSchema,
        options: &WriterOptions,
        observer: Observer,
    ) -> Result<Self, Error> {
        Ok(Self {
            spool: DirectSpool::new(std::sync::Arc::clone(schema.file())),
            writer: GeoParquetWriter::try_new(output, schema, options)?,
            observer,
            told: 0,
        })
    }
}

impl<S: Spool> Assembly<S> {
    pub(crate) fn push(&mut self, position: u64, page: PageBatch) -> Result<(), Error> {
        self.spool.push(position, page.batch)?;
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
    pub(crate) fn finish(
        mut self,
        geometry: &GeometrySummary,
        provenance: &Provenance,
    ) -> Result<(Box<dyn Output>, Vec<RowGroup>), Error> {
        self.spool.finish()?;
        self.drain()?;
        let (output, groups) = self.writer.finish(geometry, provenance)?;
        for group in groups.iter().skip(self.told) {
            self.observer.tell(&ExportEvent::RowGroup(*group));
        }
        Ok((output, groups))
    }
}
