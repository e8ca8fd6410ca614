//! The spool of an export that was broken off, with any bytes of it changed.
//!
//! A case says what is done to the journal, the plan and the rows that an export left: bytes changed, cut off, put in,
//! doubled. The export that goes on from there has to end with exactly the rows of one that nothing disturbed, or, if the
//! plan is damaged, to say so. A journal that was changed and signed anew, by somebody who means it, may lead anywhere
//! but to a panic.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arcgis_export::{Error, LayerExport, LocalFile, Resume, ResumeError};
use arcgis_layer::FetchOptions;
use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tokio::runtime::{Builder, Runtime};
use xxhash_rust::xxh3::xxh3_64;

use super::generated::Generated;
use super::source::Source;

const ROWS: i64 = 40;
const PAGE: i64 = 8;
const FILES: [&str; 3] = ["journal", "plan", "000001.arrows"];

/// What an export left, and what it has to end with.
struct Left {
    folder: tempfile::TempDir,
    files: [Vec<u8>; 3],
    rows: Vec<RecordBatch>,
}

impl Left {
    fn spool(&self) -> PathBuf {
        self.folder.path().join(".a.parquet.arcgis-spool")
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("a.parquet")
    }

    fn export(&self, server: &Arc<Generated>) -> Result<(), Error> {
        runtime().block_on(async {
            LayerExport::new(server.open().await)
                .with_fetch(FetchOptions::default().with_concurrency(1.try_into().unwrap()))
                .with_lenient(true)
                .with_resume(Resume::new())
                .to(LocalFile::new(self.output()))
                .await
                .map(|_| ())
        })
    }

    /// The rows of the output, which is then removed.
    fn take_rows(&self) -> Vec<RecordBatch> {
        let file = Bytes::from(fs::read(self.output()).unwrap());
        fs::remove_file(self.output()).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        reader.build().unwrap().map(Result::unwrap).collect()
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn left() -> &'static Left {
    static LEFT: OnceLock<Left> = OnceLock::new();
    LEFT.get_or_init(|| {
        let mut left = Left {
            folder: tempfile::tempdir().unwrap(),
            files: Default::default(),
            rows: Vec::new(),
        };
        let server = Generated::new(ROWS, PAGE);
        left.export(&server).unwrap();
        left.rows = left.take_rows();
        server.break_after(3);
        left.export(&server).unwrap_err();
        left.files = FILES.map(|name| fs::read(left.spool().join(name)).unwrap());
        assert!(left.files.iter().all(|bytes| bytes.len() > 100));
        left
    })
}

/// Goes on from what is left of a spool.
pub fn spool(data: &[u8]) {
    let left = left();
    let mut source = Source::new(data);
    let signed = source.byte() & 3 == 3;
    let mut files = left.files.clone();
    let mut damaged = [false; 3];
    for _ in 0..6 {
        if source.is_empty() {
            break;
        }
        let which = [0, 2, 0, 2, 1][source.below(5)];
        damage(&mut files[which], &mut source);
        damaged[which] = files[which] != left.files[which];
    }
    if signed {
        sign(&mut files[0]);
    }
    let _ = fs::remove_dir_all(left.spool());
    fs::create_dir(left.spool()).unwrap();
    for (name, bytes) in FILES.iter().zip(&files) {
        fs::write(left.spool().join(name), bytes).unwrap();
    }
    let ended = left.export(&Generated::new(ROWS, PAGE));
    match ended {
        Ok(()) => {
            let rows = left.take_rows();
            assert!(signed || rows == left.rows, "{rows:?}");
        }
        Err(_) if signed => {}
        Err(Error::Resume(ResumeError::Unreadable { .. })) if damaged[1] => {}
        Err(error) => panic!("{error}: {error:?}"),
    }
    assert!(!left.output().exists());
}

/// Does something to a file.
fn damage(bytes: &mut Vec<u8>, source: &mut Source<'_>) {
    let how = source.byte();
    let at = usize::from(u16::from_le_bytes([source.byte(), source.byte()])) % (bytes.len() + 1);
    let much = (usize::from(source.byte()) + 1).min(bytes.len() - at);
    match how % 8 {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= source.byte();
            }
        }
        2 => bytes.truncate(at),
        3 => bytes[at..].fill(0),
        4 => bytes
            .splice(at..at, source.text(16).into_bytes())
            .for_each(drop),
        5 => bytes.drain(at..at + much).for_each(drop),
        6 => {
            let again = bytes[at..at + much].to_vec();
            bytes.splice(at..at, again).for_each(drop);
        }
        _ => bytes[at..at + much].fill(source.byte()),
    }
}

/// Gives every line of a journal the checksum that it should have.
fn sign(journal: &mut Vec<u8>) {
    let mut signed = Vec::new();
    for line in journal.split_inclusive(|&byte| byte == b'\n') {
        match line.split_at_checked(17) {
            Some((_, rest)) => {
                let json = rest.strip_suffix(b"\n").unwrap_or(rest);
                signed.extend(format!("{:016x} ", xxh3_64(json)).into_bytes());
                signed.extend(rest);
            }
            None => signed.extend(line),
        }
    }
    *journal = signed;
}
