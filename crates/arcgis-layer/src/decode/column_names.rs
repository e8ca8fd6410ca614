//! From the names in an answer to columns.

use std::collections::HashMap;

use crate::layout::Layout;

/// Where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Nowhere: the caller did not ask for it, or another value of the row has the place.
    Skip,
    /// To a column.
    Column(usize),
    /// To the object id alone, which is no column.
    HiddenId,
}

/// Finds the column of a name: the exact one, else the only one that differs in case alone, unless the answer
/// has that column's very name too.
///
/// Answers mostly have the columns in their order: each name is first compared with the column behind the one that was
/// found last. Pages without a name that is in another place make no table of names.
#[derive(Debug)]
pub(super) struct ColumnNames<'l> {
    layout: &'l Layout,
    /// The column that is compared first.
    next: usize,
    exact: Option<HashMap<&'l str, Target>>,
    /// By the name in lower case; skipped where two columns share that.
    folded: Option<HashMap<String, Target>>,
    /// Columns whose very name the answer has; other spellings do not count for them. Empty before names are announced.
    exactly_named: Vec<bool>,
}

impl<'l> ColumnNames<'l> {
    pub(super) fn new(layout: &'l Layout) -> Self {
        Self {
            layout,
            next: 0,
            exact: None,
            folded: None,
            exactly_named: Vec::new(),
        }
    }

    /// A place for each target that takes values: those of the columns, and one for a hidden object id.
    pub(super) fn slot(&self, target: Target) -> Option<usize> {
        match target {
            Target::Skip => None,
            Target::Column(column) => Some(column),
            Target::HiddenId => Some(self.layout.fields.len()),
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.layout.fields.len() + 1
    }

    pub(super) fn columns(&self) -> usize {
        self.layout.fields.len()
    }

    /// The answer has this name. All are announced before the first is resolved [in any case](ColumnNames::resolve).
    pub(super) fn announce(&mut self, name: &str) {
        let slot = self.exactly(name).and_then(|target| self.slot(target));
        if self.exactly_named.is_empty() {
            self.exactly_named.resize(self.slots(), false);
        }
        if let Some(named) = slot.and_then(|slot| self.exactly_named.get_mut(slot)) {
            *named = true;
        }
    }

    /// The column of just this name.
    pub(super) fn exactly(&mut self, name: &str) -> Option<Target> {
        match self.layout.fields.get(self.next) {
            Some(field) if field.name == name => {
                let column = self.next;
                self.next += 1;
                Some(Target::Column(column))
            }
            _ => self.look_up(name),
        }
    }

    fn look_up(&mut self, name: &str) -> Option<Target> {
        let target = self.table().get(name).copied();
        if let Some(Target::Column(column)) = target {
            self.next = column + 1;
        }
        target
    }

    /// The names, exact, of which the first counts.
    fn table(&mut self) -> &HashMap<&'l str, Target> {
        let layout = self.layout;
        self.exact.get_or_insert_with(|| {
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
            exact
        })
    }

    /// The column of a name that is none [exactly](ColumnNames::exactly), in any case.
    pub(super) fn resolve(&mut self, name: &str) -> Target {
        self.table();
        let exact = self.exact.iter().flatten();
        let folded = self.folded.get_or_insert_with(|| {
            let mut folded = HashMap::new();
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
}
