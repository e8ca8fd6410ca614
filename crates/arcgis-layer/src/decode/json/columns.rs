//! From attribute keys to columns, mostly without looking anything up.

use std::collections::HashMap;

use super::scanner::Scanner;
use crate::decode::DecodeError;
use crate::decode::column_names::{ColumnNames, Target};
use crate::layout::Layout;

/// Finds the column of each key.
///
/// Rows mostly have the same keys in the same order: each key is first compared with the one that
/// followed last time. Only new keys are decoded and looked up.
#[derive(Debug)]
pub(super) struct Columns<'a, 'l> {
    names: ColumnNames<'l>,
    /// The keys seen so far, as written, in the order of their first appearance.
    known: Vec<(&'a str, Target)>,
    places: HashMap<&'a str, usize>,
    /// The last row, counted from 1, that had a value for the column.
    seen: Vec<usize>,
    row: usize,
    filled: usize,
    next: usize,
    scratch: String,
}

impl<'a, 'l> Columns<'a, 'l> {
    pub(super) fn new(layout: &'l Layout) -> Self {
        let names = ColumnNames::new(layout);
        Self {
            seen: vec![0; names.slots()],
            names,
            known: Vec::new(),
            places: HashMap::new(),
            row: 0,
            filled: 0,
            next: 0,
            scratch: String::new(),
        }
    }

    /// A new row begins.
    pub(super) fn begin_row(&mut self) {
        self.row += 1;
        self.filled = 0;
    }

    /// A row's attributes begin; `scanner` stands before their bracket.
    pub(super) fn begin_attributes(&mut self, mut scanner: Scanner<'a>) -> Result<(), DecodeError> {
        self.next = 0;
        if !self.known.is_empty() {
            return Ok(());
        }
        let mut more = scanner.open(b'{')?;
        while more {
            let key = scanner.key()?;
            scanner.skip()?;
            self.names.announce(key.decode(&mut self.scratch));
            more = scanner.more(b'{')?;
        }
        Ok(())
    }

    /// Passes the next key and tells where its value goes.
    #[inline]
    pub(super) fn key(&mut self, scanner: &mut Scanner<'a>) -> Result<Target, DecodeError> {
        let target = match self.known.get(self.next) {
            Some(&(raw, target)) if scanner.key_is(raw)? => {
                self.next += 1;
                target
            }
            _ => self.look_up(scanner)?,
        };
        let slot = self.names.slot(target);
        if let Some(seen) = slot.and_then(|slot| self.seen.get_mut(slot)) {
            if *seen == self.row {
                return Ok(Target::Skip);
            }
            *seen = self.row;
            self.filled += usize::from(target != Target::HiddenId);
        }
        Ok(target)
    }

    fn look_up(&mut self, scanner: &mut Scanner<'a>) -> Result<Target, DecodeError> {
        let key = scanner.key()?;
        if let Some(&place) = self.places.get(key.raw) {
            self.next = place + 1;
            return Ok(self
                .known
                .get(place)
                .map_or(Target::Skip, |&(_, target)| target));
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let target = self.names.resolve(key.decode(&mut scratch));
        self.scratch = scratch;
        self.places.insert(key.raw, self.known.len());
        self.known.push((key.raw, target));
        self.next = self.known.len();
        Ok(target)
    }

    /// The columns that the row has no value for.
    pub(super) fn missing(&self) -> impl Iterator<Item = usize> + '_ {
        let columns = self.names.columns();
        let all = self.filled == columns;
        (0..if all { 0 } else { columns })
            .filter(|&column| self.seen.get(column) != Some(&self.row))
    }
}
