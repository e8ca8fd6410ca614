use std::ops::Range;

/// Where the rows are that a query is about, in the order in which they will be sent.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// All rows of these ranges, which neither overlap nor lie in another order: too many rows to list each.
    Ranges {
        ranges: Vec<Range<usize>>,
        reversed: bool,
    },
    Each(Vec<usize>),
}

impl Found {
    pub(super) fn ranges(ranges: Vec<Range<usize>>) -> Self {
        Self::Ranges {
            ranges,
            reversed: false,
        }
    }

    pub(super) fn all(rows: usize) -> Self {
        Self::ranges(std::iter::once(0..rows).collect())
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ranges { ranges, .. } => ranges.iter().map(Range::len).sum(),
            Self::Each(rows) => rows.len(),
        }
    }

    /// So many rows after an offset.
    pub(super) fn page(&self, offset: usize, length: usize) -> Vec<usize> {
        match self {
            Self::Each(rows) => rows.iter().skip(offset).take(length).copied().collect(),
            Self::Ranges { ranges, reversed } => {
                let mut page = Vec::new();
                let mut skip = offset;
                let mut take = |range: &Range<usize>| {
                    let skipped = skip.min(range.len());
                    skip -= skipped;
                    let taken = (range.len() - skipped).min(length - page.len());
                    if *reversed {
                        let end = range.end - skipped;
                        page.extend((end - taken..end).rev());
                    } else {
                        let start = range.start + skipped;
                        page.extend(start..start + taken);
                    }
                };
                if *reversed {
                    ranges.iter().rev().for_each(&mut take);
                } else {
                    ranges.iter().for_each(&mut take);
                }
                page
            }
        }
    }

    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Self::Each(rows) => Box::new(rows.iter().copied()),
            Self::Ranges {
                ranges,
                reversed: false,
            } => Box::new(ranges.iter().cloned().flatten()),
            Self::Ranges { ranges, .. } => {
                Box::new(ranges.iter().rev().cloned().flat_map(Iterator::rev))
            }
        }
    }

    pub(super) fn reverse(&mut self) {
        match self {
            Self::Each(rows) => rows.reverse(),
            Self::Ranges { reversed, .. } => *reversed = !*reversed,
        }
    }

    /// Each row by itself, in the order that `arrange` gives them.
    pub(super) fn arrange(&mut self, arrange: impl FnOnce(&mut Vec<usize>)) {
        let mut rows = match std::mem::replace(self, Self::Each(Vec::new())) {
            Self::Each(rows) => rows,
            ranges => ranges.iter().collect(),
        };
        arrange(&mut rows);
        *self = Self::Each(rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_run_across_ranges_in_both_directions() {
        let mut found = Found::ranges(vec![0..3, 10..12, 20..25]);
        assert_eq!(found.len(), 10);
        assert_eq!(found.page(2, 4), [2, 10, 11, 20]);
        assert_eq!(found.page(9, 4), [24]);
        assert_eq!(found.page(10, 4), [] as [usize; 0]);
        found.reverse();
        assert_eq!(found.page(4, 4), [20, 11, 10, 2]);
        assert_eq!(
            found.iter().collect::<Vec<_>>(),
            [24, 23, 22, 21, 20, 11, 10, 2, 1, 0]
        );
        found.arrange(|rows| rows.sort_unstable());
        assert_eq!(found.page(0, 4), [0, 1, 2, 10]);
    }
}
