//! How many values an answer may leave out.
//!
//! A row takes a place in each column, whatever it says: `{},` is three bytes, and in a layer of 200 columns a kilobyte and
//! a half once decoded. Services leave out values here and there, or a few columns; an answer of nothing else is not
//! one of theirs.

/// So many may be left out of any answer: 2,000 rows of 500 columns.
const SPARE: usize = 1_000_000;

/// Beyond that, so many for each byte of the answer. The shortest real row, an object id alone, has some 30 bytes.
const PER_BYTE: usize = 8;

/// What is wrong with an answer of so many bytes whose rows leave out so many values, if anything is.
#[inline]
pub(super) fn problem(values: usize, bytes: usize) -> Option<&'static str> {
    (values > SPARE && values - SPARE > bytes.saturating_mul(PER_BYTE))
        .then_some("the rows leave out far more values than they have")
}
