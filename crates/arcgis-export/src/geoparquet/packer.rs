//! Pages that are compressed by whichever thread has time for it.
//!
//! The `parquet` crate compresses the pages of a column where it makes them, one after the other. Where one column is
//! most of a file, as geometry is, all else waits for that. So columns without a dictionary are declared to it as
//! uncompressed: their pages are compressed here, several at a time, and what was noted of their sizes is put right
//! when the column is complete. The file is the same byte by byte as if it had compressed them.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use parquet::basic::ZstdLevel;
use parquet::errors::Result;
use zstd::bulk::Compressor;

use super::packed_column::PackedColumn;
use super::page_head::PageHead;

/// Uncompressed bytes that wait at most: a page beyond them is compressed by the thread that brings it.
const MOST_WAITING: usize = 4 * 1024 * 1024;

/// A buffer that is larger is not kept for the next page: pages of more than 1 MB are those of single large values.
const LARGEST_BUFFER: usize = 4 * 1024 * 1024;

/// Pages of a file that wait for being compressed, and what that takes.
pub(super) struct Packer {
    level: ZstdLevel,
    queue: Mutex<Queue>,
    changed: Condvar,
    presses: Mutex<Vec<Press>>,
    /// Whether pages of a column came in another form than is known here.
    has_unknown: AtomicBool,
}

#[derive(Default)]
struct Queue {
    pages: VecDeque<Unpacked>,
    bytes: usize,
    /// Columns that may still bring some.
    columns: usize,
}

/// A page as the `parquet` crate made it.
pub(super) struct Unpacked {
    pub(super) column: Arc<PackedColumn>,
    pub(super) place: usize,
    pub(super) head: PageHead,
    pub(super) page: Bytes,
}

/// What compresses one page at a time, used again for the next.
struct Press {
    compressor: Compressor<'static>,
    buffer: Vec<u8>,
}

impl Packer {
    pub(super) fn new(level: ZstdLevel) -> Self {
        Self {
            level,
            queue: Mutex::default(),
            changed: Condvar::new(),
            presses: Mutex::default(),
            has_unknown: AtomicBool::new(false),
        }
    }

