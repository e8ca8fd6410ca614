//! Rows in, a look at them out.

use std::num::NonZeroUsize;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};

use crate::column::{Column, Counter};
use crate::crs::Crs;
use crate::error::Error;
use crate::geometry_column::GeometryColumn;
use crate::longitude;
use crate::outline::{Extent, Outline, PartKind};
use crate::sample::{Kept, Sample};
use crate::sketch::Sketch;

/// Rows with their attributes that a page holds, unless told otherwise.
const MOST_ROWS: usize = 100_000;

/// What is kept of the rows besides the map.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct PreviewOptions {
    pub(crate) title: String,
    pub(crate) source: Option<String>,
    pub(crate) table: Option<NonZeroUsize>,
}

impl PreviewOptions {
    /// A map alone, under this title.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            source: None,
            table: None,
        }
    }

    /// Sets where the rows are from, as it is shown beside them. It must hold no secret.
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Keeps the attributes of at most so many rows, for [`Preview::write_html`], and sums up every column.
    /// None for 100,000. Of more rows, as many are chosen, each with the same chance.
    pub fn with_table(mut self, most: Option<NonZeroUsize>) -> Self {
        self.table = most.or(NonZeroUsize::new(MOST_ROWS));
        self
    }
}

/// Takes rows, batch by batch, and keeps what a look at them needs: little, however many they are.
#[derive(Debug)]
pub struct PreviewBuilder {
    schema: SchemaRef,
    geometry: Option<(usize, GeometryColumn)>,
    options: PreviewOptions,
    shown: Vec<usize>,
    rows: u64,
    kinds: GeometryKinds,
    extent: Extent,
    outline: Outline,
    sketch: Sketch,
    period: Option<f64>,
    columns: Vec<Counter>,
    sample: Option<Sample>,
}

/// How many rows have which kind of geometry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GeometryKinds {
    /// Points and multipoints.
    pub points: u64,
    /// Lines and multilines.
    pub lines: u64,
    /// Polygons and multipolygons.
    pub polygons: u64,
    /// Rows without geometry, or with an empty one.
    pub none: u64,
}

impl PreviewBuilder {
    /// Begins with no rows. `geometry` is the column to draw: see [`GeometryColumn::of_schema`].
    ///
    /// # Errors
    ///
    /// [`Error::Schema`] if the schema does not have that column.
    pub fn new(
        schema: SchemaRef,
        geometry: Option<GeometryColumn>,
        options: PreviewOptions,
    ) -> Result<Self, Error> {
        let geometry = match geometry {
            Some(column) => {
                let place = schema.index_of(column.name()).map_err(Error::Schema)?;
                Some((place, column))
            }
            None => None,
        };
        let covered = |at: &usize| match (&geometry, schema.fields().get(*at)) {
            (Some((_, geometry)), Some(field)) => geometry.covers(field),
            _ => false,
        };
        let shown: Vec<usize> = (0..schema.fields().len())
            .filter(|at| !covered(at))
            .collect();
        let columns = shown
            .iter()
            .filter_map(|at| schema.fields().get(*at))
            .map(|field| Counter::new(field))
            .collect();
        Ok(Self {
            period: geometry
                .as_ref()
                .and_then(|(_, column)| column.crs().period()),
            sample: options.table.map(|most| Sample::new(most.get())),
            schema,
            geometry,
            options,
            shown,
            rows: 0,
            kinds: GeometryKinds::default(),
            extent: Extent::EMPTY,
            outline: Outline::default(),
            sketch: Sketch::default(),
            columns,
        })
    }

