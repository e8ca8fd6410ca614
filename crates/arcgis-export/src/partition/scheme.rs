//! How the rows of a layer are cut into files, once it is known what columns they have.

use std::sync::Arc;

use arrow_schema::{DataType, Field};

use super::error::PartitionError;
use super::names::unfit;
use super::options::{By, Partitions};
use super::value::is_read;
use crate::error::Error;
use crate::format::FileFormat;
use crate::options::WriterOptions;
use crate::order::RowOrder;
use crate::schema::ExportSchema;

/// How rows are cut into files.
#[derive(Debug, Clone)]
pub(crate) struct Scheme {
    /// Whose values decide; none where place does.
    pub(crate) columns: Arc<[PartitionColumn]>,
    pub(super) partitions: Partitions,
}

/// A column that rows are partitioned by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionColumn {
    /// Where it is in batches with the schema of files.
    pub(super) place: usize,
    pub(super) name: String,
}

impl Scheme {
    /// Whether place decides, and no values.
    pub(crate) fn is_spatial(&self) -> bool {
        self.columns.is_empty()
    }
}

impl Partitions {
    /// Looks for the columns. What cannot be is refused here, before anything is asked for.
    pub(crate) fn resolve(
        &self,
        schema: &ExportSchema,
        writer: &WriterOptions,
        format: FileFormat,
    ) -> Result<Scheme, Error> {
        if format != FileFormat::GeoParquet {
            return Err(Error::Unsupported {
                option: "a dataset in several files".to_owned(),
                by: format.to_string(),
            });
        }
        let mut columns: Vec<PartitionColumn> = Vec::new();
        match &self.by {
            By::Spatial => spatial(schema, writer)?,
            By::Fields(fields) => {
                if fields.is_empty() {
                    return Err(no_column("", schema).into());
                }
                for field in fields {
                    let column = column(field, schema)?;
                    if columns.contains(&column) {
                        return Err(unsuited(field, "it is named twice").into());
                    }
                    columns.push(column);
                }
            }
        }
        Ok(Scheme {
            columns: columns.into(),
            partitions: self.clone(),
        })
    }
}

fn spatial(schema: &ExportSchema, writer: &WriterOptions) -> Result<(), PartitionError> {
    let refused = |reason| Err(PartitionError::NotSpatial { reason });
    if schema.geometry_name().is_none() {
        return refused("they have no geometry");
    }
    match RowOrder::of_file(writer, FileFormat::GeoParquet) {
        RowOrder::Hilbert => Ok(()),
        RowOrder::Id | RowOrder::None => {
            refused("files would not be of one place each in any other order than hilbert")
        }
    }
}

/// The column of a field, by its own name, by the field's where it is called by its alias, or by either in another case.
fn column(field: &str, schema: &ExportSchema) -> Result<PartitionColumn, PartitionError> {
    let of_field = |column: &Field| column.metadata().get("esri:name").cloned();
    let columns = schema.file().fields();
    let same = |one: &str| one.to_lowercase() == field.to_lowercase();
    let found = columns
        .iter()
        .position(|column| column.name() == field)
        .or_else(|| {
            columns
                .iter()
                .position(|column| of_field(column).as_deref() == Some(field))
        })
        .or_else(|| columns.iter().position(|column| same(column.name())))
        .or_else(|| {
            columns
                .iter()
                .position(|column| of_field(column).is_some_and(|name| same(&name)))
        });
    let found = found.and_then(|place| Some((place, columns.get(place)?)));
    let Some((place, column)) =
        found.filter(|(_, column)| Some(column.name().as_str()) != schema.covering_name())
    else {
        return Err(no_column(field, schema));
    };
    let name = column.name();
    if Some(name.as_str()) == schema.geometry_name() {
        return Err(unsuited(
            name,
            "it is the geometry; partition spatially for that",
        ));
    }
    if Some(place) == schema.id_place() {
        return Err(unsuited(
            name,
            "it is the object id, and each row has its own",
        ));
    }
    if column
        .metadata()
        .get("esri:type")
        .is_some_and(|kind| kind == "esriFieldTypeGlobalID")
    {
        return Err(unsuited(
            name,
            "it is the global id, and each row has its own",
        ));
    }
    if !is_read(column.data_type()) {
        return Err(unsuited(name, why_not(column.data_type())));
    }
    if let Some(reason) = unfit(name) {
        return Err(unsuited(name, reason));
    }
    Ok(PartitionColumn {
        place,
        name: name.clone(),
    })
}

fn why_not(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Float32 | DataType::Float64 => {
            "numbers with fractions can be written in more than one way; whole numbers, text and dates without a time cannot"
        }
        DataType::Timestamp(..) => {
            "it holds moments, of which nearly each row has its own; whole numbers, text and dates without a time are fit for it"
        }
        DataType::Time32(_) => {
            "it holds times of day; whole numbers, text and dates are fit for it"
        }
        DataType::FixedSizeBinary(_) => "it holds GUIDs as bytes; as text they are fit for it",
        _ => "it holds bytes",
    }
}

fn unsuited(field: &str, reason: &'static str) -> PartitionError {
    PartitionError::Unsuited {
        field: field.to_owned(),
        reason,
    }
}

fn no_column(field: &str, schema: &ExportSchema) -> PartitionError {
    let fit = schema.file().fields().iter();
    let fit = fit
        .enumerate()
        .filter(|(place, column)| is_read(column.data_type()) && Some(*place) != schema.id_place());
    PartitionError::NoColumn {
        field: field.to_owned(),
        columns: fit.map(|(_, column)| column.name().clone()).collect(),
    }
}
