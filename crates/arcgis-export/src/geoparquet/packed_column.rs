//! A column whose pages come uncompressed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use parquet::arrow::arrow_writer::{PageKey, PageStore};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::page_index::offset_index::OffsetIndexMetaData;

use super::packer::{Packer, Unpacked};
use super::page_head::PageHead;
use super::page_store::{ColumnPages, Page, Waiting, not_there};

/// One column of one row group.
pub(super) struct PackedColumn {
    level: ZstdLevel,
    waiting: Waiting,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pages: Vec<Slot>,
    /// All together, as the `parquet` crate counts them, and as they are.
    unpacked_bytes: usize,
    packed_bytes: usize,
}

/// A page, its head included.
struct Slot {
    packed_bytes: usize,
    /// By how much the head is longer than the one that it came with.
    longer: i64,
    packed: Option<(Bytes, Page)>,
}

impl PackedColumn {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much the column takes, by what the `parquet` crate says of it, if no page waits any more.
    pub(super) fn bytes(&self, said: usize) -> usize {
        let state = self.state();
        said.saturating_sub(state.unpacked_bytes) + state.packed_bytes
    }

    /// A place for a page to come.
    fn expect(&self, unpacked_bytes: usize) -> usize {
        let mut state = self.state();
        state.unpacked_bytes += unpacked_bytes;
        state.pages.push(Slot {
            packed_bytes: 0,
            longer: 0,
            packed: None,
        });
        state.pages.len() - 1
    }

    /// The page in that place is compressed.
    pub(super) fn packed(&self, place: usize, longer: i64, head: Bytes, page: &[u8]) {
        let page_bytes = page.len();
        let page = self.waiting.keep_copy(page);
        let mut state = self.state();
        let packed_bytes = head.len() + page_bytes;
        if let Some(slot) = state.pages.get_mut(place) {
            slot.packed_bytes = packed_bytes;
            slot.longer = longer;
            slot.packed = Some((head, page));
        }
        state.packed_bytes += packed_bytes;
    }

    /// Puts right what is noted of a complete column whose pages were thought to stay as they are.
    pub(super) fn correct(&self, close: &mut ColumnCloseResult) -> Result<()> {
        let state = self.state();
        if state.pages.is_empty() {
            return Ok(());
        }
        let noted = usize::try_from(close.metadata.compressed_size()).ok();
        let index = close.offset_index.as_mut();
        let other_pages =
            |index: &OffsetIndexMetaData| index.page_locations.len() != state.pages.len();
        if noted != Some(state.unpacked_bytes) || index.as_deref().is_some_and(other_pages) {
            return Err(ParquetError::General(
                "other pages are noted of a column than came of it".to_owned(),
            ));
        }
        let longer: i64 = state.pages.iter().map(|slot| slot.longer).sum();
        if let Some(index) = index {
            let mut offset = close.metadata.data_page_offset();
            for (slot, location) in state.pages.iter().zip(&mut index.page_locations) {
                location.offset = offset;
                location.compressed_page_size = i32::try_from(slot.packed_bytes)?;
                offset += i64::from(location.compressed_page_size);
            }
        }
        close.bytes_written = state.packed_bytes as u64;
        let metadata = close.metadata.clone();
        let unpacked = metadata.uncompressed_size() + longer;
        let metadata = metadata.into_builder();
        close.metadata = metadata
            .set_compression(Compression::ZSTD(self.level))
            .set_total_compressed_size(i64::try_from(state.packed_bytes)?)
            .set_total_uncompressed_size(unpacked)
            .build()?;
        Ok(())
    }
}

/// The pages of one column in one row group, which the `parquet` crate brings by twos: a head, then what it is of.
pub(super) struct PackedPages {
    packer: Arc<Packer>,
    column: Arc<PackedColumn>,
    head: Option<(PageHead, Bytes)>,
    /// All of them, if the first is not of a form that is known here: they stay as they are.
    left_alone: Option<ColumnPages>,
}

impl PackedPages {
    pub(super) fn new(packer: Arc<Packer>, waiting: Waiting) -> Self {
        let column = PackedColumn {
            level: packer.level(),
            waiting,
            state: Mutex::default(),
        };
        Self {
            packer,
            column: Arc::new(column),
            head: None,
            left_alone: None,
        }
    }

    pub(super) fn column(&self) -> Arc<PackedColumn> {
        Arc::clone(&self.column)
    }

    /// Leaves all pages as they are, if none was compressed yet.
    fn leave_alone(&mut self, piece: Bytes) -> Result<PageKey> {
        if !self.column.state().pages.is_empty() {
            return Err(ParquetError::General("a page of another form".to_owned()));
        }
        self.packer.leave_unknown();
        let mut pages = ColumnPages::new(self.column.waiting.clone());
        if let Some((_, head)) = self.head.take() {
            pages.put(head)?;
        }
        self.left_alone.insert(pages).put(piece)
    }
}

impl PageStore for PackedPages {
    fn put(&mut self, piece: Bytes) -> Result<PageKey> {
        if let Some(pages) = &mut self.left_alone {
            return pages.put(piece);
        }
        let Some((head, head_bytes)) = self.head.take() else {
            let Some(head) = PageHead::read(&piece) else {
                return self.leave_alone(piece);
            };
            self.head = Some((head, piece));
            let pages = self.column.state().pages.len();
            return Ok(PageKey::new(2 * pages as u64));
        };
        if head.size() != piece.len() {
            self.head = Some((head, head_bytes));
            return self.leave_alone(piece);
        }
        let place = self.column.expect(head_bytes.len() + piece.len());
        self.packer.bring(Unpacked {
            column: Arc::clone(&self.column),
            place,
            head,
            page: piece,
        })?;
        Ok(PageKey::new(2 * place as u64 + 1))
    }

    fn take(&mut self, key: PageKey) -> Result<Bytes> {
        if let Some(pages) = &mut self.left_alone {
            return pages.take(key);
        }
        let place = usize::try_from(key.get() / 2).ok();
        let mut state = self.column.state();
        let slot = place.and_then(|place| state.pages.get_mut(place));
        let slot = slot.ok_or_else(|| not_there(key))?;
        if key.get().is_multiple_of(2) {
            let packed = slot.packed.as_ref();
            return packed
                .map(|(head, _)| head.clone())
                .ok_or_else(|| not_there(key));
        }
        let packed = slot.packed.take();
        drop(state);
        match packed {
            Some((_, page)) => Ok(page.take()?),
            None => Err(not_there(key)),
        }
    }

    fn memory_size(&self) -> usize {
        if let Some(pages) = &self.left_alone {
            return pages.memory_size();
        }
        let state = self.column.state();
        let packed = state.pages.iter().filter_map(|slot| slot.packed.as_ref());
        packed.map(|(_, page)| page.resident()).sum()
    }
}
