//! The part of SQL that `where` understands: comparisons, `IN`, `BETWEEN`, `LIKE`, `IS NULL`, `AND`, `OR`, `NOT`, parentheses, `UPPER` and `LOWER`,
//! numbers, `'text'`, and `DATE`, `TIME` and `TIMESTAMP` literals. Nulls make a condition unknown, and unknown rows are not found.

mod bounds;
mod condition;
mod literal;
mod parser;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use bounds::IdBounds;
pub(crate) use condition::Condition;
pub(crate) use parser::{parse, parse_with_shape};

/// What is wrong with a `where`, in the words of the error body's details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlError(pub(crate) String);
