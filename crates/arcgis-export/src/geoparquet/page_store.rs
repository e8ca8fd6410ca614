//! Where the encoded pages of a row group are until all of its columns can be written.
//!
//! A column stands in one piece in the file while batches bring all columns at once, so that everything but the
//! column that comes first has to wait. A few megabytes wait in memory, and what is beyond them on disk: how much
//! memory a file takes does not depend on how large its row groups are.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use parquet::arrow::arrow_writer::{PageKey, PageStore};
use parquet::errors::{ParquetError, Result};

/// Makes the file when it is needed.
pub(super) type MakeFile = dyn Fn() -> io::Result<File> + Send + Sync;

/// Where pages wait.
#[derive(Clone)]
pub(super) struct Waiting(Arc<Room>);

struct Room {
    most: usize,
    in_memory: AtomicUsize,
    disk: Mutex<Disk>,
    make: Box<MakeFile>,
}

/// Pages one behind the other. When none is left, it begins again at the start.
#[derive(Default)]
struct Disk {
    file: Option<File>,
    end: u64,
    pages: usize,
    /// No file could be made or written to: what comes stays in memory.
    broken: bool,
}

/// The pages of one column in one row group.
pub(super) struct ColumnPages {
    waiting: Waiting,
    pages: Vec<Option<Page>>,
    resident: usize,
}

impl ColumnPages {
    pub(super) fn new(waiting: Waiting) -> Self {
        Self {
            waiting,
            pages: Vec::new(),
            resident: 0,
        }
    }
}

impl PageStore for ColumnPages {
    fn put(&mut self, page: Bytes) -> Result<PageKey> {
        let key = PageKey::new(self.pages.len() as u64);
        let page = self.waiting.keep(page);
        self.resident += page.resident();
        self.pages.push(Some(page));
        Ok(key)
    }

    fn take(&mut self, key: PageKey) -> Result<Bytes> {
        let place = usize::try_from(key.get()).ok();
        let page = place.and_then(|place| self.pages.get_mut(place)?.take());
        let page = page.ok_or_else(|| not_there(key))?;
        self.resident -= page.resident();
        Ok(page.take()?)
    }

    fn memory_size(&self) -> usize {
        self.resident
    }
}

pub(super) fn not_there(key: PageKey) -> ParquetError {
    ParquetError::General(format!("page {} is not there", key.get()))
}

/// A page that waits. Dropped, it makes room.
pub(super) struct Page {
    place: Place,
    waiting: Waiting,
}

enum Place {
    Memory(Bytes),
    Disk { at: u64, length: usize },
}

impl Page {
    /// Its bytes in memory.
    pub(super) fn resident(&self) -> usize {
        match &self.place {
            Place::Memory(page) => page.len(),
            Place::Disk { .. } => 0,
        }
    }

    pub(super) fn take(self) -> io::Result<Bytes> {
        match &self.place {
            Place::Memory(page) => Ok(page.clone()),
            Place::Disk { at, length } => self.waiting.0.lock().read(*at, *length),
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        match &self.place {
            Place::Memory(page) => {
                let room = &self.waiting.0.in_memory;
                room.fetch_sub(page.len(), Ordering::Relaxed);
            }
            Place::Disk { .. } => self.waiting.0.lock().forget(),
        }
    }
}

impl Waiting {
    /// At most so many bytes in memory.
    pub(super) fn with_limit(make: Box<MakeFile>, most: usize) -> Self {
        Self(Arc::new(Room {
            most,
            in_memory: AtomicUsize::new(0),
            disk: Mutex::default(),
            make,
        }))
    }

    pub(super) fn keep(&self, page: Bytes) -> Page {
        let place = match self.0.to_disk(&page) {
            Some(at) => Place::Disk {
                at,
                length: page.len(),
            },
            None => Place::Memory(page),
        };
        self.page(place)
    }

    /// The same for bytes out of a buffer that is used again.
    pub(super) fn keep_copy(&self, page: &[u8]) -> Page {
        let place = match self.0.to_disk(page) {
            Some(at) => Place::Disk {
                at,
                length: page.len(),
            },
            None => Place::Memory(Bytes::copy_from_slice(page)),
        };
        self.page(place)
    }

