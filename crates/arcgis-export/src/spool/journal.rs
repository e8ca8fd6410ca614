//! The journal of a spool: what is in it, line by line.
//!
//! Each line is a checksum in hex, a space, JSON, and a line feed. A line that is not whole, and all that
//! follows it, is taken for the torn end of a process that died, and is not read.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arcgis_layer::PageRecord;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::provenance::LayerState;
use crate::tally::PageSums;

/// The version of journal and segments.
pub(crate) const FORMAT: u32 = 4;
/// A line of a layer whose rows are known by their fingerprints has twenty bytes for each row of a page.
const LONGEST_LINE: u64 = 256 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Export(Header),
    Page(Box<PageLine>),
    /// A further process went on from here.
    Resumed(Resumed),
    /// All pages are there, and rows are missing in them: the last word of a process.
    Incomplete,
}

/// The first line: what is exported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: u32,
    /// The program that made it.
    pub(crate) tool: String,
    pub(crate) started: Timestamp,
    pub(crate) source: String,
    /// How rows become columns.
    pub(crate) shape: Shape,
    /// The hash of the plan that lies beside.
    pub(crate) plan: u64,
    /// The file that the process writes to before the output has its name.
    #[serde(default)]
    pub(crate) part: Option<PathBuf>,
    /// Whether rows that the server cannot serve may be left out.
    #[serde(default)]
    pub(crate) skips: bool,
    /// What the layer said of itself before the first row.
    #[serde(default)]
    pub(crate) state: LayerState,
}

/// What makes rows the same in two processes, beside the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) lenient: bool,
    /// Each column with its type and what is known of it.
    pub(crate) columns: Vec<String>,
}

/// One page, whose rows lie in a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PageLine {
    pub(crate) position: u64,
    /// Where its rows are: behind those of the page before, or at the beginning of a new segment.
    pub(crate) place: Place,
    /// The size of the answers.
    pub(crate) bytes: u64,
    pub(crate) sums: PageSums,
    pub(crate) record: PageRecord,
    /// Rows that these take the place of, by their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<i64>,
}

/// Where the rows of a page end, and the hash of their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) end: u64,
    pub(crate) checksum: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resumed {
    pub(crate) started: Timestamp,
    #[serde(default)]
    pub(crate) part: Option<PathBuf>,
    #[serde(default)]
    pub(crate) skips: bool,
}

impl Resumed {
    pub(crate) fn now(part: Option<PathBuf>, skips: bool) -> Self {
        Self {
            started: Timestamp::now(),
            part,
            skips,
        }
    }
}

/// Writes a journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self { file })
    }

    /// Goes on behind the lines that are whole; what follows them is cut off.
    pub(crate) fn go_on(path: &Path, whole: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file })
    }

    /// Writes a line, which outlives this process from now on, though not the machine.
    pub(crate) fn add(&mut self, line: &Line) -> io::Result<()> {
        let json = serde_json::to_vec(line)?;
        let mut text = format!("{:016x} ", xxh3_64(&json)).into_bytes();
        text.extend(json);
        text.push(b'\n');
        self.file.write_all(&text)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Reads a journal up to its first line that is not whole.
#[derive(Debug)]
pub(crate) struct JournalReader {
    lines: BufReader<File>,
    whole: u64,
    most: u64,
}

impl JournalReader {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::open_to(path, u64::MAX)
    }

    /// Reads the first `most` bytes.
    pub(crate) fn open_to(path: &Path, most: u64) -> io::Result<Self> {
        Ok(Self {
            lines: BufReader::with_capacity(64 * 1024, File::open(path)?),
            whole: 0,
            most,
        })
    }

    /// The JSON of the next line.
    fn json(&mut self) -> io::Result<Option<Vec<u8>>> {
        let left = self.most.saturating_sub(self.whole);
        let mut line = Vec::new();
        let read = (&mut self.lines)
            .take(left.min(LONGEST_LINE))
            .read_until(b'\n', &mut line)?;
        let Some(json) = checked(&line) else {
            // Nothing behind it is read either.
            self.most = 0;
            return Ok(None);
        };
        let json = json.to_vec();
        self.whole += read as u64;
        Ok(Some(json))
    }

    /// The first line, whatever version it is of.
    pub(crate) fn header(&mut self) -> io::Result<Option<FirstLine>> {
        Ok(self.json()?.map(|json| FirstLine::of(&json)))
    }

    /// The next line, if it is there, whole, and understood.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        let before = self.whole;
        let line = self
            .json()?
            .and_then(|json| serde_json::from_slice(&json).ok());
        if line.is_none() {
            self.whole = before;
            self.most = 0;
        }
        Ok(line)
    }

    /// The bytes of the lines that were read.
    pub(crate) fn whole(&self) -> u64 {
        self.whole
    }
}

