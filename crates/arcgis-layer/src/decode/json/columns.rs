//! From attribute keys to columns, mostly without looking anything up.

use std::collections::HashMap;

use super::scanner::Scanner;
use crate::decode::DecodeError;
use crate::layout::Layout;

/// Where the value of a key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Nowhere: the caller did not ask for it, or an earlier key of the row has had its value.
    Skip,
    /// To a column.
    Column(usize),
    /// To the object id alone, which is no column.
    HiddenId,
}

/// Finds the column of each key.
///
/// Rows mostly have the same keys in the same order: each key is first compared with the one that
/// followed last time. Only new keys are decoded and looked up.
#[derive(Debug)]
pub(super) struct Columns<'a, 'l> {
    layout: &'l Layout,
    exact: HashMap<&'l str, Target>,
    /// By the name in lower case; skipped where two columns share that.
    folded: Option<HashMap<String, Target>>,
    /// The keys seen so far, as written, in the order of their first appearance.
    known: Vec<(&'a str, Target)>,
    places: HashMap<&'a str, usize>,
    /// Columns whose very name the first row has; other spellings do not count for them.
    exactly_named: Vec<bool>,
    /// The last row, counted from 1, that had a value for the column.
    seen: Vec<usize>,
    row: usize,
    filled: usize,
    next: usize,
    scratch: String,
}

impl<'a, 'l> Columns<'a, 'l> {
    pub(super) fn new(layout: &'l Layout) -> Self {
        let mut exact = HashMap::with_capacity(layout.fields.len() + 1);
        for (column, field) in layout.fields.iter().enumerate() {
            exact
                .entry(field.name.as_str())
                .or_insert(Target::Column(column));
        }
        if let Some(id) = &layout.object_id {
            if id.column.is_none() {
                exact.entry(id.name.as_str()).or_insert(Target::HiddenId);
            }
        }
        Self {
            layout,
            exact,
            folded: None,
            known: Vec::new(),
            places: HashMap::new(),
            exactly_named: vec![false; layout.fields.len() + 1],
            seen: vec![0; layout.fields.len() + 1],
            row: 0,
            filled: 0,
            next: 0,
            scratch: String::new(),
        }
    }

    fn slot(&self, target: Target) -> Option<usize> {
        match target {
            Target::Skip => None,
            Target::Column(column) => Some(column),
            Target::HiddenId => Some(self.layout.fields.len()),
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
            if let Some(&target) = self.exact.get(key.decode(&mut self.scratch)) {
                let slot = self.slot(target);
                if let Some(named) = slot.and_then(|slot| self.exactly_named.get_mut(slot)) {
                    *named = true;
                }
            }
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
        if let Some(seen) = self.slot(target).and_then(|slot| self.seen.get_mut(slot)) {
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
        let target = self.resolve(key.decode(&mut scratch));
        self.scratch = scratch;
        self.places.insert(key.raw, self.known.len());
        self.known.push((key.raw, target));
        self.next = self.known.len();
        Ok(target)
    }

    fn resolve(&mut self, name: &str) -> Target {
        if let Some(&target) = self.exact.get(name) {
            return target;
        }
        let exact = &self.exact;
        let folded = self.folded.get_or_insert_with(|| {
            let mut folded = HashMap::with_capacity(exact.len());
            for (name, &target) in exact {
                folded
                    .entry(name.to_ascii_lowercase())
                    .and_modify(|ambiguous| *ambiguous = Target::Skip)
                    .or_insert(target);
            }
            folded
        });
        let target = folded
            .get(&name.to_ascii_lowercase())
            .copied()
            .unwrap_or(Target::Skip);
        let taken = self
            .slot(target)
            .and_then(|slot| self.exactly_named.get(slot));
        if taken == Some(&true) {
            return Target::Skip;
        }
        target
    }

    /// The columns that the row has no value for.
    pub(super) fn missing(&self) -> impl Iterator<Item = usize> + '_ {
        let columns = self.layout.fields.len();
        let all = self.filled == columns;
        (0..if all { 0 } else { columns })
            .filter(|&column| self.seen.get(column) != Some(&self.row))
    }

    /// The columns that no row had; none if there were no rows.
    pub(super) fn absent(&self) -> Vec<usize> {
        if self.row == 0 {
            return Vec::new();
        }
        (0..self.layout.fields.len())
            .filter(|&column| self.seen.get(column) == Some(&0))
            .collect()
    }
}
