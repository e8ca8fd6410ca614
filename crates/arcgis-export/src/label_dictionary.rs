//! Labels as Arrow dictionaries.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_schema::ArrowError;

use crate::labels::Labels;

/// Makes dictionaries out of the texts of one column: first the labels in the order of the domain, then, as they
/// come, the codes that have none. A place never changes, so each dictionary goes on where the last one ended.
#[derive(Debug)]
pub(crate) struct LabelDictionary {
    places: HashMap<Arc<str>, i32>,
    texts: Vec<Arc<str>>,
    /// The texts as they were handed out last.
    values: ArrayRef,
}

impl LabelDictionary {
    pub(crate) fn new(labels: &Labels) -> Self {
        let texts = labels.names.clone();
        let places = texts.iter().cloned().zip(0..).collect();
        Self {
            places,
            values: values(&texts),
            texts,
        }
    }

    /// Rows of text as rows of a dictionary.
    pub(crate) fn encode(&mut self, rows: &dyn Array) -> Result<ArrayRef, ArrowError> {
        let texts = rows.as_string_opt::<i32>().ok_or_else(|| {
            ArrowError::SchemaError("a column of labels holds something else".to_owned())
        })?;
        let keys: Int32Array = texts
            .iter()
            .map(|text| text.map(|text| self.place(text)))
            .collect();
        if self.values.len() != self.texts.len() {
            self.values = values(&self.texts);
        }
        let rows = DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(&self.values))?;
        Ok(Arc::new(rows))
    }

    fn place(&mut self, text: &str) -> i32 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let text: Arc<str> = Arc::from(text);
        // More than 2^31 different texts do not come about in memory.
        let place = i32::try_from(self.texts.len()).unwrap_or(i32::MAX);
        self.texts.push(Arc::clone(&text));
        self.places.insert(text, place);
        place
    }
}

fn values(texts: &[Arc<str>]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}
