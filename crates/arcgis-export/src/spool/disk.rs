//! The spool on disk: pages that outlive the process.

use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use arcgis_layer::{Checkpoint, IdSet};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::folder::SpoolFolder;
use super::journal::{FORMAT, Header, Journal, JournalReader, Line, PageLine, Resumed, Shape};
use super::leftover::Leftover;
use super::segment::{SegmentReader, SegmentWriter};
use super::{Spool, SpooledPage};
use crate::batches::Batches;
use crate::error::Error;
use crate::event::{ExportEvent, Observer};
use crate::provenance::{LayerState, TOOL};
use crate::replaced::Sieve;
use crate::resume::ResumeError;
use crate::schema::ExportSchema;
use crate::tally::PageSums;

/// Bytes after which all is brought to disk. What a process wrote outlives the process in any case; this
/// is about machines that go down.
const SYNC_BYTES: u64 = 64 * 1024 * 1024;
/// Time after which all is brought to disk, if there is something.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// Keeps each page on disk before its rows go on to the writer, in the order in which they come.
///
/// Rows are written to a segment, and only then the line that names them to the journal: what a line does
/// not name is not there, and what it names is checked before it is used. Rows go on at once, so that an
/// undisturbed export reads nothing back; one that goes on where another ended begins with the rows of the
/// earlier one.
pub(crate) struct DiskSpool {
    /// `None` once it is removed.
    folder: Option<SpoolFolder>,
    schema: SchemaRef,
    journal: Journal,
    segment: Option<SegmentWriter>,
    next_segment: u32,
    /// Bytes after which another segment begins.
    segment_bytes: u64,
    replay: Option<Replay>,
    /// Rows of an earlier process whose place later ones take, by their numbers.
    replaced: IdSet,
    /// Leaves those out of what goes on, unless somebody else does.
    sieve: Sieve,
    batches: Batches,
    observer: Observer,
    pages: u64,
    rows: u64,
    unsynced: u64,
    synced: Instant,
    /// Whether something could not be written: nothing may be written behind it.
    broken: bool,
    worth: Worth,
}

/// What a new spool is for.
pub(crate) struct Beginning {
    pub(crate) source: String,
    pub(crate) started: Timestamp,
    pub(crate) shape: Shape,
    pub(crate) checkpoint: Checkpoint,
    /// What the output is called until it has its name.
    pub(crate) part: Option<PathBuf>,
    pub(crate) segment_bytes: u64,
    /// Whether rows that the server cannot serve may be left out.
    pub(crate) skips: bool,
    pub(crate) state: LayerState,
}

/// What the pages of a spool turned out to be worth, said by whoever finds out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Worth(Arc<AtomicU8>);

impl Worth {
    const LACKING: u8 = 1;
    const NOTHING: u8 = 2;

    /// Rows are missing in some of them.
    pub(crate) fn lacking(&self) {
        self.0.store(Self::LACKING, Ordering::Relaxed);
    }

    /// They are not the layer's rows, and it is not known which of them are.
    pub(crate) fn nothing(&self) {
        self.0.store(Self::NOTHING, Ordering::Relaxed);
    }

    fn is(&self, worth: u8) -> bool {
        self.0.load(Ordering::Relaxed) == worth
    }
}

impl DiskSpool {
    /// Begins anew.
    pub(crate) fn begin(
        folder: SpoolFolder,
        export: Beginning,
        schema: &ExportSchema,
        observer: Observer,
    ) -> Result<Self, Error> {
        folder.clear().map_err(Error::spool)?;
        let plan = export.checkpoint.to_bytes();
        let header = Header {
            format: FORMAT,
            tool: TOOL.to_owned(),
            started: export.started,
            source: export.source,
            shape: export.shape,
            plan: xxh3_64(&plan),
            part: export.part,
            skips: export.skips,
            state: export.state,
        };
        let mut file = File::create_new(folder.plan()).map_err(Error::spool)?;
        file.write_all(&plan).map_err(Error::spool)?;
        file.sync_all().map_err(Error::spool)?;
        // The plan is on disk before the journal that needs it.
        let mut journal = Journal::create(&folder.journal()).map_err(Error::spool)?;
        journal.add(&Line::Export(header)).map_err(Error::spool)?;
        journal.sync().map_err(Error::spool)?;
        folder.sync();
        Ok(Self {
            replay: None,
            replaced: IdSet::new(),
            sieve: Sieve::default(),
            folder: Some(folder),
            schema: Arc::clone(schema.file()),
            journal,
            segment: None,
            next_segment: 1,
            segment_bytes: export.segment_bytes,
            batches: Batches::new(Arc::clone(schema.file())),
            observer,
            pages: 0,
            rows: 0,
            unsynced: 0,
            synced: Instant::now(),
            broken: false,
            worth: Worth::default(),
        })
    }