/// The JSON of a line, if it is whole.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let (sum, json) = line.strip_suffix(b"\n")?.split_at_checked(17)?;
    let sum = std::str::from_utf8(sum.strip_suffix(b" ")?).ok()?;
    (u64::from_str_radix(sum, 16).ok()? == xxh3_64(json)).then_some(json)
}

/// What the first line says.
#[derive(Debug)]
pub(crate) enum FirstLine {
    Header(Header),
    /// It is whole, and of another version.
    Other,
}

impl FirstLine {
    fn of(json: &[u8]) -> Self {
        match serde_json::from_slice(json) {
            Ok(Line::Export(header)) if header.format == FORMAT => Self::Header(header),
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            format: FORMAT,
            tool: "test".to_owned(),
            started: Timestamp::UNIX_EPOCH,
            source: "https://example.com/0".to_owned(),
            shape: Shape {
                lenient: false,
                columns: vec!["a".to_owned()],
            },
            plan: u64::MAX,
            part: None,
            skips: false,
            state: LayerState::default(),
        }
    }

    fn page(position: u64) -> Line {
        Line::Page(Box::new(PageLine {
            position,
            place: Place {
                segment: 1,
                end: 100 * (position + 1),
                checksum: 7,
            },
            bytes: 10,
            sums: PageSums::default(),
            record: PageRecord::default(),
            replaces: Vec::new(),
        }))
    }

    fn read(path: &Path) -> Vec<Line> {
        let mut reader = JournalReader::open(path).unwrap();
        std::iter::from_fn(|| reader.next().unwrap()).collect()
    }

    #[test]
    fn a_torn_end_is_not_read_wherever_it_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let lines = [Line::Export(header()), page(0), page(1)];
        let mut ends = Vec::new();
        let mut journal = Journal::create(&path).unwrap();
        for line in &lines {
            journal.add(line).unwrap();
            ends.push(std::fs::metadata(&path).unwrap().len() as usize);
        }
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(read(&path), lines);
        for cut in 0..whole.len() {
            let kept = ends.iter().filter(|end| **end <= cut).count();
            // Cut short, and with zeros where the rest was, as some file systems leave it.
            let mut zeros = whole[..cut].to_vec();
            zeros.resize(whole.len(), 0);
            for bytes in [&whole[..cut], &zeros] {
                std::fs::write(&path, bytes).unwrap();
                assert_eq!(read(&path), lines[..kept], "cut at {cut}");
            }
            // One byte is another: nothing from its line on is believed.
            let mut other = whole.clone();
            other[cut] ^= 0x55;
            std::fs::write(&path, &other).unwrap();
            assert_eq!(read(&path), lines[..kept], "changed at {cut}");
        }
    }

    #[test]
    fn what_is_written_behind_a_torn_end_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::create(&path).unwrap();
        journal.add(&Line::Export(header())).unwrap();
        journal.add(&page(0)).unwrap();
        let whole = std::fs::metadata(&path).unwrap().len();
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"0123456789abcdef {\"page\":")
            .unwrap();
        let mut reader = JournalReader::open(&path).unwrap();
        assert!(matches!(
            reader.header().unwrap(),
            Some(FirstLine::Header(_))
        ));
        while reader.next().unwrap().is_some() {}
        assert_eq!(reader.whole(), whole);
        Journal::go_on(&path, reader.whole())
            .unwrap()
            .add(&page(1))
            .unwrap();
        assert_eq!(read(&path), [Line::Export(header()), page(0), page(1)]);
    }

    #[test]
    fn another_version_is_known_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut later = header();
        later.format = FORMAT + 1;
        Journal::create(&path)
            .unwrap()
            .add(&Line::Export(later))
            .unwrap();
        let first = JournalReader::open(&path).unwrap().header().unwrap();
        assert!(matches!(first, Some(FirstLine::Other)), "{first:?}");
    }
}
