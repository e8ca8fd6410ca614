//! What differs between two files, row by row and by value.

use arcgis_layer::IdSet;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{ArrowError, Schema};
use arrow_select::filter::filter_record_batch;
use xxhash_rust::xxh3::xxh3_64;

use super::earlier::EarlierExport;
use crate::error::Error;
use crate::report::ProofReport;
use crate::writer_thread::GivenUp;

/// Rows of a file that are held at once, by their hashes: 16 bytes each, twice.
pub(super) const MOST_HELD: u64 = 2_000_000;

/// What differs between two files.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Differences {
    pub(super) added: Found,
    pub(super) changed: Found,
    pub(super) deleted: Found,
}

/// How many rows, and which are the first.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) rows: u64,
    pub(super) first: Vec<i64>,
}

impl Found {
    fn add(&mut self, id: Option<i64>) {
        self.rows += 1;
        if let Some(id) = id.filter(|_| self.first.len() < ProofReport::MOST_IDS) {
            self.first.push(id);
        }
    }
}

impl Differences {
    /// Compares the rows of two files of one schema: those with these ids, or all. Without a column of ids rows are
    /// known by their values alone, and none is a changed one. No more than `most` of them are held at once.
    pub(super) fn between(
        old: &EarlierExport,
        new: &EarlierExport,
        id: Option<usize>,
        only: Option<&IdSet>,
        most: u64,
        given_up: &GivenUp,
    ) -> Result<Self, Error> {
        let all = old.rows().max(new.rows());
        let rows = only.map_or(all, |only| only.len().min(all));
        let passes = rows.div_ceil(most.max(1)).max(1);
        let mut found = Self::default();
        for pass in 0..passes {
            let choice = Choice {
                id,
                only,
                pass,
                passes,
            };
            let (old, new) = (choice.rows(old, given_up)?, choice.rows(new, given_up)?);
            found.walk(&old, &new, id.is_some());
        }
        for some in [&mut found.added, &mut found.changed, &mut found.deleted] {
            some.first.sort_unstable();
        }
        Ok(found)
    }

    /// Whether there are none.
    pub(super) fn are_none(&self) -> bool {
        self.added.rows + self.changed.rows + self.deleted.rows == 0
    }

    /// Goes through two sorted lists of rows side by side.
    fn walk(&mut self, mut old: &[Row], mut new: &[Row], have_ids: bool) {
        let shown = |row: &Row| have_ids.then_some(row.key);
        loop {
            match (old.split_first(), new.split_first()) {
                (None, None) => return,
                (Some((gone, rest)), other)
                    if other.is_none_or(|(come, _)| gone.key < come.key) =>
                {
                    self.deleted.add(shown(gone));
                    old = rest;
                }
                (Some((was, olds)), Some((is, news))) if was.key == is.key => {
                    if was.hash != is.hash {
                        self.changed.add(shown(was));
                    }
                    (old, new) = (olds, news);
                }
                (_, Some((come, rest))) => {
                    self.added.add(shown(come));
                    new = rest;
                }
                (Some((gone, rest)), None) => {
                    self.deleted.add(shown(gone));
                    old = rest;
                }
            }
        }
    }
}

/// A row: what it is known by, and a hash of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    key: i64,
    hash: u64,
}

/// Which rows are compared now.
struct Choice<'a> {
    id: Option<usize>,
    only: Option<&'a IdSet>,
    pass: u64,
    passes: u64,
}

impl Choice<'_> {
    fn rows(&self, file: &EarlierExport, given_up: &GivenUp) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        let mut hashes = Hashes::new(file.schema())?;
        for batch in file.read(None) {
            given_up.check()?;
            let batch = batch?;
            match self.id {
                Some(id) => self.known_by_id(&batch, id, &mut hashes, &mut rows)?,
                None => rows.extend(hashes.of(&batch)?.into_iter().filter_map(|hash| {
                    let key = hash.cast_signed();
                    self.has(key).then_some(Row { key, hash })
                })),
            }
        }
        rows.sort_unstable();
        Ok(rows)
    }

    fn known_by_id(
        &self,
        batch: &RecordBatch,
        id: usize,
        hashes: &mut Hashes,
        rows: &mut Vec<Row>,
    ) -> Result<(), Error> {
        let other = || ArrowError::SchemaError("the file has no object ids".to_owned());
        let ids = batch.columns().get(id).ok_or_else(other)?;
        let ids = ids.as_primitive_opt::<Int64Type>().ok_or_else(other)?;
        let ids = ids.values();
        let wanted: Vec<bool> = ids
            .iter()
            .map(|id| self.has(*id) && self.only.is_none_or(|only| only.contains(*id)))
            .collect();
        if !wanted.contains(&true) {
            return Ok(());
        }
        let keys = ids.iter().zip(&wanted).filter(|(_, wanted)| **wanted);
        let keys: Vec<i64> = keys.map(|(id, _)| *id).collect();
        let chosen = filter_record_batch(batch, &BooleanArray::from(wanted))?;
        let hashes = hashes.of(&chosen)?;
        let both = keys.into_iter().zip(hashes);
        rows.extend(both.map(|(key, hash)| Row { key, hash }));
        Ok(())
    }

    fn has(&self, key: i64) -> bool {
        self.passes == 1 || xxh3_64(&key.to_le_bytes()) % self.passes == self.pass
    }
}

/// Makes hashes of rows that any other file of the schema gives for equal rows.
struct Hashes(RowConverter);

impl Hashes {
    fn new(schema: &Schema) -> Result<Self, ArrowError> {
        let fields = schema.fields().iter();
        let fields = fields.map(|field| SortField::new(field.data_type().clone()));
        Ok(Self(RowConverter::new(fields.collect())?))
    }

    fn of(&mut self, batch: &RecordBatch) -> Result<Vec<u64>, ArrowError> {
        let columns: &[ArrayRef] = batch.columns();
        let rows = self.0.convert_columns(columns)?;
        Ok(rows.iter().map(|row| xxh3_64(row.as_ref())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pairs: &[(i64, u64)]) -> Vec<Row> {
        let rows = pairs.iter().map(|&(key, hash)| Row { key, hash });
        rows.collect()
    }

    #[test]
    fn rows_are_told_apart_by_id_and_value() {
        let mut found = Differences::default();
        let old = rows(&[(1, 10), (2, 20), (4, 40), (9, 90)]);
        let new = rows(&[(0, 1), (1, 10), (2, 21), (5, 50), (9, 90), (10, 1)]);
        found.walk(&old, &new, true);
        assert_eq!(found.added.first, [0, 5, 10]);
        assert_eq!(found.changed.first, [2]);
        assert_eq!(found.deleted.first, [4]);
        assert_eq!((found.added.rows, found.deleted.rows), (3, 1));
    }

    #[test]
    fn equal_rows_without_ids_count_each() {
        let mut found = Differences::default();
        found.walk(
            &rows(&[(1, 1), (1, 1), (3, 3)]),
            &rows(&[(1, 1), (2, 2)]),
            false,
        );
        assert_eq!(
            (found.added.rows, found.changed.rows, found.deleted.rows),
            (1, 0, 2)
        );
        assert!(found.deleted.first.is_empty());
        let mut none = Differences::default();
        none.walk(&rows(&[(1, 1)]), &rows(&[(1, 1)]), false);
        assert!(none.are_none());
    }
}
