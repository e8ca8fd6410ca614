//! An object in a store, read by ranges: each byte comes at most once, and only those that are wanted.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};

use crate::destination::{ObjectVersion, ReplacedMeanwhile, StoreRuntime, StoredObject, refusal};

/// What is asked for at once, at least: some column of a row group may be all that is wanted of it.
const BLOCK: u64 = 64 * 1024;

/// Blocks that are asked for at once, at most: they are in memory, 8 MiB.
const MOST_BLOCKS: u64 = 128;

/// An object as it was when it was opened, with a file on this machine for what came of it already. It is read in
/// several passes, of which most want a part of it only: the footer, the object ids, the rows. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct RemoteFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn ObjectStore>,
    key: Key,
    runtime: StoreRuntime,
    version: ObjectVersion,
    was_replaced: AtomicBool,
    came: Mutex<Came>,
}

#[derive(Debug)]
struct Came {
    kept: KeptBytes,
    /// Where the object begins there.
    start: u64,
    blocks: Vec<bool>,
}

/// A file on this machine for what came of objects, of one or of several. It has no name, and goes away by itself.
#[derive(Debug, Clone)]
pub(super) struct KeptBytes(Arc<Mutex<File>>);

impl KeptBytes {
    pub(super) fn new(folder: Option<&Path>) -> io::Result<Self> {
        let file = match folder {
            Some(folder) => tempfile::tempfile_in(folder)?,
            None => tempfile::tempfile()?,
        };
        Ok(Self(Arc::new(Mutex::new(file))))
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(bytes)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)
    }
}

impl RemoteFile {
    /// Looks for the object. What comes of it is kept in a file, from `start` on.
    pub(super) fn open(object: &StoredObject, kept: &KeptBytes, start: u64) -> io::Result<Self> {
        let (store, key, runtime) = object.way();
        let (asked, at) = (Arc::clone(&store), key.clone());
        let found = runtime.wait(async move {
            let found = asked.head(&at).await;
            found.map_err(|error| refusal(&error))
        })??;
        let version = ObjectVersion::of(&found);
        let blocks = usize::try_from(version.size.div_ceil(BLOCK)).map_err(io::Error::other)?;
        let came = Came {
            kept: kept.clone(),
            start,
            blocks: vec![false; blocks],
        };
        Ok(Self(Arc::new(Inner {
            store,
            key,
            runtime,
            version,
            was_replaced: AtomicBool::new(false),
            came: Mutex::new(came),
        })))
    }

    pub(super) fn size(&self) -> u64 {
        self.0.version.size
    }

    pub(super) fn version(&self) -> &ObjectVersion {
        &self.0.version
    }

    /// Whether another object was found under the name since.
    pub(super) fn was_replaced(&self) -> bool {
        self.0.was_replaced.load(Ordering::Relaxed)
    }

    /// Reads up to so many bytes; fewer at the end.
    pub(super) fn bytes(&self, start: u64, length: usize) -> io::Result<Bytes> {
        let end = self.size().min(start.saturating_add(length as u64));
        let mut came = self.0.came.lock().unwrap_or_else(PoisonError::into_inner);
        self.bring(&mut came, start..end)?;
        let length = usize::try_from(end.saturating_sub(start)).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        came.kept.read(came.start + start, &mut bytes)?;
        Ok(bytes.into())
    }

    /// The rest from a place on.
    pub(super) fn reader(&self, start: u64) -> RemoteReader {
        RemoteReader {
            file: self.clone(),
            at: start,
            piece: Bytes::new(),
        }
    }

    /// Makes sure that these bytes are in the file.
    fn bring(&self, came: &mut Came, wanted: Range<u64>) -> io::Result<()> {
        let last = wanted.end.div_ceil(BLOCK);
        let mut block = wanted.start / BLOCK;
        while block < last {
            if came.has(block) {
                block += 1;
                continue;
            }
            // What is read in order, be it in several places at a time, is asked for in pieces that grow: as much as there is
            // already before it.
            let before = (block.saturating_sub(MOST_BLOCKS)..block).rev();
            let before = before.take_while(|block| came.has(*block)).count() as u64;
            let missing = (block..block + MOST_BLOCKS).take_while(|block| !came.has(*block));
            let missing = missing.count() as u64;
            let blocks = missing.min(before.max(last - block).max(1));
            let end = ((block + blocks) * BLOCK).min(self.size());
            let bytes = self.ask(block * BLOCK..end)?;
            came.kept.write(came.start + block * BLOCK, &bytes)?;
            for block in block..block + blocks {
                let place = usize::try_from(block).map_err(io::Error::other)?;
                if let Some(has) = came.blocks.get_mut(place) {
                    *has = true;
                }
            }
            block += blocks;
        }
        Ok(())
    }