    /// Goes on behind the pages that are there.
    pub(crate) fn go_on(
        folder: SpoolFolder,
        leftover: &Leftover,
        resumed: Resumed,
        segment_bytes: u64,
        schema: &ExportSchema,
        observer: Observer,
    ) -> Result<Self, Error> {
        // Of processes that were killed. The names were made by chance, so they are nobody else's.
        for part in &leftover.parts {
            if part
                .extension()
                .is_some_and(|extension| extension == "part")
            {
                // The files of a dataset are in a folder.
                let is_folder = fs::symlink_metadata(part).is_ok_and(|found| found.is_dir());
                let _ = if is_folder {
                    fs::remove_dir_all(part)
                } else {
                    fs::remove_file(part)
                };
            }
        }
        folder
            .remove_segments(leftover.next_segment)
            .map_err(Error::spool)?;
        let path = folder.journal();
        let mut journal = Journal::go_on(&path, leftover.journal_bytes).map_err(Error::spool)?;
        journal.add(&Line::Resumed(resumed)).map_err(Error::spool)?;
        let replay = Replay {
            journal: JournalReader::open_to(&path, leftover.journal_bytes).map_err(Error::spool)?,
            segment: None,
            left: leftover.pages,
        };
        Ok(Self {
            replay: Some(replay),
            replaced: leftover.replaced.clone(),
            sieve: Sieve::default(),
            folder: Some(folder),
            schema: Arc::clone(schema.file()),
            journal,
            segment: None,
            next_segment: leftover.next_segment,
            segment_bytes,
            batches: Batches::new(Arc::clone(schema.file())),
            observer,
            pages: leftover.pages,
            rows: leftover.sums.different_rows(),
            unsynced: 0,
            synced: Instant::now(),
            broken: false,
            worth: Worth::default(),
        })
    }

    /// Rows of an earlier process whose place later ones take, by their numbers among all rows that came.
    pub(crate) fn replaced(&self) -> &IdSet {
        &self.replaced
    }

    /// The spool, without those rows.
    pub(crate) fn without_replaced(mut self) -> Self {
        self.sieve = Sieve::new(self.replaced.clone());
        self
    }

    /// Where to say what the pages turn out to be worth.
    pub(crate) fn worth(&self) -> Worth {
        self.worth.clone()
    }

    /// Brings the rows of a page to the segment, and its line to the journal.
    pub(crate) fn keep(&mut self, page: &SpooledPage) -> Result<(), Error> {
        let kept = self.write(page);
        // Nothing may be written behind what is not whole.
        self.broken |= kept.is_err();
        kept
    }