    fn page(&self, place: Place) -> Page {
        Page {
            place,
            waiting: self.clone(),
        }
    }
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the page was put, if memory has no room for it; `None` if it stays in memory, whose room it has then.
    fn to_disk(&self, page: &[u8]) -> Option<u64> {
        let before = self.in_memory.fetch_add(page.len(), Ordering::Relaxed);
        if before.saturating_add(page.len()) <= self.most {
            return None;
        }
        let mut disk = self.lock();
        if disk.broken {
            return None;
        }
        match disk.put(page, &self.make) {
            Ok(at) => {
                self.in_memory.fetch_sub(page.len(), Ordering::Relaxed);
                Some(at)
            }
            Err(error) => {
                tracing::debug!(%error, "encoded pages stay in memory: they cannot be written to disk");
                disk.broken = true;
                None
            }
        }
    }
}

impl Disk {
    fn put(&mut self, page: &[u8], make: &MakeFile) -> io::Result<u64> {
        let at = self.end;
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(make()?),
        };
        file.seek(SeekFrom::Start(at))?;
        file.write_all(page)?;
        self.end += page.len() as u64;
        self.pages += 1;
        Ok(at)
    }

    fn read(&mut self, at: u64, length: usize) -> io::Result<Bytes> {
        let mut page = vec![0; length];
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut page)?;
        Ok(Bytes::from(page))
    }

    fn forget(&mut self) {
        self.pages = self.pages.saturating_sub(1);
        if self.pages == 0 {
            self.end = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn column(waiting: &Waiting) -> ColumnPages {
        ColumnPages::new(waiting.clone())
    }

    fn page(fill: u8) -> Bytes {
        Bytes::from(vec![fill; 100])
    }

    fn on_disk(waiting: &Waiting) -> (u64, usize) {
        let disk = waiting.0.lock();
        (disk.end, disk.pages)
    }

    #[test]
    fn what_memory_does_not_hold_comes_back_from_disk() {
        let waiting = Waiting::with_limit(Box::new(tempfile::tempfile), 250);
        let (mut first, mut second) = (column(&waiting), column(&waiting));
        for round in 0..3 {
            let keys: Vec<PageKey> = (0..4)
                .map(|n| {
                    let store = if n % 2 == 0 { &mut first } else { &mut second };
                    store.put(page(round * 4 + n)).unwrap()
                })
                .collect();
            // Two are in memory. What was on disk before has made room.
            assert_eq!(on_disk(&waiting), (200, 2));
            assert_eq!(first.memory_size() + second.memory_size(), 200);
            for (n, key) in (0..4).zip(keys) {
                let store = if n % 2 == 0 { &mut first } else { &mut second };
                assert_eq!(store.take(key).unwrap(), page(round * 4 + n));
                assert!(store.take(key).is_err(), "a page is there once");
            }
            assert_eq!(on_disk(&waiting), (0, 0));
        }
    }

    #[test]
    fn a_row_group_that_is_given_up_makes_room() {
        let waiting = Waiting::with_limit(Box::new(tempfile::tempfile), 150);
        let mut given_up = column(&waiting);
        for n in 0..3 {
            given_up.put(page(n)).unwrap();
        }
        assert_eq!(on_disk(&waiting), (200, 2));
        drop(given_up);
        assert_eq!(on_disk(&waiting), (0, 0));
        assert_eq!(waiting.0.in_memory.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn without_a_disk_memory_holds_all() {
        static ASKED: AtomicBool = AtomicBool::new(false);
        let no_file = || {
            assert!(
                !ASKED.swap(true, Ordering::Relaxed),
                "it was asked for again"
            );
            Err(io::ErrorKind::PermissionDenied.into())
        };
        let waiting = Waiting::with_limit(Box::new(no_file), 50);
        let mut only = column(&waiting);
        let keys: Vec<PageKey> = (0..3).map(|n| only.put(page(n)).unwrap()).collect();
        assert_eq!(only.memory_size(), 300);
        for (n, key) in (0..3).zip(keys) {
            assert_eq!(only.take(key).unwrap(), page(n));
        }
    }
}
