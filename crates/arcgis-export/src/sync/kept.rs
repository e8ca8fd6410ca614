//! The rows of an earlier file that are as they were, as an export has them.

use std::sync::Arc;

use arcgis_layer::{Dimensions, IdSet, PageFacts};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, RecordBatch, RecordBatchOptions,
    StructArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType};
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take;

use super::coordinates;
use super::earlier::EarlierExport;
use crate::error::Error;
use crate::format::Shape;
use crate::geometry_summary::{GeometrySummary, Mending, RowGeometry};
use crate::geoparquet::{GeometryForm, covering};
use crate::marks::RowMarks;
use crate::options::WriterOptions;
use crate::page::{Misfits, PageBatch};
use crate::schema::ExportSchema;
use crate::spool::SpooledPage;
use crate::tally::PageSums;
use crate::writer_thread::GivenUp;

/// The rows of an earlier file that are to stand in the new one as they are.
#[derive(Debug, Clone)]
pub(crate) struct KeptRows {
    earlier: Arc<EarlierExport>,
    ids: Arc<IdSet>,
    /// The column of the object ids, in the file.
    id: usize,
    schema: ExportSchema,
    form: Option<GeometryForm>,
}

impl KeptRows {
    /// The rows with these ids.
    pub(super) fn new(
        earlier: Arc<EarlierExport>,
        ids: IdSet,
        id: usize,
        schema: ExportSchema,
        writer: &WriterOptions,
    ) -> Result<Self, Error> {
        Ok(Self {
            form: GeometryForm::of(&schema, writer)?,
            earlier,
            ids: Arc::new(ids),
            id,
            schema,
        })
    }

    /// What all of them add to footer and report.
    pub(super) fn sums(&self, given_up: &GivenUp) -> Result<PageSums, Error> {
        let mut sums = PageSums::default();
        self.each(given_up, |page| {
            sums.merge(&PageSums::of(&page), &page.replaces);
            Ok(())
        })?;
        Ok(sums)
    }

    /// Gives them page by page, in the order of the file.
    pub(crate) fn each(
        &self,
        given_up: &GivenUp,
        mut take: impl FnMut(SpooledPage) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.ids.is_empty() {
            return Ok(());
        }
        for batch in self.earlier.read(None) {
            given_up.check()?;
            if let Some(page) = self.page(&batch?)? {
                take(page)?;
            }
        }
        Ok(())
    }

    fn page(&self, batch: &RecordBatch) -> Result<Option<SpooledPage>, Error> {
        let other = || ArrowError::SchemaError("the file has other columns".to_owned());
        let ids = batch.columns().get(self.id).ok_or_else(other)?;
        let ids = ids.as_primitive_opt::<Int64Type>().ok_or_else(other)?;
        let wanted: BooleanArray = ids
            .values()
            .iter()
            .map(|id| Some(self.ids.contains(*id)))
            .collect();
        let rows = match wanted.true_count() {
            0 => return Ok(None),
            all if all == batch.num_rows() => batch.clone(),
            _ => filter_record_batch(batch, &wanted)?,
        };
        let ids = rows.columns().get(self.id).ok_or_else(other)?;
        let ids = ids.as_primitive_opt::<Int64Type>().ok_or_else(other)?;
        let ids = ids.values().to_vec();
        let (batch, geometry) = self.restored(&rows)?;
        let mut facts = PageFacts::default();
        (facts.rows, facts.ids) = (batch.num_rows(), ids);
        let page = PageBatch {
            batch,
            geometry,
            misfits: Misfits::new(&self.schema),
            unlisted: Misfits::new(&self.schema),
            mended: Vec::new(),
            marks: RowMarks::default(),
        };
        Ok(Some(SpooledPage::new(0, page, facts)))
    }

