//! From the batches that writers get to those of a table.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};

use crate::label_dictionary::LabelDictionary;
use crate::schema::ExportSchema;

/// Makes batches with the schema [`ExportSchema::table`] out of those with [`ExportSchema::file`]: without the
/// bounding boxes, and with labels as dictionaries where they were asked for. Dictionaries of one
/// `ArrowColumns` only ever grow.
#[derive(Debug)]
pub(crate) struct ArrowColumns {
    schema: SchemaRef,
    dictionaries: Vec<(usize, LabelDictionary)>,
}

impl ArrowColumns {
    pub(crate) fn new(schema: &ExportSchema) -> Self {
        Self {
            schema: Arc::clone(schema.table()),
            dictionaries: schema
                .dictionaries()
                .map(|(place, labels)| (place, LabelDictionary::new(labels)))
                .collect(),
        }
    }

    /// The batch as a table has it.
    pub(crate) fn of(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        // The bounding boxes are last.
        let kept = self.schema.fields().len();
        let mut columns: Vec<_> = batch.columns().iter().take(kept).cloned().collect();
        for (place, dictionary) in &mut self.dictionaries {
            if let Some(column) = columns.get_mut(*place) {
                *column = dictionary.encode(column)?;
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}