    fn ask(&self, range: Range<u64>) -> io::Result<Bytes> {
        let inner = &*self.0;
        let (store, key, version) = (Arc::clone(&inner.store), inner.key.clone(), &inner.version);
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            ..version.ask()
        };
        let version = version.clone();
        let answer = inner.runtime.wait(async move {
            let found = match store.get_opts(&key, options).await {
                Ok(found) => found,
                Err(
                    object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. },
                ) => {
                    return Ok(None);
                }
                Err(error) => return Err(refusal(&error)),
            };
            if !version.is_that_of(&found.meta) {
                return Ok(None);
            }
            let bytes = found.bytes().await.map_err(|error| refusal(&error))?;
            Ok(Some(bytes))
        })??;
        let Some(bytes) = answer else {
            inner.was_replaced.store(true, Ordering::Relaxed);
            return Err(io::Error::other(ReplacedMeanwhile));
        };
        if bytes.len() as u64 != range.end - range.start {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{} bytes came of {}", bytes.len(), range.end - range.start),
            ));
        }
        Ok(bytes)
    }
}

impl Came {
    /// Whether a block is there, or there is no such.
    fn has(&self, block: u64) -> bool {
        let place = usize::try_from(block).ok();
        place
            .and_then(|place| self.blocks.get(place))
            .is_none_or(|has| *has)
    }
}

/// The bytes of an object from a place on.
#[derive(Debug)]
pub(super) struct RemoteReader {
    file: RemoteFile,
    at: u64,
    piece: Bytes,
}

impl Read for RemoteReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const PIECE: usize = 64 * 1024;
        if self.piece.is_empty() {
            self.piece = self.file.bytes(self.at, PIECE)?;
            self.at += self.piece.len() as u64;
        }
        let length = buffer.len().min(self.piece.len());
        let taken = self.piece.split_to(length);
        if let Some(room) = buffer.get_mut(..length) {
            room.copy_from_slice(&taken);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    fn stored(bytes: &[u8]) -> (Arc<InMemory>, StoredObject) {
        let store = Arc::new(InMemory::new());
        let object = StoredObject::new(Arc::clone(&store) as _, "x".into());
        put(&store, bytes);
        (store, object)
    }

    fn put(store: &Arc<InMemory>, bytes: &[u8]) {
        let (store, bytes) = (Arc::clone(store), Bytes::copy_from_slice(bytes));
        let put = StoreRuntime::default()
            .wait(async move { store.put(&"x".into(), bytes.into()).await.map(drop) });
        put.unwrap().unwrap();
    }

    #[test]
    fn any_part_is_as_it_stands_there() {
        let whole: Vec<u8> = (0..300 * BLOCK + 17).map(|n| (n * 7 % 251) as u8).collect();
        let (_, object) = stored(&whole);
        let file = RemoteFile::open(&object, &KeptBytes::new(None).unwrap(), 0).unwrap();
        assert_eq!(file.size(), whole.len() as u64);
        let block = BLOCK as usize;
        for (start, length) in [
            (300 * block + 9, 8),
            (block - 1, 2),
            (100 * block - 1, block + 2),
            (0, 1),
            (5, 2 * block),
            (0, whole.len()),
            (whole.len(), 1),
        ] {
            let end = whole.len().min(start + length);
            let bytes = file.bytes(start as u64, length).unwrap();
            assert!(bytes == whole[start..end], "{start} {length}");
        }
        let mut rest = Vec::new();
        let start = whole.len() - 100_000;
        file.reader(start as u64).read_to_end(&mut rest).unwrap();
        assert!(rest == whole[start..]);
    }

    #[test]
    fn another_object_under_the_name_is_noticed() {
        let whole = vec![7; 2 * BLOCK as usize];
        let (store, object) = stored(&whole);
        let file = RemoteFile::open(&object, &KeptBytes::new(None).unwrap(), 0).unwrap();
        file.bytes(0, 10).unwrap();
        put(&store, &vec![8; 2 * BLOCK as usize]);
        // What came stays as it was.
        assert_eq!(file.bytes(0, 2).unwrap(), [7_u8, 7].as_slice());
        assert!(!file.was_replaced());
        assert!(file.bytes(BLOCK, 10).is_err());
        assert!(file.was_replaced());
    }
}
