//! The pages of a file that is written, column by column.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use parquet::arrow::arrow_writer::{PageStore, PageStoreArgs, PageStoreFactory};
use parquet::errors::Result;

use super::packed_column::{PackedColumn, PackedPages};
use super::packer::Packer;
use super::page_store::{ColumnPages, MakeFile, Waiting};

/// Bytes of all columns together that wait in memory.
const IN_MEMORY: usize = 8 * 1024 * 1024;

/// The pages of one file that is written.
pub(super) struct Pages {
    waiting: Waiting,
    packer: Arc<Packer>,
    /// The leaves whose pages come uncompressed.
    packed: Vec<usize>,
    /// Those that were begun and not asked for yet, by their leaves.
    begun: Mutex<Vec<(usize, Arc<PackedColumn>)>>,
}

impl Pages {
    /// Pages of some columns come uncompressed: those of the leaves that are named here.
    pub(super) fn new(make: Box<MakeFile>, packer: Packer, packed: Vec<usize>) -> Self {
        Self {
            waiting: Waiting::with_limit(make, IN_MEMORY),
            packer: Arc::new(packer),
            packed,
            begun: Mutex::default(),
        }
    }

    pub(super) fn packer(&self) -> &Packer {
        &self.packer
    }

    /// Whether there are columns whose pages come uncompressed.
    pub(super) fn are_packed(&self) -> bool {
        !self.packed.is_empty()
    }

    /// The columns whose pages come uncompressed, by their leaves, that were begun since this was asked last.
    pub(super) fn begun(&self) -> Vec<(usize, Arc<PackedColumn>)> {
        std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

impl PageStoreFactory for Pages {
    fn create(&self, args: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>> {
        let leaf = args.column_index();
        if !self.packed.contains(&leaf) {
            return Ok(Box::new(ColumnPages::new(self.waiting.clone())));
        }
        let pages = PackedPages::new(Arc::clone(&self.packer), self.waiting.clone());
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push((leaf, pages.column()));
        Ok(Box::new(pages))
    }
}
