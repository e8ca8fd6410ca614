//! Rows of which something is to be said, by their numbers.

use std::collections::BTreeMap;

use arcgis_layer::IdSet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// No page has as many rows: what is marked takes some ten bytes of an answer, and answers have at most 512 MiB.
const MOST_ROWS: i64 = 1 << 26;

/// Rows by what is counted of them. A row counts once for each column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RowMarks {
    /// A value did not fit and became null, by column.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) misfits: BTreeMap<usize, RowNumbers>,
    /// A code that no domain lists, by column.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) unlisted: BTreeMap<usize, RowNumbers>,
    /// The polygons were not valid and were mended.
    #[serde(skip_serializing_if = "RowNumbers::is_empty")]
    pub(crate) mended: RowNumbers,
    /// The polygons cross themselves too often to be mended.
    #[serde(skip_serializing_if = "RowNumbers::is_empty")]
    pub(crate) tangles: RowNumbers,
    /// Positions had an m that was left out.
    #[serde(skip_serializing_if = "RowNumbers::is_empty")]
    pub(crate) dropped_m: RowNumbers,
    /// The geometry lost parts.
    #[serde(skip_serializing_if = "RowNumbers::is_empty")]
    pub(crate) left_out: RowNumbers,
}

impl RowMarks {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes up those of rows that come behind `before` others.
    pub(crate) fn append(&mut self, other: &Self, before: u64) {
        for (all, more) in [
            (&mut self.misfits, &other.misfits),
            (&mut self.unlisted, &other.unlisted),
        ] {
            for (column, rows) in more {
                all.entry(*column).or_default().append(rows, before);
            }
        }
        self.mended.append(&other.mended, before);
        self.tangles.append(&other.tangles, before);
        self.dropped_m.append(&other.dropped_m, before);
        self.left_out.append(&other.left_out, before);
    }

    /// Forgets rows whose place others took.
    pub(crate) fn remove(&mut self, replaced: &IdSet) {
        if replaced.is_empty() {
            return;
        }
        for by_column in [&mut self.misfits, &mut self.unlisted] {
            by_column.retain(|_, rows| {
                rows.remove(replaced);
                !rows.is_empty()
            });
        }
        for rows in [
            &mut self.mended,
            &mut self.tangles,
            &mut self.dropped_m,
            &mut self.left_out,
        ] {
            rows.remove(replaced);
        }
    }
}

/// Numbers of rows, from 0; in JSON as pairs of the first and the last of each run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RowNumbers(IdSet);

impl RowNumbers {
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn append(&mut self, other: &Self, before: u64) {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        self.0
            .extend(other.0.iter().map(|row| row.saturating_add(before)));
    }

    fn remove(&mut self, replaced: &IdSet) {
        // Those are few.
        if !self.0.is_empty() {
            for row in replaced.iter() {
                self.0.remove(row);
            }
        }
    }
}

impl FromIterator<usize> for RowNumbers {
    fn from_iter<I: IntoIterator<Item = usize>>(rows: I) -> Self {
        let number = |row| i64::try_from(row).unwrap_or(i64::MAX);
        Self(rows.into_iter().map(number).collect())
    }
}

impl Extend<usize> for RowNumbers {
    fn extend<I: IntoIterator<Item = usize>>(&mut self, rows: I) {
        let number = |row| i64::try_from(row).unwrap_or(i64::MAX);
        self.0.extend(rows.into_iter().map(number));
    }
}

impl Serialize for RowNumbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut runs: Vec<[i64; 2]> = Vec::new();
        for row in self.0.iter() {
            match runs.last_mut() {
                Some([_, last]) if *last + 1 == row => *last = row,
                _ => runs.push([row, row]),
            }
        }
        runs.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RowNumbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let runs = Vec::<[i64; 2]>::deserialize(deserializer)?;
        let mut rows = IdSet::new();
        let mut next = 0;
        for [first, last] in runs {
            // What others may have written takes no more than a page does.
            if first < next || last < first || last >= MOST_ROWS {
                return Err(de::Error::custom("no runs of row numbers"));
            }
            rows.extend(first..=last);
            next = last + 1;
        }
        Ok(Self(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[usize]) -> RowNumbers {
        rows.iter().copied().collect()
    }

    #[test]
    fn rows_are_kept_as_runs() {
        let all = rows(&[0, 1, 2, 7, 9, 10]);
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(text, "[[0,2],[7,7],[9,10]]");
        assert_eq!(serde_json::from_str::<RowNumbers>(&text).unwrap(), all);
        for nonsense in [
            "[[1,0]]",
            "[[-1,0]]",
            "[[0,3],[3,4]]",
            "[[0,67108864]]",
            "[[0,9223372036854775807]]",
        ] {
            assert!(serde_json::from_str::<RowNumbers>(nonsense).is_err());
        }
    }

    #[test]
    fn what_others_took_the_place_of_counts_no_more() {
        let page = RowMarks {
            misfits: [(2, rows(&[0, 3]))].into(),
            unlisted: [(4, rows(&[1]))].into(),
            mended: rows(&[3]),
            tangles: rows(&[2]),
            dropped_m: rows(&[0, 1, 2, 3]),
            left_out: rows(&[2]),
        };
        let mut all = RowMarks::default();
        assert!(all.is_empty());
        all.append(&page, 0);
        all.append(&page, 4);
        assert_eq!(all.misfits, [(2, rows(&[0, 3, 4, 7]))].into());
        all.remove(&[0, 1, 5, 7, 100].into_iter().collect());
        assert_eq!(all.misfits, [(2, rows(&[3, 4]))].into());
        assert!(all.unlisted.is_empty());
        assert_eq!(all.mended, rows(&[3]));
        assert_eq!(all.tangles, rows(&[2, 6]));
        assert_eq!(all.dropped_m.len(), 4);
        assert_eq!(all.left_out, rows(&[2, 6]));
    }
}
