//! What an earlier process left in a spool's folder, as far as it is whole.

use std::fs;
use std::io;
use std::path::PathBuf;

use arcgis_layer::{Checkpoint, CheckpointError, IdSet, Progress};
use xxhash_rust::xxh3::xxh3_64;

use super::folder::SpoolFolder;
use super::journal::{FirstLine, Header, JournalReader, Line};
use super::segment::SegmentCheck;
use crate::resume::ResumeError;
use crate::tally::PageSums;

/// The first pages of an export: all that are whole, byte by byte.
#[derive(Debug)]
pub(crate) struct Leftover {
    pub(crate) header: Header,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) progress: Progress,
    pub(crate) sums: PageSums,
    /// Rows whose place later ones take, by their numbers.
    pub(crate) replaced: IdSet,
    pub(crate) pages: u64,
    /// The size of the answers.
    pub(crate) bytes: u64,
    /// Processes that worked on it.
    pub(crate) runs: u32,
    /// Whether one of them was to leave out rows that the server cannot serve.
    pub(crate) skips: bool,
    /// What they wrote to, which goes by itself unless a process was killed.
    pub(super) parts: Vec<PathBuf>,
    /// The part of the journal that is whole.
    pub(super) journal_bytes: u64,
    pub(super) next_segment: u32,
}

impl Leftover {
    /// Reads what is there; `None` if nothing can be gone on with.
    pub(crate) fn read(folder: &SpoolFolder) -> Result<Option<Self>, ResumeError> {
        let unusable = |source| ResumeError::Unusable {
            folder: folder.path().to_owned(),
            source,
        };
        let mut journal = match JournalReader::open(&folder.journal()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            journal => journal.map_err(unusable)?,
        };
        let header = match journal.header().map_err(unusable)? {
            // Torn in its first moments: there are no pages.
            None => return Ok(None),
            Some(FirstLine::Other) => {
                return Err(ResumeError::OtherVersion {
                    folder: folder.path().to_owned(),
                });
            }
            Some(FirstLine::Header(header)) => header,
        };
        let plan = fs::read(folder.plan()).map_err(unusable)?;
        let unreadable = |source| ResumeError::Unreadable {
            folder: folder.path().to_owned(),
            source,
        };
        let checkpoint = Checkpoint::from_bytes(&plan).map_err(unreadable)?;
        if xxh3_64(&plan) != header.plan {
            return Err(unreadable(CheckpointError::Unreadable {
                problem: "it is of another export",
            }));
        }
        let incomplete = ends_incomplete(folder).map_err(unusable)?;
        let mut leftover = Self {
            skips: header.skips,
            parts: header.part.iter().cloned().collect(),
            header,
            checkpoint,
            progress: Progress::new(),
            sums: PageSums::default(),
            replaced: IdSet::new(),
            pages: 0,
            bytes: 0,
            runs: 1,
            journal_bytes: journal.whole(),
            next_segment: 1,
        };
        leftover
            .pages(folder, &mut journal, incomplete)
            .map_err(unusable)?;
        Ok(Some(leftover))
    }

    /// Takes in one page after the other, up to the first whose bytes are not all there; or, where rows
    /// turned out to be missing at the end, up to the first that lacks some.
    fn pages(
        &mut self,
        folder: &SpoolFolder,
        journal: &mut JournalReader,
        incomplete: bool,
    ) -> io::Result<()> {
        let mut segment: Option<SegmentCheck> = None;
        while let Some(line) = journal.next()? {
            match line {
                // There is one, and it was first.
                Line::Export(_) => break,
                Line::Incomplete => {}
                Line::Resumed(resumed) => {
                    self.runs += 1;
                    self.skips |= resumed.skips;
                    self.parts.extend(resumed.part);
                }
                Line::Page(page) => {
                    let place = page.place;
                    if segment.as_ref().map(SegmentCheck::number) != Some(place.segment) {
                        let path = folder.segment(place.segment);
                        segment = match SegmentCheck::open(&path, place.segment) {
                            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                            segment => Some(segment?),
                        };
                    }
                    let whole = match &mut segment {
                        Some(segment) => segment.next(&place)?,
                        None => false,
                    };
                    let lacks = incomplete && !page.record.is_whole();
                    if !whole || lacks || self.progress.add(page.position, &page.record).is_err() {
                        break;
                    }
                    let replaces: IdSet = page.replaces.into_iter().collect();
                    self.sums.merge(&page.sums, &replaces);
                    self.replaced.extend(replaces.iter());
                    self.pages += 1;
                    self.bytes += page.bytes;
                    self.next_segment = place.segment.saturating_add(1);
                }
            }
            self.journal_bytes = journal.whole();
        }
        Ok(())
    }
}

/// Whether the last process found rows missing.
fn ends_incomplete(folder: &SpoolFolder) -> io::Result<bool> {
    let mut journal = JournalReader::open(&folder.journal())?;
    let mut last = None;
    while let Some(line) = journal.next()? {
        last = Some(line);
    }
    Ok(last == Some(Line::Incomplete))
}
