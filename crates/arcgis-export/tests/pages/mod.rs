//! Pages filled by hand, files in memory, and their rows read back.
#![allow(dead_code, reason = "each test file uses its own part")]

use arcgis_export::{
    ArrowSink, DateZone, ExportSchema, GeoParquetWriter, GeometrySummary, PageBatch, Provenance,
    WriterOptions,
};
use arcgis_layer::{
    Dimensions, FeatureSink, Field, FieldType, GeometryLayout, GeometryRef, GeometryType, Layout,
    PageSink, SinkError, SpatialReference, ValueRef,
};
use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;

/// A geometry of owned parts.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) kind: GeometryType,
    pub(crate) dims: Dimensions,
    pub(crate) coords: Vec<f64>,
    pub(crate) ring_ends: Vec<usize>,
    pub(crate) part_ends: Vec<usize>,
}

impl Shape {
    pub(crate) fn new(kind: GeometryType, dims: Dimensions, coords: &[f64]) -> Self {
        Self {
            kind,
            dims,
            coords: coords.to_vec(),
            ring_ends: Vec::new(),
            part_ends: Vec::new(),
        }
    }

    pub(crate) fn point(x: f64, y: f64) -> Self {
        Self::new(GeometryType::Point, Dimensions::Xy, &[x, y])
    }

    pub(crate) fn rings(mut self, ends: &[usize]) -> Self {
        self.ring_ends = ends.to_vec();
        self
    }

    pub(crate) fn parts(mut self, ends: &[usize]) -> Self {
        self.part_ends = ends.to_vec();
        self
    }

    pub(crate) fn as_ref(&self) -> GeometryRef<'_> {
        GeometryRef {
            kind: self.kind,
            dims: self.dims,
            coords: &self.coords,
            ring_ends: &self.ring_ends,
            part_ends: &self.part_ends,
        }
    }
}

pub(crate) fn geometry_layout(wkid: i64) -> GeometryLayout {
    GeometryLayout {
        kind: GeometryType::Point,
        dims: Dimensions::Xy,
        spatial_reference: SpatialReference::from_wkid(wkid),
    }
}

/// A layer of geometries without attributes.
pub(crate) fn shapes(wkid: i64) -> ExportSchema {
    let layout = Layout::new(Vec::<Field>::new()).with_geometry(geometry_layout(wkid));
    ExportSchema::new(&layout, DateZone::Utc)
}

pub(crate) fn page_of(
    schema: &ExportSchema,
    shapes: &[Option<Shape>],
) -> Result<PageBatch, SinkError> {
    let mut page = ArrowSink::new(schema.clone()).page(shapes.len());
    for shape in shapes {
        if let Some(shape) = shape {
            page.geometry(shape.as_ref())?;
        }
        page.end_row()?;
    }
    Ok(page.into_batch().unwrap())
}

/// A table with one column.
pub(crate) fn column(field_type: FieldType, zone: DateZone) -> ExportSchema {
    ExportSchema::new(&Layout::new(vec![Field::new("value", field_type)]), zone)
}

pub(crate) fn values(
    schema: &ExportSchema,
    values: &[ValueRef<'_>],
    lenient: bool,
) -> Result<PageBatch, SinkError> {
    let mut page = ArrowSink::new(schema.clone())
        .with_lenient(lenient)
        .page(values.len());
    for value in values {
        page.attribute(0, *value)?;
        page.end_row()?;
    }
    Ok(page.into_batch().unwrap())
}

pub(crate) fn write(schema: &ExportSchema, pages: &[PageBatch], options: &WriterOptions) -> Bytes {
    let mut writer = GeoParquetWriter::try_new(Vec::new(), schema, options).unwrap();
    let mut geometry = GeometrySummary::default();
    for page in pages {
        writer.write(&page.batch).unwrap();
        geometry.merge(&page.geometry);
    }
    let (file, _) = writer.finish(&geometry, &Provenance::default()).unwrap();
    file.into()
}

/// All rows of a file, as one batch.
pub(crate) fn read(file: &Bytes) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone())
        .unwrap()
        .with_batch_size(1 << 20)
        .build()
        .unwrap();
    let schema = {
        use arrow_array::RecordBatchReader as _;
        reader.schema()
    };
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    arrow_select::concat::concat_batches(&schema, &batches).unwrap()
}

pub(crate) fn metadata(file: &Bytes) -> ParquetMetaData {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    ParquetMetaData::clone(builder.metadata())
}

/// The value behind a key of the footer.
pub(crate) fn footer(file: &Bytes, key: &str) -> Option<String> {
    metadata(file)
        .file_metadata()
        .key_value_metadata()?
        .iter()
        .find(|pair| pair.key == key)?
        .value
        .clone()
}
