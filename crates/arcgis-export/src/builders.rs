//! The builders of a page, used again for the pages behind it.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ArrayRef;
use arrow_schema::ArrowError;

use crate::block::{Growing, Pieces};
use crate::columns::ColumnBuilder;
use crate::schema::ExportSchema;
use crate::wkb::WkbBuilder;

/// So many builders wait for a page, and each may hold so many bytes: what is beyond is given back.
const SPARE: usize = 3;
const SPARE_BYTES: usize = 8 * 1024 * 1024;

/// Takes the values of a page, column by column.
#[derive(Debug)]
pub(crate) struct Builders {
    pub(crate) columns: Vec<ColumnBuilder>,
    pub(crate) geometry: Option<Box<WkbBuilder>>,
}

/// Builders that were used, for pages of one schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Vec<Builders>>>);

impl Pool {
    /// Builders with room for so many rows.
    pub(crate) fn take(&self, schema: &ExportSchema, rows: usize) -> Builders {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut builders = used.unwrap_or_else(|| Builders {
            columns: schema.columns().iter().map(ColumnBuilder::new).collect(),
            geometry: schema
                .geometry_name()
                .map(|_| Box::new(WkbBuilder::new(schema.options()))),
        });
        builders.each(|part| part.reserve(rows));
        builders
    }

    /// Takes back what is not needed any more.
    pub(crate) fn put(&self, mut builders: Builders) {
        let mut bytes = 0;
        builders.each(|part| {
            part.clear();
            bytes += part.capacity();
        });
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes <= SPARE_BYTES && pool.len() < SPARE {
            pool.push(builders);
        }
    }
}

impl Builders {
    fn each(&mut self, mut act: impl FnMut(&mut dyn Growing)) {
        for column in &mut self.columns {
            column.parts_mut().for_each(&mut act);
        }
        if let Some(geometry) = &mut self.geometry {
            act(geometry.as_mut());
        }
    }

    /// Whether each column has a value for each of so many rows.
    pub(crate) fn are_even(&self, rows: usize) -> bool {
        let columns = self.columns.iter().all(|column| column.len() == rows);
        let geometry = self.geometry.as_ref();
        columns && geometry.is_none_or(|geometry| geometry.len() == rows)
    }

    /// The finished columns, with the places where those of each builder begin; last, the geometry.
    pub(crate) fn finish(&mut self) -> Result<(Vec<ArrayRef>, Vec<usize>), ArrowError> {
        self.each(|part| part.seal());
        // Offsets, values and nulls, of an attribute or of a geometry with its bounding box.
        let mut pieces = Pieces::with_capacity(3 * self.columns.len() + 8);
        for part in self.columns.iter().flat_map(ColumnBuilder::parts) {
            part.pieces(&mut pieces);
        }
        if let Some(geometry) = &self.geometry {
            geometry.pieces(&mut pieces);
        }
        let mut block = pieces.copied();
        let mut arrays = Vec::with_capacity(self.columns.len() + 3);
        let mut places = Vec::with_capacity(self.columns.len() + 1);
        for column in &self.columns {
            places.push(arrays.len());
            column.taken(&mut block, &mut arrays)?;
        }
        places.push(arrays.len());
        if let Some(geometry) = &self.geometry {
            geometry.taken(&mut block, &mut arrays)?;
        }
        Ok((arrays, places))
    }
}