    /// Takes the next rows.
    ///
    /// # Errors
    ///
    /// [`Error::Schema`] if they have other columns, [`Error::Geometry`] if the geometry of one is damaged.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if !is_same(&self.schema, &batch.schema()) {
            let message = "the schema is not that of the first".to_owned();
            return Err(Error::Schema(ArrowError::SchemaError(message)));
        }
        self.draw(batch)?;
        if let Some(sample) = &mut self.sample {
            for (counter, at) in self.columns.iter_mut().zip(&self.shown) {
                counter.add(batch.column(*at));
            }
            sample.add(batch, self.rows).map_err(Error::Schema)?;
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn draw(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let Some((place, geometry)) = &self.geometry else {
            return Ok(());
        };
        let column = batch.column(*place);
        let outline = &mut self.outline;
        for row in 0..batch.num_rows() {
            geometry
                .read(column, row, outline)
                .map_err(|problem| Error::Geometry {
                    row: self.rows + row as u64 + 1,
                    problem,
                })?;
            self.kinds.add(outline);
            self.extent.join(&outline.extent());
            if let Some(period) = self.period {
                longitude::unwrap(outline, period);
            }
            self.sketch.add(outline);
        }
        Ok(())
    }

    /// Ends with what has come.
    ///
    /// # Errors
    ///
    /// [`Error::Schema`] if rows could not be chosen, which has no known cause.
    pub fn finish(self) -> Result<Preview, Error> {
        let kept = match self.sample {
            Some(sample) => Some(sample.finish().map_err(Error::Schema)?),
            None => None,
        };
        let has_summaries = kept.is_some();
        let columns = self.columns.into_iter().map(|counter| {
            let mut column = counter.finish();
            if !has_summaries {
                column.summary = None;
            }
            column
        });
        let crs = self
            .geometry
            .as_ref()
            .map(|(_, column)| column.crs().clone());
        Ok(Preview {
            options: self.options,
            geometry: self.geometry,
            crs,
            rows: self.rows,
            kinds: self.kinds,
            extent: self.extent,
            sketch: self.sketch,
            columns: columns.collect(),
            shown: self.shown,
            kept,
        })
    }
}

/// Whether two schemas have the same columns; what they say of themselves may differ.
fn is_same(one: &SchemaRef, other: &SchemaRef) -> bool {
    one.fields().len() == other.fields().len()
        && one
            .fields()
            .iter()
            .zip(other.fields())
            .all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type())
}

impl GeometryKinds {
    fn add(&mut self, outline: &Outline) {
        let count = match outline.parts().next() {
            None => &mut self.none,
            Some((PartKind::Points, _)) => &mut self.points,
            Some((PartKind::Line, _)) => &mut self.lines,
            Some((PartKind::Shell | PartKind::Hole, _)) => &mut self.polygons,
        };
        *count += 1;
    }
}

/// A look at rows: a picture, a page, or a map in the terminal.
#[derive(Debug)]
pub struct Preview {
    pub(crate) options: PreviewOptions,
    pub(crate) geometry: Option<(usize, GeometryColumn)>,
    pub(crate) crs: Option<Crs>,
    pub(crate) rows: u64,
    pub(crate) kinds: GeometryKinds,
    pub(crate) extent: Extent,
    pub(crate) sketch: Sketch,
    pub(crate) columns: Vec<Column>,
    /// Where the columns are in the schema.
    pub(crate) shown: Vec<usize>,
    pub(crate) kept: Option<Vec<Kept>>,
}

impl Preview {
    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.options.title
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many rows were kept with their attributes.
    #[must_use]
    pub fn kept_rows(&self) -> u64 {
        let kept = self.kept.iter().flatten();
        kept.map(|kept| kept.numbers.len() as u64).sum()
    }

    /// How many rows have which kind of geometry.
    #[must_use]
    pub fn kinds(&self) -> GeometryKinds {
        self.kinds
    }

    /// The rectangle around all geometry, if there is any.
    #[must_use]
    pub fn extent(&self) -> Option<Extent> {
        (!self.extent.is_empty()).then_some(self.extent)
    }

    /// The reference system of the geometry, if there is a geometry column.
    #[must_use]
    pub fn crs(&self) -> Option<&Crs> {
        self.crs.as_ref()
    }

    /// The columns beside the geometry.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}
