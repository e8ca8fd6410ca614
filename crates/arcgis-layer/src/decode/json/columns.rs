//! From attribute keys to columns, mostly without looking anything up.

use std::collections::HashMap;

use super::scanner::{Scanner, Written};
use crate::decode::DecodeError;
use crate::decode::column_names::{ColumnNames, Target};
use crate::layout::Layout;

/// Finds the column of each key.
///
/// Rows mostly have the same keys in the same order: each key is first compared with the one that
/// followed last time. Only new keys are decoded and looked up. A row whose keys all came as expected is *even*:
/// nothing needs to be noted of it.
#[derive(Debug)]
pub(super) struct Columns<'a, 'l> {
    names: ColumnNames<'l>,
    /// Where the attributes begin that have the first keys: all of their names count before one is taken for another
    /// that is written in another case.
    first: Option<Scanner<'a>>,
    /// The keys seen so far, in the order of their first appearance.
    known: Vec<Known<'a>>,
    /// The places of keys, as they stand between their quotes, once there is one that did not come in its turn.
    places: Option<HashMap<&'a str, usize>>,
    /// For how many columns a key is known.
    known_columns: usize,
    /// The last row, counted from 1, that had a value for the column; but for even rows. [`NO_KEY`] where no known key is
    /// for it.
    seen: Vec<usize>,
    row: usize,
    filled: usize,
    next: usize,
    even: bool,
    scratch: String,
}

const NO_KEY: usize = usize::MAX;

#[derive(Debug, Clone, Copy)]
struct Known<'a> {
    written: Written<'a>,
    target: Target,
    /// The target in even rows, where no key before it has the same one.
    even: Target,
}

impl<'a, 'l> Columns<'a, 'l> {
    pub(super) fn new(layout: &'l Layout) -> Self {
        let names = ColumnNames::new(layout);
        Self {
            seen: vec![NO_KEY; names.slots()],
            known: Vec::with_capacity(names.slots()),
            places: None,
            first: None,
            names,
            known_columns: 0,
            row: 0,
            filled: 0,
            next: 0,
            even: false,
            scratch: String::new(),
        }
    }

    /// A new row begins.
    pub(super) fn begin_row(&mut self) {
        self.row += 1;
        self.filled = 0;
        self.next = 0;
        // Of an even row there is nothing yet to be noted.
        self.even = true;
    }

    /// A row's attributes begin; `scanner` stands before their bracket.
    pub(super) fn begin_attributes(&mut self, scanner: Scanner<'a>) {
        if self.next > 0 {
            // Not the first of the row.
            self.note();
            self.next = 0;
        }
        if self.known.is_empty() {
            self.first = Some(scanner);
        }
    }

    /// Announces the names of the first attributes.
    fn announce(&mut self) -> Result<(), DecodeError> {
        let Some(mut scanner) = self.first.take() else {
            return Ok(());
        };
        let mut more = scanner.open(b'{')?;
        while more {
            let key = scanner.key()?;
            scanner.skip()?;
            self.names.announce(key.decode(&mut self.scratch));
            more = scanner.more(b'{')?;
        }
        Ok(())
    }

    /// Passes the next key, if it is the one that is expected, and tells where its value goes.
    #[inline]
    pub(super) fn expected(&mut self, scanner: &mut Scanner<'a>) -> Option<Target> {
        let known = self.known.get(self.next)?;
        if !self.even || !scanner.key_as(&known.written) {
            return None;
        }
        self.next += 1;
        Some(known.even)
    }

    /// Passes the next key and tells where its value goes.
    pub(super) fn key(&mut self, scanner: &mut Scanner<'a>) -> Result<Target, DecodeError> {
        self.note();
        scanner.peek()?;
        let target = match self.known.get(self.next) {
            Some(known) if scanner.key_as(&known.written) => {
                self.next += 1;
                known.target
            }
            _ => self.look_up(scanner)?,
        };
        Ok(if self.fill(target) {
            target
        } else {
            Target::Skip
        })
    }

    /// The row is not even: notes what it has had so far.
    fn note(&mut self) {
        if !std::mem::replace(&mut self.even, false) {
            return;
        }
        for place in 0..self.next {
            if let Some(known) = self.known.get(place).copied() {
                self.fill(known.target);
            }
        }
    }

    /// Notes that the row has a value for a target; false if it has had one before.
    fn fill(&mut self, target: Target) -> bool {
        let slot = self.names.slot(target);
        let Some(seen) = slot.and_then(|slot| self.seen.get_mut(slot)) else {
            return true;
        };
        if *seen == self.row {
            return false;
        }
        *seen = self.row;
        self.filled += usize::from(target != Target::HiddenId);
        true
    }

    fn look_up(&mut self, scanner: &mut Scanner<'a>) -> Result<Target, DecodeError> {
        let start = scanner.at();
        let key = scanner.key()?;
        let place = self.places.as_ref().and_then(|places| places.get(key.raw));
        if let Some(place) = place.copied() {
            return Ok(self.again(place));
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let name = key.decode(&mut scratch);
        let mut target = self.names.exactly(name);
        let is_first = target
            .and_then(|target| self.names.slot(target))
            .is_some_and(|slot| self.seen.get(slot) == Some(&NO_KEY));
        // The first key of a column was never seen before.
        if self.places.is_none() && !is_first {
            let places = self.known.iter().enumerate();
            let places: HashMap<&str, usize> = places
                .map(|(place, known)| (known.written.raw(), place))
                .collect();
            let place = places.get(key.raw).copied();
            self.places = Some(places);
            if let Some(place) = place {
                self.scratch = scratch;
                return Ok(self.again(place));
            }
        }
        if target.is_none() {
            self.announce()?;
            target = Some(self.names.resolve(name));
        }
        self.scratch = scratch;
        Ok(self.add(
            key.raw,
            scanner.written(start),
            target.unwrap_or(Target::Skip),
        ))
    }

    /// A key comes in another place than last time.
    fn again(&mut self, place: usize) -> Target {
        self.next = place + 1;
        let known = self.known.get(place);
        known.map_or(Target::Skip, |known| known.target)
    }

    /// A key comes for the first time.
    fn add(&mut self, key: &'a str, written: Written<'a>, target: Target) -> Target {
        let slot = self.names.slot(target);
        let taken = match slot.and_then(|slot| self.seen.get_mut(slot)) {
            Some(seen) if *seen == NO_KEY => {
                *seen = 0;
                false
            }
            seen => seen.is_some(),
        };
        if let (Target::Column(_), false) = (target, taken) {
            self.known_columns += 1;
        }
        if let Some(places) = &mut self.places {
            places.insert(key, self.known.len());
        }
        self.known.push(Known {
            written,
            target,
            even: if taken { Target::Skip } else { target },
        });
        self.next = self.known.len();
        target
    }

    /// The columns that the row has no value for.
    pub(super) fn missing(&mut self) -> impl Iterator<Item = usize> + '_ {
        let columns = self.names.columns();
        let even = self.even && self.next == self.known.len();
        let all = if even {
            self.known_columns == columns
        } else {
            self.note();
            self.filled == columns
        };
        if even && !all {
            self.note();
        }
        (0..if all { 0 } else { columns })
            .filter(|&column| self.seen.get(column) != Some(&self.row))
    }
}