    /// Rows as writers take them, from rows as the file has them.
    fn restored(&self, rows: &RecordBatch) -> Result<(RecordBatch, GeometrySummary), Error> {
        let schema = self.schema.file();
        let by_name = |name: &str| {
            rows.column_by_name(name)
                .ok_or_else(|| ArrowError::SchemaError(format!("the file has no column {name}")))
        };
        let mut places = None;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let name = field.name().as_str();
            let column = if Some(name) == self.schema.geometry_name() {
                let wkb = self.wkb(by_name(name)?)?;
                places = Some(Places::of(&wkb)?);
                Arc::new(wkb)
            } else if Some(name) == self.schema.covering_name() {
                match (rows.column_by_name(name), &places) {
                    (Some(column), _) => Arc::clone(column),
                    (None, Some(places)) => places.covering()?,
                    (None, None) => {
                        let problem = "the file has no geometry".to_owned();
                        return Err(ArrowError::SchemaError(problem).into());
                    }
                }
            } else {
                plain(by_name(name)?)?
            };
            columns.push(column);
        }
        let summary = match (&places, self.schema.geometry_type(), columns.last()) {
            (Some(places), Some(kind), Some(covering)) => {
                let covering = covering.as_struct_opt().ok_or_else(|| {
                    ArrowError::SchemaError("the file has other bounding boxes".to_owned())
                })?;
                GeometrySummary::of(&places.rows, covering, kind)
            }
            _ => GeometrySummary::default(),
        };
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?;
        Ok((batch, summary))
    }

    fn wkb(&self, column: &ArrayRef) -> Result<BinaryArray, ArrowError> {
        match (self.form, column.as_binary_opt::<i32>()) {
            (Some(GeometryForm::Native(encoding)), _) => {
                coordinates::wkb(column, encoding.wkb_type())
            }
            (_, Some(wkb)) => Ok(wkb.clone()),
            _ => Err(ArrowError::SchemaError(
                "the geometry is in another encoding".to_owned(),
            )),
        }
    }
}

/// Labels that the file holds as a dictionary, as plain text; all else as it is.
fn plain(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Dictionary(..) => match column.as_dictionary_opt::<Int32Type>() {
            Some(labels) => take(labels.values(), labels.keys(), None),
            None => Err(ArrowError::SchemaError(
                "the file holds labels in another form".to_owned(),
            )),
        },
        _ => Ok(Arc::clone(column)),
    }
}

/// Where the geometries of some rows lie.
struct Places {
    rows: Vec<RowGeometry>,
    sides: [Vec<f64>; 4],
    covered: Vec<bool>,
}

impl Places {
    fn of(wkb: &BinaryArray) -> Result<Self, ArrowError> {
        let mut places = Self {
            rows: Vec::with_capacity(wkb.len()),
            sides: std::array::from_fn(|_| Vec::with_capacity(wkb.len())),
            covered: Vec::with_capacity(wkb.len()),
        };
        let mut shape = Shape::default();
        for geometry in wkb {
            let bounds = match geometry {
                None => {
                    places.rows.push(RowGeometry::NULL);
                    None
                }
                Some(geometry) => {
                    shape.read(geometry)?;
                    let least = |least: f64, z: &f64| least.min(*z);
                    let most = |most: f64, z: &f64| most.max(*z);
                    places.rows.push(RowGeometry {
                        wkb_type: Some(shape.kind),
                        dims: Dimensions::new(shape.has_z, shape.has_m),
                        dropped_m: false,
                        mending: Mending::None,
                        z: (
                            shape.z.iter().fold(f64::INFINITY, least),
                            shape.z.iter().fold(f64::NEG_INFINITY, most),
                        ),
                    });
                    shape.bounds()
                }
            };
            places.covered.push(bounds.is_some());
            let bounds = bounds.map_or([0.0; 4], |bounds| {
                [bounds.xmin, bounds.ymin, bounds.xmax, bounds.ymax]
            });
            for (side, bound) in places.sides.iter_mut().zip(bounds) {
                side.push(bound);
            }
        }
        Ok(places)
    }

    /// The bounding boxes as a column.
    fn covering(&self) -> Result<ArrayRef, ArrowError> {
        let sides = self.sides.iter().map(|side| {
            let side: ArrayRef = Arc::new(Float64Array::from(side.clone()));
            side
        });
        let covered = NullBuffer::from(self.covered.clone());
        let covering = StructArray::try_new(covering::fields(), sides.collect(), Some(covered))?;
        Ok(Arc::new(covering))
    }
}
