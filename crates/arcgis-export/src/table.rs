//! A whole layer in memory.

use std::sync::Arc;

use arrow_array::builder::BufferBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{BinaryType, ByteArrayType, LargeBinaryType, LargeUtf8Type, Utf8Type};
use arrow_array::{Array, ArrayRef, GenericByteArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::{Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat;

use crate::arrow_columns::ArrowColumns;
use crate::crs::ResolvedCrs;
use crate::provenance::Provenance;
use crate::report::Report;
use crate::schema::ExportSchema;

/// A whole layer in memory: one batch, whose schema says its CRS and where it comes from
/// ([`Provenance`]).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Table {
    /// All rows. Columns as [`ExportSchema::table`] says; a column that takes more than 2 GiB has the
    /// type LargeUtf8 or LargeBinary instead.
    pub batch: RecordBatch,
    /// The reference system of the geometry; `None` for tables, and where it is not known.
    pub crs: Option<ResolvedCrs>,
    /// What came of the export.
    pub report: Report,
}

impl Table {
    pub(crate) fn new(
        schema: &ExportSchema,
        pages: Vec<RecordBatch>,
        provenance: &Provenance,
        report: Report,
    ) -> Result<Self, ArrowError> {
        let batch = whole(schema, pages)?;
        let pairs = provenance.pairs(batch.num_rows() as u64).collect();
        let described = Schema::clone(&batch.schema()).with_metadata(pairs);
        Ok(Self {
            batch: batch.with_schema(Arc::new(described))?,
            crs: schema.crs().cloned(),
            report,
        })
    }

    /// The schema of the batch.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }
}

/// Puts pages with the schema of files together as one batch with the schema of tables.
fn whole(schema: &ExportSchema, pages: Vec<RecordBatch>) -> Result<RecordBatch, ArrowError> {
    whole_with_limit(schema, pages, i32::MAX as usize)
}

fn whole_with_limit(
    schema: &ExportSchema,
    pages: Vec<RecordBatch>,
    most_bytes: usize,
) -> Result<RecordBatch, ArrowError> {
    let rows = pages.iter().map(RecordBatch::num_rows).sum();
    let mut pieces: Vec<Vec<ArrayRef>> =
        schema.table().fields().iter().map(|_| Vec::new()).collect();
    let mut columns_of = ArrowColumns::new(schema);
    for page in pages {
        let (_, columns, _) = columns_of.of(&page)?.into_parts();
        for (pieces, column) in pieces.iter_mut().zip(columns) {
            pieces.push(column);
        }
    }
    let mut fields = Vec::with_capacity(pieces.len());
    let mut columns = Vec::with_capacity(pieces.len());
    // One column after the other, so that no more than one is in memory twice.
    for (field, pieces) in schema.table().fields().iter().zip(pieces) {
        let column = column(field, &pieces, most_bytes)?;
        fields.push(Arc::new(
            Field::clone(field).with_data_type(column.data_type().clone()),
        ));
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

fn column(field: &Field, pieces: &[ArrayRef], most_bytes: usize) -> Result<ArrayRef, ArrowError> {
    let Some(first) = pieces.first() else {
        return Ok(arrow_array::new_empty_array(field.data_type()));
    };
    if pieces.len() == 1 {
        return Ok(Arc::clone(first));
    }
    match field.data_type() {
        DataType::Utf8 if bytes::<Utf8Type>(pieces) > most_bytes => {
            large::<Utf8Type, LargeUtf8Type>(pieces)
        }
        DataType::Binary if bytes::<BinaryType>(pieces) > most_bytes => {
            large::<BinaryType, LargeBinaryType>(pieces)
        }
        _ => {
            let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
            concat(&pieces)
        }
    }
}

fn bytes<T: ByteArrayType<Offset = i32>>(pieces: &[ArrayRef]) -> usize {
    pieces
        .iter()
        .filter_map(|piece| piece.as_bytes_opt::<T>())
        .map(|piece| used::<T>(piece).len())
        .sum()
}

/// The part of the values that the offsets point to.
fn used<T: ByteArrayType<Offset = i32>>(piece: &GenericByteArray<T>) -> &[u8] {
    let ends = piece.value_offsets();
    let [start, end] = [ends.first(), ends.last()]
        .map(|end| end.and_then(|end| usize::try_from(*end).ok()).unwrap_or(0));
    piece.value_data().get(start..end).unwrap_or_default()
}

fn large<T, L>(pieces: &[ArrayRef]) -> Result<ArrayRef, ArrowError>
where
    T: ByteArrayType<Offset = i32>,
    L: ByteArrayType<Offset = i64>,
{
    let rows = pieces.iter().map(|piece| piece.len()).sum();
    let mut values = BufferBuilder::<u8>::new(bytes::<T>(pieces));
    let mut offsets: Vec<i64> = Vec::with_capacity(rows + 1);
    offsets.push(0);
    let mut validity = NullBufferBuilder::new(rows);
    for piece in pieces.iter().filter_map(|piece| piece.as_bytes_opt::<T>()) {
        values.append_slice(used::<T>(piece));
        let mut end = offsets.last().copied().unwrap_or(0);
        let ends = piece.value_offsets();
        for (start, stop) in ends.iter().zip(ends.iter().skip(1)) {
            end += i64::from(stop - start);
            offsets.push(end);
        }
        match piece.nulls() {
            Some(nulls) => validity.append_buffer(nulls),
            None => validity.append_n_non_nulls(piece.len()),
        }
    }
    let values: Buffer = values.finish();
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let column = GenericByteArray::<L>::try_new(offsets, values, validity.finish())?;
    Ok(Arc::new(column))
}

#[cfg(test)]
mod tests {
    use arcgis_layer::{Field as EsriField, FieldType, Layout};
    use arrow_array::StringArray;

    use crate::schema::DateZone;

    use super::*;

    #[test]
    fn a_column_beyond_the_limit_becomes_large() {
        let layout = Layout::new(vec![
            EsriField::new("a", FieldType::String),
            EsriField::new("b", FieldType::String),
        ]);
        let schema = ExportSchema::new(&layout, DateZone::Utc);
        let page = |long: Vec<Option<&str>>| {
            let short = vec![Some("s"); long.len()];
            let columns: [ArrayRef; 2] = [long, short].map(|texts| {
                let texts: ArrayRef = Arc::new(StringArray::from(texts));
                texts
            });
            RecordBatch::try_new(Arc::clone(schema.file()), columns.to_vec()).unwrap()
        };
        let pages = vec![
            page(vec![Some("dropped"), Some("one"), None]).slice(1, 2),
            page(vec![Some("zwölf"), Some("")]),
        ];
        let batch = whole_with_limit(&schema, pages.clone(), 5).unwrap();
        assert_eq!(batch.schema().field(0).data_type(), &DataType::LargeUtf8);
        assert_eq!(batch.schema().field(1).data_type(), &DataType::Utf8);
        let texts: Vec<_> = batch.column(0).as_string::<i64>().iter().collect();
        assert_eq!(texts, [Some("one"), None, Some("zwölf"), Some("")]);
        let plain = whole(&schema, pages).unwrap();
        let texts: Vec<_> = plain.column(0).as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("one"), None, Some("zwölf"), Some("")]);
    }
}
