use std::sync::Arc;

use crate::error::Result;
use crate::row::Row;
use crate::table::Table;

/// The rows of a served layer. Every change moves the layer's `lastEditDate`.
#[derive(Debug, Clone)]
pub struct LayerRows {
    pub(crate) table: Arc<Table>,
}

impl LayerRows {
    /// Adds a row, and gives its object id if the layer has any.
    ///
    /// # Errors
    /// A field is unknown, or the object id is taken.
    pub fn insert(&self, row: Row) -> Result<Option<i64>> {
        self.table.insert(row)
    }

    /// Removes a row. False if there is none with this object id.
    ///
    /// # Errors
    /// The layer has no object ids.
    pub fn delete(&self, object_id: i64) -> Result<bool> {
        self.table.delete(object_id)
    }

    /// Sets the attributes, and the geometry if there is one, that `change` names. False if no row has this object id.
    ///
    /// # Errors
    /// A field is unknown or holds the object id, or the layer has no object ids.
    pub fn update(&self, object_id: i64, change: Row) -> Result<bool> {
        self.table.update(object_id, change)
    }

    /// Forgets which rows were changed so far: `extractChanges` refuses earlier generations, and `minServerGen` says so.
    pub fn forget_changes(&self) {
        self.table.forget_changes();
    }

    /// Takes the layer out of its service while that runs, or brings it back: a service without it does not list it, and
    /// knows no such address.
    pub fn set_published(&self, published: bool) {
        self.table.set_published(published);
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.read().len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The object ids, in the order in which the rows are held.
    #[must_use]
    pub fn object_ids(&self) -> Vec<i64> {
        let Some(field) = self.table.object_id else {
            return Vec::new();
        };
        let rows = self.table.read();
        (0..rows.len())
            .filter_map(|at| rows.id(at, field))
            .collect()
    }

    /// The rows with all their attributes, in the order in which they are held.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let fields = &self.table.layer.fields;
        let named = |values: &[crate::value::Value]| {
            fields
                .iter()
                .zip(values)
                .map(|(field, value)| (field.name().to_owned().into(), value.clone()))
                .collect()
        };
        let rows = self.table.read();
        rows.iter()
            .map(|row| Row {
                attributes: named(&row.values),
                geometry: row.geometry.clone(),
                curves: row.curves.clone(),
            })
            .collect()
    }

    /// How often each quirk of the layer had a say in an answer, in the order in which they were given: an ignored offset that was 0 counts not.
    #[must_use]
    pub fn quirks_fired(&self) -> Vec<u64> {
        self.table.quirks_fired()
    }

    /// When the rows were last changed, in milliseconds since 1970: the `lastEditDate` of the metadata.
    #[must_use]
    pub fn last_edit(&self) -> u64 {
        self.table.read().last_edit
    }
}
