//! The sink that turns pages into Arrow columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcgis_layer::{FeatureSink, GeometryRef, PageSink, SinkError, ValueRef};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::interleave::interleave_record_batch;

use crate::block::Growing as _;
use crate::builders::{Builders, Pool};
use crate::column_options::DomainValues;
use crate::columns::{Column, MAX_OFFSET};
use crate::geometry_summary::{GeometrySummary, Mending, RowGeometry};
use crate::marks::{RowMarks, RowNumbers};
use crate::schema::ExportSchema;
use crate::wkb::GeometryError;

/// Makes an [`ArrowPage`] for each page of a query.
///
/// A value that does not fit its column is an error that names column and value, and the page fails
/// with it. With [`ArrowSink::with_lenient`] it becomes null and is counted.
///
/// What fits is generous in form and strict in meaning: a number may come as text, a whole number as
/// `1.0`, a date as ISO text, a number for a text column. A number out of the column's range, or a
/// fraction for a whole number, does not fit.
#[derive(Debug, Clone)]
pub struct ArrowSink {
    schema: ExportSchema,
    lenient: bool,
    pool: Pool,
}

impl ArrowSink {
    /// A sink for pages with the layout that the schema was made of.
    #[must_use]
    pub fn new(schema: ExportSchema) -> Self {
        Self {
            schema,
            lenient: false,
            pool: Pool::default(),
        }
    }

    /// Whether a value that does not fit becomes null instead of an error. Default: no.
    #[must_use]
    pub fn with_lenient(mut self, lenient: bool) -> Self {
        self.lenient = lenient;
        self
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &ExportSchema {
        &self.schema
    }
}

impl PageSink for ArrowSink {
    type Page = ArrowPage;

    fn page(&self, rows: usize) -> ArrowPage {
        // A guess of the server's may be far off: memory is taken for it only up to here.
        let rows = rows.min(65_536);
        ArrowPage {
            state: State::Growing {
                builders: self.pool.take(&self.schema, rows),
                pool: self.pool.clone(),
            },
            misfits: Vec::new(),
            rows: 0,
            lenient: self.lenient,
            schema: self.schema.clone(),
        }
    }

