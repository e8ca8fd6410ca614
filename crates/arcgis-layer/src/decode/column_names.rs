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
#[derive(Debug)]
pub(super) struct ColumnNames<'l> {
    layout: &'l Layout,
    exact: HashMap<&'l str, Target>,
    /// By the name in lower case; skipped where two columns share that.
    folded: Option<HashMap<String, Target>>,
    /// Columns whose very name the answer has; other spellings do not count for them.
    exactly_named: Vec<bool>,
}

impl<'l> ColumnNames<'l> {
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
            exactly_named: vec![false; layout.fields.len() + 1],
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
        self.exactly_named.len()
    }

    pub(super) fn columns(&self) -> usize {
        self.layout.fields.len()
    }

    /// The answer has this name. All are announced before the first is resolved.
    pub(super) fn announce(&mut self, name: &str) {
        let slot = self.exact.get(name).and_then(|&target| self.slot(target));
        if let Some(named) = slot.and_then(|slot| self.exactly_named.get_mut(slot)) {
            *named = true;
        }
    }

    pub(super) fn resolve(&mut self, name: &str) -> Target {
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
}
