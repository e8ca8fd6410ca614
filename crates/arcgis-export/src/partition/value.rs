//! Values that rows are partitioned by.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Date32Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use serde_json::Value as Json;

use crate::format::IsoDate;

/// A value as it stands in a column. Nothing comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ValueRef<'a> {
    Whole(i64),
    /// Days since 1970.
    Day(i32),
    Text(&'a str),
    Null,
}

/// The same, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PartitionValue {
    Whole(i64),
    Day(i32),
    Text(Arc<str>),
    Null,
}

impl PartitionValue {
    pub(super) fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Whole(number) => Self::Whole(number),
            ValueRef::Day(days) => Self::Day(days),
            ValueRef::Text(text) => Self::Text(Arc::from(text)),
            ValueRef::Null => Self::Null,
        }
    }

    fn by_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Whole(number) => ValueRef::Whole(*number),
            Self::Day(days) => ValueRef::Day(*days),
            Self::Text(text) => ValueRef::Text(text),
            Self::Null => ValueRef::Null,
        }
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.by_ref().cmp(&other.by_ref())
    }

    /// As text; none for null.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Whole(number) => Some(Cow::Owned(number.to_string())),
            Self::Day(days) => Some(Cow::Owned(IsoDate(i64::from(*days)).to_string())),
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Null => None,
        }
    }

    pub(super) fn json(&self) -> Json {
        match self {
            Self::Whole(number) => Json::from(*number),
            Self::Day(_) | Self::Text(_) => Json::from(self.text().unwrap_or_default()),
            Self::Null => Json::Null,
        }
    }
}

/// Whether columns of a type are read by [`each`].
pub(super) fn is_read(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Date32 | DataType::Utf8
    )
}

/// Calls for each value of a column, in order.
pub(super) fn each<'a, E>(
    column: &'a ArrayRef,
    take: &mut impl FnMut(ValueRef<'a>) -> Result<(), E>,
) -> Result<(), E> {
    match column.data_type() {
        DataType::Int16 => each_number::<Int16Type, E>(column, |n| ValueRef::Whole(n.into()), take),
        DataType::Int32 => each_number::<Int32Type, E>(column, |n| ValueRef::Whole(n.into()), take),
        DataType::Int64 => each_number::<Int64Type, E>(column, ValueRef::Whole, take),
        DataType::Date32 => each_number::<Date32Type, E>(column, ValueRef::Day, take),
        _ => {
            for text in column.as_string_opt::<i32>().into_iter().flatten() {
                take(text.map_or(ValueRef::Null, ValueRef::Text))?;
            }
            Ok(())
        }
    }
}

fn each_number<'a, T: ArrowPrimitiveType, E>(
    column: &'a ArrayRef,
    value: impl Fn(T::Native) -> ValueRef<'a>,
    take: &mut impl FnMut(ValueRef<'a>) -> Result<(), E>,
) -> Result<(), E> {
    for number in column.as_primitive_opt::<T>().into_iter().flatten() {
        take(number.map_or(ValueRef::Null, &value))?;
    }
    Ok(())
}