    fn select(
        &self,
        pages: Vec<ArrowPage>,
        rows: &[(usize, usize)],
    ) -> Result<ArrowPage, SinkError> {
        self.chosen(pages, rows)
            .map_err(|error| SinkError::Other(Box::new(error)))
    }
}

impl ArrowSink {
    fn chosen(
        &self,
        pages: Vec<ArrowPage>,
        rows: &[(usize, usize)],
    ) -> Result<ArrowPage, ArrowError> {
        let pages = pages
            .into_iter()
            .map(ArrowPage::finish)
            .collect::<Result<Vec<_>, _>>()?;
        let outside = rows.iter().any(|&(page, row)| {
            pages
                .get(page)
                .is_none_or(|page| row >= page.batch.num_rows())
        });
        if outside {
            return Err(ArrowError::InvalidArgumentError(
                "a row was chosen that no page has".to_owned(),
            ));
        }
        let batches: Vec<&RecordBatch> = pages.iter().map(|page| &page.batch).collect();
        let batch = if self.schema.file().fields().is_empty() {
            batch(self.schema.file(), Vec::new(), rows.len())?
        } else if batches.is_empty() {
            RecordBatch::new_empty(Arc::clone(self.schema.file()))
        } else {
            interleave_record_batch(&batches, rows)?
        };
        let geometry = rows
            .iter()
            .filter_map(|&(page, row)| pages.get(page)?.geometry.get(row).copied())
            .collect();
        let misfits = chosen(&pages, rows, |page| &page.misfits);
        let unlisted = chosen(&pages, rows, |page| &page.unlisted);
        Ok(ArrowPage {
            rows: rows.len(),
            misfits,
            lenient: self.lenient,
            schema: self.schema.clone(),
            state: State::Chosen {
                batch,
                geometry,
                unlisted,
            },
        })
    }
}

/// The marks of chosen rows, at the places that these have now.
fn chosen(
    pages: &[Finished],
    rows: &[(usize, usize)],
    marks: impl Fn(&Finished) -> &Vec<Mark>,
) -> Vec<Mark> {
    let mut chosen = Vec::new();
    if pages.iter().all(|page| marks(page).is_empty()) {
        return chosen;
    }
    for (place, &(page, row)) in rows.iter().enumerate() {
        let Some(of_page) = pages.get(page).map(|page| marks(page).as_slice()) else {
            continue;
        };
        // In the order of rows.
        let first = of_page.partition_point(|mark| mark.row < row);
        chosen.extend(
            of_page
                .iter()
                .skip(first)
                .take_while(|mark| mark.row == row)
                .map(|mark| Mark {
                    row: place,
                    ..*mark
                }),
        );
    }
    chosen
}

fn batch(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    // A batch without columns has rows all the same.
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// The rows of one page, as columns that grow.
#[derive(Debug)]
pub struct ArrowPage {
    schema: ExportSchema,
    state: State,
    misfits: Vec<Mark>,
    rows: usize,
    lenient: bool,
}

#[derive(Debug)]
enum State {
    Growing {
        builders: Builders,
        /// Where they go back to.
        pool: Pool,
    },
    /// Put together of rows of other pages: complete.
    Chosen {
        batch: RecordBatch,
        geometry: Vec<RowGeometry>,
        unlisted: Vec<Mark>,
    },
}

/// A value that something is to be said of.
#[derive(Debug, Clone, Copy)]
struct Mark {
    row: usize,
    column: usize,
}

struct Finished {
    batch: RecordBatch,
    geometry: Vec<RowGeometry>,
    /// Values that did not fit and became null, in the order of rows.
    misfits: Vec<Mark>,
    /// Codes that no domain lists, in the order of rows.
    unlisted: Vec<Mark>,
    schema: ExportSchema,
}

impl Finished {
    /// The rows that are counted at the end.
    fn marks(&self) -> RowMarks {
        let by_column = |marks: &[Mark]| {
            let mut all: BTreeMap<usize, RowNumbers> = BTreeMap::new();
            for mark in marks {
                all.entry(mark.column).or_default().extend([mark.row]);
            }
            all
        };
        let rows = |wanted: fn(&RowGeometry) -> bool| {
            let rows = self.geometry.iter().enumerate();
            rows.filter(|(_, row)| wanted(row))
                .map(|(row, _)| row)
                .collect()
        };
        RowMarks {
            misfits: by_column(&self.misfits),
            unlisted: by_column(&self.unlisted),
            mended: rows(|row| row.mending == Mending::Mended),
            tangles: rows(|row| row.mending == Mending::Tangle),
            dropped_m: rows(|row| row.dropped_m),
            left_out: RowNumbers::default(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a page of chosen rows takes no more rows")]
struct Complete;

impl FeatureSink for ArrowPage {
    // In each place where it is called the kind of the value is known.
    #[inline(always)]
    fn attribute(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), SinkError> {
        if let State::Growing { builders, .. } = &mut self.state
            && let Some(builder) = builders.columns.get_mut(column)
            && builder.append_own(value)
        {
            return Ok(());
        }
        self.other_attribute(column, value)
    }

    #[inline(always)]
    fn ascii(&mut self, column: usize, text: &[u8]) -> Result<(), SinkError> {
        if let State::Growing { builders, .. } = &mut self.state
            && let Some(builder) = builders.columns.get_mut(column)
            && builder.append_own_ascii(text)
        {
            return Ok(());
        }
        self.other_ascii(column, text)
    }

    fn geometry(&mut self, geometry: GeometryRef<'_>) -> Result<(), SinkError> {
        match &mut self.state {
            State::Growing { builders, .. } => match &mut builders.geometry {
                Some(builder) => Ok(builder.append(&geometry)?),
                // A layout without geometry: the caller asked for none.
                None => Ok(()),
            },
            State::Chosen { .. } => Err(SinkError::Other(Box::new(Complete))),
        }
    }

    fn end_row(&mut self) -> Result<(), SinkError> {
        self.rows += 1;
        match &mut self.state {
            State::Growing { builders, .. } => match &mut builders.geometry {
                Some(builder) if builder.len() < self.rows => builder.append_null(),
                _ => {}
            },
            State::Chosen { .. } => return Err(SinkError::Other(Box::new(Complete))),
        }
        Ok(())
    }
}

impl ArrowPage {
    /// Takes a value that is not of its column's own kind, or none at all.
    #[inline(never)]
    fn other_attribute(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), SinkError> {
        let State::Growing { builders, .. } = &mut self.state else {
            return Err(SinkError::Other(Box::new(Complete)));
        };
        let (Some(builder), Some(plan)) = (
            builders.columns.get_mut(column),
            self.schema.columns().get(column),
        ) else {
            return Err(SinkError::misfit(
                &format!("number {column}"),
                value,
                "column of the layout",
            ));
        };
        if let ValueRef::Str(text) = value
            && builder.variable_len().saturating_add(text.len()) > MAX_OFFSET
        {
            return Err(GeometryError::PageTooLarge.into());
        }
        match builder.append(value, plan) {
            Ok(()) => Ok(()),
            Err(_) if self.lenient && !plan.required => {
                builder.append_null();
                self.misfits.push(Mark {
                    row: self.rows,
                    column,
                });
                Ok(())
            }
            Err(expected) => Err(SinkError::misfit(&plan.name, value, expected)),
        }
    }

    #[inline(never)]
    fn other_ascii(&mut self, column: usize, text: &[u8]) -> Result<(), SinkError> {
        match std::str::from_utf8(text) {
            Ok(text) => self.other_attribute(column, ValueRef::Str(text)),
            Err(error) => Err(SinkError::Other(Box::new(error))),
        }
    }

    /// How many rows are complete.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The finished page. Its columns lie in one block of memory, which has no room to spare; what they grew in serves
    /// the sink's next page.
    ///
    /// # Errors
    ///
    /// If a row did not get exactly one value for each column, or what was said to be ASCII is no text.
    pub fn into_batch(self) -> Result<PageBatch, ArrowError> {
        let finished = self.finish()?;
        let geometry = finished
            .schema
            .covering_name()
            .and_then(|name| finished.batch.column_by_name(name)?.as_struct_opt())
            .zip(finished.schema.geometry_type())
            .map(|(covering, kind)| GeometrySummary::of(&finished.geometry, covering, kind))
            .unwrap_or_default();
        let marks = finished.marks();
        let mended = finished.geometry.iter().enumerate();
        let mended = mended.filter(|(_, row)| row.mending == Mending::Mended);
        Ok(PageBatch {
            geometry,
            marks,
            misfits: Misfits::of(&finished.schema, &finished.misfits),
            unlisted: Misfits::of(&finished.schema, &finished.unlisted),
            mended: mended.map(|(row, _)| row).collect(),
            batch: finished.batch,
        })
    }

    fn finish(self) -> Result<Finished, ArrowError> {
        let rows = self.rows;
        let (batch, geometry, unlisted) = match self.state {
            State::Chosen {
                batch,
                geometry,
                unlisted,
            } => (batch, geometry, unlisted),
            State::Growing { mut builders, pool } => {
                if !builders.are_even(rows) {
                    return Err(ArrowError::InvalidArgumentError(format!(
                        "the {rows} rows of a page do not have one value for each column"
                    )));
                }
                let (arrays, places) = builders.finish()?;
                let geometry = builders.geometry.as_ref();
                let of_rows = geometry.map_or_else(Vec::new, |geometry| geometry.rows().to_vec());
                pool.put(builders);
                let (arrays, unlisted) = labelled(arrays, &places, self.schema.columns());
                (batch(self.schema.file(), arrays, rows)?, of_rows, unlisted)
            }
        };
        Ok(Finished {
            batch,
            geometry,
            misfits: self.misfits,
            unlisted,
            schema: self.schema,
        })
    }
}

/// The arrays of columns, with labels in place of codes or beside them, and the codes that have none. `places` tells where
/// those of each column begin, and where those of the geometry do.
fn labelled(
    arrays: Vec<ArrayRef>,
    places: &[usize],
    columns: &[Column],
) -> (Vec<ArrayRef>, Vec<Mark>) {
    let mut unlisted = Vec::new();
    if columns.iter().all(|column| column.labels.is_none()) {
        return (arrays, unlisted);
    }
    let plain = arrays;
    let mut arrays = Vec::with_capacity(plain.len() + columns.len());
    let ends = places.iter().skip(1);
    for (place, ((&start, &end), column)) in places.iter().zip(ends).zip(columns).enumerate() {
        let own = plain.get(start..end).unwrap_or_default();
        let (Some(labels), [codes]) = (&column.labels, own) else {
            arrays.extend_from_slice(own);
            continue;
        };
        let subtypes = labels
            .subtype_column()
            .and_then(|place| plain.get(*places.get(place)?));
        let labels_of_rows = labels.of_rows(codes, subtypes.map(AsRef::as_ref), |row| {
            if unlisted.is_empty() {
                // Where there is one there are mostly some more.
                unlisted.reserve(256);
            }
            unlisted.push(Mark { row, column: place });
        });
        if labels.how == DomainValues::Both {
            arrays.push(Arc::clone(codes));
        }
        arrays.push(labels_of_rows);
    }
    let geometry = places.last().and_then(|&start| plain.get(start..));
    arrays.extend_from_slice(geometry.unwrap_or_default());
    unlisted.sort_unstable_by_key(|mark| (mark.row, mark.column));
    (arrays, unlisted)
}

/// A finished page.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PageBatch {
    /// The rows, with the schema [`ExportSchema::file`].
    pub batch: RecordBatch,
    /// What is known of the geometries.
    pub geometry: GeometrySummary,
    /// Values that did not fit and became null.
    pub misfits: Misfits,
    /// Codes that no domain lists, where labels are wanted.
    pub unlisted: Misfits,
    /// The rows whose polygons were mended.
    pub mended: Vec<usize>,
    pub(crate) marks: RowMarks,
}

/// How many values of each column were out of the common.
#[derive(Debug, Clone)]
pub struct Misfits {
    /// By column; none at all where there are none.
    counts: Vec<u64>,
    schema: ExportSchema,
}

impl Misfits {
    /// None yet, for the columns of a schema.
    #[must_use]
    pub fn new(schema: &ExportSchema) -> Self {
        Self {
            counts: Vec::new(),
            schema: schema.clone(),
        }
    }

    fn of(schema: &ExportSchema, marks: &[Mark]) -> Self {
        let mut counts = Self::new(schema);
        if !marks.is_empty() {
            counts.counts.resize(schema.columns().len(), 0);
        }
        for mark in marks {
            if let Some(count) = counts.counts.get_mut(mark.column) {
                *count += 1;
            }
        }
        counts
    }

    /// All columns together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The columns that have any, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(column, count)| (self.schema.column_name(column), *count))
    }

    /// Adds those of another page of the same query.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }
}
