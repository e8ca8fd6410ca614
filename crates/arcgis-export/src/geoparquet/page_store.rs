//! Where the encoded pages of a row group are until all of its columns can be written.
//!
//! A column stands in one piece in the file while batches bring all columns at once, so that everything but the
//! column that comes first has to wait. A few megabytes wait in memory, and what is beyond them on disk: how much
//! memory a file takes does not depend on how large its row groups are.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use parquet::arrow::arrow_writer::{PageKey, PageStore, PageStoreArgs, PageStoreFactory};
use parquet::errors::{ParquetError, Result};

/// Bytes of all columns together that wait in memory.
const IN_MEMORY: usize = 8 * 1024 * 1024;

/// Makes the file when it is needed.
pub(super) type MakeFile = dyn Fn() -> io::Result<File> + Send + Sync;

/// The pages of one file that is written.
pub(super) struct Pages {
    shared: Arc<Shared>,
}

struct Shared {
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

impl Pages {
    pub(super) fn new(make: Box<MakeFile>) -> Self {
        Self::with_limit(make, IN_MEMORY)
    }

    fn with_limit(make: Box<MakeFile>, most: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                most,
                in_memory: AtomicUsize::new(0),
                disk: Mutex::default(),
                make,
            }),
        }
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

impl PageStoreFactory for Pages {
    fn create(&self, _: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>> {
        Ok(Box::new(ColumnPages {
            shared: Arc::clone(&self.shared),
            pages: Vec::new(),
            resident: 0,
        }))
    }
}

/// The pages of one column in one row group.
struct ColumnPages {
    shared: Arc<Shared>,
    pages: Vec<Page>,
    resident: usize,
}

enum Page {
    Memory(Bytes),
    Disk { at: u64, length: usize },
    Taken,
}

impl PageStore for ColumnPages {
    fn put(&mut self, page: Bytes) -> Result<PageKey> {
        let key = PageKey::new(self.pages.len() as u64);
        let length = page.len();
        let before = self.shared.in_memory.fetch_add(length, Ordering::Relaxed);
        let fits = before.saturating_add(length) <= self.shared.most;
        let on_disk = if fits {
            None
        } else {
            self.shared.to_disk(&page)
        };
        self.pages.push(match on_disk {
            Some(at) => {
                self.shared.in_memory.fetch_sub(length, Ordering::Relaxed);
                Page::Disk { at, length }
            }
            None => {
                self.resident += length;
                Page::Memory(page)
            }
        });
        Ok(key)
    }

    fn take(&mut self, key: PageKey) -> Result<Bytes> {
        let place = usize::try_from(key.get()).ok();
        let page = place.and_then(|place| self.pages.get_mut(place));
        match page.map(|page| std::mem::replace(page, Page::Taken)) {
            Some(Page::Memory(page)) => {
                self.resident -= page.len();
                self.shared
                    .in_memory
                    .fetch_sub(page.len(), Ordering::Relaxed);
                Ok(page)
            }
            Some(Page::Disk { at, length }) => Ok(self.shared.read_disk(at, length)?),
            Some(Page::Taken) | None => Err(ParquetError::General(format!(
                "page {} is not there",
                key.get()
            ))),
        }
    }

    fn memory_size(&self) -> usize {
        self.resident
    }
}

impl Drop for ColumnPages {
    fn drop(&mut self) {
        self.shared
            .in_memory
            .fetch_sub(self.resident, Ordering::Relaxed);
        let left = self.pages.iter();
        let left = left
            .filter(|page| matches!(page, Page::Disk { .. }))
            .count();
        self.shared.lock().forget(left);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the page was put; `None` if it has to stay in memory.
    fn to_disk(&self, page: &[u8]) -> Option<u64> {
        let mut disk = self.lock();
        if disk.broken {
            return None;
        }
        let written = disk.put(page, &self.make);
        if let Err(error) = &written {
            tracing::debug!(%error, "encoded pages stay in memory: they cannot be written to disk");
            disk.broken = true;
        }
        written.ok()
    }

    fn read_disk(&self, at: u64, length: usize) -> io::Result<Bytes> {
        let mut page = vec![0; length];
        let mut disk = self.lock();
        let file = disk.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut page)?;
        disk.forget(1);
        Ok(Bytes::from(page))
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

    fn forget(&mut self, pages: usize) {
        self.pages = self.pages.saturating_sub(pages);
        if self.pages == 0 {
            self.end = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn column(pages: &Pages) -> ColumnPages {
        ColumnPages {
            shared: Arc::clone(&pages.shared),
            pages: Vec::new(),
            resident: 0,
        }
    }

    fn page(fill: u8) -> Bytes {
        Bytes::from(vec![fill; 100])
    }

    fn on_disk(pages: &Pages) -> (u64, usize) {
        let disk = pages.shared.lock();
        (disk.end, disk.pages)
    }

    #[test]
    fn what_memory_does_not_hold_comes_back_from_disk() {
        let pages = Pages::with_limit(Box::new(tempfile::tempfile), 250);
        let (mut first, mut second) = (column(&pages), column(&pages));
        for round in 0..3 {
            let keys: Vec<PageKey> = (0..4)
                .map(|n| {
                    let store = if n % 2 == 0 { &mut first } else { &mut second };
                    store.put(page(round * 4 + n)).unwrap()
                })
                .collect();
            // Two are in memory. What was on disk before has made room.
            assert_eq!(on_disk(&pages), (200, 2));
            assert_eq!(first.memory_size() + second.memory_size(), 200);
            for (n, key) in (0..4).zip(keys) {
                let store = if n % 2 == 0 { &mut first } else { &mut second };
                assert_eq!(store.take(key).unwrap(), page(round * 4 + n));
                assert!(store.take(key).is_err(), "a page is there once");
            }
            assert_eq!(on_disk(&pages), (0, 0));
        }
    }

    #[test]
    fn a_row_group_that_is_given_up_makes_room() {
        let pages = Pages::with_limit(Box::new(tempfile::tempfile), 150);
        let mut given_up = column(&pages);
        for n in 0..3 {
            given_up.put(page(n)).unwrap();
        }
        assert_eq!(on_disk(&pages), (200, 2));
        drop(given_up);
        assert_eq!(on_disk(&pages), (0, 0));
        assert_eq!(pages.shared.in_memory.load(Ordering::Relaxed), 0);
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
        let pages = Pages::with_limit(Box::new(no_file), 50);
        let mut only = column(&pages);
        let keys: Vec<PageKey> = (0..3).map(|n| only.put(page(n)).unwrap()).collect();
        assert_eq!(only.memory_size(), 300);
        for (n, key) in (0..3).zip(keys) {
            assert_eq!(only.take(key).unwrap(), page(n));
        }
    }
}