    fn write(&mut self, page: &SpooledPage) -> Result<(), Error> {
        let Some(folder) = &self.folder else {
            return Err(Error::WriterStopped);
        };
        let mut segment = match self.segment.take() {
            Some(segment) if segment.bytes() < self.segment_bytes => segment,
            full => {
                if let Some(full) = full {
                    full.sync().map_err(Error::spool)?;
                }
                let number = self.next_segment;
                self.next_segment = number.saturating_add(1);
                SegmentWriter::create(&folder.segment(number), number, &self.schema)
                    .map_err(Error::spool)?
            }
        };
        let before = segment.bytes();
        let place = segment.add(&page.batch).map_err(Error::spool)?;
        self.unsynced += segment.bytes() - before;
        self.segment = Some(segment);
        let line = PageLine {
            position: page.position,
            place,
            bytes: page.bytes,
            sums: PageSums::of(page),
            record: page.record.clone(),
            replaces: page.replaces.iter().collect(),
        };
        self.journal
            .add(&Line::Page(Box::new(line)))
            .map_err(Error::spool)?;
        self.pages += 1;
        self.rows += (page.batch.num_rows() as u64).saturating_sub(page.replaces.len());
        if self.unsynced >= SYNC_BYTES || self.synced.elapsed() >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    /// Brings everything to disk, the rows before the lines that name them.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        if self.unsynced > 0 {
            let began = Instant::now();
            if let Some(segment) = &self.segment {
                segment.sync().map_err(Error::spool)?;
            }
            self.journal.sync().map_err(Error::spool)?;
            tracing::debug!(bytes = self.unsynced, took = ?began.elapsed(), "spool brought to disk");
        }
        self.unsynced = 0;
        self.synced = Instant::now();
        Ok(())
    }

    /// The last word, where there is no output.
    fn end(&mut self) -> Result<(), Error> {
        if self.worth.is(Worth::LACKING) {
            self.journal.add(&Line::Incomplete).map_err(Error::spool)?;
        }
        self.sync()
    }

    /// All pages that are in, to be read with [`DiskSpool::read`].
    pub(crate) fn again(&self) -> Result<Replay, Error> {
        let Some(folder) = &self.folder else {
            return Err(Error::WriterStopped);
        };
        Ok(Replay {
            journal: JournalReader::open(&folder.journal()).map_err(Error::spool)?,
            segment: None,
            left: self.pages,
        })
    }

    /// The next page of those that are read again.
    pub(crate) fn read(&self, pages: &mut Replay) -> Result<Option<RecordBatch>, Error> {
        match &self.folder {
            Some(folder) => pages.next(folder),
            None => Err(Error::WriterStopped),
        }
    }

    /// The next rows of an earlier process.
    pub(crate) fn replayed(&mut self) -> Result<Option<RecordBatch>, Error> {
        let (Some(replay), Some(folder)) = (&mut self.replay, &self.folder) else {
            return Ok(None);
        };
        let rows = replay.next(folder)?;
        if rows.is_none() {
            self.replay = None;
        }
        Ok(rows)
    }
}

impl DiskSpool {
    /// Lets the next rows of an earlier process go on; false if there are no more.
    fn pass_on(&mut self) -> Result<bool, Error> {
        let Some(rows) = self.replayed()? else {
            return Ok(false);
        };
        self.batches.push(self.sieve.keep(rows)?)?;
        Ok(true)
    }
}

impl Spool for DiskSpool {
    fn push(&mut self, page: SpooledPage) -> Result<(), Error> {
        // Those of an earlier process come first.
        while self.pass_on()? {}
        self.keep(&page)?;
        Ok(self.batches.push(page.batch)?)
    }

    fn finish(&mut self) -> Result<(), Error> {
        while self.pass_on()? {}
        self.sync()?;
        Ok(self.batches.cut()?)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            if let Some(batch) = self.batches.pop() {
                return Ok(Some(batch));
            }
            if !self.pass_on()? {
                return Ok(None);
            }
        }
    }

    fn committed(&mut self) {
        self.segment = None;
        if let Some(folder) = self.folder.take() {
            let path = folder.path().to_owned();
            if let Err(error) = folder.remove() {
                tracing::warn!(folder = %path.display(), %error, "the spool could not be removed");
            }
        }
    }
}

impl Drop for DiskSpool {
    /// An export that failed or was given up: what came stays for the next one.
    fn drop(&mut self) {
        let Some(folder) = self.folder.take() else {
            return;
        };
        if self.pages == 0 || self.worth.is(Worth::NOTHING) {
            self.segment = None;
            if let Err(error) = folder.remove() {
                tracing::debug!(%error, "a spool without worth could not be removed");
            }
            return;
        }
        self.folder = Some(folder);
        if !self.broken
            && let Err(error) = self.end()
        {
            tracing::warn!(%error, "the spool may not outlive this machine");
        }
        if let Some(folder) = &self.folder {
            self.observer.tell(&ExportEvent::Kept {
                folder: folder.path().to_owned(),
                rows: self.rows,
            });
        }
    }
}

