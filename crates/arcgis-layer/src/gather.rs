//! What the answers of one slot hold, and which of their rows are taken.

use std::collections::{BTreeMap, HashSet};

use crate::sink::PageFacts;

/// One decoded answer.
pub(crate) struct Answer<P> {
    pub(crate) page: P,
    pub(crate) facts: PageFacts,
    pub(crate) bytes: u64,
}

/// Answers of one slot, and which of their rows are taken.
pub(crate) struct Gathered<P> {
    pub(crate) pages: Vec<P>,
    pub(crate) facts: Vec<PageFacts>,
    /// Wanted row → (answer, row in it). Ids, or running numbers where there are none.
    pub(crate) taken: BTreeMap<i64, (usize, usize)>,
    pub(crate) bytes: u64,
}

impl<P> Gathered<P> {
    pub(crate) fn new() -> Self {
        Self {
            pages: Vec::new(),
            facts: Vec::new(),
            taken: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Keeps an answer and takes from it each row that is still wanted; how many that were.
    pub(crate) fn take(&mut self, answer: Answer<P>, wanted: &mut BTreeMap<i64, ()>) -> usize {
        let place = self.pages.len();
        let before = self.taken.len();
        for (row, id) in answer.facts.ids.iter().enumerate() {
            if wanted.remove(id).is_some() {
                self.taken.insert(*id, (place, row));
            }
        }
        self.keep(answer);
        self.taken.len() - before
    }

    /// Keeps an answer and takes its first `most` rows, for layers whose ids are not known.
    pub(crate) fn take_all(&mut self, answer: Answer<P>, most: usize) -> usize {
        let place = self.pages.len();
        let first = i64::try_from(self.taken.len()).unwrap_or(i64::MAX);
        let rows = answer.facts.rows.min(most);
        self.taken.extend(
            (0..rows)
                .zip(first..)
                .map(|(row, number)| (number, (place, row))),
        );
        self.keep(answer);
        rows
    }

    fn keep(&mut self, answer: Answer<P>) {
        self.bytes += answer.bytes;
        self.pages.push(answer.page);
        self.facts.push(answer.facts);
    }
}

/// Rows that an answer has in common with an earlier one. Equal rows within one answer are equal rows of the layer.
pub(crate) fn repeated(all: &[PageFacts]) -> u64 {
    if all.len() < 2 {
        return 0;
    }
    let mut seen = HashSet::new();
    let mut repeated = 0;
    for facts in all {
        repeated += facts
            .fingerprints
            .iter()
            .filter(|print| seen.contains(*print))
            .count() as u64;
        seen.extend(facts.fingerprints.iter().copied());
    }
    repeated
}

/// The facts of the rows that were taken.
pub(crate) fn merge(all: &[PageFacts], taken: &BTreeMap<i64, (usize, usize)>) -> PageFacts {
    let mut merged = PageFacts {
        rows: taken.len(),
        ..PageFacts::default()
    };
    for facts in all {
        merged.bbox.merge(&facts.bbox);
        merged.without_geometry += facts.without_geometry;
        merged.repaired += facts.repaired;
        for (column, rows) in &facts.absent {
            *merged.absent.entry(*column).or_default() += rows;
        }
        if merged.spatial_reference.is_none() {
            merged
                .spatial_reference
                .clone_from(&facts.spatial_reference);
        }
    }
    for (page, row) in taken.values() {
        if let Some(facts) = all.get(*page) {
            merged.ids.extend(facts.ids.get(*row));
            merged.fingerprints.extend(facts.fingerprints.get(*row));
        }
    }
    merged
}