    /// Says, once for a file, that pages of a column stay as they came.
    pub(super) fn leave_unknown(&self) {
        if !self.has_unknown.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "pages of the Parquet file are of a form that is not known: they stay uncompressed"
            );
        }
    }

    /// Whether pages stayed as they came.
    #[cfg(test)]
    pub(super) fn has_unknown(&self) -> bool {
        self.has_unknown.load(Ordering::Relaxed)
    }

    pub(super) fn level(&self) -> ZstdLevel {
        self.level
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on so many columns may bring pages, each until its [`Packer::column`] is dropped.
    pub(super) fn expect(&self, columns: usize) {
        self.queue().columns = columns;
    }

    /// One of those that were expected.
    pub(super) fn column(&self) -> Making<'_> {
        Making(self)
    }

    /// Compresses a page if one waits.
    pub(super) fn pack_one(&self) -> Result<bool> {
        let waiting = self.queue().next();
        match waiting {
            Some(page) => self.pack(page).map(|()| true),
            None => Ok(false),
        }
    }

    /// The same, but waits while there may be one to come. False says that there is none any more.
    pub(super) fn pack_next(&self) -> Result<bool> {
        let mut queue = self.queue();
        let page = loop {
            match queue.next() {
                Some(page) => break page,
                None if queue.columns == 0 => return Ok(false),
                None => {
                    let waited = self.changed.wait(queue);
                    queue = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        drop(queue);
        self.pack(page).map(|()| true)
    }

    /// Takes a page that waits from now on, if there is room.
    pub(super) fn bring(&self, page: Unpacked) -> Result<()> {
        let mut queue = self.queue();
        let bytes = queue.bytes.saturating_add(page.page.len());
        if bytes > MOST_WAITING {
            drop(queue);
            return self.pack(page);
        }
        queue.bytes = bytes;
        queue.pages.push_back(page);
        drop(queue);
        self.changed.notify_one();
        Ok(())
    }

    fn pack(&self, unpacked: Unpacked) -> Result<()> {
        let mut press = match self.presses().pop() {
            Some(press) => press,
            None => Press::new(self.level)?,
        };
        let packed = press.pack(&unpacked.page)?;
        let head = unpacked.head.with_size(packed.len())?;
        let longer = unpacked.head.longer(&head);
        unpacked.column.packed(unpacked.place, longer, head, packed);
        if press.buffer.capacity() > LARGEST_BUFFER {
            press.buffer = Vec::new();
        }
        self.presses().push(press);
        Ok(())
    }

    fn presses(&self) -> MutexGuard<'_, Vec<Press>> {
        self.presses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn next(&mut self) -> Option<Unpacked> {
        let page = self.pages.pop_front()?;
        self.bytes -= page.page.len();
        Some(page)
    }
}

impl Press {
    fn new(level: ZstdLevel) -> io::Result<Self> {
        Ok(Self {
            compressor: Compressor::new(level.compression_level())?,
            buffer: Vec::new(),
        })
    }

    fn pack(&mut self, page: &[u8]) -> io::Result<&[u8]> {
        self.buffer.clear();
        self.buffer
            .reserve(zstd::zstd_safe::compress_bound(page.len()));
        self.compressor.compress_to_buffer(page, &mut self.buffer)?;
        Ok(&self.buffer)
    }
}

/// A column that may bring pages.
pub(super) struct Making<'a>(&'a Packer);

impl Drop for Making<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.columns = queue.columns.saturating_sub(1);
        let last = queue.columns == 0;
        drop(queue);
        if last {
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use parquet::arrow::arrow_writer::PageStore;

    use super::super::packed_column::PackedPages;
    use super::super::page_store::Waiting;
    use super::*;

    const MB: usize = 1024 * 1024;

    /// The head of a data page of so many bytes, as `parquet.thrift` has it.
    fn head(bytes: usize) -> Bytes {
        let mut size = Vec::new();
        let mut left = 2 * bytes;
        while left >= 0x80 {
            size.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        size.push(left as u8);
        let kind = [0x15, 0x00, 0x15];
        let rest = [
            0x2c, 0x15, 0x02, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00,
        ];
        Bytes::from([&kind, size.as_slice(), &[0x15], &size, &rest].concat())
    }

    fn page(fill: usize, bytes: usize) -> Bytes {
        (0..bytes).map(|at| (at * fill % 251) as u8).collect()
    }

    fn column(packer: &Arc<Packer>) -> PackedPages {
        let waiting = Waiting::with_limit(Box::new(tempfile::tempfile), 0);
        PackedPages::new(Arc::clone(packer), waiting)
    }

    fn packer() -> Arc<Packer> {
        Arc::new(Packer::new(ZstdLevel::default()))
    }

    #[test]
    fn few_pages_wait() {
        let packer = packer();
        let mut pages = column(&packer);
        let mut keys = Vec::new();
        for fill in 0..6 {
            pages.put(head(MB)).unwrap();
            keys.push(pages.put(page(fill, MB)).unwrap());
        }
        // Four of them: the fifth and the sixth were compressed when they came.
        assert_eq!(packer.queue().bytes, 4 * MB);
        assert!(pages.take(keys[0]).is_err(), "it is not compressed yet");
        while packer.pack_one().unwrap() {}
        assert_eq!(packer.queue().bytes, 0);
        assert_eq!(packer.presses().len(), 1, "one was enough");
        for (fill, key) in keys.into_iter().enumerate() {
            let packed = pages.take(key).unwrap();
            assert!(packed.len() < MB / 10);
            assert_eq!(zstd::decode_all(packed.as_ref()).unwrap(), page(fill, MB));
            assert!(pages.take(key).is_err(), "a page is there once");
        }
    }

    #[test]
    fn whoever_waits_gets_what_comes() {
        let packer = packer();
        packer.expect(1);
        let mut pages = column(&packer);
        thread::scope(|scope| {
            let making = packer.column();
            let waits = scope.spawn(|| {
                let mut packed = 0;
                while packer.pack_next().unwrap() {
                    packed += 1;
                }
                packed
            });
            for fill in 0..3 {
                thread::sleep(Duration::from_millis(5));
                pages.put(head(1_000)).unwrap();
                pages.put(page(fill, 1_000)).unwrap();
            }
            drop(making);
            assert_eq!(waits.join().unwrap(), 3);
        });
    }

    #[test]
    fn what_is_not_known_stays_as_it_is() {
        let packer = packer();
        assert!(!packer.has_unknown());
        let known = head(1_000);
        let unknown = known.slice(1..);
        for pieces in [
            [unknown.clone(), page(1, 1_000)],
            [known.clone(), page(1, 999)],
        ] {
            let mut pages = column(&packer);
            let keys = pieces.clone().map(|piece| pages.put(piece).unwrap());
            assert!(packer.has_unknown());
            assert_eq!(pages.column().bytes(5_000), 5_000);
            for (key, piece) in keys.into_iter().zip(pieces) {
                assert_eq!(pages.take(key).unwrap(), piece);
            }
        }
        // Half of a column cannot be left.
        let mut pages = column(&packer);
        pages.put(known).unwrap();
        pages.put(page(1, 1_000)).unwrap();
        assert!(pages.put(unknown).is_err());
    }
}
