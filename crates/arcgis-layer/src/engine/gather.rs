//! What the answers of one slot hold, and which of their rows are taken.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::format::PageFormat;
use crate::sink::PageFacts;

/// One decoded answer.
pub(crate) struct Answer<P> {
    pub(crate) page: P,
    pub(crate) facts: PageFacts,
    pub(crate) bytes: u64,
    /// In which it came.
    pub(crate) format: PageFormat,
}

/// Answers of one slot, and which of their rows are taken.
pub(crate) struct Gathered<P> {
    pub(crate) pages: Vec<P>,
    pub(crate) facts: Vec<PageFacts>,
    /// Wanted row → (answer, row in it). Ids, or running numbers where there are none.
    pub(crate) taken: BTreeMap<i64, (usize, usize)>,
    pub(crate) held: Held,
}

/// Bytes that one slot holds, which count among those of all as long as it lives.
pub(crate) struct Held {
    bytes: u64,
    all: Arc<AtomicU64>,
}

impl Held {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl<P> Gathered<P> {
    /// Nothing yet; what comes counts among the bytes of `all`.
    pub(crate) fn new(all: Arc<AtomicU64>) -> Self {
        Self {
            pages: Vec::new(),
            facts: Vec::new(),
            taken: BTreeMap::new(),
            held: Held { bytes: 0, all },
        }
    }

    /// Takes from an answer each row that is still wanted, and keeps it if it has one; how many that were.
    pub(crate) fn take(&mut self, answer: Answer<P>, wanted: &mut BTreeMap<i64, ()>) -> usize {
        let place = self.pages.len();
        let before = self.taken.len();
        for (row, id) in answer.facts.ids.iter().enumerate() {
            if wanted.remove(id).is_some() {
                self.taken.insert(*id, (place, row));
            }
        }
        let taken = self.taken.len() - before;
        if taken > 0 {
            self.keep(answer);
        }
        taken
    }

    /// Takes each row whose id is `inside` and was not taken before, and keeps an answer that has one.
    pub(crate) fn take_new(&mut self, answer: Answer<P>, inside: impl Fn(i64) -> bool) -> usize {
        let place = self.pages.len();
        let before = self.taken.len();
        for (row, id) in answer.facts.ids.iter().enumerate() {
            if inside(*id) {
                self.taken.entry(*id).or_insert((place, row));
            }
        }
        let taken = self.taken.len() - before;
        if taken > 0 {
            self.keep(answer);
        }
        taken
    }

    /// Takes each row that is `wanted`, in the order of the answer, for layers without ids.
    pub(crate) fn take_where(
        &mut self,
        answer: Answer<P>,
        wanted: impl Fn(usize) -> bool,
    ) -> usize {
        let place = self.pages.len();
        let first = i64::try_from(self.taken.len()).unwrap_or(i64::MAX);
        let rows: Vec<usize> = (0..answer.facts.rows).filter(|row| wanted(*row)).collect();
        let taken = rows.len();
        self.taken.extend(
            rows.into_iter()
                .zip(first..)
                .map(|(row, number)| (number, (place, row))),
        );
        if taken > 0 {
            self.keep(answer);
        }
        taken
    }

    /// Lets go of all rows but the first.
    pub(crate) fn keep_first(&mut self, most: usize) {
        while self.taken.len() > most {
            self.taken.pop_last();
        }
    }

