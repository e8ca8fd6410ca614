//! The different values of columns, and which of them each row has.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};

use super::error::PartitionError;
use super::names::is_too_long;
use super::options::Partitions;
use super::scheme::PartitionColumn;
use super::value::{PartitionValue, ValueRef, each};

/// How many characters of a value that is too long an error shows.
const SHOWN: usize = 40;

/// Rows with the same values in all columns are one group: groups are numbered as they come.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    columns: Arc<[PartitionColumn]>,
    distinct: Vec<Distinct>,
    groups: HashMap<Box<[u32]>, u32>,
    members: Vec<Box<[u32]>>,
}

/// The different values of one column.
#[derive(Debug, Clone, Default)]
struct Distinct {
    numbers: HashMap<i64, u32>,
    texts: HashMap<Arc<str>, u32>,
    null: Option<u32>,
    values: Vec<PartitionValue>,
}

impl Groups {
    pub(crate) fn new(columns: &Arc<[PartitionColumn]>) -> Self {
        Self {
            columns: Arc::clone(columns),
            distinct: vec![Distinct::default(); columns.len()],
            groups: HashMap::new(),
            members: Vec::new(),
        }
    }

    /// Puts the group of each row behind those that are there; groups that are new are entered.
    ///
    /// # Errors
    ///
    /// [`PartitionError::TooMany`] and [`PartitionError::LongValue`].
    pub(crate) fn enter(
        &mut self,
        rows: &RecordBatch,
        groups: &mut Vec<u32>,
    ) -> Result<(), PartitionError> {
        let mut of_columns = Vec::with_capacity(self.columns.len());
        for (column, distinct) in self.columns.iter().zip(&mut self.distinct) {
            let mut ids = Vec::with_capacity(rows.num_rows());
            if let Some(values) = rows.columns().get(column.place) {
                in_runs(values, &mut ids, |value| {
                    distinct.enter(value, &column.name)
                })?;
            }
            of_columns.push(ids);
        }
        let mut key = Vec::with_capacity(of_columns.len());
        for row in 0..rows.num_rows() {
            key_of(&of_columns, row, &mut key);
            let group = match self.groups.get(key.as_slice()) {
                Some(group) => *group,
                None => self.add(&key)?,
            };
            groups.push(group);
        }
        Ok(())
    }

    fn add(&mut self, key: &[u32]) -> Result<u32, PartitionError> {
        if self.members.len() >= Partitions::MOST {
            let fields = self.columns.iter().map(|column| column.name.clone());
            return Err(PartitionError::TooMany {
                fields: fields.collect(),
            });
        }
        let group = number(self.members.len());
        self.members.push(key.into());
        self.groups.insert(key.into(), group);
        Ok(group)
    }

