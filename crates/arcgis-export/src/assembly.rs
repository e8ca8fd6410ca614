//! From pages to a finished file, on a thread that may block.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;

use crate::destination::Output;
use crate::error::Error;
use crate::event::{ExportEvent, Observer};
use crate::format::{Counted, FileFormat, FileWriter, NewFile, Written, begin};
use crate::geometry_summary::GeometrySummary;
use crate::options::WriterOptions;
use crate::partition::PartitionReport;
use crate::provenance::Provenance;
use crate::report::{Report, WriterReport};
use crate::schema::ExportSchema;
use crate::spool::{Spool, SpooledPage};
use crate::tally::{PageSums, Start};
use crate::writer_thread::GivenUp;

/// A file that pages are written to. Dropped, it leaves nothing.
pub(crate) struct Assembly {
    spool: Box<dyn Spool>,
    format: FileFormat,
    writer: Box<dyn FileWriter>,
    observer: Observer,
    given_up: GivenUp,
    told: usize,
    schema: ExportSchema,
    /// What is known of the geometries that are written, where those of the pages are not all of them.
    written: Option<GeometrySummary>,
    /// What all of it took, waiting for pages aside.
    busy: Duration,
}

impl Assembly {
    pub(crate) fn new(
        new: NewFile<'_>,
        spool: Box<dyn Spool>,
        observer: Observer,
        given_up: GivenUp,
    ) -> Result<Self, Error> {
        Ok(Self {
            spool,
            schema: new.schema.clone(),
            written: None,
            format: new.format,
            writer: begin(new)?,
            observer,
            given_up,
            told: 0,
            busy: Duration::ZERO,
        })
    }

    /// Rows take the place of others, or did so in an earlier process: what pages say of their geometries is not what is
    /// in the file. Nothing is written then before this is called.
    pub(crate) fn looks_again(&mut self) {
        self.written.get_or_insert_default();
    }

    pub(crate) fn push(&mut self, page: SpooledPage) -> Result<(), Error> {
        if !page.replaces.is_empty() {
            self.looks_again();
        }
        let began = Instant::now();
        self.spool.push(page)?;
        self.busy += began.elapsed();
        self.drain()
    }

    /// Writes the rows that the spool gives.
    pub(crate) fn drain(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        while let Some(batch) = self.spool.next()? {
            self.write(&batch)?;
        }
        self.busy += began.elapsed();
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if let Some(written) = &mut self.written {
            written.merge(&GeometrySummary::of_file(batch, &self.schema)?);
        }
        self.writer.write(batch)?;
        for group in self.writer.row_groups(self.told) {
            self.observer.tell(&ExportEvent::RowGroup(group));
            self.told += 1;
        }
        Ok(())
    }

    /// Writes what is left. The file is whole then, and appears when it is committed.
    ///
    /// `all` is what the pages had: a spool has to give back as many rows.
    pub(crate) fn finish(
        mut self,
        all: &PageSums,
        provenance: &Provenance,
    ) -> Result<WholeFile, Error> {
        let began = Instant::now();
        self.spool.finish()?;
        self.writer.proven(provenance);
        // Where rows are sorted, this is all of them.
        while let Some(batch) = self.spool.next()? {
            self.given_up.check()?;
            self.write(&batch)?;
        }
        check_rows(all.different_rows(), self.writer.rows())?;
        let Written {
            output,
            row_groups,
            misfits,
            partitions,
        } = self
            .writer
            .finish(self.written.as_ref().unwrap_or(&all.geometry), provenance)?;
        for group in row_groups.iter().flatten().skip(self.told) {
            self.observer.tell(&ExportEvent::RowGroup(*group));
        }
        self.given_up.check()?;
        let Counted { output, bytes } = output;
        Ok(WholeFile {
            spool: self.spool,
            output,
            bytes,
            busy: self.busy + began.elapsed(),
            format: self.format,
            written: self.written,
            row_groups: row_groups.map(|groups| groups.len() as u64),
            misfits,
            partitions,
        })
    }
}

/// A file that is whole and has no name yet. Dropped, it leaves nothing.
pub(crate) struct WholeFile {
    spool: Box<dyn Spool>,
    output: Box<dyn Output>,
    bytes: u64,
    busy: Duration,
    format: FileFormat,
    written: Option<GeometrySummary>,
    row_groups: Option<u64>,
    misfits: BTreeMap<String, u64>,
    partitions: Option<PartitionReport>,
}

impl WholeFile {
    /// Completes the report, shows it to `before`, and lets the file appear if that does not object.
    pub(crate) fn commit(
        mut self,
        report: Report,
        name: String,
        options: &WriterOptions,
        start: Start,
        before: impl FnOnce(&Report) -> Result<(), Error>,
    ) -> Result<Report, Error> {
        self.output.settle()?;
        let report = match &self.written {
            Some(written) => report.with_geometry(written),
            None => report,
        };
        let mut report = report.with_misfits(self.misfits).in_file(
            name,
            self.bytes,
            self.row_groups,
            WriterReport::new(self.format, options, self.busy),
            start,
        );
        report.partitions = self.partitions;
        before(&report)?;
        let committed = self.output.commit()?;
        self.spool.committed();
        Ok(Report {
            output: Some(committed.name),
            file_bytes: Some(committed.bytes),
            ..report
        })
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