impl fmt::Debug for DiskSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskSpool")
            .field("folder", &self.folder)
            .field("pages", &self.pages)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// Reads pages of a spool that are known to be whole.
pub(crate) struct Replay {
    journal: JournalReader,
    segment: Option<SegmentReader>,
    left: u64,
}

impl Replay {
    fn next(&mut self, folder: &SpoolFolder) -> Result<Option<RecordBatch>, Error> {
        while self.left > 0 {
            let Some(line) = self.journal.next().map_err(Error::spool)? else {
                return Err(changed());
            };
            let Line::Page(page) = line else { continue };
            self.left -= 1;
            let number = page.place.segment;
            if self.segment.as_ref().map(SegmentReader::number) != Some(number) {
                let segment = SegmentReader::open(&folder.segment(number), number);
                self.segment = Some(segment.map_err(Error::spool)?);
            }
            let rows = match &mut self.segment {
                Some(segment) => segment.next().map_err(Error::spool)?,
                None => None,
            };
            return match rows {
                Some(rows) if rows.num_rows() as u64 == page.sums.rows => Ok(Some(rows)),
                _ => Err(changed()),
            };
        }
        Ok(None)
    }
}

fn changed() -> Error {
    Error::Spool("the spool was changed by something else while it was read".into())
}

/// What is in a folder that was taken for a spool.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing(SpoolFolder),
    Leftover(SpoolFolder, Box<Leftover>),
}

impl Found {
    /// Takes the folder and looks what is in it, which is cleared if it is not wanted.
    pub(crate) fn at(path: PathBuf, anew: bool) -> Result<Self, ResumeError> {
        let folder = SpoolFolder::take(path)?;
        if anew {
            folder.clear().map_err(|source| ResumeError::Unusable {
                folder: folder.path().to_owned(),
                source,
            })?;
        }
        Ok(match Leftover::read(&folder)? {
            Some(leftover) => Self::Leftover(folder, Box::new(leftover)),
            None => Self::Nothing(folder),
        })
    }
}

/// How rows become columns, for comparison.
pub(crate) fn shape(schema: &ExportSchema, lenient: bool) -> Shape {
    let columns = schema.file().fields().iter().map(|field| {
        let mut known: Vec<(&String, &String)> = field.metadata().iter().collect();
        known.sort();
        let null = if field.is_nullable() { "" } else { " not null" };
        let mut column = format!("{} {}{null}", field.name(), field.data_type());
        if Some(field.name().as_str()) == schema.geometry_name() {
            for (chosen, what) in [
                (schema.options().m, " with m"),
                (schema.options().repair, " mended"),
            ] {
                column.push_str(if chosen { what } else { "" });
            }
        }
        for (name, value) in known {
            column.push_str(&format!(" {name}={value}"));
        }
        column
    });
    Shape {
        lenient,
        columns: columns.collect(),
    }
}

/// What differs between the rows of two exports: what it is, how it was, how it is.
pub(crate) fn difference(was: &Shape, is: &Shape) -> Option<(String, String, String)> {
    let differs =
        |what: &str, was: &str, is: &str| Some((what.to_owned(), was.to_owned(), is.to_owned()));
    let leniency = |lenient| if lenient { "lenient" } else { "strict" };
    if was.lenient != is.lenient {
        return differs(
            "handling of values that do not fit",
            leniency(was.lenient),
            leniency(is.lenient),
        );
    }
    if was.columns.len() != is.columns.len() {
        let [was, is] = [was, is].map(|shape| shape.columns.len().to_string());
        return differs("number of columns", &was, &is);
    }
    let (was, is) = was
        .columns
        .iter()
        .zip(&is.columns)
        .find(|(was, is)| was != is)?;
    differs("column", was, is)
}
