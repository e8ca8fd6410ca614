//! What there is to say of a column: its type, nulls, different values, limits, and how values are spread.

use std::cmp::Reverse;
use std::collections::HashMap;

use arrow_array::{Array as _, ArrayRef};
use arrow_schema::{DataType, Field};

use crate::distinct::Distinct;
use crate::histogram::Histogram;
use crate::value::{ValueKind, number, type_name, wide_integer, with_text};

/// Different texts that are counted one by one; where there are more, none is.
const MOST_TEXTS: usize = 1000;

/// The most frequent texts that are shown.
const SHOWN_TEXTS: usize = 8;

/// The most of a text that is kept, in characters.
const LONGEST_TEXT: usize = 80;

/// A column and what its values are.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as people call it: `int32`, `text`, `timestamp (UTC)`.
    pub type_name: String,
    /// What its values are.
    pub kind: ValueKind,
    /// What all its values come to, where rows were looked at for a table.
    pub summary: Option<Summary>,
}

/// What the values of a column come to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// Rows without a value.
    pub nulls: u64,
    /// Different values.
    pub distinct: u64,
    /// Whether their number is exact; else it is within a few percent.
    pub distinct_is_exact: bool,
    /// The least and the greatest number, date or moment.
    pub limits: Option<(f64, f64)>,
    /// The same of whole numbers that a `f64` does not hold exactly.
    pub exact_limits: Option<(i128, i128)>,
    /// How numbers are spread.
    pub histogram: Option<Bars>,
    /// The most frequent texts and how often each comes, where there are few enough to count.
    pub frequent: Vec<(String, u64)>,
}

/// Bars of a histogram, side by side.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Bars {
    /// Where the first begins.
    pub start: f64,
    /// How wide each is.
    pub width: f64,
    /// How many values are in each.
    pub counts: Vec<u64>,
}

impl Column {
    pub(crate) fn of(field: &Field) -> Self {
        Self {
            name: field.name().clone(),
            type_name: type_name(field),
            kind: ValueKind::of(field.data_type()),
            summary: None,
        }
    }
}

/// A column while its values come.
#[derive(Debug)]
pub(crate) struct Counter {
    column: Column,
    nulls: u64,
    distinct: Distinct,
    limits: Option<(f64, f64)>,
    exact_limits: Option<(i128, i128)>,
    histogram: Histogram,
    texts: Option<HashMap<String, u64>>,
    scratch: String,
}

impl Counter {
    pub(crate) fn new(field: &Field) -> Self {
        let column = Column::of(field);
        Self {
            texts: (column.kind == ValueKind::Text).then(HashMap::new),
            column,
            nulls: 0,
            distinct: Distinct::default(),
            limits: None,
            exact_limits: None,
            histogram: Histogram::default(),
            scratch: String::new(),
        }
    }

    pub(crate) fn add(&mut self, values: &ArrayRef) {
        let is_null = *values.data_type() == DataType::Null;
        for row in 0..values.len() {
            if is_null || values.is_null(row) {
                self.nulls += 1;
            } else if self.column.kind == ValueKind::Text {
                self.add_text(values, row);
            } else if let Some(value) = number(values, row) {
                self.add_number(value, wide_integer(values, row));
            }
        }
    }

    fn add_number(&mut self, value: f64, exact: Option<i128>) {
        if let Some(exact) = exact {
            self.distinct.add(&exact.to_le_bytes());
            let (least, greatest) = self.exact_limits.unwrap_or((exact, exact));
            self.exact_limits = Some((least.min(exact), greatest.max(exact)));
        } else {
            self.distinct.add(&value.to_bits().to_le_bytes());
        }
        if value.is_nan() {
            return;
        }
        let (least, greatest) = self.limits.unwrap_or((value, value));
        self.limits = Some((least.min(value), greatest.max(value)));
        self.histogram.add(value);
    }

    fn add_text(&mut self, values: &ArrayRef, row: usize) {
        let (distinct, texts) = (&mut self.distinct, &mut self.texts);
        let is_too_much = with_text(values, row, &mut self.scratch, |text| {
            distinct.add(text.as_bytes());
            let Some(texts) = texts else {
                return false;
            };
            if let Some(count) = texts.get_mut(text) {
                *count += 1;
                return false;
            }
            // A long text has no place in a list, and is no help there either.
            if text.chars().nth(LONGEST_TEXT).is_none() {
                texts.insert(text.to_owned(), 1);
            }
            texts.len() > MOST_TEXTS
        });
        if is_too_much {
            *texts = None;
        }
    }

    pub(crate) fn finish(self) -> Column {
        let (distinct, distinct_is_exact) = self.distinct.count();
        let mut frequent: Vec<(String, u64)> = self.texts.unwrap_or_default().into_iter().collect();
        frequent
            .sort_by(|(a, counta), (b, countb)| (Reverse(counta), a).cmp(&(Reverse(countb), b)));
        frequent.truncate(SHOWN_TEXTS);
        let has_bars = matches!(
            self.column.kind,
            ValueKind::Number | ValueKind::Date | ValueKind::Moment | ValueKind::Boolean
        );
        let histogram = if has_bars {
            self.histogram.bars()
        } else {
            None
        };
        let exact = |limit: i128| limit.unsigned_abs() > 1 << 53;
        Column {
            summary: Some(Summary {
                nulls: self.nulls,
                distinct,
                distinct_is_exact,
                limits: self.limits,
                exact_limits: self
                    .exact_limits
                    .filter(|(least, greatest)| exact(*least) || exact(*greatest)),
                histogram: histogram.map(|(start, width, counts)| Bars {
                    start,
                    width,
                    counts,
                }),
                frequent,
            }),
            ..self.column
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, StringArray};
    use std::sync::Arc;

    fn summary(data_type: DataType, values: ArrayRef) -> Summary {
        let mut counter = Counter::new(&Field::new("x", data_type, true));
        counter.add(&values);
        counter.finish().summary.unwrap()
    }

    #[test]
    fn numbers_have_limits_and_texts_are_counted() {
        let numbers =
            Float64Array::from(vec![Some(1.5), None, Some(-2.0), Some(1.5), Some(f64::NAN)]);
        let said = summary(DataType::Float64, Arc::new(numbers));
        assert_eq!((said.nulls, said.distinct), (1, 3));
        assert_eq!(said.limits, Some((-2.0, 1.5)));
        let texts = StringArray::from(vec![Some("b"), Some("a"), None, Some("b"), Some("c")]);
        let said = summary(DataType::Utf8, Arc::new(texts));
        let frequent = [("b", 2), ("a", 1), ("c", 1)].map(|(text, count)| (text.to_owned(), count));
        assert_eq!(said.frequent, frequent);
        assert_eq!(
            (said.nulls, said.distinct, said.distinct_is_exact),
            (1, 3, true)
        );
    }

    #[test]
    fn too_many_texts_are_not_listed() {
        let texts: StringArray = (0..5000).map(|n| Some(n.to_string())).collect();
        assert!(summary(DataType::Utf8, Arc::new(texts)).frequent.is_empty());
    }
}
