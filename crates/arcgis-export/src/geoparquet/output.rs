//! The columns of a Parquet file, from the batches that writers get.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::schema::types::{ColumnPath, SchemaDescriptor, Type, TypePtr};

use crate::error::Error;
use crate::geometry_summary::GeometrySummary;
use crate::label_dictionary::LabelDictionary;
use crate::options::WriterOptions;
use crate::schema::{ExportSchema, dictionary_type};

use super::metadata;
use super::native::NativeEncoding;
use super::version::{GeoParquetVersion, GeometryEncoding};

/// What a file holds, column by column.
#[derive(Debug)]
pub(crate) struct OutputColumns {
    schema: SchemaRef,
    columns: Vec<(usize, Change)>,
    geometry: Option<GeometryForm>,
}

/// How the geometry is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GeometryForm {
    /// WKB in a plain column.
    Wkb,
    /// WKB in a column of Parquet's type GEOMETRY.
    Geometry,
    /// Separated coordinates.
    Native(NativeEncoding),
}

#[derive(Debug)]
enum Change {
    None,
    Dictionary(LabelDictionary),
    Coordinates {
        encoding: NativeEncoding,
        has_z: bool,
    },
}

impl GeometryForm {
    /// The form that options ask for; none for tables.
    pub(crate) fn of(
        schema: &ExportSchema,
        options: &WriterOptions,
    ) -> Result<Option<Self>, Error> {
        let Some(kind) = schema.geometry_type() else {
            return Ok(None);
        };
        let form = match (options.geoparquet_version, options.geometry_encoding) {
            (GeoParquetVersion::V1_1, GeometryEncoding::Wkb) => Self::Wkb,
            (GeoParquetVersion::V2_0, GeometryEncoding::Wkb) => Self::Geometry,
            (GeoParquetVersion::V1_1, GeometryEncoding::Native) => {
                Self::Native(NativeEncoding::of(kind).ok_or(Error::Unsupported {
                    option: "the geometry encoding native".to_owned(),
                    by: format!("layers of {kind}"),
                })?)
            }
            (GeoParquetVersion::V2_0, GeometryEncoding::Native) => {
                return Err(Error::Unsupported {
                    option: "the geometry encoding native".to_owned(),
                    by: "GeoParquet 2.0".to_owned(),
                });
            }
        };
        Ok(Some(form))
    }

    /// Whether the bounding box of each row stands beside.
    pub(crate) fn has_covering(self) -> bool {
        match self {
            Self::Wkb => true,
            // The statistics of the column itself say the same.
            Self::Geometry | Self::Native(NativeEncoding::Point) => false,
            Self::Native(_) => true,
        }
    }
}

impl OutputColumns {
    pub(crate) fn new(schema: &ExportSchema, options: &WriterOptions) -> Result<Self, Error> {
        let geometry = GeometryForm::of(schema, options)?;
        let mut dictionaries: Vec<_> = schema.dictionaries().collect();
        let mut fields: Vec<FieldRef> = Vec::new();
        let mut columns = Vec::new();
        for (place, field) in schema.file().fields().iter().enumerate() {
            let name = Some(field.name().as_str());
            let mut change = Change::None;
            let mut field = Arc::clone(field);
            if let Some(at) = dictionaries.iter().position(|(of, _)| *of == place) {
                let (_, labels) = dictionaries.swap_remove(at);
                field = Arc::new(Field::clone(&field).with_data_type(dictionary_type()));
                change = Change::Dictionary(LabelDictionary::new(labels));
            } else if name == schema.covering_name() {
                if !geometry.is_some_and(GeometryForm::has_covering) {
                    continue;
                }
            } else if let (true, Some(GeometryForm::Native(encoding))) =
                (name == schema.geometry_name(), geometry)
            {
                let has_z = schema.has_z();
                let extension = format!("geoarrow.{}", encoding.name());
                field = Arc::new(
                    Field::new(field.name(), encoding.data_type(has_z), true)
                        .with_metadata(schema.extension_metadata(&extension)),
                );
                change = Change::Coordinates { encoding, has_z };
            }
            fields.push(field);
            columns.push((place, change));
        }
        Ok(Self {
            schema: Arc::new(Schema::new(fields)),
            columns,
            geometry,
        })
    }

