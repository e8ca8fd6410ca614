//! Where decoded rows go, without a row object in between.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::decode::Coordinates;
use crate::geometry::{Bbox, GeometryRef};
use crate::spatial_reference::SpatialReference;

/// One attribute value as it stands on the wire, borrowed from the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// Null, or not there.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number, exact.
    Int(i64),
    /// Any other number, correctly rounded; also NaN and the infinities, which some servers send bare.
    Float(f64),
    /// Text.
    Str(&'a str),
}

/// Takes the rows of one page.
///
/// For each row the decoder calls, in any order, [`FeatureSink::attribute`] (or [`FeatureSink::ascii`]) exactly once for each
/// column of the [`Layout`](crate::Layout) and [`FeatureSink::geometry`] at most once, and then
/// [`FeatureSink::end_row`]. A page that fails is dropped whole: half a page reaches nobody.
pub trait FeatureSink {
    /// Takes the value of a column.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the value does not fit; the page fails with it.
    fn attribute(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), SinkError>;

    /// Takes the value of a column, in place of [`FeatureSink::attribute`]: a text of which it is known that all its bytes
    /// are ASCII.
    ///
    /// By default it is handed on as [`ValueRef::Str`]. A sink that keeps bytes, as Arrow's columns do, need not have
    /// each text checked alone.
    ///
    /// # Errors
    ///
    /// As [`FeatureSink::attribute`].
    #[inline]
    fn ascii(&mut self, column: usize, text: &[u8]) -> Result<(), SinkError> {
        match std::str::from_utf8(text) {
            Ok(text) => self.attribute(column, ValueRef::Str(text)),
            Err(error) => Err(SinkError::Other(Box::new(error))),
        }
    }

    /// Takes the row's geometry. Not called for a null geometry.
    ///
    /// # Errors
    ///
    /// As [`FeatureSink::attribute`].
    fn geometry(&mut self, geometry: GeometryRef<'_>) -> Result<(), SinkError>;

    /// The row is complete.
    ///
    /// # Errors
    ///
    /// As [`FeatureSink::attribute`].
    fn end_row(&mut self) -> Result<(), SinkError>;
}

/// Makes a [`FeatureSink`] for each page. Pages are decoded on several threads at once.
pub trait PageSink: Send + Sync + 'static {
    /// What takes the rows of one page, and is handed on when the page is accepted.
    type Page: FeatureSink + Send + 'static;

    /// A new page, for about `rows` rows.
    fn page(&self, rows: usize) -> Self::Page;

    /// One page of chosen rows, in the order given: each is named by its page's place in `pages` and
    /// its own place in that page. The engine asks for this where a server gave rows in another order
    /// than asked for, more rows than asked for, or the rows of one page in several answers.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the page cannot be made.
    fn select(
        &self,
        pages: Vec<Self::Page>,
        rows: &[(usize, usize)],
    ) -> Result<Self::Page, SinkError>;
}

/// Why a sink does not take a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The value does not fit its column.
    #[error("column {column}: {value} is no {expected}")]
    Misfit {
        /// The column's name.
        column: String,
        /// The value, shortened.
        value: String,
        /// What the column holds.
        expected: Cow<'static, str>,
    },
    /// The sink cannot go on.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl SinkError {
    /// A misfit, with the value as a person would read it, at most 60 characters of it.
    #[must_use]
    pub fn misfit(
        column: &str,
        value: ValueRef<'_>,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        let value = match value {
            ValueRef::Null => "null".to_owned(),
            ValueRef::Bool(value) => value.to_string(),
            ValueRef::Int(value) => value.to_string(),
            // With an exponent where there would be hundreds of digits.
            ValueRef::Float(value) => format!("{value:?}"),
            ValueRef::Str(text) if text.chars().count() > 60 => {
                format!("'{}…'", text.chars().take(60).collect::<String>())
            }
            ValueRef::Str(text) => format!("'{text}'"),
        };
        Self::Misfit {
            column: column.to_owned(),
            value,
            expected: expected.into(),
        }
    }
}

/// What a decoded page says of itself: the engine judges a page by this alone.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PageFacts {
    /// How many rows there are.
    pub rows: usize,
    /// The object id of each row, in the page's order; empty for layers without ids.
    pub ids: Vec<i64>,
    /// A hash of each row as it stood on the wire, in order; empty unless the layout asks for it.
    pub fingerprints: Vec<u64>,
    /// Whether the server said that there is more (`exceededTransferLimit`).
    pub exceeded: bool,
    /// Around all geometry of the page. Of rows that came in several answers it may be larger than they are,
    /// by rows that came with them and were not taken.
    pub bbox: Bbox,
    /// In what way its coordinates came.
    pub coordinates: Coordinates,
    /// Rows without geometry, or with an empty one.
    pub without_geometry: usize,
    /// Rows whose geometry lost something that has no meaning: positions without x or y, rings without
    /// area, paths of one position.
    pub repaired: usize,
    /// The reference in which the page says its coordinates are.
    pub spatial_reference: Option<SpatialReference>,
    /// The page is PBF of another encoder than ArcGIS's, by its transform. Koop's writes wrong numbers
    /// where a column holds more than its first row told, and nothing in the page shows it.
    pub foreign: bool,
    /// Columns, by their place in the layout, that rows came without, and in how many rows: null was
    /// passed for them. Of rows that came in several answers, at most so many.
    pub absent: BTreeMap<usize, usize>,
    /// The rows that `without_geometry` counts, in order.
    pub(crate) rows_without_geometry: Vec<usize>,
    /// The rows that `repaired` counts, in order.
    pub(crate) repaired_rows: Vec<usize>,
}

impl PageFacts {
    /// The places of the rows that `repaired` counts, in order.
    #[must_use]
    pub fn repaired_rows(&self) -> &[usize] {
        &self.repaired_rows
    }

    /// A row has no geometry, or an empty one.
    pub(crate) fn note_no_geometry(&mut self, row: usize) {
        if self.rows_without_geometry.is_empty() {
            // Where there is one there are mostly some more.
            self.rows_without_geometry.reserve(64);
        }
        self.without_geometry += 1;
        self.rows_without_geometry.push(row);
    }
}

impl Default for PageFacts {
    fn default() -> Self {
        Self {
            rows: 0,
            ids: Vec::new(),
            fingerprints: Vec::new(),
            exceeded: false,
            bbox: Bbox::EMPTY,
            coordinates: Coordinates::None,
            without_geometry: 0,
            repaired: 0,
            spatial_reference: None,
            foreign: false,
            absent: BTreeMap::new(),
            rows_without_geometry: Vec::new(),
            repaired_rows: Vec::new(),
        }
    }
}