    fn keep(&mut self, answer: Answer<P>) {
        self.held.bytes += answer.bytes;
        self.held.all.fetch_add(answer.bytes, Ordering::Relaxed);
        self.pages.push(answer.page);
        self.facts.push(answer.facts);
    }
}

/// Rows that were taken of an answer and are in an earlier one too. Equal rows within one answer are equal rows of the layer.
pub(crate) fn repeated(all: &[PageFacts], taken: &BTreeMap<i64, (usize, usize)>) -> u64 {
    if all.len() < 2 {
        return 0;
    }
    let mut seen = HashMap::new();
    let mut repeated = 0;
    for (answer, row) in taken.values() {
        let print = all
            .get(*answer)
            .and_then(|facts| facts.fingerprints.get(*row));
        if let Some(print) = print {
            let first = seen.entry(*print).or_insert(*answer);
            repeated += u64::from(first != answer);
        }
    }
    repeated
}

/// The facts of the rows that were taken. Where not all rows of an answer were, its rectangle may be too
/// large, and of columns that some rows came without as many are counted as may be.
pub(crate) fn merge(all: &[PageFacts], taken: &BTreeMap<i64, (usize, usize)>) -> PageFacts {
    let mut merged = PageFacts {
        rows: taken.len(),
        ..PageFacts::default()
    };
    let mut rows_of = vec![0; all.len()];
    for (page, _) in taken.values() {
        if let Some(rows) = rows_of.get_mut(*page) {
            *rows += 1;
        }
    }
    for (facts, &taken) in all.iter().zip(&rows_of) {
        if taken == 0 {
            continue;
        }
        merged.bbox.merge(&facts.bbox);
        merged.coordinates = merged.coordinates.and(facts.coordinates);
        for (column, &rows) in &facts.absent {
            *merged.absent.entry(*column).or_default() += rows.min(taken);
        }
        if merged.spatial_reference.is_none() {
            merged
                .spatial_reference
                .clone_from(&facts.spatial_reference);
        }
    }
    for (place, (page, row)) in taken.values().enumerate() {
        if let Some(facts) = all.get(*page) {
            if facts.rows_without_geometry.binary_search(row).is_ok() {
                merged.rows_without_geometry.push(place);
            }
            if facts.repaired_rows.binary_search(row).is_ok() {
                merged.repaired_rows.push(place);
            }
            merged.ids.extend(facts.ids.get(*row));
            merged.fingerprints.extend(facts.fingerprints.get(*row));
        }
    }
    merged.without_geometry = merged.rows_without_geometry.len();
    merged.repaired = merged.repaired_rows.len();
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Bbox;

    fn answer(ids: Vec<i64>, x: f64) -> Answer<()> {
        Answer {
            page: (),
            facts: PageFacts {
                rows: ids.len(),
                bbox: Bbox {
                    xmin: x,
                    ymin: 0.0,
                    xmax: x + 1.0,
                    ymax: 1.0,
                },
                // The first is repaired, the last has no geometry, and none has column 3.
                repaired: 1,
                repaired_rows: vec![0],
                without_geometry: 1,
                rows_without_geometry: vec![ids.len() - 1],
                absent: [(3, ids.len())].into(),
                ids,
                ..PageFacts::default()
            },
            bytes: 100,
            format: PageFormat::Json,
        }
    }

    #[test]
    fn rows_that_nobody_took_are_not_counted() {
        let mut wanted: BTreeMap<i64, ()> = (1..=4).map(|id| (id, ())).collect();
        let all = Arc::new(AtomicU64::new(0));
        let mut gathered = Gathered::new(Arc::clone(&all));
        assert_eq!(gathered.take(answer(vec![9, 2, 1], 0.0), &mut wanted), 2);
        assert_eq!(gathered.take(answer(vec![7, 8], 50.0), &mut wanted), 0);
        assert_eq!(gathered.take(answer(vec![3, 2, 4, 9], 1.0), &mut wanted), 2);
        assert!(wanted.is_empty());
        assert_eq!((gathered.pages.len(), gathered.held.bytes()), (2, 200));
        assert_eq!(all.load(Ordering::Relaxed), 200);
        let merged = merge(&gathered.facts, &gathered.taken);
        assert_eq!((merged.rows, &merged.ids[..]), (4, &[1, 2, 3, 4][..]));
        // 3 of the second answer, and 1 of the first.
        assert_eq!((merged.repaired, &merged.repaired_rows[..]), (1, &[2][..]));
        assert_eq!(merged.without_geometry, 1);
        assert_eq!(merged.absent, [(3, 4)].into());
        assert_eq!((merged.bbox.xmin, merged.bbox.xmax), (0.0, 2.0));
        drop(gathered);
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }
}