    /// The columns' names with the values that a group has in them.
    pub(super) fn values(&self, group: u32) -> impl Iterator<Item = (&str, &PartitionValue)> {
        let members = self.members.get(group as usize);
        let members = members.into_iter().flatten();
        let columns = self.columns.iter().zip(&self.distinct);
        columns
            .zip(members)
            .filter_map(|((column, distinct), member)| {
                let value = distinct.values.get(*member as usize)?;
                Some((column.name.as_str(), value))
            })
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

impl Distinct {
    fn find(&self, value: ValueRef<'_>) -> Option<u32> {
        match value {
            ValueRef::Whole(number) => self.numbers.get(&number).copied(),
            ValueRef::Day(days) => self.numbers.get(&i64::from(days)).copied(),
            ValueRef::Text(text) => self.texts.get(text).copied(),
            ValueRef::Null => self.null,
        }
    }

    fn enter(&mut self, value: ValueRef<'_>, column: &str) -> Result<u32, PartitionError> {
        if let Some(id) = self.find(value) {
            return Ok(id);
        }
        let id = number(self.values.len());
        let kept = PartitionValue::of(value);
        match &kept {
            PartitionValue::Whole(number) => {
                self.numbers.insert(*number, id);
            }
            PartitionValue::Day(days) => {
                self.numbers.insert(i64::from(*days), id);
            }
            PartitionValue::Text(text) => {
                if is_too_long(column, text) {
                    return Err(PartitionError::LongValue {
                        field: column.to_owned(),
                        begins: text.chars().take(SHOWN).collect(),
                    });
                }
                self.texts.insert(Arc::clone(text), id);
            }
            PartitionValue::Null => self.null = Some(id),
        }
        self.values.push(kept);
        Ok(id)
    }
}

/// The groups in the order of their values: rows are sorted by it.
#[derive(Debug)]
pub(crate) struct Ranks {
    groups: Groups,
    ranks: Vec<u16>,
}

impl Ranks {
    pub(crate) fn of(groups: Groups) -> Self {
        let mut order: Vec<u32> = (0..number(groups.len())).collect();
        order.sort_by(|one, other| {
            let values = groups.values(*one).zip(groups.values(*other));
            values
                .map(|((_, one), (_, other))| one.compare(other))
                .find(|ordering| ordering.is_ne())
                .unwrap_or(one.cmp(other))
        });
        let mut ranks = vec![0; groups.len()];
        for (rank, group) in (0..).zip(order) {
            if let Some(of_group) = ranks.get_mut(group as usize) {
                *of_group = rank;
            }
        }
        Self { groups, ranks }
    }

    /// The rank of each row. All values were entered before; one that was not would come last.
    pub(crate) fn of_rows(&self, rows: &RecordBatch) -> Vec<u16> {
        let mut of_columns = Vec::with_capacity(self.groups.columns.len());
        for (column, distinct) in self.groups.columns.iter().zip(&self.groups.distinct) {
            let mut ids = Vec::with_capacity(rows.num_rows());
            if let Some(values) = rows.columns().get(column.place) {
                let found: Result<(), Infallible> = in_runs(values, &mut ids, |value| {
                    Ok(distinct.find(value).unwrap_or(u32::MAX))
                });
                let Ok(()) = found;
            }
            of_columns.push(ids);
        }
        let mut key = Vec::with_capacity(of_columns.len());
        let rows = 0..rows.num_rows();
        rows.map(|row| {
            key_of(&of_columns, row, &mut key);
            let group = self.groups.groups.get(key.as_slice());
            let rank = group.and_then(|group| self.ranks.get(*group as usize));
            rank.copied().unwrap_or(u16::MAX)
        })
        .collect()
    }
}

/// The number of each value; it is asked for once where several in a row are the same.
fn in_runs<E>(
    values: &ArrayRef,
    ids: &mut Vec<u32>,
    mut id_of: impl FnMut(ValueRef<'_>) -> Result<u32, E>,
) -> Result<(), E> {
    let mut last = None;
    each(values, &mut |value| {
        let id = match last {
            Some((before, id)) if before == value => id,
            _ => id_of(value)?,
        };
        last = Some((value, id));
        ids.push(id);
        Ok(())
    })
}

fn key_of(of_columns: &[Vec<u32>], row: usize, key: &mut Vec<u32>) {
    key.clear();
    key.extend(
        of_columns
            .iter()
            .map(|ids| ids.get(row).copied().unwrap_or(u32::MAX)),
    );
}

/// There are far fewer than 2^32 of anything here.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use arrow_array::{Date32Array, Int16Array, StringArray};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    fn columns(names: &[&str]) -> Arc<[PartitionColumn]> {
        let columns = names.iter().enumerate();
        let columns = columns.map(|(place, name)| PartitionColumn {
            place,
            name: (*name).to_owned(),
        });
        columns.collect()
    }

    fn rows(texts: &[Option<&str>], numbers: &[Option<i16>]) -> RecordBatch {
        RecordBatch::try_new(
            Arc::new(Schema::new(vec![
                Field::new("s", DataType::Utf8, true),
                Field::new("n", DataType::Int16, true),
            ])),
            vec![
                Arc::new(StringArray::from(texts.to_vec())),
                Arc::new(Int16Array::from(numbers.to_vec())),
            ],
        )
        .unwrap()
    }

    #[test]
    fn groups_stand_in_the_order_of_their_values_with_nothing_last() {
        let rows = rows(
            &[Some("b"), None, Some("a"), Some("a"), Some("b"), Some("")],
            &[Some(10), Some(1), None, Some(-2), Some(9), Some(0)],
        );
        let mut groups = Groups::new(&columns(&["s", "n"]));
        let mut numbers = Vec::new();
        groups.enter(&rows, &mut numbers).unwrap();
        groups.enter(&rows.slice(2, 2), &mut numbers).unwrap();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 2, 3]);
        let values: Vec<_> = groups
            .values(4)
            .map(|(name, value)| (name, value.json()))
            .collect();
        assert_eq!(values, [("s", "b".into()), ("n", 9.into())]);
        let ranks = Ranks::of(groups);
        // "" 0, a -2, a null, b 9, b 10, null 1.
        assert_eq!(ranks.of_rows(&rows), [4, 5, 2, 1, 3, 0]);
    }

    #[test]
    fn numbers_are_ordered_as_numbers_and_days_have_names() {
        let days = Date32Array::from(vec![Some(365), None, Some(-1)]);
        let rows = RecordBatch::try_new(
            Arc::new(Schema::new(vec![Field::new("d", DataType::Date32, true)])),
            vec![Arc::new(days)],
        )
        .unwrap();
        let mut groups = Groups::new(&columns(&["d"]));
        groups.enter(&rows, &mut Vec::new()).unwrap();
        let texts = (0..3).map(|group| {
            let mut values = groups.values(group);
            let text = values.next().unwrap().1.text();
            text.map(std::borrow::Cow::into_owned)
        });
        let texts: Vec<_> = texts.collect();
        assert_eq!(
            texts,
            [
                Some("1971-01-01".to_owned()),
                None,
                Some("1969-12-31".to_owned())
            ]
        );
        assert_eq!(Ranks::of(groups).of_rows(&rows), [1, 2, 0]);
    }

    #[test]
    fn there_is_an_end_to_groups_and_to_their_names() {
        let most = Partitions::MOST as i32;
        let texts: Vec<String> = (0..=most).map(|n| n.to_string()).collect();
        let texts: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
        let all = rows(&texts, &vec![None; texts.len()]);
        let mut groups = Groups::new(&columns(&["s"]));
        let known = all.slice(0, Partitions::MOST);
        groups.enter(&known, &mut Vec::new()).unwrap();
        groups.enter(&known, &mut Vec::new()).unwrap();
        let error = groups.enter(&all, &mut Vec::new()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("s has more than 10000 different values"),
            "{error}"
        );

        let long = "ä".repeat(43);
        let mut groups = Groups::new(&columns(&["s"]));
        let error = groups.enter(&rows(&[Some(&long)], &[None]), &mut Vec::new());
        let error = error.unwrap_err();
        assert!(
            matches!(&error, PartitionError::LongValue { field, .. } if field == "s"),
            "{error}"
        );
        // Two bytes, each as three characters.
        let fits = "ä".repeat(42);
        groups
            .enter(&rows(&[Some(&fits)], &[None]), &mut Vec::new())
            .unwrap();
    }
}