    /// The schema of batches and of the footer's `ARROW:schema`.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The same for a writer that goes by extension types: in GeoParquet 1.1 the geometry must not say that it is
    /// WKB, or `parquet` makes its own type GEOMETRY of it, which that version does not know.
    pub(crate) fn upstream_schema(&self, schema: &ExportSchema) -> Schema {
        let fields = self.schema.fields().iter().map(|field| {
            let is_geometry = Some(field.name().as_str()) == schema.geometry_name();
            if is_geometry && self.geometry == Some(GeometryForm::Wkb) {
                Arc::new(Field::clone(field).with_metadata(Default::default()))
            } else {
                Arc::clone(field)
            }
        });
        Schema::new(fields.collect::<Vec<FieldRef>>())
    }

    /// The `geo` member of the footer; `None` for tables without geometry.
    pub(crate) fn geo(
        &self,
        schema: &ExportSchema,
        geometry: &GeometrySummary,
    ) -> Option<(String, String)> {
        let geo = metadata::geo(schema, geometry, self.geometry?)?;
        Some(("geo".to_owned(), geo))
    }

    /// A batch as the file holds it.
    pub(crate) fn of(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (place, change) in &mut self.columns {
            let column = batch.columns().get(*place).ok_or(Error::WriterStopped)?;
            columns.push(match change {
                Change::None => Arc::clone(column),
                Change::Dictionary(dictionary) => dictionary.encode(column)?,
                Change::Coordinates { encoding, has_z } => {
                    let wkb = column.as_binary_opt().ok_or(Error::WriterStopped)?;
                    encoding.column(wkb, *has_z).map_err(Error::write)?
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }

    /// The Parquet schema.
    ///
    /// The writer's own would depend on the features of the parquet crate, which any other crate of a program
    /// may turn on: WKB would become Parquet's type GEOMETRY also in GeoParquet 1.1, which does not know it,
    /// and its CRS would be written anew. So it sees columns without extension types, and what is more than
    /// a plain column is put in its place here.
    pub(crate) fn parquet_schema(
        &self,
        schema: &ExportSchema,
    ) -> Result<SchemaDescriptor, ParquetError> {
        let plain = self.schema.fields().iter().map(|field| {
            let plain = Field::clone(field).with_metadata(Default::default());
            Arc::new(plain)
        });
        let plain = Schema::new(plain.collect::<Vec<FieldRef>>());
        let converted = ArrowSchemaConverter::new().convert(&plain)?;
        let mut fields: Vec<TypePtr> = converted.root_schema().get_fields().to_vec();
        for (parquet, arrow) in fields.iter_mut().zip(self.schema.fields()) {
            let is_geometry = Some(arrow.name().as_str()) == schema.geometry_name();
            let (physical, logical) =
                if is_geometry && self.geometry == Some(GeometryForm::Geometry) {
                    // No CRS at all would mean longitude and latitude; this is Parquet's word for none.
                    let crs = schema.crs().map_or("srid:0", |crs| crs.projjson());
                    let geometry = LogicalType::geometry(Some(crs.to_owned()));
                    (PhysicalType::BYTE_ARRAY, geometry)
                } else if arrow.extension_type_name() == Some("arrow.uuid") {
                    (PhysicalType::FIXED_LEN_BYTE_ARRAY, LogicalType::Uuid)
                } else {
                    continue;
                };
            let length = match arrow.data_type() {
                DataType::FixedSizeBinary(length) => *length,
                _ => -1,
            };
            let repetition = if arrow.is_nullable() {
                Repetition::OPTIONAL
            } else {
                Repetition::REQUIRED
            };
            *parquet = Arc::new(
                Type::primitive_type_builder(arrow.name(), physical)
                    .with_repetition(repetition)
                    .with_logical_type(Some(logical))
                    .with_length(length)
                    .build()?,
            );
        }
        let root = Type::group_type_builder(converted.root_schema().name())
            .with_fields(fields)
            .build()?;
        Ok(SchemaDescriptor::new(Arc::new(root)))
    }

    /// The leaves that hardly ever repeat: geometries, their coordinates and their bounds.
    pub(crate) fn unrepeated(
        &self,
        schema: &ExportSchema,
        parquet: &SchemaDescriptor,
    ) -> Vec<ColumnPath> {
        let wanted = [schema.geometry_name(), schema.covering_name()];
        let paths = parquet.columns().iter().map(|column| column.path().clone());
        paths
            .filter(|path| {
                let root = path.parts().first().map(String::as_str);
                root.is_some() && wanted.contains(&root)
            })
            .collect()
    }
}
