//! Sorted runs on disk, and all of them together in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::VecDeque;
use std::collections::binary_heap::PeekMut;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_select::interleave::interleave_record_batch;

use super::blocks::{Block, Blocks};
use super::chunk::Chunk;
use super::key::{Key, Sorting};
use crate::batches::{Limits, RowSizes};
use crate::error::Error;
use crate::writer_thread::GivenUp;

/// The batches of a run: small, since of each run that is merged one is in memory.
const RUN: Limits = Limits {
    rows: 4_096,
    bytes: 1024 * 1024,
};

/// Rows in order, in batches.
type Run = VecDeque<Block>;

/// Sorted runs, in the order in which their rows came.
#[derive(Debug)]
pub(crate) struct Runs {
    blocks: Blocks,
    runs: Vec<Run>,
}

impl Runs {
    pub(crate) fn new(blocks: Blocks) -> Self {
        Self {
            blocks,
            runs: Vec::new(),
        }
    }

    /// Sorts rows, and writes them as a run.
    pub(crate) fn add(
        &mut self,
        chunk: Chunk,
        sorting: &Sorting,
        given_up: &GivenUp,
    ) -> Result<(), Error> {
        let mut sorted = chunk.sort(sorting, RUN);
        let mut run = Run::new();
        while let Some(rows) = sorted.next()? {
            given_up.check()?;
            run.push_back(self.blocks.add(&rows).map_err(Error::spool)?);
        }
        self.runs.push(run);
        Ok(())
    }

    /// All rows in order. Where there are more runs than fit into the memory together, some are merged to
    /// longer ones before.
    pub(crate) fn merge(
        mut self,
        sorting: &Sorting,
        memory: usize,
        folder: &Path,
        given_up: &GivenUp,
    ) -> Result<Merge, Error> {
        loop {
            let largest = self.runs.iter().flatten().map(|block| block.size).max();
            // Beside the batch that is read, the one before it may still wait for its last rows to be given.
            let at_once = (memory / 2 / largest.unwrap_or(1).max(1)).max(2);
            if self.runs.len() <= at_once {
                return Merge::new(self.blocks, self.runs, sorting.clone(), Limits::BATCH);
            }
            let blocks = Blocks::new(folder, self.blocks.schema()).map_err(Error::spool)?;
            let mut longer = Self::new(blocks);
            let mut runs = self.runs.into_iter();
            let mut blocks = self.blocks;
            loop {
                let group: Vec<Run> = runs.by_ref().take(at_once).collect();
                if group.is_empty() {
                    break;
                }
                let mut merge = Merge::new(blocks, group, sorting.clone(), RUN)?;
                let mut run = Run::new();
                while let Some(rows) = merge.next()? {
                    given_up.check()?;
                    run.push_back(longer.blocks.add(&rows).map_err(Error::spool)?);
                }
                longer.runs.push(run);
                blocks = merge.blocks;
            }
            self = longer;
        }
    }
}

/// Runs that are merged.
#[derive(Debug)]
pub(crate) struct Merge {
    blocks: Blocks,
    cursors: Vec<Cursor>,
    /// The next row of each run that has one: the least key first, and of the same keys the earlier run.
    heads: BinaryHeap<Reverse<(Key, usize)>>,
    sorting: Sorting,
    limits: Limits,
}

/// A place in a run.
#[derive(Debug)]
struct Cursor {
    run: Run,
    rows: RecordBatch,
    keys: Vec<Key>,
    sizes: Vec<usize>,
    at: usize,
    /// Where its batch is among those of the rows that are being given.
    held: Option<usize>,
}

impl Merge {
    fn new(
        blocks: Blocks,
        runs: Vec<Run>,
        sorting: Sorting,
        limits: Limits,
    ) -> Result<Self, Error> {
        let mut merge = Self {
            blocks,
            cursors: Vec::with_capacity(runs.len()),
            heads: BinaryHeap::with_capacity(runs.len()),
            sorting,
            limits,
        };
        for (place, run) in runs.into_iter().enumerate() {
            let mut cursor = Cursor {
                run,
                rows: RecordBatch::new_empty(merge.blocks.schema().clone()),
                keys: Vec::new(),
                sizes: Vec::new(),
                at: 0,
                held: None,
            };
            cursor.turn(&mut merge.blocks, &merge.sorting)?;
            if let Some(key) = cursor.keys.first() {
                merge.heads.push(Reverse((*key, place)));
            }
            merge.cursors.push(cursor);
        }
        Ok(merge)
    }

    /// The next rows.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        let mut held: Vec<RecordBatch> = Vec::new();
        let mut chosen = Vec::new();
        let mut bytes = 0_usize;
        for cursor in &mut self.cursors {
            cursor.held = None;
        }
        while let Some(mut head) = self.heads.peek_mut() {
            let Reverse((_, place)) = *head;
            let Some(cursor) = self.cursors.get_mut(place) else {
                break;
            };
            let batch = *cursor.held.get_or_insert_with(|| {
                held.push(cursor.rows.clone());
                held.len() - 1
            });
            chosen.push((batch, cursor.at));
            bytes += cursor.sizes.get(cursor.at).copied().unwrap_or(0);
            cursor.at += 1;
            if cursor.at == cursor.keys.len() {
                cursor.turn(&mut self.blocks, &self.sorting)?;
            }
            match cursor.keys.get(cursor.at) {
                Some(key) => *head = Reverse((*key, place)),
                None => {
                    PeekMut::pop(head);
                }
            }
            if self.limits.reached(chosen.len(), bytes) {
                break;
            }
        }
        if chosen.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&RecordBatch> = held.iter().collect();
        Ok(Some(interleave_record_batch(&batches, &chosen)?))
    }
}

impl Cursor {
    /// Reads the next batch of the run; behind the last there are no rows.
    fn turn(&mut self, blocks: &mut Blocks, sorting: &Sorting) -> Result<(), Error> {
        self.keys.clear();
        self.sizes.clear();
        self.at = 0;
        self.held = None;
        let Some(block) = self.run.pop_front() else {
            self.rows = RecordBatch::new_empty(blocks.schema().clone());
            return Ok(());
        };
        self.rows = blocks.read(&block).map_err(Error::spool)?;
        sorting.keys(&self.rows, &mut self.keys);
        let sizes = RowSizes::of(&self.rows);
        self.sizes
            .extend((0..self.rows.num_rows()).map(|row| sizes.row(row)));
        Ok(())
    }
}
